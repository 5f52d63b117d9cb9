"""What was spent against the budgets of the policy, and balances that outlive a node which does not answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mpp_console.client.policy import SpendingPolicy
from mpp_console.methods.tempo.chain import ChainError
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.services import Console
from mpp_console.services.events import BalanceChanged
from mpp_console.services.models import BudgetView, Money
from mpp_console.services.settings import PolicySettings, Settings
from mpp_console.services.spending import budgets
from tests.services.conftest import Clock, Heard, OpenConsole

PATH = SANDBOX.currency(SANDBOX.default_token)
ALPHA = next(token.currency for token in SANDBOX.tokens if token.symbol == "AlphaUSD")


def money(amount: int) -> Money:
    return Money(amount=amount, currency=PATH)


def rows(found: tuple[BudgetView, ...]) -> list[tuple[str, str, int, int | None]]:
    return [
        (item.spent.currency.symbol, item.period, item.spent.amount, item.limit.amount if item.limit else None)
        for item in found
    ]


def test_without_limits_and_spending_the_networks_own_currency_stands_there_alone() -> None:
    assert rows(budgets(SpendingPolicy(), SANDBOX, (), ())) == [
        ("pathUSD", "day", 0, None),
        ("pathUSD", "month", 0, None),
    ]


def test_limits_meet_what_was_spent_whatever_the_case_of_the_address() -> None:
    policy = SpendingPolicy(per_day={PATH.id.lower(): 100}, per_month={ALPHA.id.upper().replace("0X", "0x"): 900})
    found = rows(budgets(policy, SANDBOX, (money(30),), (money(70), Money(amount=5, currency=ALPHA))))
    assert found == [
        ("pathUSD", "day", 30, 100),
        ("pathUSD", "month", 70, None),
        ("AlphaUSD", "day", 0, None),
        ("AlphaUSD", "month", 5, 900),
    ]


@pytest.mark.parametrize(("spent", "left"), [(30, 70), (100, 0), (130, 0)])
def test_what_is_left_is_never_below_zero(spent: int, left: int) -> None:
    assert BudgetView(period="day", spent=money(spent), limit=money(100)).left == money(left)
    assert BudgetView(period="day", spent=money(spent), limit=None).left is None


async def test_the_snapshot_has_the_budget_once_the_history_was_read(open_console: OpenConsole) -> None:
    console = await open_console(settings=Settings(policy=PolicySettings(per_day={"pathUSD": "10"})))
    assert console.snapshot().budget == ()
    await console.start()
    assert rows(console.snapshot().budget) == [("pathUSD", "day", 0, 10_000_000), ("pathUSD", "month", 0, None)]
    heard = Heard(console)
    await console.payments.test().result()
    await heard.until(lambda: console.snapshot().budget[0].spent.amount)
    assert rows(console.snapshot().budget) == [
        ("pathUSD", "day", 10_000, 10_000_000),
        ("pathUSD", "month", 10_000, None),
    ]


async def test_what_was_spent_falls_out_of_the_day_by_itself(console: Console, clock: Clock) -> None:
    await console.start()
    heard = Heard(console)
    await console.payments.test().result()
    await heard.until(lambda: console.snapshot().spent_today)
    clock.ahead += timedelta(days=2)
    await console._spending.keep_fresh()
    assert console.snapshot().spent_today == ()
    assert [item.amount for item in console.snapshot().spent_month] == [10_000]


async def test_a_balance_that_cannot_be_read_keeps_its_last_value_and_says_why(console: Console) -> None:
    await console.start()
    before = {view.currency.symbol: view for view in console.snapshot().balances}
    chain = await console._engine.chain.get()
    heard = Heard(console)

    async def unreachable(token: str, owner: str) -> int:
        raise ChainError("the node does not answer")

    chain.balance = unreachable  # type: ignore[method-assign]
    await console.balances()
    after = {view.currency.symbol: view for view in console.snapshot().balances}
    assert after["pathUSD"].available == before["pathUSD"].available
    assert after["pathUSD"].at == before["pathUSD"].at
    assert after["pathUSD"].error == "the node does not answer"
    assert len(heard.of(BalanceChanged)) == 1


async def test_balances_are_read_again_by_themselves(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpp_console.services.console.BALANCE_SECONDS", 0.01)
    heard = Heard(console)
    await console.start()
    await heard.until(lambda: len(heard.of(BalanceChanged)) >= 3)
