"""The scenes that are drawn: how to reach each from the seeded console. Snapshots and screenshots share them.

One file a mode; `MODES` are drawn at every size, dark and light, `OTHERS` at the hero size.
"""

from __future__ import annotations

from tests.tui.scenes import inspect, receipts, response, review, server, sessions, shell, tour, wallet
from tests.tui.scenes.scene import Scene

__all__ = ["MODES", "OTHERS", "Scene"]

MODES = {
    "wallet": wallet.MODE,
    "sessions": sessions.MODE,
    "receipts": receipts.MODE,
    "inspect": inspect.MODE,
    "server": server.MODE,
}

OTHERS: dict[str, Scene] = {
    **wallet.SCENES,
    **sessions.SCENES,
    **receipts.SCENES,
    **inspect.SCENES,
    **server.SCENES,
    **review.SCENES,
    **response.SCENES,
    **shell.SCENES,
    **tour.SCENES,
}
