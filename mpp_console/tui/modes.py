"""The five modes: how each one's screen is made, when it is first shown, and the sheets they are styled by."""

from __future__ import annotations

from pathlib import Path

from textual.screen import Screen

__all__ = ["STYLES", "inspect", "receipts", "server", "sessions", "wallet"]


def wallet() -> Screen[None]:
    from mpp_console.tui.screens.wallet import WalletScreen

    return WalletScreen()


def sessions() -> Screen[None]:
    from mpp_console.tui.screens.sessions import SessionsScreen

    return SessionsScreen()


def receipts() -> Screen[None]:
    from mpp_console.tui.screens.receipts import ReceiptsScreen

    return ReceiptsScreen()


def inspect() -> Screen[None]:
    from mpp_console.tui.screens.inspect import InspectScreen

    return InspectScreen()


def server() -> Screen[None]:
    from mpp_console.tui.screens.server import ServerScreen

    return ServerScreen()


STYLES = tuple(
    Path(__file__).parent / "styles" / f"{part}.tcss"
    for part in ("base", "wallet", "sessions", "receipts", "inspect", "server", "response", "dialogs")
)
"""One sheet a mode; a later one wins."""
