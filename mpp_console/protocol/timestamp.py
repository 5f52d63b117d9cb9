"""Moments on the wire: RFC 3339 date-times with a zone, read strictly and written one way.

There is no clock here; the present moment always comes in as an argument.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from .errors import FormatError, ParseError

__all__ = ["format_timestamp", "parse_timestamp"]

# RFC 3339 §5.6:
#   date-time = full-date "T" full-time
#   full-time = partial-time time-offset
#   partial-time = time-hour ":" time-minute ":" time-second [time-secfrac]
#   time-offset = "Z" / time-numoffset
# "T" and "Z" may be lower case. Digits are spelled out, because \d also matches digits of other scripts.
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_timestamp(text: str) -> datetime:
    """The moment as an aware UTC datetime, cut to microseconds. Raises ParseError (`bad-timestamp`)."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ParseError(
            "the timestamp is not an RFC 3339 date-time with a zone, such as 2026-01-29T12:05:00Z", code="bad-timestamp"
        )
    date, minute, second, fraction, zone = match.groups()
    # RFC 3339 §5.7 allows a leap second, which datetime has no room for: it counts as the second after it.
    leap = second == "60"
    zone = "+00:00" if zone in ("Z", "z") else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second}{(fraction or '')[:7]}{zone}")
        return (moment + timedelta(seconds=1) if leap else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ParseError("the timestamp names a moment that does not exist", code="bad-timestamp") from error


def format_timestamp(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, cut to milliseconds. Raises FormatError for a datetime without a zone."""
    if moment.tzinfo is None:
        raise FormatError("a datetime without a zone names no moment", code="naive-datetime")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
