"""A payee that is killed at any moment: what was served is never more than what was promised, and no money is made or
lost. A restart finds what the last process left and goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mpp_console.methods.tempo.channels import RESERVE, Descriptor
from mpp_console.methods.tempo.session_metering import Shortfall, Taken
from mpp_console.methods.tempo.session_payloads import SessionPayload
from mpp_console.methods.tempo.session_record import Change, ChannelRecord, ChannelState, ChannelStore, Versioned
from mpp_console.methods.tempo.session_runner import SettlementPolicy, SettlementRunner
from mpp_console.protocol import Credential, PaymentProblem
from mpp_console.server.channels import MemoryChannels
from tests.methods.tempo.booths import PRICE, Booth, id_of
from tests.sandbox.node.chains import ALICE, BOB, CAROL

T = TypeVar("T")
DEPOSIT = 1_000


class Killed(BaseException):
    """The process is gone."""


class MortalStore:
    """A store whose process dies at one of its writes: before it is on disk, or just after."""

    def __init__(self, kept: ChannelStore) -> None:
        self._kept = kept
        self.fuse: int | None = None
        self.too_late = False

    async def update(self, channel_id: str, change: Change[T]) -> T:
        burnt = self.fuse == 0
        if self.fuse is not None:
            self.fuse -= 1
        if burnt and not self.too_late:
            raise Killed
        result = await self._kept.update(channel_id, change)
        if burnt:
            raise Killed
        return result

    async def get(self, channel_id: str) -> Versioned | None:
        return await self._kept.get(channel_id)

    async def list(self, *, states: frozenset[ChannelState] | None = None) -> tuple[ChannelRecord, ...]:
        return await self._kept.list(states=states)

    async def wait_for_change(self, channel_id: str, than: int, timeout: float) -> Versioned | None:
        return await self._kept.wait_for_change(channel_id, than, timeout)


def mortal_booth() -> tuple[Booth, MortalStore]:
    store = MortalStore(MemoryChannels())
    return Booth(store=store, settings={"signer": CAROL}), store


@pytest.mark.parametrize("too_late", [False, True])
@pytest.mark.parametrize("fuse", [0, 1, 2])
async def test_an_opening_that_was_cut_off_is_finished_by_the_same_credential(fuse: int, too_late: bool) -> None:
    booth, store = mortal_booth()
    before = booth.chain.balance(RESERVE)
    payload = booth.opening(DEPOSIT, operator=CAROL.address)
    store.fuse, store.too_late = fuse, too_late
    with pytest.raises(Killed):
        await booth.handle(payload)
    store.fuse = None
    booth.payee = booth.open_shop()
    await booth.payee.recover()
    charged = fuse == 2 and too_late  # killed between the charge and the answer
    outcome = await booth.handle(payload, "management" if charged else "content")
    assert (outcome.record.state, outcome.record.deposit) == (ChannelState.OPEN, DEPOSIT)
    assert (outcome.record.accepted, outcome.record.spent) == (PRICE, PRICE)
    assert booth.chain.balance(RESERVE) - before == DEPOSIT


@pytest.mark.parametrize("too_late", [False, True])
@pytest.mark.parametrize("fuse", [0, 1])
async def test_a_top_up_that_was_cut_off_counts_once(fuse: int, too_late: bool) -> None:
    booth, store = mortal_booth()
    descriptor = await booth.opened(DEPOSIT, operator=CAROL.address)
    payload = booth.topping_up(descriptor, 500)
    store.fuse, store.too_late = fuse, too_late
    with pytest.raises(Killed):
        await booth.handle(payload)
    store.fuse = None
    booth.payee = booth.open_shop()
    outcome = await booth.handle(payload)
    assert outcome.record.deposit == DEPOSIT + 500
    assert outcome.record.pending is None


@pytest.mark.parametrize("too_late", [False, True])
@pytest.mark.parametrize("fuse", [0, 1, 2, 3])
async def test_a_close_that_was_cut_off_is_finished(fuse: int, too_late: bool) -> None:
    booth, store = mortal_booth()
    descriptor = await booth.opened(DEPOSIT, operator=CAROL.address)
    earned = booth.chain.balance(BOB.address)
    payload = booth.closing(descriptor, PRICE)
    store.fuse, store.too_late = fuse, too_late
    with pytest.raises(Killed):
        await booth.handle(payload)
    store.fuse = None
    booth.payee = booth.open_shop()
    await booth.payee.recover()
    outcome = await booth.handle(payload)
    assert outcome.tx_hash is not None
    assert booth.chain.rpc("eth_getTransactionReceipt", outcome.tx_hash)["status"] == "0x1"
    assert (outcome.record.state, outcome.record.settled) == (ChannelState.CLOSED, PRICE)
    assert booth.chain.balance(BOB.address) - earned == PRICE


class Sessions(RuleBasedStateMachine):
    """Alice and Bob do whatever they like, and Bob's process dies now and then."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.booth, self.store = mortal_booth()
        self.alice, self.bob = (self.booth.chain.balance(who.address) for who in (ALICE, BOB))
        self.channels: list[Descriptor] = []
        self.served: dict[str, int] = {}
        self.promised: dict[str, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    def run_async(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Does it; None when it was refused or the process died."""
        try:
            return self.loop.run_until_complete(work)
        except PaymentProblem:
            return None
        except Killed:
            self.store.fuse = None
            self.booth.payee = self.booth.open_shop()
            self.run_async(self.booth.payee.recover())
            return None

    def bring(self, payload: SessionPayload, *, content: bool) -> None:
        outcome = self.run_async(self.booth.handle(payload, "content" if content else "management"))
        if outcome is not None and not outcome.management:
            self.served[payload.channel_id] = self.served.get(payload.channel_id, 0) + PRICE

    def promise(self, descriptor: Descriptor, cumulative: int) -> None:
        channel_id = id_of(descriptor)
        self.promised[channel_id] = max(self.promised.get(channel_id, 0), cumulative)

    @rule(fuse=st.integers(0, 3), too_late=st.booleans())
    def will_die(self, fuse: int, too_late: bool) -> None:
        self.store.fuse, self.store.too_late = fuse, too_late

    @precondition(lambda self: len(self.channels) < 3)
    @rule(cumulative=st.integers(0, 3 * PRICE), content=st.booleans(), again=st.booleans())
    def opens(self, cumulative: int, content: bool, again: bool) -> None:
        payload = self.booth.opening(DEPOSIT, cumulative, operator=CAROL.address)
        assert payload.descriptor is not None
        self.channels.append(payload.descriptor)
        self.promise(payload.descriptor, cumulative)
        for _ in range(1 + again):
            self.bring(payload, content=content)

    @precondition(lambda self: self.channels)
    @rule(which=st.integers(0, 2), cumulative=st.integers(0, DEPOSIT + 200), content=st.booleans())
    def signs(self, which: int, cumulative: int, content: bool) -> None:
        descriptor = self.channels[which % len(self.channels)]
        self.promise(descriptor, cumulative)
        self.bring(self.booth.voucher(descriptor, cumulative), content=content)

    @precondition(lambda self: self.channels)
    @rule(which=st.integers(0, 2), again=st.booleans())
    def tops_up(self, which: int, again: bool) -> None:
        payload = self.booth.topping_up(self.channels[which % len(self.channels)], 100 + self.booth.salts)
        self.booth.salts += 1
        for _ in range(1 + again):
            self.bring(payload, content=False)

    @precondition(lambda self: self.channels)
    @rule(which=st.integers(0, 2), cumulative=st.integers(0, DEPOSIT))
    def closes(self, which: int, cumulative: int) -> None:
        descriptor = self.channels[which % len(self.channels)]
        self.promise(descriptor, cumulative)
        self.bring(self.booth.closing(descriptor, cumulative), content=False)

    @precondition(lambda self: self.channels)
    @rule(which=st.integers(0, 2), close=st.booleans())
    def bob_claims(self, which: int, close: bool) -> None:
        settlement, channel_id = self.booth.payee.settlement, id_of(self.channels[which % len(self.channels)])
        self.run_async(settlement.close(channel_id) if close else settlement.settle(channel_id))

    @precondition(lambda self: self.channels)
    @rule(which=st.integers(0, 2), pieces=st.integers(1, 5), ask=st.integers(1, 5), pays=st.booleans())
    def streams(self, which: int, pieces: int, ask: int, pays: bool) -> None:
        descriptor = self.channels[which % len(self.channels)]
        payload = self.booth.voucher(descriptor, 0)
        credential = Credential(challenge=self.booth.challenge(), payload=payload.to_wire())
        meter = self.booth.payee.meter(credential)
        for _ in range(2):
            taken = self.run_async(meter.take(PRICE, count=pieces, wish=ask))
            if isinstance(taken, Taken):
                assert 1 <= taken.count <= pieces
                self.served[payload.channel_id] = self.served.get(payload.channel_id, 0) + taken.count * PRICE
            elif isinstance(taken, Shortfall) and pays:
                assert taken.record.accepted < taken.least <= taken.required
                self.promise(descriptor, taken.required)
                self.bring(self.booth.voucher(descriptor, taken.required), content=False)

    @rule(hours=st.sampled_from([0, 1, 800]))
    def bob_looks_after_them(self, hours: int) -> None:
        self.booth.clock.advance(hours * 3_600)
        policy = SettlementPolicy(amount=3 * PRICE, every=timedelta(hours=1), idle=timedelta(days=30))
        runner = SettlementRunner(
            settlement=self.booth.payee.settlement,
            store=self.store,
            policy=policy,
            clock=self.booth.clock,
            tell=lambda event: None,
        )
        self.run_async(runner.step())

    @rule(seconds=st.sampled_from([1, 6, 30]))
    def time_passes(self, seconds: int) -> None:
        self.booth.clock.advance(seconds)

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "booth"):
            return
        records = self.loop.run_until_complete(self.store.list())
        for record in records:
            assert self.served.get(record.channel_id, 0) <= record.spent <= record.accepted <= record.deposit
            assert record.accepted <= self.promised[record.channel_id]
            assert record.settled <= max(record.spent, record.earned)
            assert record.earned <= record.spent
        earned = self.booth.chain.balance(BOB.address) - self.bob
        assert earned <= sum(record.spent for record in records)
        if all(record.state is ChannelState.CLOSED for record in records):
            assert earned >= sum(self.served.values())
            assert earned == sum(record.settled for record in records)

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        if not hasattr(self, "booth"):
            return
        chain = self.booth.chain
        locked = chain.balance(RESERVE)
        earned = chain.balance(BOB.address) - self.bob
        # Alice pays the fees of what she signs, so that she may only have less.
        assert self.alice - chain.balance(ALICE.address) >= locked + earned


Sessions.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSessions = Sessions.TestCase
