"""The actions that work among the channels of the local server."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import no_server
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="channels.settle",
        keys="s",
        label="Settle",
        help="Takes what the selected channel owes, or all marked ones, after a review; it stays open.",
        scope=Scope.CHANNELS,
        danger=Danger.SPEND,
        review=True,
        blocked=no_server,
    ),
    Action(
        id="channels.close",
        keys="c",
        label="Close",
        help="Takes what the selected channel owes, or all marked ones, and ends it, after a review.",
        scope=Scope.CHANNELS,
        danger=Danger.SPEND,
        review=True,
        blocked=no_server,
    ),
    Action(
        id="channels.refresh",
        keys="r",
        label="Refresh",
        help="Asks the chain about every channel of the local server. Spends nothing.",
        scope=Scope.CHANNELS,
        blocked=no_server,
    ),
    Action(
        id="channels.copy",
        keys="y",
        label="Copy id",
        help="Copies the id of the selected channel, or of all marked ones.",
        scope=Scope.CHANNELS,
    ),
    Action(
        id="channels.command",
        keys="Y",
        label="Copy command",
        help="Copies the command that lists the channels of the local server.",
        scope=Scope.CHANNELS,
    ),
)
