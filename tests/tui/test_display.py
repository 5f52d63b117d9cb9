"""How values look: exact, aligned, masked on demand, and alive without colour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mpp_console.protocol import Currency
from mpp_console.services.models import Level, Money, Stage
from mpp_console.tui.display import UNKNOWN, Lens, fold, shorten
from tests.tui.seeds import ALPHA, NOW, PATH, PAYER

LENS = Lens(now=NOW)
MASKED = Lens(now=NOW, privacy=True)
ASCII = Lens(now=NOW, ascii=True)
SATS = Currency(id="sat", symbol="sat", decimals=0)
CENTS = Currency(id="usd", symbol="USD", decimals=2)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, PATH, "0.000000 pathUSD"),
        (1, PATH, "0.000001 pathUSD"),
        (1_234_567_890_000, PATH, "1,234,567.890000 pathUSD"),
        (-2_500, PATH, "-0.002500 pathUSD"),
        (21, SATS, "21 sat"),
        (None, PATH, UNKNOWN),
        (5, None, UNKNOWN),
    ],
)
def test_money_keeps_every_decimal_and_unknown_is_not_zero(
    amount: int | None, currency: Currency | None, text: str
) -> None:
    assert LENS.money(amount, currency) == text


@given(st.lists(st.tuples(st.integers(0, 10**18), st.sampled_from([PATH, SATS, CENTS])), min_size=2, max_size=8))
def test_decimal_points_stand_below_one_another(amounts: list[tuple[int, Currency]]) -> None:
    """Right-aligned, so what counts is how far each point is from the end."""
    texts = [LENS.column(amount, currency) for amount, currency in amounts]
    ends = {len(text) - (text.index(".") if "." in text else len(text.rstrip())) for text in texts}
    assert len(ends) == 1


def test_privacy_hides_amounts_and_addresses_and_their_size() -> None:
    assert MASKED.money(5, PATH, unit=False) == MASKED.money(10**15, PATH, unit=False)
    assert PAYER[2:8] not in MASKED.address(PAYER)
    assert PAYER[-4:] not in MASKED.address(PAYER, whole=True)


def test_a_sum_of_several_currencies_is_no_single_number() -> None:
    assert LENS.sum((Money(amount=1, currency=PATH), Money(amount=2, currency=ALPHA))) == (
        "0.000001 pathUSD + 0.000002 AlphaUSD"
    )


def test_states_are_told_by_glyph_and_word() -> None:
    for stage in Stage:
        sign = LENS.stage(stage)
        assert sign.glyph
        assert sign.word == stage.value
        assert sign.tone.startswith("$")
    glyphs = {LENS.level(level).glyph for level in Level}
    assert len(glyphs) == len(Level)
    assert LENS.status("success").text == "✓ settled"
    assert LENS.outcome("no-such-outcome").word == "no-such-out…"


def test_a_poor_terminal_gets_ascii() -> None:
    signs = [ASCII.status("success"), ASCII.outcome("paid"), ASCII.level(Level.REFUSE), ASCII.stage(Stage.SENT)]
    for text in (*(sign.text for sign in signs), ASCII.address(PAYER), ASCII.money(None, PATH)):
        assert text.isascii(), text


def test_foreign_text_is_inert() -> None:
    hostile = Currency(id="x", symbol="\x1b[31mUSD\u202e", decimals=6)
    assert LENS.money(1, hostile) == "0.000001 USD"
    assert "\x1b" not in LENS.status("\x1b]0;pwned\x07odd").text


def test_times() -> None:
    assert LENS.clock(NOW) == "12:04:30"
    assert LENS.clock(NOW - timedelta(days=1)) == "Mar 13"
    assert LENS.clock(NOW - timedelta(days=400)) == "2025-02-07"
    assert LENS.moment(NOW) == "2026-03-14 12:04:30 +00:00"
    assert [LENS.span(timedelta(seconds=seconds)) for seconds in (-5, 12, 180, 7200, 360_000)] == [
        "0 s",
        "12 s",
        "3 min",
        "2 h",
        "4 d",
    ]
    assert LENS.countdown(NOW + timedelta(seconds=272)) == "4:32"
    assert LENS.countdown(NOW - timedelta(seconds=1)) == "0:00"


def test_ids_lose_their_middle() -> None:
    assert shorten(PAYER) == "0x7099…79C8"
    assert shorten("short") == "short"


@given(st.text(st.sampled_from("a漢🙂-"), max_size=50), st.integers(2, 20))
def test_folding_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = fold(text, width)
    assert "".join(lines) == text
    assert all(cell_len(line) <= width for line in lines)
