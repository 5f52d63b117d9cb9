from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import hide_credentials, inert


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("caf\u00e9 \u2615 \u6f22\u5b57", "caf\u00e9 \u2615 \u6f22\u5b57"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\rest", "rest"),
        ("\x1b]52;c;never ended", ""),
        ("a\x1bPdevice\x1b\\b", "ab"),
        ("\x9b31mC1\x9d0;t\x9c!", "C1!"),
        ("a\x1b(Bb\x1bcc", "abc"),
        ("end\x1b", "end"),
        ("one\r\ntwo\nthree\tfour\u2028five", "one two three four five"),
        ("bell\x07 null\x00 del\x7f nel\x85.", "bell null del nel ."),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\u2066iso\u2069 \u200bzero\u200d\ufeff \u00ad", "iso zero "),
        ("tag\U000e0041 vs\ufe0f filler\u3164\u115f", "tag vs filler"),
        ("half\ud800 pair", "half pair"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    ],
)
def test_leaves_only_what_can_be_seen(text: str, expected: str) -> None:
    assert inert(text) == expected


def test_line_ends_stay_when_asked() -> None:
    assert inert("a\r\nb\rc\u2029d\te", keep_newlines=True) == "a\nb\nc\nd e"


def test_cuts_to_a_limit() -> None:
    assert inert("abcdef", limit=6) == "abcdef"
    assert inert("abcdef", limit=4) == "abc\u2026"
    assert inert("\x1b[31mabcdef", limit=6) == "abcdef"
    assert inert("abc", limit=1) == "\u2026"
    assert inert("abc", limit=0) == ""


def test_no_character_that_unicode_calls_invisible_gets_through() -> None:
    categories = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    leaked = [
        f"{code:04x}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in categories and inert(f"a{chr(code)}") not in ("a", "a ")
    ]
    assert leaked == []


@given(st.text())
def test_is_idempotent_and_one_line(text: str) -> None:
    once = inert(text)
    assert inert(once) == once
    assert "\n" not in once
    assert "\x1b" not in once
    many = inert(text, keep_newlines=True)
    assert inert(many, keep_newlines=True) == many
    assert len(many.splitlines()) <= many.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("you sent Payment eyJjaGFsbGVuZ2UiOnsiaWQiOiJ4In19", "you sent [redacted]"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-", "token [redacted]"),
        ("raw 0x76f8" + "ab" * 60, "raw [redacted]"),
        ("Payment required for 0x" + "ab" * 32, "Payment required for 0x" + "ab" * 32),
    ],
)
def test_hides_what_looks_like_a_credential(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown
