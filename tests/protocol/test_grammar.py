from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import challenge_rules, digest, grammar, preferences, text
from mpp_console.protocol.grammar import quote, scan

from .strategies import NAMES, TEXT

SIZE = 64 * 1024


def params(line: str) -> list[tuple[str, str]]:
    (scheme,) = scan(line)
    assert scheme.flaws == []
    return [(param.name, param.value) for param in scheme.params]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('Payment a="1", b="2"', [("a", "1"), ("b", "2")]),
        ("Payment a=1,b=2", [("a", "1"), ("b", "2")]),
        ('Payment\ta = "1" ,\t b\t=2', [("a", "1"), ("b", "2")]),
        ('Payment , ,a="1",, b="2" ,', [("a", "1"), ("b", "2")]),
        ('Payment A="x", bC="y"', [("a", "x"), ("bc", "y")]),
        (r'Payment a="\"q\" \\ \x, Payment b=\"1\""', [("a", '"q" \\ x, Payment b="1"')]),
        (r'Payment a="\u2615 \ud83d\ude00 \u00E9"', [("a", "\u2615 \U0001f600 \u00e9")]),
        (r'Payment a="\\u2615"', [("a", r"\u2615")]),
        (r'Payment a="\u26"', [("a", "u26")]),
        (r'Payment a="\ud83d \ude00\ud83d"', [("a", "\ufffd \ufffd\ufffd")]),
        ('Payment a=""', [("a", "")]),
        ('Payment a="caf\u00e9"', [("a", "caf\u00e9")]),
    ],
)
def test_reads_parameters(line: str, expected: list[tuple[str, str]]) -> None:
    assert params(line) == expected


def test_reads_several_schemes_of_every_kind() -> None:
    line = 'Basic realm="a, Payment b=1", Payment x="1", y=2, Negotiate, Bearer abc/d+e==, payment z="3", NTLM'
    found = [(scheme.name, scheme.token68, [param.name for param in scheme.params]) for scheme in scan(line)]
    assert found == [
        ("Basic", None, ["realm"]),
        ("Payment", None, ["x", "y"]),
        ("Negotiate", None, []),
        ("Bearer", "abc/d+e==", []),
        ("payment", None, ["z"]),
        ("NTLM", None, []),
    ]
    assert [line[scheme.position :].split(",", maxsplit=1)[0].split(" ", maxsplit=1)[0] for scheme in scan(line)][
        -1
    ] == "NTLM"


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        ('Payment a="1" junk, b="2"', "text-after-value", "a"),
        ('Payment a="1""2", b="2"', "text-after-value", "a"),
        ('Payment b="2", a="never closed', "unterminated-quoted-string", "a"),
        ('Payment b="2", a="escaped end\\"', "unterminated-quoted-string", "a"),
        ('Payment b="2", a=, c=d', "missing-value", "a"),
        ('Payment a=\u00e9, b="2"', "missing-value", "a"),
        ('Payment b="2", =x', "stray-text", None),
        ('Payment b="2", "quoted, text", c=d', "stray-text", None),
        ('Payment b="2", \x00', "stray-text", None),
    ],
)
def test_flaws_are_data_and_the_rest_is_still_read(line: str, code: str, param: str | None) -> None:
    (scheme,) = scan(line)
    assert [(flaw.code, flaw.param) for flaw in scheme.flaws] == [(code, param)]
    assert ("b", "2") in [(param.name, param.value) for param in scheme.params]


def test_text_before_any_scheme_is_kept_apart() -> None:
    first, second = scan('a="1", Payment b="2"')
    assert (first.name, first.params[0].value) == ("", "1")
    assert (second.name, second.params[0].value) == ("Payment", "2")


@pytest.mark.parametrize("line", ["", " ", ",", " ,\t,"])
def test_nothing_is_no_scheme(line: str) -> None:
    assert scan(line) == []


