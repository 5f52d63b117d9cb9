from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.client.origin import Origin
from mpp_console.client.policy import Action, AutoAllow, OriginCap, PaymentFacts, SpendingPolicy

from .rail import COIN, START

SHOP = Origin.parse("https://shop.example")
OTHER = Origin.parse("https://other.example")


@dataclass
class Past:
    """Payments as (amount, minutes ago, origin), all in coins."""

    payments: list[tuple[int, int, Origin]] = field(default_factory=list)

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        assert currency_id == "coin"
        return sum(
            amount
            for amount, minutes, where in self.payments
            if START - timedelta(minutes=minutes) >= since and origin in (None, str(where))
        )


NOTHING = Past()
LATER = START + timedelta(days=1)
DAY, MONTH = 24 * 60, 30 * 24 * 60

FACTS = PaymentFacts(
    origin=SHOP,
    method="coin",
    intent="charge",
    amount=100,
    currency=COIN,
    recipients=("0xAbCd", "till"),
    network="table",
    chain_id=7,
    loopback=False,
    now=START,
)

GRANT = AutoAllow(
    origin=SHOP,
    currency_id="COIN",
    per_payment=100,
    total=250,
    granted_at=START - timedelta(hours=1),
    expires_at=START + timedelta(hours=1),
)


def policy(**fields: Any) -> SpendingPolicy:
    return SpendingPolicy(**{"confirm_by_default": False, **fields})


def capped(origin: Origin, **limits: int) -> SpendingPolicy:
    return policy(origin_caps=(OriginCap(origin=origin, currency_id="coin", **limits),))


REFUSALS: list[tuple[SpendingPolicy, Past, str | None]] = [
    (policy(), NOTHING, None),
    (policy(per_payment={"coin": 100}), NOTHING, None),
    (policy(per_payment={"COIN": 99}), NOTHING, "cap-per-payment"),
    (policy(per_payment={"pearl": 1}), NOTHING, None),
    (policy(per_payment={"pearl": 1}, only_listed_currencies=True), NOTHING, "currency-not-listed"),
    (policy(per_day={"coin": 500}, only_listed_currencies=True), NOTHING, None),
    (policy(per_day={"coin": 300}), Past([(200, 0, OTHER)]), None),
    (policy(per_day={"coin": 299}), Past([(200, 0, OTHER)]), "budget-day"),
    (policy(per_day={"coin": 299}), Past([(200, DAY, OTHER)]), "budget-day"),
    (policy(per_day={"coin": 299}), Past([(200, DAY + 1, OTHER)]), None),
    (policy(per_month={"coin": 299}), Past([(200, DAY + 1, OTHER)]), "budget-month"),
    (policy(per_month={"coin": 299}), Past([(200, MONTH + 1, OTHER)]), None),
    (capped(SHOP, per_payment=99), NOTHING, "origin-cap-per-payment"),
    (capped(OTHER, per_payment=99), NOTHING, None),
    (capped(SHOP, per_day=299), Past([(200, 5, OTHER)]), None),
    (capped(SHOP, per_day=299), Past([(200, 5, SHOP)]), "origin-budget-day"),
    (capped(SHOP, per_month=299), Past([(200, DAY * 3, SHOP)]), "origin-budget-month"),
    (policy(deny_origins=frozenset({SHOP})), NOTHING, "origin-denied"),
    (policy(deny_origins=frozenset({SHOP}), allow_origins=frozenset({SHOP})), NOTHING, "origin-denied"),
    (policy(allow_origins=frozenset({OTHER})), NOTHING, "origin-not-allowed"),
    (policy(allow_origins=frozenset()), NOTHING, "origin-not-allowed"),
    (policy(allow_origins=frozenset({SHOP})), NOTHING, None),
    (policy(deny_recipients=frozenset({"0xABCD"})), NOTHING, "recipient-denied"),
    (policy(deny_recipients=frozenset({"TILL"})), NOTHING, None),
    (policy(allow_recipients=frozenset({"till"})), NOTHING, "recipient-not-allowed"),
    (policy(allow_recipients=frozenset({"till", "0xabcd"})), NOTHING, None),
    (policy(auto_allow=(GRANT,), per_payment={"coin": 1}), NOTHING, "cap-per-payment"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "past", "code"), REFUSALS)
def test_limits(rules: SpendingPolicy, past: Past, code: str | None) -> None:
    verdict = rules.decide(FACTS, past)
    assert [check.code for check in verdict.refusals] == ([] if code is None else [code])
    assert (verdict.action is Action.REFUSE) == (code is not None)
    assert verdict.summary


def asking(**fields: Any) -> SpendingPolicy:
    return SpendingPolicy(**fields)


