"""What a payee does with its channels on its own: settles in time, answers who wants to leave, ends what is idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.tempo.chain import ChainUnreachable
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS, encode_withdraw
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.session_record import ChannelState, DispatchKind
from mpp_console.methods.tempo.session_runner import RunnerEvent, SettlementPolicy, SettlementRunner
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import InternalPayment
from mpp_console.sandbox.node.escrow import ESCROW
from mpp_console.server.channels import MemoryChannels
from tests.methods.tempo.booths import PRICE, Booth, id_of
from tests.methods.tempo.test_legacy_payee import Stand
from tests.methods.tempo.test_session_crashes import Killed, mortal_booth
from tests.sandbox.node.chains import ALICE, BOB, CAROL


class Watch:
    """A booth whose channels are looked after. `round` lets time pass and makes one round."""

    def __init__(self, booth: Booth | None = None, **rules: Any) -> None:
        self.booth = booth or Booth(settings={"signer": CAROL})
        self.policy = SettlementPolicy(**rules)
        self.told: list[RunnerEvent] = []
        self.restart()

    def restart(self) -> None:
        self.booth.payee = self.booth.open_shop()
        self.runner = SettlementRunner(
            settlement=self.booth.payee.settlement,
            store=self.booth.store,
            policy=self.policy,
            clock=self.booth.clock,
            tell=self.told.append,
        )

    async def round(self, seconds: float = 0) -> list[RunnerEvent]:
        self.booth.clock.advance(seconds)
        before = len(self.told)
        await self.runner.step()
        return self.told[before:]

    def earned(self) -> int:
        return self.booth.chain.balance(BOB.address)


async def opened(watch: Watch, *vouchers: int, deposit: int = 1_000) -> Any:
    descriptor = await watch.booth.opened(deposit, operator=CAROL.address)
    for voucher in vouchers:
        await watch.booth.handle(watch.booth.voucher(descriptor, voucher))
    return descriptor


# -- the schedule


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"amount": 2 * PRICE}, "amount"),
        ({"units": 2}, "units"),
        ({"every": timedelta(hours=1)}, "time"),
    ],
)
async def test_what_was_earned_is_settled_when_it_is_due(rules: Any, why: str) -> None:
    watch = Watch(**rules)
    before = watch.earned()
    descriptor = await opened(watch)
    assert await watch.round() == []
    await watch.booth.handle(watch.booth.voucher(descriptor, 2 * PRICE))
    events = await watch.round(3_600)
    assert [(event.kind, event.why) for event in events] == [("settled", why)]
    assert watch.earned() - before == 2 * PRICE
    assert await watch.round(30) == []
    record = await watch.booth.record(descriptor)
    assert (record.state, record.settled, record.settled_units) == (ChannelState.OPEN, 2 * PRICE, 2)


async def test_without_rules_nothing_is_settled() -> None:
    watch = Watch()
    await opened(watch, 2 * PRICE)
    assert await watch.round(90 * 86_400) == []


async def test_what_was_not_delivered_is_not_settled() -> None:
    watch = Watch(amount=1)
    descriptor = await opened(watch)
    await watch.round()
    await watch.booth.handle(watch.booth.voucher(descriptor, 5 * PRICE), "management")
    assert await watch.round(60) == []
    assert (await watch.booth.record(descriptor)).settled == PRICE


async def test_an_idle_channel_is_closed_and_the_rest_goes_back() -> None:
    watch = Watch(idle=timedelta(days=30))
    before = watch.earned()
    descriptor = await opened(watch, 3 * PRICE)
    assert await watch.round(29 * 86_400) == []
    assert [(event.kind, event.why) for event in await watch.round(86_400)] == [("closed", "idle")]
    record = await watch.booth.record(descriptor)
    assert (record.state, record.refunded) == (ChannelState.CLOSED, 1_000 - 2 * PRICE)
    assert watch.earned() - before == 2 * PRICE


# -- who wants to leave


async def test_who_asks_the_chain_to_close_is_told_and_answered_with_what_was_delivered() -> None:
    watch = Watch()
    before = watch.earned()
    descriptor = await opened(watch)
    # Signed for more than was delivered: only what was delivered may be taken.
    await watch.booth.handle(watch.booth.voucher(descriptor, 4 * PRICE))
    watch.booth.request_close(descriptor)
    events = await watch.round(30)
    assert [(event.kind, event.why) for event in events] == [("close-requested", None), ("closed", "close-requested")]
    assert watch.earned() - before == 2 * PRICE
    assert (await watch.booth.record(descriptor)).settled == 2 * PRICE


async def test_who_owes_nothing_may_leave_in_peace() -> None:
    watch = Watch(amount=1)
    descriptor = await opened(watch)
    await watch.round()
    watch.booth.request_close(descriptor)
    assert [event.kind for event in await watch.round(30)] == ["close-requested"]
    assert await watch.round(30) == []
    watch.booth.clock.advance(GRACE_SECONDS)
    watch.booth.chain.run(ALICE, Call(RESERVE, 0, encode_withdraw(descriptor)))
    (event,) = await watch.round(30)
    assert event.kind == "ended"
    assert (await watch.booth.record(descriptor)).state is ChannelState.CLOSED


async def test_who_stays_after_all_is_alarm_no_more() -> None:
    watch = Watch()
    descriptor = await opened(watch)
    await watch.booth.payee.settlement.settle((await watch.booth.record(descriptor)).channel_id)
    watch.booth.request_close(descriptor)
    assert [event.kind for event in await watch.round()] == ["close-requested"]
    await watch.booth.handle(watch.booth.topping_up(descriptor, 100))
    assert await watch.round(30) == []
    watch.booth.request_close(descriptor)
    assert [event.kind for event in await watch.round(30)] == ["close-requested"]


# -- trouble


async def test_a_clock_that_is_set_back_hides_nobody_who_leaves() -> None:
    ahead = timedelta(hours=1)
    booth = Booth()
    booth.settings = {"signer": CAROL, "clock": lambda: booth.clock() + ahead}
    watch = Watch(booth)
    watch.runner._clock = lambda: booth.clock() + ahead
    descriptor = await opened(watch)
    await watch.round()
    ahead = timedelta()
    booth.request_close(descriptor)
    assert [event.kind for event in await watch.round(30)] == ["close-requested", "closed"]


async def test_what_failed_is_tried_again_although_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta(hours=1)
    watch = Watch(amount=1)
    watch.runner._clock = lambda: watch.booth.clock() + ahead
    await opened(watch)

    async def no_fees() -> Any:
        raise ChainUnreachable("away")

    with monkeypatch.context() as patched:
        patched.setattr(watch.booth.rpc, "fees", no_fees)
        assert [event.kind for event in await watch.round()] == ["failed"]
        assert await watch.round(9) == []
    ahead = timedelta()
    assert [event.kind for event in await watch.round()] == ["settled"]


@pytest.mark.parametrize("sent", [True, False])
async def test_a_close_that_nobody_finished_is_finished_although_the_clock_was_set_back(sent: bool) -> None:
    watch = Watch()
    descriptor = await opened(watch)
    record = await watch.booth.record(descriptor)
    later = watch.booth.clock() + timedelta(hours=1)
    pending = replace(record.done[0], kind=DispatchKind.CLOSE, at=later) if sent else None
    left = replace(record, state=ChannelState.CLOSING, capture=record.owed, last_used=later, pending=pending)
    await watch.booth.store.update(record.channel_id, lambda known: (left, None))
    assert [(event.kind, event.why) for event in await watch.round()] == [("closed", "unfinished")]


async def test_a_chain_that_is_away_is_told_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(amount=1)
    await opened(watch)
    call = watch.booth.rpc.call

    async def away(to: str, data: bytes) -> bytes:
        raise ChainUnreachable("away")

    async def no_fees() -> Any:
        raise ChainUnreachable("away")

    with monkeypatch.context() as patched:
        patched.setattr(watch.booth.rpc, "call", away)
        patched.setattr(watch.booth.rpc, "fees", no_fees)
        assert [event.kind for event in await watch.round()] == ["blind", "failed"]
        assert await watch.round(9) == []
        assert [event.kind for event in await watch.round(1)] == ["failed"]
        assert await watch.round(19) == []
    assert watch.booth.rpc.call == call
    assert [event.kind for event in await watch.round(30)] == ["settled"]


async def test_one_bad_channel_does_not_stop_the_others() -> None:
    watch = Watch(amount=1)
    first, second = await opened(watch), await opened(watch)
    store = watch.booth.store
    assert isinstance(store, MemoryChannels)

    def spoil(record: Any) -> Any:
        return replace(record, earned_signature="0x" + "11" * 65), None

    await store.update((await watch.booth.record(first)).channel_id, spoil)
    assert sorted(event.kind for event in await watch.round()) == ["failed", "settled"]
    assert (await watch.booth.record(second)).settled == PRICE


async def test_whatever_fails_the_rounds_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(amount=1)
    await opened(watch)
    troubles: list[Exception] = [InternalPayment("away"), RuntimeError("a defect"), InternalPayment("still away")]
    listed = watch.booth.store.list

    async def listing(**states: Any) -> Any:
        if troubles:
            raise troubles.pop(0)
        return await listed(**states)

    async def sleep(seconds: float) -> None:
        assert seconds == 5
        watch.booth.clock.advance(30)
        if watch.told and watch.told[-1].kind == "settled":
            raise Killed

    monkeypatch.setattr(watch.booth.store, "list", listing)
    monkeypatch.setattr(watch.runner, "_sleep", sleep)
    with pytest.raises(Killed):
        await watch.runner.run()
    assert [event.kind for event in watch.told] == ["blind", "settled"]


async def test_a_defect_in_one_channel_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(amount=1)
    first, second = await opened(watch), await opened(watch)
    bad, settle = id_of(first), watch.booth.payee.settlement.settle

    async def settles(self: Any, channel_id: str) -> Any:
        if channel_id == bad:
            raise RuntimeError("a defect")
        return await settle(channel_id)

    monkeypatch.setattr(type(watch.booth.payee.settlement), "settle", settles)
    assert [event.kind for event in await watch.round()] == ["settled"]
    assert (await watch.booth.record(second)).settled == PRICE


# -- a new process


@pytest.mark.parametrize("too_late", [False, True])
@pytest.mark.parametrize("fuse", [0, 1])
async def test_a_settlement_that_was_cut_off_is_made_once(fuse: int, too_late: bool) -> None:
    booth, store = mortal_booth()
    watch = Watch(booth, amount=1)
    before = watch.earned()
    descriptor = await opened(watch)
    store.fuse, store.too_late = fuse, too_late
    with pytest.raises(Killed):
        await watch.round()
    store.fuse = None
    watch.restart()
    await booth.payee.recover()
    await watch.round(180)
    await watch.booth.payee.recover()
    record = await booth.record(descriptor)
    assert (record.settled, record.pending) == (PRICE, None)
    assert watch.earned() - before == PRICE


@pytest.mark.parametrize("fuse", [1, 2])  # the sum is fixed; its transaction is journaled
async def test_a_close_that_was_cut_off_is_finished_by_the_next_process(fuse: int) -> None:
    booth, store = mortal_booth()
    watch = Watch(booth)
    before = watch.earned()
    descriptor = await opened(watch)
    store.fuse, store.too_late = fuse, True
    with pytest.raises(Killed):
        await booth.handle(booth.closing(descriptor, PRICE))
    store.fuse = None
    watch.restart()
    await booth.payee.recover()
    await watch.round()
    await watch.round(180)
    assert (await booth.record(descriptor)).state is ChannelState.CLOSED
    assert watch.earned() - before == PRICE


async def test_a_top_up_whose_process_died_is_known_to_the_next_one() -> None:
    booth, store = mortal_booth()
    descriptor = await booth.opened(1_000, operator=CAROL.address)
    payload = booth.topping_up(descriptor, 500)
    store.fuse, store.too_late = 1, False  # the transaction went out, its arrival was not noted
    with pytest.raises(Killed):
        await booth.handle(payload)
    store.fuse = None
    booth.payee = booth.open_shop()
    (found,) = await booth.payee.recover()
    assert (found.deposit, found.pending) == (1_500, None)
    assert (await booth.handle(payload)).record.deposit == 1_500


# -- the other version


async def test_channels_of_both_versions_are_looked_after_together() -> None:
    stand = Stand(settings={"signer": BOB})
    watch = Watch(stand, amount=PRICE)
    payload, parties = stand.open()
    await stand.handle(payload)
    stand.options = {}
    descriptor = await stand.opened()
    assert [(event.kind, event.why) for event in await watch.round()] == [("settled", "amount")] * 2
    assert (await stand.record(descriptor)).settled == (await stand.kept(payload.channel_id)).settled == PRICE
    stand.options = {"protocol": "v1"}
    await stand.handle(stand.raised(payload.channel_id, 3 * PRICE), kind="management")
    stand.chain.run(ALICE, Call(ESCROW, 0, dialect_of("v1").request_close(payload.channel_id, parties)))
    stand.request_close(descriptor)
    events = await watch.round(30)
    # Nothing more was delivered to either: both may leave in peace.
    assert [event.kind for event in events] == ["close-requested", "close-requested"]
