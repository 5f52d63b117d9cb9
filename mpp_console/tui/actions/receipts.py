"""The actions that work among receipts."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import until_open
from mpp_console.tui.actions.model import Action, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="receipts.filter",
        keys="slash",
        label="Filter",
        help="Narrows the list: words, or origin:api status:success dir:sent.",
        scope=Scope.RECEIPTS,
        blocked=until_open,
        hint=15,
    ),
    Action(
        id="receipts.copy",
        keys="y",
        label="Copy reference",
        help="Copies the reference of the selected receipt.",
        scope=Scope.RECEIPTS,
        hint=50,
    ),
    Action(
        id="receipts.command",
        keys="Y",
        label="Copy command",
        help="Copies the command that shows the selected receipt.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.explorer",
        keys="w",
        label="Explorer",
        help="Opens the transaction of the selected receipt in the network's explorer.",
        scope=Scope.RECEIPTS,
    ),
)
