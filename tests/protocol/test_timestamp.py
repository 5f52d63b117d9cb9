from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import FormatError, ParseError, format_timestamp, parse_timestamp

from .strategies import MOMENTS


@given(MOMENTS)
def test_comes_back_cut_to_milliseconds(moment: datetime) -> None:
    text = format_timestamp(moment)
    assert len(text) == len("2026-01-29T12:05:00.000Z")
    assert parse_timestamp(text) == moment - timedelta(microseconds=moment.microsecond % 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-29T12:05:00Z", datetime(2026, 1, 29, 12, 5, tzinfo=UTC)),
        ("2026-01-29t12:05:00z", datetime(2026, 1, 29, 12, 5, tzinfo=UTC)),
        ("2026-01-29T12:05:00.5+02:00", datetime(2026, 1, 29, 10, 5, 0, 500000, tzinfo=UTC)),
        ("2026-01-29T12:05:00.123456789Z", datetime(2026, 1, 29, 12, 5, 0, 123456, tzinfo=UTC)),
        ("2026-01-29T12:05:00-00:00", datetime(2026, 1, 29, 12, 5, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_reads_rfc_3339(text: str, expected: datetime) -> None:
    moment = parse_timestamp(text)
    assert moment == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Jan 29 2026 12:00",
        "2026-01-29",
        "2026-01-29T12:05:00",
        "2026-01-29 12:05:00Z",
        "20260129T120500Z",
        "2026-13-29T12:05:00Z",
        "2026-02-30T12:05:00Z",
        "2026-01-29T24:00:00Z",
        "2026-01-29T12:05:61Z",
        "2026-01-29T12:05Z",
        "2026-01-29T12:05:00+0200",
        "2026-01-29T12:05:00+25:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "2026-01-29T12:05:00Z\n",
        "\u0662026-01-29T12:05:00Z",
        "2026-W05-4T00:00:00Z",
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_timestamp(text)
    assert caught.value.code == "bad-timestamp"


@given(st.text(max_size=40))
def test_never_crashes(text: str) -> None:
    with contextlib.suppress(ParseError):
        parse_timestamp(text)


def test_writes_other_zones_in_utc_and_refuses_none() -> None:
    assert format_timestamp(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00.000Z"
    with pytest.raises(FormatError):
        format_timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
