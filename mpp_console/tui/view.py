"""What every widget draws from: one immutable view of the console, replaced as a whole when something changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.dom import DOMNode
from textual.widget import Widget
from textual.worker import Worker

from mpp_console.services.models import ConsoleState, ErrorView
from mpp_console.tui.actions import action
from mpp_console.tui.display import Lens
from mpp_console.tui.keymaps import DEFAULT, Keymap

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.tui.app import ConsoleApp

__all__ = ["Unavailable", "View", "after_paint", "app_of", "begin", "console_of", "key_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`state` is None until the console is open; `failure` says why it will not open. `dropped` counts events not
    drawn.
    """

    lens: Lens
    profile_name: str
    state: ConsoleState | None = None
    failure: ErrorView | None = None
    dropped: int = 0
    keymap: Keymap = DEFAULT

    @property
    def called(self) -> str:
        """What opens the same on the command line, as `command_line` takes it."""
        return self.state.profile.called if self.state is not None else self.profile_name


class Unavailable(Exception):
    """An action cannot be carried out now, for the reason given."""


def app_of(node: DOMNode) -> ConsoleApp:
    return cast("ConsoleApp", node.app)


def console_of(node: DOMNode) -> Console:
    """The open console. Raises Unavailable while there is none."""
    console = app_of(node).services
    if console is None:
        raise Unavailable("The console is still opening.")
    return console


def key_text(node: DOMNode, name: str) -> str:
    """The first key of an action, as people write it; empty when it has none."""
    view = getattr(node.app, "view", None)
    return (view.keymap if isinstance(view, View) else DEFAULT).text(action(name), first=True)


def begin(
    node: DOMNode, work: Callable[[], Awaitable[object]], *, group: str, what: str, exclusive: bool = False
) -> Worker[None]:
    """Begins work that nobody waits for; what goes wrong is told and noted, and never ends the app.

    `exclusive` ends what the same node began before under the same `group`.
    """
    attend = partial(app_of(node).attend, work, what)
    return node.run_worker(attend, group=group, description=what, exclusive=exclusive, exit_on_error=False)


def after_paint(node: Widget, draw: Callable[..., object], *arguments: object, **named: object) -> None:
    """Calls `draw` when what was changed so far is laid out and painted, unless `node` has left the screen by then.

    Textual keeps such calls with the screen that is shown, which may outlive the node; its parts are gone then.
    """

    def call() -> None:
        if node.is_running and node.is_mounted:
            draw(*arguments, **named)

    node.call_after_refresh(call)
