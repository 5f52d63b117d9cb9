"""The actions that work at the local server."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import no_server
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="server.toggle",
        keys="s",
        label="Start / stop",
        help="Starts the local paid server on a free port of 127.0.0.1, or stops it.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=10,
    ),
    Action(
        id="server.curl",
        keys="Y",
        label="Copy curl",
        help="Copies a curl command for the selected route.",
        scope=Scope.SERVER,
        hint=20,
    ),
    Action(
        id="server.copy",
        keys="y",
        label="Copy URL",
        help="Copies the URL of the selected route.",
        scope=Scope.SERVER,
        hint=50,
    ),
)
