"""Token buckets fill with time and are counted for each client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.server.rates import Bucket, Rates, client_key
from tests.server.doubles import HandClock


def test_a_burst_then_a_steady_rate() -> None:
    clock, rates = HandClock(), Rates(Bucket(burst=3, per_second=0.5))
    assert [rates.take("a", clock()) for _ in range(4)] == [0, 0, 0, 2]
    clock.forward(seconds=1)
    assert rates.take("a", clock()) == 1
    clock.forward(seconds=1)
    assert rates.take("a", clock()) == 0
    assert rates.wait("a", clock()) == 2


def test_looking_takes_nothing() -> None:
    clock, rates = HandClock(), Rates(Bucket(burst=1, per_second=1))
    assert [rates.wait("a", clock()) for _ in range(5)] == [0] * 5
    assert rates.take("a", clock()) == 0


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    clock, rates = HandClock(), Rates(Bucket(burst=2, per_second=1))
    rates.take("a", clock())
    clock.forward(hours=-1)
    assert rates.take("a", clock()) == 0


def test_a_flood_of_clients_is_forgotten_oldest_first() -> None:
    clock, rates = HandClock(), Rates(Bucket(burst=1, per_second=0.01), max_clients=2)
    for client in ("a", "b", "c"):
        assert rates.take(client, clock()) == 0
    assert rates.wait("b", clock()) > 0
    assert rates.wait("a", clock()) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unix", False),
    ],
)
def test_which_addresses_are_one_client(one: str, other: str, same: bool) -> None:
    assert (client_key(one) == client_key(other)) is same


@given(steps=st.lists(st.floats(0, 5), max_size=60), burst=st.integers(1, 10))
def test_never_more_than_the_burst_and_the_rate_allow(steps: list[float], burst: int) -> None:
    clock, rates = HandClock(), Rates(Bucket(burst=burst, per_second=2))
    taken = 0
    for step in steps:
        clock.forward(seconds=step)
        taken += rates.take("a", clock()) == 0
    assert taken <= burst + 2 * sum(steps) + 1e-6


@pytest.mark.parametrize(("burst", "rate"), [(0, 1.0), (1, 0.0), (1, -1.0)])
def test_a_bucket_has_to_let_something_through(burst: int, rate: float) -> None:
    with pytest.raises(ValueError, match="bucket"):
        Bucket(burst=burst, per_second=rate)
