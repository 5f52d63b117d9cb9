"""The actions that work in the wallet."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import no_account, until_open
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="wallet.pay",
        keys="n",
        label="Pay a URL",
        help="Goes to the URL box; enter requests it and opens the review sheet.",
        scope=Scope.WALLET,
        danger=Danger.SPEND,
        review=True,
        blocked=until_open,
        hint=10,
    ),
    Action(
        id="wallet.copy",
        keys="y",
        label="Copy address",
        help="Copies the address of the default account.",
        scope=Scope.WALLET,
        blocked=no_account,
        hint=50,
    ),
)
