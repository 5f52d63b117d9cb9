"""The panel at the side that explains what has the focus: what it is, and the keys that work in it, as they are now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from mpp_console.tui.actions import Action, Scope, in_scope
from mpp_console.tui.display import MUTED
from mpp_console.tui.view import View, app_of
from mpp_console.tui.widgets.facts import Laid, hanging
from mpp_console.tui.widgets.pane import Pane

__all__ = ["HelpPanel", "scopes_at", "toggle_help_panel"]

_TYPING = "Type; enter takes it. esc goes back to the list."
_LIST = "A list. Nothing in it is lost when it scrolls: it is read from the history as you go."


def scopes_at(screen: Screen[object], focused: Widget | None) -> list[Scope]:
    """The scopes whose keys work for what has the focus, nearest first."""
    scopes: list[Scope] = []
    if focused is not None and hasattr(focused, "do_list_open"):
        scopes.append(Scope.LIST)
    scope = getattr(screen, "SCOPE", None)
    if isinstance(scope, Scope):
        scopes.append(scope)
    scopes.append(Scope.DIALOG if screen.is_modal else Scope.APP)
    return scopes


async def toggle_help_panel(screen: Screen[object]) -> None:
    """Shows the panel on a screen, or takes it away."""
    panels = list(screen.query(HelpPanel))
    if panels:
        await panels[0].remove()
    else:
        await screen.mount(HelpPanel())


class _Text(Laid):
    """The text of the panel, laid out for its width."""

    def lay(self, width: int) -> Content:
        return explain(self.screen, width)


def explain(screen: Screen[object], width: int) -> Content:
    """What the focused pane is, its keys, and why some of them do nothing now."""
    focused = screen.focused
    lines: list[Content] = [*Content.styled(_name(focused, screen), "bold").wrap(width)]
    lines += Content.styled(_words(focused, screen), MUTED).wrap(width)
    for scope in scopes_at(screen, focused):
        entries = [entry for entry in in_scope(scope) if _shown(entry, focused, screen)]
        if entries:
            lines += [Content(""), Content.styled(scope.value, "bold")]
        for entry in entries:
            lines += _entry_lines(entry, screen, width)
    return Content("\n").join(lines)


def _entry_lines(entry: Action, screen: Screen[object], width: int) -> list[Content]:
    app = app_of(screen)
    reason = app.reason(entry)
    keys = app.view.lens.plain(app.view.keymap.text(entry))
    label = Content.assemble((f"{keys:<12} ", MUTED if reason else "bold $primary"))
    text = Content.assemble((entry.label, MUTED if reason else ""), (f" · {reason}" if reason else "", MUTED))
    return hanging(label, text, width)


def _shown(entry: Action, focused: Widget | None, screen: Screen[object]) -> bool:
    lacks = getattr(focused, "lacks", None)
    if entry.scope is Scope.LIST and lacks is not None and lacks(entry.id):
        return False
    return bool(app_of(screen).view.keymap.keys(entry))


def _name(focused: Widget | None, screen: Screen[object]) -> str:
    nodes = focused.ancestors_with_self if focused is not None else ()
    pane = next((node for node in nodes if isinstance(node, Pane)), None)
    return pane.title.plain if pane is not None else str(getattr(screen, "MODE", "This dialog")).capitalize()


def _words(focused: Widget | None, screen: Screen[object]) -> str:
    """The nearest `HELP` around what has the focus; otherwise what kind of thing it is."""
    for node in focused.ancestors_with_self if focused is not None else ():
        if own := getattr(node, "HELP", None):
            return " ".join(str(own).split())
    if focused is not None and hasattr(focused, "do_list_open"):
        return _LIST
    if focused is not None and focused.check_consume_key("a", "a"):
        return _TYPING
    mode = getattr(screen, "MODE", "")
    entry = next((entry for entry in in_scope(Scope.APP) if entry.id == f"mode.{mode}"), None)
    return entry.help if entry else "esc closes it."


class HelpPanel(VerticalScroll, can_focus=False):
    """Follows the focus of its screen, and stands on the side that the focus is not on."""

    DEFAULT_CSS = """
    HelpPanel {
        layer: help;
        dock: right;
        width: 46;
        height: 100%;
        margin: 2 0 1 0;
        background: $surface;
        border-left: outer $primary;
        padding: 1 2;
        scrollbar-size-vertical: 1;
        &.-left { dock: left; border-left: none; border-right: outer $primary; }
    }
    """

    def compose(self) -> ComposeResult:
        yield _Text()

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self._refresh)
        self.watch(self.app, "view", self._look)

    def _look(self, _view: View) -> None:
        self._refresh()

    def _refresh(self, _focused: object = None) -> None:
        focused = self.screen.focused
        if focused is not None and focused.region.area:
            self.set_class(focused.region.x * 2 >= self.screen.size.width, "-left")
        for text in self.query(_Text):
            text.changed()
