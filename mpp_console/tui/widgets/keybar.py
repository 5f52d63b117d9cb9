"""The last line of every screen: the keys that work here, from the action registry. What cannot be done now is dim, as
is a letter while somebody types.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from mpp_console.tui.actions import Action, Scope, in_scope, key_names
from mpp_console.tui.display import MUTED
from mpp_console.tui.view import app_of

__all__ = ["ACTION_META", "KeyBar", "link", "run_clicked"]

ACTION_META = "action"
"""Names the action of a piece of text that can be clicked. (Textual's own links would underline it.)"""


def link(name: str, tone: str) -> Style:
    """The style of a text that carries an action out when it is clicked."""
    return Style.parse(tone) + Style.from_meta({ACTION_META: name})


async def run_clicked(widget: Widget, event: events.Click) -> None:
    """Carries out the action of the text that was clicked, if it has one."""
    name = event.style.meta.get(ACTION_META)
    if name is not None:
        event.stop()
        await app_of(widget).action_do(name)


class KeyBar(Widget):
    """Shows as many actions as fit, the nearest first; help and events keep their place at the right."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $surface; }
    """
    ALLOW_SELECT = False

    def __init__(self, *scopes: Scope) -> None:
        super().__init__()
        self._scopes = scopes
        self._drawn = Content("")

    def on_mount(self) -> None:
        self.watch(self.app, "view", self.refresh_keys)
        self.watch(self.screen, "focused", self.refresh_keys)

    def refresh_keys(self, _value: object = None) -> None:
        if not self._content().is_same(self._drawn):
            self.refresh()

    async def on_click(self, event: events.Click) -> None:
        await run_clicked(self, event)

    def render(self) -> Content:
        self._drawn = self._content()
        return self._drawn

    def _content(self) -> Content:
        left, right = self._parts()
        ending = Content("  ").join(right)
        room = self.size.width - 2 - ending.cell_length
        line = Content("")
        for part in left:
            longer = Content("  ").join([line, part]) if line.cell_length else part
            if longer.cell_length + 2 > room:
                break
            line = longer
        return Content.assemble(" ", line, " " * max(room - line.cell_length, 0), ending, " ")

    def _parts(self) -> tuple[list[Content], list[Content]]:
        """What stands at the left, as far as it fits, and what keeps its place at the right."""
        entries = sorted(
            (entry for entry in self._present() if entry.hint is not None), key=lambda entry: entry.hint or 0
        )
        left = [self._key(entry) for entry in entries if (entry.hint or 0) < 90]
        return left, [self._key(entry) for entry in entries if (entry.hint or 0) >= 90]

    def _present(self) -> tuple[Action, ...]:
        scopes = list(self._scopes)
        focused = self.screen.focused
        if focused is not None and hasattr(focused, "do_list_open"):
            scopes.append(Scope.LIST)
        lacks = getattr(focused, "lacks", None)
        entries = in_scope(*scopes)
        over = {entry.over for entry in entries}
        return tuple(
            entry
            for entry in entries
            if entry.id not in over
            and app_of(self).view.keymap.keys(entry)
            and not (entry.scope is Scope.LIST and lacks is not None and lacks(entry.id))
        )

    def _key(self, entry: Action) -> Content:
        app = app_of(self)
        click = Style.from_meta({ACTION_META: entry.id})
        keys = key_names(app.view.keymap.keys(entry))
        working = [key for key in keys if not self._is_typed(key)]
        key = app.view.lens.plain((working or keys)[0])
        if app.reason(entry) is not None or not working:
            return Content.styled(f"{key} {entry.label}", Style.parse(f"dim {MUTED}") + click)
        return Content.assemble(
            (key, Style.parse("bold $primary") + click), (f" {entry.label}", Style.parse(MUTED) + click)
        )

    def _is_typed(self, key: str) -> bool:
        """Whether a key, as people write it, is text to what has the focus."""
        focused = self.screen.focused
        return (len(key) == 1 or key == "space") and focused is not None and focused.check_consume_key("a", "a")
