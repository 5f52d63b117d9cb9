"""A box for text of many lines that draws no character a terminal would obey; what is pasted stays as it is."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import TextArea

from mpp_console.protocol import inert

__all__ = ["PlainArea"]

_STAND_IN = "\N{REPLACEMENT CHARACTER}"


class PlainArea(TextArea):
    """Draws a stand-in for each character that cannot be seen, one for one, so that the cursor stays where it is."""

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if line.plain.isprintable():
            return line
        return Text("".join(map(_seen, line.plain)), end="", no_wrap=True)


def _seen(character: str) -> str:
    if character.isprintable() or character == "\t" or inert(character) == character:
        return character
    return _STAND_IN
