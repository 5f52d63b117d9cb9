"""What the receipts of the present filter come to: their totals, where they were paid or earned, and how our payments
ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.models import OperationView, OriginCount, ReceiptTotal
from mpp_console.tui.columns import cut
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.widgets.facts import Laid
from mpp_console.tui.widgets.pane import Pane

__all__ = ["Outcomes", "ReceiptStats", "StatsPane", "meter", "outcomes_of", "totals_line"]

_ENDED = ("settled", "refused", "unknown")
_DIRECTIONS = (("sent", "out"), ("received", "in"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How the latest payments ended: how many of each, since when."""

    settled: int
    refused: int
    unknown: int
    since: datetime | None

    @property
    def ended(self) -> int:
        return self.settled + self.refused + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptStats:
    """`filtered` tells that they are of a filter's receipts."""

    count: int
    totals: tuple[ReceiptTotal, ...]
    origins: tuple[OriginCount, ...]
    outcomes: Outcomes
    filtered: bool


def outcomes_of(operations: Sequence[OperationView]) -> Outcomes:
    """How payments ended; those that have not ended are left out."""
    counts = {state: sum(1 for one in operations if one.state == state) for state in _ENDED}
    since = min((one.created_at for one in operations), default=None)
    return Outcomes(settled=counts["settled"], refused=counts["refused"], unknown=counts["unknown"], since=since)


def totals_line(totals: Sequence[ReceiptTotal], lens: Lens, width: int) -> Content:
    """`out 0.324000 pathUSD · in 0.120000 pathUSD`, in at most `width` cells: what does not fit is counted."""
    sums = [
        (word, [lens.money(total.amount, total.currency) for total in totals if total.direction == direction])
        for direction, word in _DIRECTIONS
    ]
    for most in range(max((len(amounts) for _, amounts in sums), default=0), 0, -1):
        parts = []
        for word, amounts in sums:
            if amounts:
                more = f" +{len(amounts) - most} more" if len(amounts) > most else ""
                parts.append(Content.assemble((f"{word} ", MUTED), " + ".join(amounts[:most]) + more))
        line = Content.styled(lens.plain(" · "), MUTED).join(parts)
        if line.cell_length <= width:
            return line
    return Content("")


class StatsPane(Pane):
    """The statistics beside the list, where there is room for three columns."""

    DEFAULT_CSS = """
    StatsPane VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(title="Statistics", id=id)

    def compose(self) -> ComposeResult:
        # Nothing to choose in it: the focus passes it by.
        with VerticalScroll(can_focus=False):
            yield _Statistics()

    def show(self, stats: ReceiptStats, lens: Lens) -> None:
        self.query_one(_Statistics).show(stats, lens)
        self.frame(badge=Content.styled("of this filter", "$primary") if stats.filtered else Content("of all"))


class _Statistics(Laid):
    _stats: ReceiptStats | None = None
    _lens: Lens | None = None

    def show(self, stats: ReceiptStats, lens: Lens) -> None:
        self._stats, self._lens = stats, lens
        self.changed()

    def lay(self, width: int) -> Content:
        if self._stats is None or self._lens is None:
            return Content.styled("Counting…", MUTED)
        stats, lens = self._stats, self._lens
        lines = [
            *_total_lines(stats, lens, width),
            Content(""),
            *_origin_lines(stats.origins, lens, width),
            Content(""),
            *_outcome_lines(stats.outcomes, lens, width),
        ]
        return Content("\n").join(lines)


def _total_lines(stats: ReceiptStats, lens: Lens, width: int) -> list[Content]:
    lines = [_pair("receipts", f"{stats.count:,}".replace(",", " "), width, strong=True)]
    for direction, word in _DIRECTIONS:
        totals = [total for total in stats.totals if total.direction == direction]
        lines += [Content(""), _pair(word, str(sum(total.count for total in totals)), width)]
        symbols = [inert(total.currency.symbol, limit=12) for total in totals]
        widest = max((cell_len(symbol) for symbol in symbols), default=0)
        for total, symbol in zip(totals, symbols, strict=True):
            # The points of all amounts below one another, whatever their units are called.
            unit = symbol + " " * (widest - cell_len(symbol))
            lines.append(_right(f"{lens.column(total.amount, total.currency)} {unit}", width))
    return lines


def _origin_lines(origins: Sequence[OriginCount], lens: Lens, width: int) -> list[Content]:
    lines = [Content.styled("by origin", MUTED)]
    most = max((origin.count for origin in origins), default=0)
    for origin in origins:
        name = inert(origin.origin.partition("://")[2] or origin.origin, limit=200) or "received here"
        count = f"{origin.count:,}"
        lines.append(_pair(name, count, width, muted=False))
        lines.append(Content.styled(meter(origin.count / most, width, lens), INFO))
    return lines if origins else [*lines, Content.styled(lens.plain(UNKNOWN), MUTED)]


def _outcome_lines(outcomes: Outcomes, lens: Lens, width: int) -> list[Content]:
    lines = [Content.styled(f"our last {outcomes.ended} payments", MUTED)]
    if not outcomes.ended:
        return [Content.styled("our payments", MUTED), Content.styled(lens.plain(UNKNOWN), MUTED)]
    rate = outcomes.settled / outcomes.ended
    tone = GOOD if rate >= 0.95 else WARN if rate >= 0.75 else BAD
    lines.append(Content.assemble((f"{rate:.1%}", f"bold {tone}"), (" settled", MUTED)))
    lines.append(Content.styled(meter(rate, width, lens), tone))
    for word, glyph, count, colour in (
        ("settled", "✓", outcomes.settled, GOOD),
        ("refused", "✗", outcomes.refused, BAD),
        ("unknown", "!", outcomes.unknown, WARN),
    ):
        lines.append(_pair(f"{lens.plain(glyph)} {word}", f"{count:,}", width, muted=not count, tone=colour))
    return lines


def meter(share: float, width: int, lens: Lens) -> str:
    """A bar of `width` cells of which that share is full; never invisible, never longer."""
    full, empty = ("#", ".") if lens.ascii else ("━", "─")
    done = min(max(round(share * width), 1 if share else 0), width)
    return full * done + empty * (width - done)


def _pair(left: str, right: str, width: int, *, strong: bool = False, muted: bool = True, tone: str = "") -> Content:
    name = cut(left, max(width - cell_len(right) - 2, 3))
    gap = " " * max(width - cell_len(name) - cell_len(right), 1)
    return Content.assemble((name, MUTED if muted else tone), gap, (right, "bold" if strong else ""))


def _right(text: str, width: int) -> Content:
    return Content(" " * max(width - cell_len(text), 0) + text)
