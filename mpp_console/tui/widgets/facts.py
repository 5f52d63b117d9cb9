"""Labelled values below one another, the labels in a column of their own; values wrap under themselves, never under
labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from mpp_console.tui.columns import Cell, Column, fit, line_of
from mpp_console.tui.display import MUTED

__all__ = ["GAP_FACT", "Fact", "Facts", "Lines", "facts_content", "hanging"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value. An empty label continues the one above; a value that is text is drawn as it is, never
    as markup.
    """

    label: str
    value: Content | str

    @property
    def content(self) -> Content:
        return self.value if isinstance(self.value, Content) else Content(self.value)


GAP_FACT = Fact("", "")
"""An empty line between groups."""


class Laid(Widget):
    """Text that is laid out anew for each width, and is as high as it then has lines."""

    DEFAULT_CSS = """
    Laid { height: auto; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn: tuple[int, Content] | None = None

    def lay(self, width: int) -> Content:
        """The text for a width."""
        raise NotImplementedError

    def changed(self) -> None:
        """What is shown has changed; draws it again if that makes a difference at the present width."""
        before, self._drawn = self._drawn, None
        if before is None:
            self.refresh(layout=True)
            return
        width, drawn = before
        now = self._at(width)
        if not now.is_same(drawn):
            # Only another height moves anything else, and laying a screen out anew draws all of it.
            self.refresh(layout=_height(now) != _height(drawn))

    def render(self) -> Content:
        return self._at(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return _height(self._at(width))

    def _at(self, width: int) -> Content:
        if self._drawn is None or self._drawn[0] != width:
            self._drawn = (width, self.lay(width) if width else Content(""))
        return self._drawn[1]


def _height(content: Content) -> int:
    return content.plain.count("\n") + 1


class Facts(Laid):
    """A list of facts."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()

    def show(self, facts: Sequence[Fact]) -> None:
        self._facts = tuple(facts)
        self.changed()

    def lay(self, width: int) -> Content:
        return facts_content(self._facts, width)


def facts_content(facts: Sequence[Fact], width: int) -> Content:
    """The facts as lines of at most `width` cells."""
    label_width = max((len(fact.label) for fact in facts), default=0) + 2
    lines: list[Content] = []
    for fact in facts:
        lines += hanging(Content.styled(fact.label.ljust(label_width), MUTED), fact.content, width)
    return Content("\n").join(lines)


def hanging(label: Content, text: Content, width: int) -> list[Content]:
    """`text` after `label`, its further lines under its first."""
    indent = Content(" " * label.cell_length)
    wrapped = text.wrap(max(width - label.cell_length, 8)) or [Content("")]
    return [Content.assemble(indent if number else label, part.rstrip()) for number, part in enumerate(wrapped)]


class Lines(Laid):
    """A short table that needs no cursor: column names, then rows."""

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._rows: tuple[tuple[Cell, ...], ...] = ()

    def show(self, rows: Sequence[Sequence[Cell]]) -> None:
        self._rows = tuple(tuple(row) for row in rows)
        self.changed()

    def lay(self, width: int) -> Content:
        # Flush with the pane's own padding: the edges that a feed needs for its cursor are not wanted here.
        fitted = fit(self._columns, width + 2)
        heading = [(column.title, MUTED) for column in self._columns]
        lines = [Content.assemble(*line_of(fitted, cells)[1:-1]) for cells in (heading, *self._rows)]
        return Content("\n").join(lines)
