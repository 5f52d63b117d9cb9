"""The event pump: batches in order, a bound on what waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpp_console.tui.pump import DRAIN_SECONDS, EventPump


def test_a_batch_keeps_order_and_is_given_once() -> None:
    batches: list[tuple[int, ...]] = []
    pump: EventPump[int] = EventPump(batches.append)
    for number in range(3):
        pump.put(number)
    pump.drain()
    pump.drain()
    assert batches == [(0, 1, 2)]


def test_what_is_put_while_a_batch_is_published_comes_with_the_next() -> None:
    batches: list[tuple[int, ...]] = []

    def publish(batch: tuple[int, ...]) -> None:
        batches.append(batch)
        if batch == (1,):
            pump.put(2)

    pump: EventPump[int] = EventPump(publish)
    pump.put(1)
    pump.drain()
    pump.drain()
    assert batches == [(1,), (2,)]


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
def test_a_flood_drops_the_oldest_and_counts_them(events: list[int], limit: int) -> None:
    batches: list[tuple[int, ...]] = []
    pump: EventPump[int] = EventPump(batches.append, limit=limit)
    for event in events:
        pump.put(event)
    pump.drain()
    kept = [event for batch in batches for event in batch]
    assert kept == events[max(len(events) - limit, 0) :]
    assert pump.dropped == len(events) - len(kept)


def test_batches_come_at_4_to_8_hertz() -> None:
    assert 4 <= 1 / DRAIN_SECONDS <= 8