@given(TEXT)
def test_quoting_comes_back_and_fits_latin_1(value: str) -> None:
    quoted = quote(value)
    quoted.encode("latin-1")
    assert params(f"S p={quoted}") == [("p", value)]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x00", "\x7f", "\ud800"])
def test_does_not_quote_what_could_split_a_header(value: str) -> None:
    with pytest.raises(ValueError, match="control"):
        quote(value)


@given(st.lists(st.tuples(NAMES, TEXT), min_size=1, max_size=5))
def test_lists_of_parameters_come_back(pairs: list[tuple[str, str]]) -> None:
    assert params("S " + ", ".join(f"{name}={quote(value)}" for name, value in pairs)) == pairs


HOSTILE = st.text(st.sampled_from('Payment "\\,=\t abc\u00e9\x00/'), max_size=60)


@given(HOSTILE | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_never_crashes_and_every_position_lies_inside(line: str) -> None:
    for scheme in scan(line):
        places = [
            scheme.position,
            *(param.position for param in scheme.params),
            *(flaw.position for flaw in scheme.flaws),
        ]
        assert all(0 <= place <= len(line) for place in places)


UNITS = [
    '"',
    "\\",
    '\\"',
    ",",
    "=",
    " ",
    "a",
    "a=",
    'a="',
    'a="",',
    "a,",
    "a ",
    "a b",
    '"\\"',
    '="\\',
    "a=b c,",
    "Payment ",
    "\\u",
    "\x00",
    'x="\\"",',
    "é",
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("prefix", ["", "Payment ", 'Payment a="', "Payment a=b ", 'Payment a=b "'])
def test_hostile_lines_of_64_kib_are_read(prefix: str, unit: str) -> None:
    # A grammar that backtracks would not come back from these within anybody's patience.
    line = (prefix + unit * SIZE)[:SIZE]
    assert sum(len(scheme.params) + len(scheme.flaws) for scheme in scan(line)) <= SIZE


def unbounded_quantifiers(pattern: str) -> list[str]:
    """Every `*`, `+` or `{n,}` outside character classes that could give back what it took."""
    without_classes = re.sub(
        r"\\.", "", re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "C", pattern, flags=re.DOTALL), flags=re.DOTALL
    )
    return re.findall(r"(?:[*+]|\{\d*,\})(?![+])(?<![*+?}]\+)", without_classes)


@pytest.mark.parametrize(
    "module", [grammar, challenge_rules, digest, preferences, text], ids=lambda module: module.__name__
)
def test_no_expression_can_backtrack(module: object) -> None:
    patterns = [value for value in vars(module).values() if isinstance(value, re.Pattern)]
    assert patterns
    assert {pattern.pattern: found for pattern in patterns if (found := unbounded_quantifiers(pattern.pattern))} == {}


def test_the_check_itself_sees_a_greedy_quantifier() -> None:
    assert unbounded_quantifiers("a*b") == ["*"]
    assert unbounded_quantifiers("(?:a+)++") == ["+"]
    assert unbounded_quantifiers(r"[*+]\*[^\]+]*+x{2,}") == ["{2,}"]
    assert unbounded_quantifiers("[ab]*+c++") == []


def test_work_grows_with_the_line_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    class Counting:
        def __init__(self, pattern: re.Pattern[str]) -> None:
            self.pattern = pattern

        def match(self, line: str, position: int) -> re.Match[str] | None:
            nonlocal calls
            match = self.pattern.match(line, position)
            # What a possessive expression looks at is what it takes, and one failed look at most the rest of a token.
            calls += 1
            return match

    for name in ("_GAP", "_PARAM", "_BROKEN_PARAM", "_SCHEME", "_TOKEN68", "_END", "_JUNK"):
        monkeypatch.setattr(grammar, name, Counting(getattr(grammar, name)))
    for unit in UNITS:
        counts = []
        for size in (256, 1024):
            calls = 0
            scan(("Payment " + unit * size)[:size])
            counts.append(calls)
        assert counts[1] <= 5 * counts[0] + 10, unit
