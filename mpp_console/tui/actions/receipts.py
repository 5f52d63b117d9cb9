"""The actions that work among receipts."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import until_open
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="receipts.filter",
        keys="slash",
        label="Filter",
        help="Narrows the list while you type: words, or origin:api status:settled amount>1 since:7d.",
        scope=Scope.RECEIPTS,
        blocked=until_open,
        hint=15,
    ),
    Action(
        id="receipts.saved",
        keys="F",
        label="Saved filters",
        help="Chooses a filter that was saved, saves the one in force under a name, or forgets one.",
        scope=Scope.RECEIPTS,
        blocked=until_open,
        hint=48,
    ),
    Action(
        id="receipts.export",
        keys="x",
        label="Export",
        help="Writes receipts to a new file: the selected one, the marked ones, the filter's or all.",
        scope=Scope.RECEIPTS,
        blocked=until_open,
        hint=20,
    ),
    Action(
        id="receipts.copy",
        keys="y",
        label="Copy",
        help="Copies a part of the selected receipt, or of all marked ones: id, reference, URL, addresses, JSON.",
        scope=Scope.RECEIPTS,
        hint=22,
    ),
    Action(
        id="receipts.command",
        keys="Y",
        label="Copy as",
        help="Copies the command that shows the selected receipt, or the curl line that asks its URL again.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.again",
        keys="R",
        label="Request again",
        help="Asks the URL of the selected receipt again; what it costs now is reviewed first.",
        scope=Scope.RECEIPTS,
        danger=Danger.SPEND,
        review=True,
        blocked=until_open,
        hint=52,
    ),
    Action(
        id="receipts.explorer",
        keys="w",
        label="Explorer",
        help="Opens the transaction of the selected receipt in the network's explorer.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.tab_next",
        keys="right",
        label="Next tab",
        help="Shows the next side of the receipt: Overview, Wire, Raw, Chain.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.tab_previous",
        keys="left",
        label="Previous tab",
        help="Shows the previous side of the receipt.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.undo",
        keys="u",
        label="Undo",
        help="Brings the filter back that was forgotten or replaced last.",
        scope=Scope.RECEIPTS,
        danger=Danger.LOCAL,
    ),
)
