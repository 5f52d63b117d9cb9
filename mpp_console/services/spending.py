"""What was spent in the last day and the last thirty, and what the policy allows in that time; kept in memory for the
screens. Counts as the budgets do: payments, not transfers by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mpp_console.protocol import Currency
from mpp_console.services.models import BudgetPeriod, BudgetView, Money

if TYPE_CHECKING:
    from mpp_console.client.policy import SpendingPolicy
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.services.engine import Engine

__all__ = ["Spending", "budgets"]

FRESH_FOR = timedelta(minutes=5)
"""How long sums of rolling windows are worth drawing: what was spent yesterday falls out of them by itself."""


class Spending:
    """`today`, `month` and `budget` as of the last `read`; windows roll, as the budgets' do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read_at: datetime | None = None
        self.today: tuple[Money, ...] = ()
        self.month: tuple[Money, ...] = ()
        self.budget: tuple[BudgetView, ...] = ()

    async def read(self) -> None:
        """Sums anew from the journal."""
        queries = await self._engine.queries.get()
        now = self._engine.clock()
        sums = []
        for window in (timedelta(days=1), timedelta(days=30)):
            totals = await queries.spent_since(now - window)
            sums.append(tuple(Money(amount=total.amount, currency=total.currency) for total in totals))
        self.today, self.month = sums
        self.budget = budgets(self._engine.policy(), self._engine.network, self.today, self.month)
        self._read_at = now

    async def keep_fresh(self) -> None:
        """Sums anew if the last time was too long ago."""
        if self._read_at is None or self._engine.clock() - self._read_at >= FRESH_FOR:
            await self.read()


def budgets(
    policy: SpendingPolicy, network: Network, today: tuple[Money, ...], month: tuple[Money, ...]
) -> tuple[BudgetView, ...]:
    """A day's and a month's budget of each currency that was spent or has a limit, and of the network's own in any
    case. Pure.
    """
    periods: tuple[tuple[BudgetPeriod, Mapping[str, int], tuple[Money, ...]], ...] = (
        ("day", policy.per_day, today),
        ("month", policy.per_month, month),
    )
    currencies = [network.currency(network.default_token)]
    currencies += [money.currency for money in (*today, *month)]
    currencies += [network.currency(name) for limits in (policy.per_day, policy.per_month) for name in limits]
    unique = {_key(currency.id): currency for currency in reversed(currencies)}
    return tuple(
        BudgetView(period=period, spent=_spent(spent, unique[key]), limit=_limit(limits, unique[key]))
        for key in dict.fromkeys(_key(currency.id) for currency in currencies)
        for period, limits, spent in periods
    )


def _spent(moneys: tuple[Money, ...], currency: Currency) -> Money:
    amount = sum(money.amount for money in moneys if _key(money.currency.id) == _key(currency.id))
    return Money(amount=amount, currency=currency)


def _limit(limits: Mapping[str, int], currency: Currency) -> Money | None:
    found = next((limit for name, limit in limits.items() if _key(name) == _key(currency.id)), None)
    return None if found is None else Money(amount=found, currency=currency)


def _key(currency_id: str) -> str:
    return currency_id.casefold()