QUESTIONS: list[tuple[SpendingPolicy, Past, Action, str]] = [
    (asking(), NOTHING, Action.CONFIRM, "confirm"),
    (asking(confirm_by_default=False), NOTHING, Action.ALLOW, "no-confirmation"),
    (asking(confirm_above={"coin": 100}), NOTHING, Action.ALLOW, "below-confirmation"),
    (asking(confirm_above={"coin": 99}), NOTHING, Action.CONFIRM, "confirm-above"),
    (asking(confirm_above={"coin": 99}, confirm_by_default=False), NOTHING, Action.CONFIRM, "confirm-above"),
    (asking(confirm_above={"pearl": 1000}), NOTHING, Action.CONFIRM, "confirm"),
    (asking(auto_allow=(GRANT,)), NOTHING, Action.ALLOW, "auto-allowed"),
    (asking(auto_allow=(GRANT,), confirm_above={"coin": 1}), NOTHING, Action.ALLOW, "auto-allowed"),
    (asking(auto_allow=(replace(GRANT, origin=OTHER),)), NOTHING, Action.CONFIRM, "confirm"),
    (asking(auto_allow=(replace(GRANT, currency_id="pearl"),)), NOTHING, Action.CONFIRM, "confirm"),
    (asking(auto_allow=(replace(GRANT, per_payment=99),)), NOTHING, Action.CONFIRM, "auto-allow-exceeded"),
    (asking(auto_allow=(replace(GRANT, expires_at=START),)), NOTHING, Action.CONFIRM, "auto-allow-exceeded"),
    (asking(auto_allow=(replace(GRANT, granted_at=LATER),)), NOTHING, Action.CONFIRM, "auto-allow-exceeded"),
    (asking(auto_allow=(GRANT,)), Past([(150, 30, SHOP)]), Action.ALLOW, "auto-allowed"),
    (asking(auto_allow=(GRANT,)), Past([(151, 30, SHOP)]), Action.CONFIRM, "auto-allow-exceeded"),
    (asking(auto_allow=(GRANT,)), Past([(151, 90, SHOP)]), Action.ALLOW, "auto-allowed"),
    (asking(auto_allow=(GRANT,)), Past([(151, 30, OTHER)]), Action.ALLOW, "auto-allowed"),
    (asking(auto_allow=(replace(GRANT, per_payment=1), GRANT)), NOTHING, Action.ALLOW, "auto-allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "past", "action", "code"), QUESTIONS)
def test_confirmation(rules: SpendingPolicy, past: Past, action: Action, code: str) -> None:
    verdict = rules.decide(FACTS, past)
    assert (verdict.action, verdict.reasons[-1].code) == (action, code)


def test_the_words_name_the_money() -> None:
    verdict = policy(per_day={"coin": 299}).decide(FACTS, Past([(200, 0, OTHER)]))
    assert verdict.summary == "2.00 COIN of your budget of 2.99 COIN for a day is spent, so 1.00 COIN does not fit"


amounts = st.integers(0, 1000)
rules = st.builds(
    SpendingPolicy,
    per_payment=st.dictionaries(st.just("coin"), amounts),
    per_day=st.dictionaries(st.just("coin"), amounts),
    per_month=st.dictionaries(st.just("coin"), amounts),
    confirm_above=st.dictionaries(st.just("coin"), amounts),
    confirm_by_default=st.booleans(),
    auto_allow=st.sampled_from([(), (GRANT,)]),
    origin_caps=st.lists(
        st.builds(OriginCap, origin=st.sampled_from([SHOP, OTHER]), currency_id=st.just("coin"), per_day=amounts)
    ).map(tuple),
)
pasts = st.builds(
    Past, st.lists(st.tuples(amounts, st.integers(0, 2 * MONTH), st.sampled_from([SHOP, OTHER])), max_size=6)
)
ORDER = [Action.ALLOW, Action.CONFIRM, Action.REFUSE]


@given(rules, pasts, amounts, amounts)
def test_a_smaller_payment_is_never_judged_harder(rule: SpendingPolicy, past: Past, one: int, other: int) -> None:
    small, large = sorted((one, other))
    lenient = rule.decide(replace(FACTS, amount=small), past).action
    strict = rule.decide(replace(FACTS, amount=large), past).action
    assert ORDER.index(lenient) <= ORDER.index(strict)


@given(rules, pasts, amounts, amounts)
def test_spending_more_before_never_allows_more_now(rule: SpendingPolicy, past: Past, extra: int, amount: int) -> None:
    facts = replace(FACTS, amount=amount)
    before = rule.decide(facts, past).action
    after = rule.decide(facts, Past([*past.payments, (extra, 0, SHOP)])).action
    assert ORDER.index(before) <= ORDER.index(after)


@given(rules, st.lists(amounts, max_size=30))
def test_a_day_never_passes_its_budget(rule: SpendingPolicy, wanted: list[int]) -> None:
    past = Past()
    for amount in wanted:
        if rule.decide(replace(FACTS, amount=amount), past).action is not Action.REFUSE:
            past.payments.append((amount, 0, SHOP))
    if "coin" in rule.per_day:
        assert sum(amount for amount, _, _ in past.payments) <= rule.per_day["coin"]


@given(rules, pasts, amounts, st.lists(amounts, max_size=6))
def test_a_payment_in_steps_is_judged_as_hard_as_one_at_once(
    rule: SpendingPolicy, past: Past, first: int, steps: list[int]
) -> None:
    """What a metered stream takes bit by bit passes no limit that the sum would not pass."""
    taken = Past(list(past.payments))
    already = 0
    for step in [first, *steps]:
        verdict = rule.decide(replace(FACTS, amount=step, already=already), taken).action
        at_once = rule.decide(replace(FACTS, amount=already + step), past).action
        assert verdict is at_once
        if verdict is Action.REFUSE:
            break
        taken.payments.append((step, 0, SHOP))
        already += step
