"""What the demo sells: small readings of an invented weather station, different at every call. Pure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from mpp_console.protocol import content_digest, format_timestamp, inert

__all__ = ["echoed", "forecast", "reading"]

DEFAULT_STATION: Final = "harbour"
STATION_LIMIT: Final = 40

_OUTLOOK: Final = (
    "clear, with a light breeze off the water",
    "low cloud until noon, then sun",
    "showers moving in from the west",
    "fog in the valley, clear above it",
    "a dry wind, rising towards evening",
    "steady rain, easing overnight",
    "thunder possible, mostly inland",
    "cold and still, frost by morning",
)


def reading(station: str | None, *, at: datetime, noise: bytes) -> dict[str, Any]:
    """One reading. `noise` is at least 10 random bytes; the same noise gives the same weather."""
    temperature, wind, pressure, humidity = (int.from_bytes(noise[i : i + 2], "big") / 65535 for i in range(0, 8, 2))
    return {
        "station": inert(station or DEFAULT_STATION, limit=STATION_LIMIT),
        "observed_at": format_timestamp(at),
        "temperature_c": round(-5 + 35 * temperature, 1),
        "wind_kmh": round(60 * wind, 1),
        "pressure_hpa": round(980 + 60 * pressure, 1),
        "humidity_percent": round(20 + 80 * humidity),
        "outlook": _OUTLOOK[noise[8] % len(_OUTLOOK)],
        "serial": noise[9:].hex(),
    }


def forecast(count: int) -> Iterator[str]:
    """The first `count` words of a forecast that never ends, as a language model would say it: with the spaces."""
    text = "".join(f" Expect {outlook}." for outlook in _OUTLOOK)
    words = itertools.cycle(re.findall(r"\s*\S+", text))
    for number, word in enumerate(itertools.islice(words, count)):
        yield word if number else word.lstrip()


def echoed(body: bytes, content_type: str) -> dict[str, Any]:
    """What was sent, with its digest: JSON as JSON, else as text. Never fails, because it was paid for."""
    answer: dict[str, Any] = {"bytes": len(body), "digest": content_digest(body)}
    if "json" in content_type.lower():
        try:
            return answer | {"json": json.loads(body)}
        except (ValueError, RecursionError):
            pass
    return answer | {"text": body.decode("utf-8", "replace")}
