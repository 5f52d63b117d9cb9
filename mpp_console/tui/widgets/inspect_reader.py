"""Text that is read and scrolled with the keys of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from mpp_console.tui.actions import action
from mpp_console.tui.widgets.facts import Laid

__all__ = ["Lay", "Reader"]

Lay = Callable[[int], Content]
"""Gives the text for a width in cells."""

_MOVES = ("list.down", "list.up", "list.first", "list.last", "list.page_down", "list.page_up")


class _Written(Laid):
    def __init__(self) -> None:
        super().__init__()
        self._lay: Lay = _nothing

    def write(self, lay: Lay) -> None:
        self._lay = lay
        self.changed()

    def lay(self, width: int) -> Content:
        return self._lay(width)


def _nothing(_width: int) -> Content:
    return Content("")


class Reader(VerticalScroll):
    """A text as long as it likes, laid out anew for each width."""

    DEFAULT_CSS = """
    Reader {
        height: 1fr;
        width: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        background: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [action(name).binding() for name in _MOVES]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        self._written = _Written()
        super().__init__(self._written, id=id)

    def write(self, lay: Lay, *, top: bool = False) -> None:
        """Shows a text; `top` for another one, which is read from its beginning."""
        self._written.write(lay)
        if top:
            self.scroll_home(animate=False)

    def do_list_down(self) -> None:
        self.scroll_down(animate=False)

    def do_list_up(self) -> None:
        self.scroll_up(animate=False)

    def do_list_first(self) -> None:
        self.scroll_home(animate=False)

    def do_list_last(self) -> None:
        self.scroll_end(animate=False)

    def do_list_page_down(self) -> None:
        self.scroll_page_down(animate=False)

    def do_list_page_up(self) -> None:
        self.scroll_page_up(animate=False)
