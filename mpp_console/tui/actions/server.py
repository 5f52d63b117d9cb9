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
        help="Starts the local paid server on its port of 127.0.0.1, or stops it.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=10,
    ),
    Action(
        id="server.new",
        keys="n",
        label="New route",
        help="Makes a route of your own: a path, a price and an answer. It is served at once and kept.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=12,
    ),
    Action(
        id="server.faults",
        keys="x",
        label="Faults",
        help="Switches faults on and off, for the selected route or for all: expired, replayed, slow, lost and more.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=14,
    ),
    Action(
        id="server.edit",
        keys="e",
        label="Edit route",
        help="Changes the selected route, when it is one of your own.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=40,
    ),
    Action(
        id="server.remove",
        keys="d",
        label="Remove route",
        help="Takes the selected route away, when it is one of your own; u brings it back.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=42,
    ),
    Action(
        id="server.undo",
        keys="u",
        label="Undo",
        help="Takes back the latest change of your routes: a new one, an edit or a removal.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
    ),
    Action(
        id="server.port",
        keys="P",
        label="Port",
        help="Chooses the port of the local server and keeps it; a running server moves there.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=no_server,
        hint=44,
    ),
    Action(
        id="server.channels",
        keys="c",
        label="Channels",
        help="Shows the payment channels that others opened to this server, to settle and close them.",
        scope=Scope.SERVER,
        blocked=no_server,
        hint=16,
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
