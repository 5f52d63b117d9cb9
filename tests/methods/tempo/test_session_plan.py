"""What a session payment does, for every channel, request and limit that can be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.base import Check
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.session_plan import DepositPolicy, PlanKind, SessionPlan, next_voucher, plan_session
from mpp_console.methods.tempo.session_schema import SessionRequest
from mpp_console.protocol import ChannelState
from tests.client.sessions.samples import PAYEE, a_channel

AMOUNTS = st.integers(0, 10**9)
PRICES = st.integers(1, 10**9)
MAYBE = st.none() | AMOUNTS


def asked(amount: int, *, suggested: int | None = None, delta: int | None = None) -> SessionRequest:
    return SessionRequest(
        amount=amount,
        currency=SANDBOX.default_token,
        recipient=PAYEE,
        chain_id=SANDBOX.chain_id,
        escrow=RESERVE,
        suggested_deposit=suggested,
        min_voucher_delta=delta,
    )


@st.composite
def channels(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Deposit, signed, accepted, spent, as they can be together."""
    spent = draw(AMOUNTS)
    accepted = draw(st.integers(spent, spent + 10**6))
    signed = draw(st.integers(accepted, accepted + 10**6))
    return draw(st.integers(max(signed, 1), signed + 10**9)), signed, accepted, spent


policies = st.builds(
    DepositPolicy,
    maximum=MAYBE,
    opening=st.none() | PRICES,
    top_up=st.none() | PRICES,
    share=st.fractions(Fraction(1, 100), 1),
)


@given(channels(), PRICES, MAYBE, st.none() | st.integers(1, 10**6), policies, MAYBE)
def test_a_plan_promises_enough_and_no_more_than_it_must(
    sums: tuple[int, int, int, int],
    amount: int,
    suggested: int | None,
    delta: int | None,
    policy: DepositPolicy,
    balance: int | None,
) -> None:
    deposit, signed, accepted, spent = sums
    row = a_channel(deposit=deposit, signed=signed, accepted=accepted, spent=spent)
    request = asked(amount, suggested=suggested, delta=delta)
    plan = plan_session(request, row, policy, balance)
    if isinstance(plan, Check):
        assert plan.code in ("deposit-limit", "insufficient-balance")
        assert next_voucher(row, request) > deposit
        return
    assert plan.cumulative >= signed, "a voucher never goes back"
    assert plan.cumulative >= spent + amount, "it pays for this request"
    step = max(delta or 0, 0)
    assert plan.cumulative <= max(signed, spent + amount, accepted + step), "and promises no more than it must"
    assert plan.cumulative <= deposit + plan.locks
    if plan.kind is PlanKind.VOUCHER:
        assert plan.locks == 0
    else:
        assert plan.kind is PlanKind.TOP_UP
        assert plan.cumulative > deposit
        assert balance is None or plan.locks <= balance
        unused = max(deposit - spent, 0)
        assert policy.maximum is None or unused + plan.locks <= max(policy.maximum, unused)


@given(PRICES, MAYBE, policies, MAYBE)
def test_an_opening_stays_within_every_limit(
    amount: int, suggested: int | None, policy: DepositPolicy, balance: int | None
) -> None:
    plan = plan_session(asked(amount, suggested=suggested), None, policy, balance)
    if isinstance(plan, Check):
        short = balance is not None and balance < amount
        limited = policy.maximum is not None and policy.maximum < amount
        assert (short and plan.code == "insufficient-balance") or (limited and plan.code == "deposit-limit")
        return
    assert plan.kind is PlanKind.OPEN
    assert plan.cumulative == amount <= plan.locks
    assert policy.maximum is None or plan.locks <= policy.maximum
    assert balance is None or plan.locks <= max(amount, int(balance * policy.share))


@given(st.sampled_from(ChannelState), PRICES)
def test_only_a_channel_that_is_open_is_paid_with(state: ChannelState, amount: int) -> None:
    plan = plan_session(asked(amount), a_channel(state=state), DepositPolicy(maximum=None), None)
    assert isinstance(plan, SessionPlan)
    assert (plan.channel is None) == (state not in (ChannelState.ACTIVE, ChannelState.ORPHANED))


@given(channels(), st.lists(PRICES, min_size=1, max_size=20))
def test_paying_on_and_on_never_promises_more_than_the_sum_of_prices(
    sums: tuple[int, int, int, int], prices: list[int]
) -> None:
    """With an honest payee each voucher is over what was spent and the price, from the first answer on."""
    _, signed, accepted, spent = sums
    row = a_channel(deposit=2**90, signed=signed, accepted=accepted, spent=spent)
    for amount in prices:
        target = next_voucher(row, asked(amount))
        assert target >= row.signed
        row = replace(row, signed=target, accepted=target, spent=row.spent + amount)
    assert row.signed <= max(signed, spent + sum(prices))
