"""What all sessions come to: what is locked, at risk and on its way back, and where it is locked."""

from __future__ import annotations

from collections import Counter

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mpp_console.protocol import ChannelState, Currency, inert
from mpp_console.services.session_models import SessionsView, SessionTotal
from mpp_console.tui.columns import cut
from mpp_console.tui.display import INFO, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.session_lines import host_of, lines_of, sign_of
from mpp_console.tui.widgets.facts import Laid
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt_stats import meter

__all__ = ["SessionStats"]

_ORIGINS = 6


class SessionStats(Pane):
    """The sums beside the list, where there is room for three columns."""

    DEFAULT_CSS = """
    SessionStats VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(title="In all", id=id)

    def compose(self) -> ComposeResult:
        # Nothing to choose in it: the focus passes it by.
        with VerticalScroll(can_focus=False):
            yield _Sums()

    def show(self, view: SessionsView, lens: Lens) -> None:
        self.query_one(_Sums).show(view, lens)


class _Sums(Laid):
    _view: SessionsView | None = None
    _lens: Lens | None = None

    def show(self, view: SessionsView, lens: Lens) -> None:
        self._view, self._lens = view, lens
        self.changed()

    def lay(self, width: int) -> Content:
        if self._view is None or self._lens is None:
            return Content("")
        view, lens = self._view, self._lens
        lines = _state_lines(view, lens, width)
        for total in view.totals:
            lines += [Content(""), *_total_lines(total, lens, width)]
        return Content("\n").join([*lines, *_origin_lines(view, lens, width)])


def _state_lines(view: SessionsView, lens: Lens, width: int) -> list[Content]:
    signs = Counter(sign_of(line, lens) for line in lines_of(view))
    lines = [_pair(Content(sign.text).stylize(sign.tone), f"{count:,}", width) for sign, count in signs.items()]
    if view.finalized:
        sign = lens.channel(ChannelState.FINALIZED)
        lines.append(_pair(Content.styled(f"{sign.text}, put away", MUTED), f"{view.finalized:,}", width))
    return lines or [Content.styled(lens.plain(UNKNOWN), MUTED)]


def _total_lines(total: SessionTotal, lens: Lens, width: int) -> list[Content]:
    # The latter two are parts of what is locked.
    parts = (
        ("locked", total.locked, ""),
        ("  at risk", total.at_risk, WARN),
        ("  coming back", total.pending_refund, INFO),
    )
    lines = [Content.styled(inert(total.currency.symbol, limit=16), MUTED)]
    for name, amount, tone in parts:
        text = lens.column(amount, total.currency)
        lines.append(_pair(Content.styled(name, MUTED), text, width, tone=tone if amount else MUTED))
    return lines


def _origin_lines(view: SessionsView, lens: Lens, width: int) -> list[Content]:
    """Where most is locked, of each currency apart: sums of different ones cannot be compared."""
    held: Counter[tuple[Currency, str]] = Counter()
    for row in view.rows:
        if row.locked:
            held[row.currency, host_of(row) or "nobody known"] += row.locked
    lines: list[Content] = []
    for currency in dict.fromkeys(currency for currency, _ in held):
        places = [(name, amount) for (unit, name), amount in held.most_common() if unit == currency][:_ORIGINS]
        lines += [Content(""), Content.styled(f"{inert(currency.symbol, limit=16)} locked at", MUTED)]
        most = places[0][1]
        for name, amount in places:
            lines += [
                _pair(Content(name), lens.column(amount, currency), width),
                Content.styled(meter(amount / most, width, lens), INFO),
            ]
    return lines


def _pair(left: Content, right: str, width: int, *, tone: str = "") -> Content:
    room = max(width - cell_len(right) - 2, 3)
    if left.cell_length > room:
        left = Content(cut(left.plain, room))
    gap = " " * max(width - left.cell_length - cell_len(right), 1)
    return Content.assemble(left, gap, (right, tone))
