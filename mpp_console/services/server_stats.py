"""How the local server is doing: the last thirty minutes, and how long its latest answers took. Memory only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from mpp_console.services.receipt_models import RequestRow
from mpp_console.services.server_models import MinuteView, ServerStats

__all__ = ["ServerMeter"]

MINUTES = 30
RATE_SECONDS = 10
SAMPLES = 500
_FAILED = frozenset({"rejected", "limited", "failed"})


@dataclass(slots=True)
class _Minute:
    requests: int = 0
    delivered: int = 0
    failed: int = 0
    earned: float = 0.0
    slowest: float = 0.0

    def view(self) -> MinuteView:
        return MinuteView(
            requests=self.requests,
            delivered=self.delivered,
            failed=self.failed,
            earned=round(self.earned, 9),
            slowest=self.slowest,
        )


class ServerMeter:
    """Takes every answered request. To be asked to pay is neither a success nor a failure."""

    def __init__(self) -> None:
        self._minutes: dict[int, _Minute] = {}
        self._seconds: deque[list[int]] = deque()
        self._took: deque[float] = deque(maxlen=SAMPLES)

    def take(self, row: RequestRow) -> None:
        at = int(row.at.timestamp())
        minute = self._minutes.setdefault(at // 60, _Minute())
        minute.requests += 1
        if row.outcome != "challenged":
            failed = row.outcome in _FAILED or row.status >= 400
            minute.failed += failed
            minute.delivered += not failed
        if row.outcome == "paid" and row.amount and row.currency is not None:
            minute.earned += row.amount / 10**row.currency.decimals
        self._count_second(at)
        if row.milliseconds is not None:
            self._took.append(row.milliseconds)
            minute.slowest = max(minute.slowest, row.milliseconds)

    def view(self, now: datetime) -> ServerStats:
        """What it looks like at `now`; a minute without requests is there too."""
        last = int(now.timestamp()) // 60
        for old in [minute for minute in self._minutes if minute <= last - MINUTES]:
            del self._minutes[old]
        nothing = _Minute()
        minutes = tuple(self._minutes.get(last - back, nothing).view() for back in range(MINUTES - 1, -1, -1))
        delivered, failed = sum(each.delivered for each in minutes), sum(each.failed for each in minutes)
        took = sorted(self._took)
        return ServerStats(
            minutes=minutes,
            success=delivered / (delivered + failed) if delivered + failed else None,
            per_second=self._rate(int(now.timestamp())),
            p50=_percentile(took, 50),
            p95=_percentile(took, 95),
        )

    def _count_second(self, second: int) -> None:
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])
        while self._seconds[0][0] <= second - RATE_SECONDS:
            self._seconds.popleft()

    def _rate(self, now: int) -> float:
        return sum(count for second, count in self._seconds if now - RATE_SECONDS < second <= now) / RATE_SECONDS


def _percentile(ordered: list[float], percent: int) -> float | None:
    """The nearest-rank percentile: a value that was measured, never one in between."""
    if not ordered:
        return None
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]
