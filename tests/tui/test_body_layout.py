"""Bodies laid out, without a screen: what they are, their rows and colours; the waterfall; names to save under."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.services.models import LegTiming
from mpp_console.services.saved_bodies import body_name, save_body
from mpp_console.tui.body_layout import hex_row, kind_of, lay_out, media_type, pretty, readable, size_text
from mpp_console.tui.display import Lens
from mpp_console.tui.widgets.response_timing import waterfall
from tests.tui.scenes.response import TIMINGS
from tests.tui.seeds import NOW


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_is_indented_as_everybody_does(value: object) -> None:
    text = json.dumps(value)
    expected = json.dumps(value, indent=2)
    assert pretty(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "}",
        "[1,]",
        "[,1]",
        '{"a"}x',
        "1 2",
        '"',
        '["\\"]',
        "[1}",
        "nope",
        '{"a":1}}',
        "[" * 200 + "]" * 200,
        "{:1}",
        "[1 2]",
    ],
)
def test_what_is_no_json_is_left_as_it_came(text: str) -> None:
    assert pretty(text) is None


def test_hostile_nesting_makes_no_gigabytes() -> None:
    assert pretty("[" * 90 + "1," * 200_000 + "1" + "]" * 90) is None


@given(st.text(), st.integers(4, 40))
def test_every_row_fits_and_nothing_is_lost(text: str, width: int) -> None:
    from rich.cells import cell_len

    text = readable(text.encode("utf-8", "surrogatepass"), "utf-8")
    rows = lay_out(text, width, coloured=True)
    assert all(cell_len(rows.row(index)) <= width for index in range(len(rows)))
    assert "".join(rows.row(index) for index in range(len(rows))) == text.replace("\n", "")
    assert all("".join(part for part, _ in rows.inked(index)) == rows.row(index) for index in range(len(rows)))


@pytest.mark.parametrize(
    ("media", "body", "kind"),
    [
        ("application/json", b"{}", "json"),
        ("application/problem+json", b"nope", "json"),
        ("text/html", b"<p>", "text"),
        ("", b'  {"a":1}', "json"),
        ("", b"plain", "text"),
        ("", b"\x00\x01", "binary"),
        ("application/json", b"\x00\x01", "binary"),
        ("application/octet-stream", b"\xff\xfe\xfd", "binary"),
        ("", ("é" * 4095).encode()[:4097], "text"),
        ("text/plain", b"\xff latin", "text"),
        ("image/png", b"", "empty"),
    ],
)
def test_what_a_body_is(media: str, body: bytes, kind: str) -> None:
    assert kind_of(media, body) == kind


def test_character_sets_and_types_are_read_from_the_header() -> None:
    assert media_type((("content-type", 'Text/Plain; Charset="ISO-8859-1"'),)) == ("text/plain", "iso-8859-1")
    assert media_type(()) == ("", "")
    assert readable(b"caf\xe9", "iso-8859-1") == "café"
    assert readable(b"caf\xe9", "no-such-thing") == "caf\ufffd"


def test_bytes_and_sizes() -> None:
    (place, _), (data, _), (letters, _) = hex_row(b"\x00ABC\x1b[0m", 0, 8)
    assert (place, data, letters) == ("00000000  ", "00 41 42 43  1b 5b 30 6d  ", ".ABC.[0m")
    assert [size_text(size) for size in (0, 999, 1_000, 1_234_567)] == ["0 B", "999 B", "1.0 kB", "1.2 MB"]


@given(st.lists(st.floats(0, 1e7), max_size=6), st.integers(20, 90), st.booleans())
def test_a_waterfall_stays_in_its_width(times: list[float], width: int, ascii: bool) -> None:  # noqa: A002
    names = ["challenge", "review", "sign", "pay", "body", "body"]
    legs = [LegTiming(leg=leg, milliseconds=time) for leg, time in zip(names, times, strict=False)]
    total = LegTiming(leg="total", milliseconds=sum(times))
    lines = waterfall((*legs, total), width, Lens(now=NOW, ascii=ascii)).plain.splitlines()
    assert len(lines) == len(legs) + 1
    assert all(len(line) <= max(width, 30) for line in lines)
    assert not ascii or "".join(lines).isascii()


def test_a_pause_for_thought_does_not_dwarf_the_machine() -> None:
    lines = waterfall(TIMINGS, 50, Lens(now=NOW, ascii=True)).plain.splitlines()
    assert lines[1].count(".") == 4, "three cells, and the point of 3.2 s"
    assert lines[3].count("=") > 10


@pytest.mark.parametrize(
    ("url", "media", "name"),
    [
        ("https://x.example/v1/search?q=1", "application/json", "search.json"),
        ("https://x.example/a/picture.png", "image/png", "picture.png"),
        ("https://x.example/", "text/event-stream", "answer.sse"),
        ("https://x.example/..%2F..%2Fetc%2Fpasswd", "", "passwd"),
        ("https://x.example/%1b[31m%E2%80%AE", "", "31m"),
    ],
)
def test_names_that_are_suggested(url: str, media: str, name: str) -> None:
    assert body_name(url, media) == name


async def test_a_link_is_not_followed_to_write(tmp_path: Path) -> None:
    from mpp_console.protocol import MppError

    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MppError):
        await save_body(str(tmp_path / "link"), b"x")
    assert not (tmp_path / "elsewhere").exists()
