"""Whatever fails, stops or is cancelled: nothing is paid twice, and the journal never claims more than is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
import pytest

from mpp_console.client.errors import CredentialSpent, PaymentAbandoned, PaymentDeclined, PolicyRefused
from mpp_console.client.journal import (
    DuplicateOperation,
    JournalError,
    Ledger,
    MemoryJournal,
    Operation,
    OperationDraft,
    ReceiptRecord,
)
from mpp_console.client.offers import Terms
from mpp_console.client.origin import Origin
from mpp_console.client.policy import AutoAllow, SpendingPolicy
from mpp_console.client.review import Approval, Demand, Review
from mpp_console.methods.base import Mode, OutcomeState
from mpp_console.protocol import IllegalTransition, OperationEvent

from .conftest import ALLOW_ALL, Purse
from .till import Reply, Seen, Server, Till

T = TypeVar("T")


class FailingJournal:
    """A journal that breaks at the n-th write, before or after it has done the work, and stays broken while `dead`."""

    def __init__(self, inner: MemoryJournal, *, at: int, after: bool, dead: bool) -> None:
        self.inner = inner
        self.at = at
        self.after = after
        self.dead = dead
        self.calls = 0

    async def _do(self, work: Callable[[], Any]) -> Any:
        self.calls += 1
        failing = self.calls >= self.at if self.dead else self.calls == self.at
        if failing and not self.after:
            raise JournalError("the disk is full")
        result = await work()
        if failing:
            raise JournalError("the disk went away")
        return result

    async def consult(self, read: Callable[[Ledger], T]) -> T:
        return await self.inner.consult(read)

    async def begin(self, draft: OperationDraft, authorise: Callable[[Ledger], None]) -> Operation:
        return await self._do(lambda: self.inner.begin(draft, authorise))  # type: ignore[no-any-return]

    async def advance(
        self,
        operation_id: str,
        event: OperationEvent,
        /,
        *,
        reference: str | None = None,
        trace: Mapping[str, Any] | None = None,
        error: str | None = None,
        amount: int | None = None,
    ) -> Operation:
        return await self._do(  # type: ignore[no-any-return]
            lambda: self.inner.advance(
                operation_id, event, reference=reference, trace=trace, error=error, amount=amount
            )
        )

    async def extend(
        self, operation_id: str, amount: int, authorise: Callable[[Ledger], None], /, *, trace: Mapping[str, Any]
    ) -> Operation:
        return await self._do(  # type: ignore[no-any-return]
            lambda: self.inner.extend(operation_id, amount, authorise, trace=trace)
        )

    async def get(self, operation_id: str, /) -> Operation:
        return await self.inner.get(operation_id)

    async def unresolved(self) -> list[Operation]:
        return await self.inner.unresolved()

    async def receive(self, receipt_record: ReceiptRecord) -> None:
        await self._do(lambda: self.inner.receive(receipt_record))


@pytest.mark.parametrize("mode", [Mode.PULL, Mode.PUSH])
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_journal_that_breaks_costs_no_second_payment_and_loses_none(
    purse: Purse, server: Server, till: Till, at: int, after: bool, dead: bool, status: int, mode: Mode
) -> None:
    purse.payer.mode = mode
    purse.journal = FailingJournal(purse.memory, at=at, after=after, dead=dead)
    if status != 200:
        till.after = lambda seen: Reply(status=status)
    delivered = False
    async with purse.client() as client:
        try:
            response = await client.get(server.url)
            delivered = response.status_code == 200
        except (JournalError, PaymentAbandoned, CredentialSpent):
            pass
    assert len(purse.table.settled) <= 1
    assert len(server.paid) <= 1
    if purse.table.settled:
        assert purse.states[0] in ("sent", "unknown", "settled"), "what left is never called refused or prepared"
    if delivered:
        assert purse.table.settled

    # The next start, with a journal that works: the rail can say of everything what became of it.
    purse.journal = purse.memory
    purse.table.still_open = False
    await purse.payments().recover()
    expected = ["settled" if purse.table.settled else "refused"] if purse.states else []
    assert purse.states == expected
    assert len(purse.memory.receipts) == len(purse.table.settled)


STAGES = ["quote", "approve", "begin", "prepare", "mark", "send", "answer", "settle"]


class WaitingJournal(FailingJournal):
    """Waits in the middle of a chosen write, after the row is written and before the caller hears of it."""

    def __init__(self, inner: MemoryJournal, stage: str, pause: Callable[[], Any]) -> None:
        super().__init__(inner, at=10**9, after=False, dead=False)
        self._waits = {"begin": 1, "mark": 2, "settle": 4}.get(stage)
        self._pause = pause

    async def _do(self, work: Callable[[], Any]) -> Any:
        result = await super()._do(work)
        if self.calls == self._waits:
            await self._pause()
        return result


@pytest.mark.parametrize("mode", [Mode.PULL, Mode.PUSH])
@pytest.mark.parametrize("stage", STAGES)
async def test_cancellation_leaves_a_true_row(purse: Purse, server: Server, till: Till, stage: str, mode: Mode) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        reached.set()
        await go_on.wait()

    async def approve(review: Review) -> Approval:
        if stage == "approve":
            await pause()
        return Approval.ONCE

    def fall_silent(seen: Seen) -> Reply:
        reached.set()
        return Reply(silent=True)

    purse.payer.mode = mode
    purse.journal = WaitingJournal(purse.memory, stage, pause)
    if stage in ("quote", "prepare", "send"):
        purse.payer.hooks[stage] = pause
    if stage == "answer":
        till.after = fall_silent
    async with purse.client(auth={"approve": approve, "terms": Terms(always_confirm=True)}) as client:
        task = asyncio.create_task(client.get(server.url))
        await reached.wait()
        task.cancel()
        asyncio.get_running_loop().call_later(0.02, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task
    if stage in ("quote", "approve"):
        assert purse.states == []
    elif stage == "settle":
        assert purse.states == ["settled"]
    elif stage == "answer" or (stage == "send" and mode is Mode.PUSH):
        assert purse.states == ["unknown"]
    else:
        assert purse.states == ["refused"]
        assert server.paid == []

    # In the same process the payment is nobody's any more, and can be resolved.
    purse.payer.hooks.clear()
    purse.table.still_open = False
    await purse.payments().recover()
    assert all(state in ("settled", "refused") for state in purse.states)
    assert len(purse.table.settled) == purse.states.count("settled")


async def test_a_cancellation_that_insists_is_obeyed_at_once(purse: Purse, server: Server) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        reached.set()
        await never.wait()

    purse.journal = WaitingJournal(purse.memory, "mark", pause)
    async with purse.client() as client:
        task = asyncio.create_task(client.get(server.url))
        await reached.wait()
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert server.paid == []
    assert purse.states in (["sent"], ["refused"])
    never.set()


async def test_a_timeout_around_the_request_is_a_cancellation(purse: Purse, server: Server, till: Till) -> None:
    timeout = asyncio.timeout(None)

    def silent(seen: Seen) -> Reply:
        # The time is up as soon as the credential has come, however long that took.
        timeout.reschedule(asyncio.get_running_loop().time())
        return Reply(silent=True)

    till.after = silent
    async with purse.client() as client:
        with pytest.raises(TimeoutError):
            async with timeout:
                await client.get(server.url)
    assert purse.states == ["unknown"]


async def test_a_hundred_at_once_fit_a_budget_of_ten(purse: Purse, server: Server, till: Till) -> None:
    purse.policy = SpendingPolicy(confirm_by_default=False, per_day={"COIN": 10 * till.amount})
    limits = httpx.Limits(max_connections=20)
    async with purse.client(limits=limits) as client:
        requests = [client.get(server.url) for _ in range(100)]
        results = await asyncio.gather(*requests, return_exceptions=True)
    answers = [result for result in results if isinstance(result, httpx.Response)]
    refused = [result for result in results if not isinstance(result, httpx.Response)]
    assert len(answers) == 10
    assert len(purse.table.settled) == len(server.paid) == 10
    assert purse.states == ["settled"] * 10
    assert {type(error).__name__ for error in refused} <= {"PolicyRefused", "NoUsableOffer"}


async def _review(purse: Purse, till: Till) -> Review:
    demand = Demand(
        origin=Origin.parse("https://till.example"),
        url="https://till.example/",
        http_method="GET",
        challenges=(till.challenge(),),
    )
    return await purse.payments().review(demand)


async def test_the_budget_is_checked_again_in_the_transaction(purse: Purse, till: Till) -> None:
    purse.policy = SpendingPolicy(confirm_by_default=False, per_day={"coin": till.amount})
    reviews = [await _review(purse, till) for _ in range(3)]
    await purse.payments().authorise(reviews[0])
    for review in reviews[1:]:
        with pytest.raises(PolicyRefused, match="budget"):
            await purse.payments().authorise(review)
    assert len(purse.states) == 1


async def test_a_standing_permission_that_was_used_up_meanwhile_asks(purse: Purse, till: Till) -> None:
    grant = AutoAllow(
        origin=Origin.parse("https://till.example"),
        currency_id="coin",
        per_payment=till.amount,
        total=till.amount,
        granted_at=purse.clock(),
        expires_at=purse.clock().replace(year=2030),
    )
    purse.policy = SpendingPolicy(auto_allow=(grant,))
    first, second = await _review(purse, till), await _review(purse, till)
    await purse.payments().authorise(first)
    with pytest.raises(PaymentDeclined, match="covers"):
        await purse.payments().authorise(second)
    assert len(purse.states) == 1


async def test_one_review_pays_once_however_often_it_is_approved(purse: Purse, till: Till) -> None:
    payments = purse.payments()
    review = await _review(purse, till)
    results = await asyncio.gather(*(payments.authorise(review) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, DuplicateOperation) for result in results) == 4
    assert purse.payer.calls.count("prepare") == 1


async def test_recovery_leaves_alone_what_is_under_way(purse: Purse, till: Till) -> None:
    payments = purse.payments()
    pending = await payments.authorise(await _review(purse, till))
    assert await payments.recover() == []
    await pending.release()
    assert await payments.recover() == []
    assert str((await payments.resolve(pending.operation.id)).state) == "sent"
    pending.close()
    assert [str(row.state) for row in await payments.recover()] == ["unknown"]


async def test_another_process_that_recovers_stops_a_payment_that_has_not_left(purse: Purse, till: Till) -> None:
    pending = await purse.payments().authorise(await _review(purse, till))
    await purse.payments().recover()
    assert purse.states == ["refused"]
    with pytest.raises(IllegalTransition):
        pending.operation.advanced(OperationEvent.SETTLE, purse.clock())
    with pytest.raises(Exception, match="could not be journaled"):
        await pending.release()
    assert purse.states == ["refused"]
    assert "send" not in purse.payer.calls


async def test_another_process_that_was_faster_has_the_last_word(purse: Purse, till: Till) -> None:
    pending = await purse.payments().authorise(await _review(purse, till))
    credential = await pending.release()
    purse.table.land(credential.payload["token"])
    await purse.payments().recover()
    settled = await pending.settle(None)
    assert str(settled.state) == "settled"
    assert len(purse.memory.receipts) == 1


async def test_a_transfer_is_not_the_clients_to_recover(purse: Purse, till: Till) -> None:
    pending = await purse.payments().authorise(await _review(purse, till))
    row = pending.operation
    draft = OperationDraft(
        id="transfer",
        kind="transfer",
        origin="",
        url="",
        http_method="",
        method="coin",
        intent="transfer",
        amount=1,
        currency=row.currency,
        recipient="friend",
        payer="purse",
        network="table",
        chain_id=7,
        challenge_id=None,
        mode="push",
    )
    await purse.memory.begin(draft, lambda ledger: None)
    assert [row.id for row in await purse.payments().recover()] == [row.id]
    assert str((await purse.payments().resolve("transfer")).state) == "prepared"


async def test_an_observer_that_fails_changes_nothing(
    purse: Purse, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("the screen is gone")

    async with purse.client(auth={"observe": fail}) as client:
        assert (await client.get(server.url)).status_code == 200
    assert purse.states == ["settled"]
    assert "the screen is gone" in caplog.text


def test_the_rails_answers_are_all_handled() -> None:
    assert {state.value for state in OutcomeState} == {"settled", "never-happened", "still-open"}
    assert not ALLOW_ALL.confirm_by_default
