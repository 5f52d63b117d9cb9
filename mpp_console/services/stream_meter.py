"""What an answer that is charged for as it comes has cost so far, and how fast it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from mpp_console.protocol import Currency
from mpp_console.services.payment_models import Money, StreamView

__all__ = ["StreamMeter"]

WINDOW: Final = 5.0
"""Seconds that the rate looks back while the stream goes on."""
_SAMPLES: Final = 100


class StreamMeter:
    """Counts for one answer. `counter` gives seconds and only grows; `events` the server-sent events so far."""

    def __init__(self, counter: Callable[[], float], events: Callable[[], int]) -> None:
        self._counter = counter
        self._events = events
        self._currency: Currency | None = None
        self._spent = self._total = self._held = 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        self._first: tuple[float, int] | None = None
        self._last = 0.0

    def paid(self, currency: Currency, *, spent: int, total: int, held: int) -> bool:
        """Base units: promised for this answer, promised to the payee in all, and held for it. True the first time."""
        first = self._currency is None
        self._currency, self._spent, self._total, self._held = currency, spent, total, held
        return first

    def look(self) -> None:
        """Takes note of how many events are here by now."""
        now = self._counter()
        self._samples.append((now, self._events()))
        self._first = self._first or (now, 0)
        self._last = now

    def view(self, *, over: bool = False) -> StreamView | None:
        """How things stand; `over` gives the rate of the whole. None for an answer that is not charged for this way."""
        if self._currency is None:
            return None
        return StreamView(
            spent=Money(amount=self._spent, currency=self._currency),
            voucher=Money(amount=self._total, currency=self._currency),
            held=Money(amount=self._held, currency=self._currency),
            events=self._events(),
            rate=self._rate(over),
        )

    def _rate(self, over: bool) -> float | None:
        """Events a second. None while there is nothing to say."""
        if self._first is None:
            return None
        now = self._last if over else self._counter()
        since, counted = self._first
        if not over:
            recent = [sample for sample in self._samples if now - sample[0] <= WINDOW]
            since, counted = recent[0] if recent and now - since > WINDOW else (since, counted)
        return (self._events() - counted) / (now - since) if now > since else None
