"""The tiles' numbers: a minute at a time, rates and percentiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mpp_console.protocol import Currency
from mpp_console.services.models import RequestRow
from mpp_console.services.server_stats import ServerMeter

NOW = datetime(2026, 3, 14, 12, 30, 30, tzinfo=UTC)
PATH = Currency(id="0x20", symbol="pathUSD", decimals=6)


def row(outcome: str = "paid", *, ago: float = 0, status: int = 200, took: float | None = 10.0) -> RequestRow:
    return RequestRow(
        id="r",
        at=NOW - timedelta(seconds=ago),
        method="GET",
        path="/charge",
        status=status,
        outcome=outcome,
        amount=10_000 if outcome == "paid" else None,
        currency=PATH if outcome == "paid" else None,
        milliseconds=took,
    )


def meter(*rows: RequestRow) -> ServerMeter:
    made = ServerMeter()
    for each in rows:
        made.take(each)
    return made


def test_nothing_is_unknown_and_not_zero() -> None:
    view = meter().view(NOW)
    assert len(view.minutes) == 30
    assert (view.success, view.per_second, view.p50, view.p95) == (None, 0.0, None, None)


def test_each_minute_has_its_own_counts() -> None:
    view = meter(row(ago=60), row("free", ago=60, took=70.0), row("rejected", ago=5, status=402), row(ago=1)).view(NOW)
    before, now = view.minutes[-2:]
    assert (before.requests, before.delivered, before.failed, before.earned) == (2, 2, 0, 0.01)
    assert (before.slowest, now.slowest) == (70.0, 10.0)
    assert (now.requests, now.delivered, now.failed, now.earned) == (2, 1, 1, 0.01)
    assert (before.success, now.success, view.success) == (1.0, 0.5, 0.75)
    assert view.minutes[0].success is None


def test_what_is_older_than_half_an_hour_is_forgotten() -> None:
    made = meter(row(ago=31 * 60), row(ago=29 * 60))
    assert sum(minute.requests for minute in made.view(NOW).minutes) == 1
    assert sum(minute.requests for minute in made.view(NOW + timedelta(hours=1)).minutes) == 0


@pytest.mark.parametrize(
    ("outcome", "status", "success"),
    [
        ("challenged", 402, None), ("paid", 200, 1.0), ("free", 200, 1.0), ("free", 404, 0.0), ("replayed", 200, 1.0),
        ("paid", 500, 0.0), ("failed", 500, 0.0), ("rejected", 402, 0.0), ("limited", 429, 0.0),
    ],
)  # fmt: skip
def test_what_counts_as_success(outcome: str, status: int, success: float | None) -> None:
    assert meter(row(outcome, status=status)).view(NOW).success == success


def test_the_rate_is_of_the_last_ten_seconds() -> None:
    view = meter(*(row(ago=ago) for ago in (15, 10, 9, 9, 5, 0))).view(NOW)
    assert view.per_second == 0.4


def test_percentiles_are_measured_values() -> None:
    view = meter(*(row(took=float(took)) for took in range(1, 101)), row(took=None)).view(NOW)
    assert (view.p50, view.p95) == (50.0, 95.0)
    assert (meter(row(took=7.0)).view(NOW).p50, meter(row(took=7.0)).view(NOW).p95) == (7.0, 7.0)
