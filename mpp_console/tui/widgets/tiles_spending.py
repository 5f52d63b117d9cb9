"""What payments took, against the budgets of the policy, and when: the last day by the hour, the last thirty by the
day.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content

from mpp_console.protocol import Currency, inert
from mpp_console.services.models import BudgetView, Money, PolicyView
from mpp_console.tui.bars import Bars
from mpp_console.tui.display import BAD, INFO, MUTED, WARN, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.view import View, key_text
from mpp_console.tui.widgets.chart import SpendChart
from mpp_console.tui.widgets.facts import Fact, Facts, Laid
from mpp_console.tui.widgets.pane import Pane

__all__ = ["Budgets", "SpendingTile", "budget_lines"]

_NAMES = {"day": "24 h", "month": "30 d"}
_LABEL = 6
_ROOMY = 20
"""Lines from which on the policy has room below the chart."""
_WARN_PERCENT = 80


def budget_lines(budget: BudgetView, width: int, lens: Lens) -> list[Content]:
    """One budget: what was spent of what, and below it a bar with the share. Budgets roll, so the names are spans."""
    spent, limit = budget.spent, budget.limit
    label = Content.styled(f"{_NAMES[budget.period]:<{_LABEL}}", MUTED)
    if limit is None:
        amount = lens.money(spent.amount, spent.currency)
        return [Content.assemble(label, (amount, "bold"), (lens.plain(" · no limit"), MUTED))]
    amount = lens.money(spent.amount, spent.currency, unit=False)
    whole = lens.money(limit.amount, limit.currency)
    line = Content.assemble(label, (amount, "bold"), (f" of {whole}", MUTED))
    # The share would tell the amount to whoever knows the limit.
    return [line] if lens.privacy else [line, Content.assemble(" " * _LABEL, *_bar(budget, width - _LABEL, lens))]


def _bar(budget: BudgetView, width: int, lens: Lens) -> list[tuple[str, str]]:
    limit, left = budget.limit, budget.left
    if limit is None or left is None:
        return []
    share = budget.spent.amount * 100 // limit.amount if limit.amount else 100
    small = budget.spent.amount and share < 1
    tone = BAD if share >= 100 else WARN if share >= _WARN_PERCENT else INFO
    warning = "! " if share >= _WARN_PERCENT else ""
    text = f"  {warning}{'<1' if small else share} %"
    note = f" · {lens.money(left.amount, left.currency, unit=False)} left" if left.amount else " · spent"
    text += lens.plain(note) if len(text) + len(note) + 8 <= width else ""
    room = max(width - len(text), 4)
    filled = min(max(room * share // 100, 1 if budget.spent.amount else 0), room)
    full, empty = ("#", "-") if lens.ascii else ("━", "─")
    return [(full * filled, tone), (empty * (room - filled), "$panel"), (text, tone if warning else MUTED)]


class Budgets(Laid):
    """The budgets of one currency."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._budgets: tuple[BudgetView, ...] = ()
        self._others: tuple[Money, ...] = ()
        self._lens: Lens | None = None

    def show(self, budgets: tuple[BudgetView, ...], others: tuple[Money, ...], lens: Lens) -> None:
        """`others` is what was spent of other currencies in the last day."""
        self._budgets, self._others, self._lens = budgets, others, lens
        self.changed()

    def lay(self, width: int) -> Content:
        lens = self._lens
        if lens is None or not self._budgets:
            return Content.styled("reading the history…", MUTED)
        lines = [line for budget in self._budgets for line in budget_lines(budget, width, lens)]
        if self._others:
            lines.append(Content.styled(f"{'':<{_LABEL}}and {lens.sum(self._others)} in 24 h", MUTED))
        return Content("\n").join(lines)


class SpendingTile(Pane):
    """What was spent of the selected currency, and the policy that bounds it."""

    DEFAULT_CSS = """
    SpendingTile {
        height: auto;
        SpendChart { margin-top: 1; }
        #policy { margin-top: 1; display: none; }
        #chart-month { display: none; }
        &.-month #chart-day { display: none; }
        &.-month #chart-month { display: block; }
        &.-roomy #policy { display: block; }
    }
    """

    def __init__(self, lens: Lens) -> None:
        super().__init__(title="Spending", id="spending")
        self._lens = lens
        self._policy: PolicyView | None = None

    def compose(self) -> ComposeResult:
        yield Budgets(id="spent")
        yield SpendChart(self._lens, span="24 h", id="chart-day")
        yield SpendChart(self._lens, span="30 d", id="chart-month")
        yield Facts(id="policy")

    @property
    def chart(self) -> SpendChart:
        """The one that keys move on."""
        return self.query_one("#chart-month" if self.has_class("-month") else "#chart-day", SpendChart)

    @property
    def charted(self) -> bool:
        """Whether there is room for a chart."""
        return self.display and any(chart.display for chart in self.query(SpendChart))

    def toggle(self) -> None:
        """Shows the other span."""
        self.chart.release()
        self.toggle_class("-month")
        self._draw_frame()

    def on_mount(self) -> None:
        super().on_mount()
        self._draw_frame()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.set_class(self.size.height >= _ROOMY, "-roomy")
        self._draw_frame()

    def look(self, view: View, currency: Currency | None) -> None:
        self._lens, state = view.lens, view.state
        budgets = state.budget if state else ()
        named = currency.id if currency else budgets[0].spent.currency.id if budgets else ""
        mine = tuple(item for item in budgets if item.spent.currency.id == named)
        if state and budgets and currency and not mine:
            nothing = Money(amount=0, currency=currency)
            mine = tuple(BudgetView(period=period, spent=nothing, limit=None) for period in ("day", "month"))
        others = tuple(money for money in state.spent_today if money.currency.id != named) if state else ()
        self.query_one("#spent", Budgets).show(mine, others, view.lens)
        for chart in self.query(SpendChart):
            chart.look(view.lens)
        self._draw_policy()

    def show_policy(self, policy: PolicyView) -> None:
        self._policy = policy
        self._draw_policy()

    def show_bars(self, day: Bars, month: Bars) -> None:
        self.query_one("#chart-day", SpendChart).show(day)
        self.query_one("#chart-month", SpendChart).show(month)

    def _draw_policy(self) -> None:
        lines = self._policy.lines if self._policy else ()
        self.query_one("#policy", Facts).show([Fact(label, masked(inert(text), self._lens)) for label, text in lines])

    def _draw_frame(self) -> None:
        span, other = ("30 d", "24 h") if self.has_class("-month") else ("24 h", "30 d")
        both = all(chart.display for chart in self.query(SpendChart))
        turn = f"{key_text(self, 'wallet.span')} {'turns to' if both else 'shows'} {other}"
        arrows = "arrows name a bar" + (f" of {span}" if both else "")
        hint = self._lens.plain(f"{turn} · {arrows}") if self.charted else ""
        self.frame(badge=Content.styled(span if self.charted and not both else "", MUTED), hint=Content(hint))
