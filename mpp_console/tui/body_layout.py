"""What a body is, and how it is laid out in rows: JSON indented, text wrapped, anything else as bytes. Pure.

A body may be as long as it likes: rows are places in one text, not texts of their own, and are coloured when they are
drawn. Nothing of a body is ever read as markup; what is laid out here is inert.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len

from mpp_console.protocol import inert
from mpp_console.tui.display import GOOD, INFO, MUTED, PLAIN, fold

__all__ = ["BodyKind", "TextRows", "hex_row", "kind_of", "lay_out", "media_type", "pretty", "readable", "size_text"]

BodyKind = Literal["empty", "json", "text", "binary"]

FORMAT_LIMIT: Final = 16 * 1024 * 1024
"""Characters of JSON that are indented; what is longer is shown as it came."""
_GROWN: Final = 6
"""How many times longer indented JSON may become: deep nesting would make gigabytes of blanks."""
_DEPTH: Final = 100
_SNIFF: Final = 4096
_COLOURED: Final = 4_000
"""Characters of one line up to which it is coloured."""
_INDENT: Final = "  "
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252", "utf-16", "utf-16le", "utf-16be"})
_TOKEN: Final = re.compile(r'"(?:[^"\\\n]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++|"')
_SCALAR: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_INK: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*+"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*+")|(?P<mark>[{}\[\],:])|(?P<value>[^\s{}\[\],:"]++)'
)
_TONES: Final = {"key": INFO, "text": PLAIN, "mark": MUTED, "value": GOOD}
_HEX_PART: Final = 4
_PIECE: Final = 256 * 1024


def media_type(headers: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The media type of an answer and its character set, lower case; empty when it does not say."""
    value = next((text for name, text in headers if name.lower() == "content-type"), "")
    kind, _, rest = value.partition(";")
    found = re.search(r"charset=\"?([\w-]+)", rest.lower())
    return kind.strip().lower(), found[1] if found else ""


def kind_of(media: str, body: bytes) -> BodyKind:
    """How to show a body: by what it says it is, unless it plainly is not."""
    if not body:
        return "empty"
    start = body[:_SNIFF]
    if media == "application/json" or media.endswith("+json"):
        return "binary" if b"\0" in start else "json"
    declared = media.startswith("text/") or media in {"application/xml", "application/javascript"}
    if (b"\0" in start and not declared) or (not declared and not _is_utf8(start, cut=len(body) > len(start))):
        return "binary"
    return "json" if start.lstrip()[:1] in (b"{", b"[") else "text"


def _is_utf8(start: bytes, *, cut: bool) -> bool:
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return cut and error.start > len(start) - 4  # a character that the end of the sample cuts in two
    return True


def readable(body: bytes, charset: str) -> str:
    """The text of a body, inert. What cannot be read in its character set is replaced, never an error."""
    name = charset if charset in _CHARSETS else "utf-8"
    text = body.decode(name, "replace")
    # In pieces: one long call would keep the screen from being drawn while it lasts.
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return "".join(inert(piece.expandtabs(4), keep_newlines=True) for piece in pieces)


def pretty(text: str) -> str | None:
    """JSON indented by two, every token as it was written; None for what is no JSON, or too much of it."""
    if len(text) > FORMAT_LIMIT:
        return None
    parts: list[str] = []
    closers: list[str] = []
    room = len(text) * _GROWN + 4096
    before = ""
    for match in _TOKEN.finditer(text):
        word = match[0]
        part = _place(word, before, closers)
        if part is None:
            return None
        room -= len(part)
        if room < 0:
            return None
        parts.append(part)
        before = word
    return "".join(parts) if parts and not closers else None


