"""What was spent in the last day and the last thirty, kept in memory for the screens. Counts as the budgets do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.services.models import Money

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine

__all__ = ["Spending"]


class Spending:
    """`today` and `month` as of the last `read`; windows roll, as the budgets' do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.today: tuple[Money, ...] = ()
        self.month: tuple[Money, ...] = ()

    async def read(self) -> None:
        """Sums anew from the journal."""
        queries = await self._engine.queries.get()
        now = self._engine.clock()
        for name, window in (("today", timedelta(days=1)), ("month", timedelta(days=30))):
            totals = await queries.spent_since(now - window)
            setattr(self, name, tuple(Money(amount=total.amount, currency=total.currency) for total in totals))
