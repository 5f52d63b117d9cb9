"""The round trip of a payment as a small waterfall: when each leg began, how long it took."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mpp_console.services.models import LegTiming
from mpp_console.tui.display import INFO, MUTED, WARN, Lens
from mpp_console.tui.widgets.facts import Laid

__all__ = ["Waterfall", "waterfall"]

_WORDS = {
    "challenge": "402",
    "review": "review",
    "sign": "sign",
    "pay": "pay",
    "answer": "answer",
    "body": "body",
    "total": "total",
}
_INSTANT = 1e-3
_PAUSE = 3
"""Cells of a leg in which somebody was thinking: its length says nothing about the machine."""


class Waterfall(Laid):
    """One line a leg, each bar beginning where the one before ended. The time that a person took is not to scale."""

    def __init__(self, lens: Lens, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lens = lens
        self._timings: tuple[LegTiming, ...] = ()

    def show(self, timings: Sequence[LegTiming], lens: Lens) -> None:
        self._timings, self._lens = tuple(timings), lens
        self.changed()

    def lay(self, width: int) -> Content:
        return waterfall(self._timings, width, self._lens)


def waterfall(timings: Sequence[LegTiming], width: int, lens: Lens) -> Content:
    """The legs as lines of `width` cells: name, bar, time."""
    legs = [leg for leg in timings if leg.leg != "total"]
    total = next((leg.milliseconds for leg in timings if leg.leg == "total"), sum(leg.milliseconds for leg in legs))
    names = max((len(_WORDS.get(leg.leg, leg.leg)) for leg in timings), default=0) + 2
    times = [time_text(leg.milliseconds) for leg in (*legs, LegTiming(leg="total", milliseconds=total))]
    ends = max(map(len, times), default=0)
    room = max(width - names - ends - 2, 4)
    bars = _bars(legs, room)
    lines = []
    for leg, (offset, cells), time in zip(legs, bars, times, strict=False):
        glyph, tone = _ink(leg.leg, lens)
        bar = Content.assemble(" " * offset, (glyph * cells, tone), " " * (room - offset - cells))
        lines.append(Content.assemble((f"{_WORDS.get(leg.leg, leg.leg):<{names}}", MUTED), bar, f"  {time:>{ends}}"))
    lines.append(Content.assemble((f"{'total':<{names}}", MUTED), " " * room, (f"  {times[-1]:>{ends}}", "bold")))
    return Content("\n").join(lines)


def _ink(leg: str, lens: Lens) -> tuple[str, str]:
    if leg == "review":
        return ("." if lens.ascii else "┄"), WARN
    return ("=" if lens.ascii else "━"), INFO


def _bars(legs: Sequence[LegTiming], room: int) -> list[tuple[int, int]]:
    """Where each bar begins, and its cells; every leg has one cell at least, and all stay within the room."""
    machine = sum(leg.milliseconds for leg in legs if leg.leg != "review")
    paused = any(leg.leg == "review" for leg in legs)
    scale = max(room - (_PAUSE if paused else 0), 1) / machine if machine > _INSTANT else 0.0
    bars, at = [], 0.0
    for leg in legs:
        length = float(_PAUSE) if leg.leg == "review" else leg.milliseconds * scale
        offset = min(round(at), room - 1)
        cells = min(max(round(at + length) - offset, 1), room - offset)
        bars.append((offset, cells))
        at += length
    return bars


def time_text(milliseconds: float) -> str:
    """`12 ms`, `3.2 s`, `2 min`."""
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1_000:.1f} s" if milliseconds < 120_000 else f"{milliseconds / 60_000:.0f} min"