def _place(word: str, before: str, closers: list[str]) -> str | None:
    """The word with the blanks that go before it; None where it cannot stand."""
    if word in "}]":
        fits = bool(closers) and closers.pop() == word and before != ","
        closing = word if before in ("{", "[") else f"\n{_INDENT * len(closers)}{word}"
        return closing if fits else None
    if word in ",:":
        return word if closers and before not in ("", ",", ":", "{", "[") else None
    value = word in "{[" or word[0] == '"' or _SCALAR.fullmatch(word)
    if word == '"' or not value or before not in ("", "{", "[", ",", ":") or len(closers) >= _DEPTH:
        return None
    lead = "" if not before else " " if before == ":" else "\n" + _INDENT * len(closers)
    if word in "{[":
        closers.append("}" if word == "{" else "]")
    return lead + word


@dataclass(frozen=True, slots=True)
class TextRows:
    """A text in rows of a width: where each begins and ends, and where the line begins that it is a part of."""

    text: str
    starts: array[int]
    ends: array[int]
    lines: array[int]
    coloured: bool

    def __len__(self) -> int:
        return len(self.starts)

    def row(self, index: int) -> str:
        return self.text[self.starts[index] : self.ends[index]]

    def inked(self, index: int) -> list[tuple[str, str]]:
        """The row in pieces, each with its colour."""
        start, end, line = self.starts[index], self.ends[index], self.lines[index]
        if not self.coloured or end - line > _COLOURED:
            return [(self.text[start:end], PLAIN)]
        finish = self.text.find("\n", end)
        finish = min(len(self.text) if finish < 0 else finish, line + _COLOURED)
        return list(_cropped(_inks(self.text[line:finish]), start - line, end - line))


def _inks(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _INK.finditer(line):
        if match.start() > at:
            yield line[at : match.start()], PLAIN
        yield match[0], _TONES[match.lastgroup or "mark"]
        at = match.end()
    if at < len(line):
        yield line[at:], PLAIN


def _cropped(pieces: Iterator[tuple[str, str]], start: int, end: int) -> Iterator[tuple[str, str]]:
    at = 0
    for text, tone in pieces:
        cut = text[max(start - at, 0) : max(end - at, 0)]
        at += len(text)
        if cut:
            yield cut, tone


def lay_out(text: str, width: int, *, coloured: bool) -> TextRows:
    """Every row of an inert text, none wider than `width` cells."""
    width = max(width, 4)
    starts, ends, lines = array("L"), array("L"), array("L")
    narrow = text.isascii()
    at = 0
    while at <= len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if end == len(text) and at == end and at:
            break  # the line end of the last line begins no other
        if narrow or end - at <= width // 2:
            cuts: Iterable[int] = range(at + width, end, width)
        else:
            cuts = _cuts(text, at, end, width)
        start = at
        for cut in (*cuts, end):
            starts.append(start)
            ends.append(cut)
            lines.append(at)
            start = cut
        at = end + 1
    return TextRows(text, starts, ends, lines, coloured)


def _cuts(text: str, at: int, end: int, width: int) -> list[int]:
    """Where a line is broken that may hold wide characters."""
    line = text[at:end]
    if line.isascii():
        return list(range(at + width, end, width))
    if cell_len(line) <= width:
        return []
    cuts, place = [], at
    for part in fold(line, width)[:-1]:
        place += len(part)
        cuts.append(place)
    return cuts


def hex_row(body: bytes, index: int, per_row: int) -> list[tuple[str, str]]:
    """One row of bytes: where they are, what they are, and what of them is a letter."""
    start = index * per_row
    part = body[start : start + per_row]
    groups = (part[at : at + _HEX_PART].hex(" ") for at in range(0, len(part), _HEX_PART))
    width = per_row * 3 - 1 + (per_row // _HEX_PART - 1)
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
    return [(f"{start:08x}  ", MUTED), (f"{'  '.join(groups):<{width}}  ", PLAIN), (letters, MUTED)]


def size_text(size: int) -> str:
    """`87 B`, `1.2 kB`, `10.0 MB`."""
    if size < 1_000:
        return f"{size} B"
    return f"{size / 1_000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
