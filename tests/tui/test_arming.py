"""When an approval may count: the rule that keeps held and hasty keys from paying."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpp_console.tui.arming import ARMING_SECONDS, KEY_GAP_SECONDS, Arming


def test_too_early_is_dead() -> None:
    arming = Arming(opened_at=10.0)
    assert not arming.key("a", 10.0 + ARMING_SECONDS - 0.01)


def test_after_the_delay_a_fresh_press_counts() -> None:
    assert Arming(opened_at=10.0).key("a", 10.0 + ARMING_SECONDS)


def test_the_key_that_opened_the_sheet_never_approves() -> None:
    arming = Arming(opened_at=10.0, opened_by="a")
    assert not any(arming.key("a", 10.0 + seconds) for seconds in (0.5, 1.0, 5.0, 60.0))


@given(period=st.floats(0.01, 0.1), delay=st.floats(0.0, 1.2), key=st.sampled_from(["a", "A"]))
def test_a_key_held_since_the_sheet_opened_never_pays(period: float, delay: float, key: str) -> None:
    """A terminal sends the key once, waits `delay` (up to about a second), then repeats it every `period`."""
    arming = Arming(opened_at=0.0, opened_by=key)
    times = [delay + number * period for number in range(200)]
    assert not any(arming.key(key, at) for at in times)


@given(period=st.floats(0.01, KEY_GAP_SECONDS - 0.01), first=st.floats(0.0, KEY_GAP_SECONDS - 0.01))
def test_a_stream_of_keys_without_a_pause_never_pays(period: float, first: float) -> None:
    arming = Arming(opened_at=0.0)
    assert not any(arming.key("a", first + number * period) for number in range(200))


def test_a_key_that_was_pressed_too_early_must_be_let_go() -> None:
    """Pressed at 0.1 s and held: the terminal repeats it from 0.6 s on, which looks like a pause but is none."""
    arming = Arming(opened_at=0.0)
    assert not arming.key("a", 0.1)
    assert not any(arming.key("a", 0.6 + number * 0.03) for number in range(100))


def test_after_a_long_enough_pause_the_same_key_counts_again() -> None:
    arming = Arming(opened_at=0.0)
    assert not arming.key("a", 0.1)
    assert arming.key("a", 1.5)


def test_another_key_between_shows_that_it_was_let_go() -> None:
    arming = Arming(opened_at=0.0)
    assert not arming.key("a", 0.1)
    assert not arming.key("j", 0.2)
    assert arming.key("a", 0.6)


def test_a_key_pressed_before_the_facts_came_and_held_never_pays() -> None:
    """Pressed while the price was asked for; its first repeat comes when the facts have stood for 0.45 s."""
    arming = Arming(opened_at=10.0, opened_by="enter", last_key="a", last_key_at=9.85)
    assert not any(arming.key("a", 10.45 + number * 0.03) for number in range(100))


def test_ready_says_when_a_click_would_count() -> None:
    arming = Arming(opened_at=0.0)
    assert not arming.ready(0.3)
    assert arming.ready(ARMING_SECONDS)
