"""Transfers by hand: what is checked, what is journaled and when, and what is never done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.client.journal import DuplicateOperation, Ledger, MemoryJournal, Operation, UnknownOperation
from mpp_console.methods.base import Level, PaymentRefused
from mpp_console.methods.tempo.chain import ChainUnreachable, Fees, NotSent, TransactionRejected
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX, UnknownToken
from mpp_console.methods.tempo.transaction import decode
from mpp_console.protocol import IllegalTransition, OperationEvent, OperationState, ParseError, Secret
from mpp_console.wallet.transfer_quote import TransferQuote
from mpp_console.wallet.transfers import KIND_TRANSFER, Transfers, _draft
from tests.methods.tempo.fakes import FakeChain, HandClock, Naps, counted_bytes, unreachable

SENDER = LocalSigner(Secret(b"\x01" * 32))
RECIPIENT = LocalSigner(Secret(b"\x02" * 32)).address
ALPHA = SANDBOX.tokens[1].address
START = 5_000_000


class World:
    """A chain, a clock and a journal, with money in the sender's account."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.chain = FakeChain(self.clock)
        self.chain.give(SENDER.address, START)
        self.journal = MemoryJournal(clock=self.clock)
        self.naps = Naps(self.clock)
        self.seen: list[str] = []
        self.transfers = self.open()

    def open(self) -> Transfers:
        """As a later run of the program would."""
        return Transfers(
            chain=self.chain,
            network=SANDBOX,
            journal=self.journal,
            clock=self.clock,
            random_bytes=counted_bytes(),
            sleep=self.naps,
        )

    async def quote(self, **changes: Any) -> TransferQuote:
        wanted: dict[str, Any] = {"sender": SENDER.address, "to": RECIPIENT, "amount": "1.5"}
        return await self.transfers.quote(**{**wanted, **changes})

    async def send(self, quote: TransferQuote | None = None, **options: Any) -> Operation:
        prepared = await self.transfers.prepare(quote or await self.quote(), SENDER)
        observe: Callable[[Operation], None] = lambda row: self.seen.append(row.state.value)  # noqa: E731
        return await self.transfers.send(prepared, **{"operation_id": "t-1", "observe": observe, **options})


@pytest.fixture
def world() -> World:
    return World()


def codes(quote: TransferQuote, level: Level) -> set[str]:
    return {check.code for check in quote.checks if check.level is level}


# The dry run
# -----------------------------------------------------------------------------------------------------------


async def test_a_quote_tells_everything_and_does_nothing(world: World) -> None:
    quote = await world.quote()
    assert (quote.amount, quote.currency.symbol, quote.balance) == (1_500_000, "pathUSD", START)
    assert quote.fee is not None
    assert quote.fee > 0
    assert quote.fee_currency == quote.currency
    assert quote.balance_after == START - 1_500_000 - quote.fee
    assert quote.sendable
    assert not {"send_raw", "send_raw_sync"} & set(world.chain.calls)
    assert world.journal.operations == ()


@pytest.mark.parametrize("to", [RECIPIENT.lower(), f"  {RECIPIENT} "])
@pytest.mark.parametrize("token", [None, "pathUSD", "PATHUSD", SANDBOX.default_token.lower()])
async def test_spellings(world: World, to: str, token: str | None) -> None:
    quote = await world.quote(to=to, token=token)
    assert (quote.recipient, quote.currency.symbol) == (RECIPIENT, "pathUSD")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "0x1234"}, "bad-address"),
        ({"to": RECIPIENT[:-1] + ("a" if RECIPIENT[-1] != "a" else "b")}, "bad-checksum"),
        ({"amount": "1.1234567"}, "too-many-decimals"),
        ({"amount": "1,5"}, "bad-amount"),
        ({"amount": "-1"}, "bad-amount"),
        ({"amount": "1e3"}, "bad-amount"),
        ({"memo": "0x1234"}, "bad-memo"),
        ({"memo": "0xzz"}, "bad-memo"),
        ({"memo": "ü" * 17}, "bad-memo"),
    ],
)
async def test_what_cannot_be_read(world: World, changes: dict[str, str], code: str) -> None:
    with pytest.raises(ParseError) as caught:
        await world.quote(**changes)
    assert caught.value.code == code


async def test_an_unknown_token_names_the_known_ones(world: World) -> None:
    with pytest.raises(UnknownToken) as caught:
        await world.quote(token="USDT")
    assert "pathUSD" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": SENDER.address}, "self-payment"),
        ({"to": "0x" + "0" * 40}, "invalid-recipient"),
        ({"to": ALPHA}, "invalid-recipient"),
        ({"amount": "0"}, "zero-amount"),
        ({"amount": "0.000000"}, "zero-amount"),
        ({"amount": "5.000001"}, "insufficient-balance"),
        ({"amount": "5"}, "insufficient-balance"),  # nothing would be left for the fee
        ({"token": "AlphaUSD", "amount": "0.1"}, "insufficient-balance"),
    ],
)
async def test_refusals(world: World, changes: dict[str, str], code: str) -> None:
    quote = await world.quote(**changes)
    assert code in codes(quote, Level.REFUSE)
    assert not quote.sendable
    with pytest.raises(PaymentRefused) as caught:
        await world.transfers.prepare(quote, SENDER)
    assert caught.value.code in codes(quote, Level.REFUSE)


async def test_the_fee_may_come_from_another_token(world: World) -> None:
    world.chain.give(SENDER.address, 1_000_000, ALPHA)
    quote = await world.quote(amount="5")
    assert quote.sendable
    assert quote.fee_currency is not None
    assert quote.fee_currency.symbol == "AlphaUSD"
    assert quote.balance_after == 0


async def test_a_recipient_that_never_held_the_token_is_warned_of(world: World) -> None:
    quote = await world.quote()
    assert quote.new_recipient
    assert codes(quote, Level.WARN) == {"new-recipient"}
    (warning,) = [check for check in quote.checks if check.code == "new-recipient"]
    assert "more gas" in warning.message
    world.chain.give(RECIPIENT, 1)
    quote = await world.quote()
    assert not quote.new_recipient
    assert codes(quote, Level.WARN) == set()


async def test_a_recipient_that_has_spent_everything_is_no_stranger(world: World) -> None:
    await world.send()
    world.chain.balances[SANDBOX.default_token, RECIPIENT] = 0
    assert not (await world.quote()).new_recipient


async def test_a_chain_that_cannot_be_searched_still_warns(world: World) -> None:
    world.chain.faults["logs"] = unreachable()
    assert (await world.quote()).new_recipient


@pytest.mark.parametrize("method", ["chain_id", "block", "fees", "balance", "estimate_gas"])
async def test_a_silent_chain_refuses_and_leaves_the_unknown_unknown(world: World, method: str) -> None:
    world.chain.faults[method] = unreachable()
    quote = await world.quote()
    assert codes(quote, Level.REFUSE) == {"chain-unreachable"}
    assert quote.fee is None
    assert quote.balance_after is None
    if method != "estimate_gas":
        assert quote.balance is None


async def test_another_chain_than_the_profiles(world: World) -> None:
    world.chain.chain = 4217
    quote = await world.quote()
    assert codes(quote, Level.REFUSE) == {"wrong-node"}
    assert quote.balance is None


async def test_a_clock_that_is_behind(world: World) -> None:
    late = HandClock()
    late.forward(3600)
    world.chain.clock = late
    assert codes(await world.quote(), Level.REFUSE) == {"clock-behind"}


async def test_a_fee_beyond_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dear() -> Fees:
        return Fees(max_fee_per_gas=10**15, max_priority_fee_per_gas=1)

    monkeypatch.setattr(world.chain, "fees", dear)
    assert codes(await world.quote(), Level.REFUSE) == {"fee-too-high"}


async def test_a_transfer_that_would_revert(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.chain.faults["estimate_gas"] = TransactionRejected("paused", code="paused")
    assert codes(await world.quote(), Level.REFUSE) == {"paused"}


# Signing
# ---------------------------------------------------------------------------------------------------------------


async def test_what_is_signed_is_what_was_quoted(world: World) -> None:
    quote = await world.quote(memo="invoice 7")
    prepared = await world.transfers.prepare(quote, SENDER)
    tx = decode(prepared.raw)
    assert tx.hash() == prepared.reference
    assert tx.sender() == SENDER.address
    assert tx.chain_id == 1337
    assert tx.is_expiring
    assert tx.valid_before == world.clock.unix + 25
    assert quote.gas is not None
    assert (tx.gas, tx.max_fee_per_gas) == (quote.gas.limit, quote.gas.max_fee_per_gas)
    assert quote.memo == "0x" + b"invoice 7".ljust(32, b"\x00").hex()
    assert prepared.raw.hex() not in repr(prepared)
    assert prepared.raw.hex() not in str(prepared.trace)


async def test_the_same_transfer_twice_has_two_hashes(world: World) -> None:
    quote = await world.quote()
    hashes = {(await world.transfers.prepare(quote, SENDER)).reference for _ in range(3)}
    assert len(hashes) == 3


async def test_signing_refuses_what_has_changed(world: World) -> None:
    quote = await world.quote()
    with pytest.raises(PaymentRefused) as caught:
        await world.transfers.prepare(quote, LocalSigner(Secret(b"\x09" * 32)))
    assert caught.value.code == "foreign-quote"
    world.chain.base_fee *= 10
    with pytest.raises(PaymentRefused) as caught:
        await world.transfers.prepare(quote, SENDER)
    assert caught.value.code == "fee-rose"


# Sending
# ---------------------------------------------------------------------------------------------------------------


async def test_a_transfer_arrives_and_is_journaled(world: World) -> None:
    done = await world.send()
    assert world.seen == ["prepared", "sent", "settled"]
    assert done.state is OperationState.SETTLED
    assert (done.kind, done.amount, done.recipient, done.payer) == (
        KIND_TRANSFER,
        1_500_000,
        RECIPIENT,
        SENDER.address,
    )
    assert world.chain.held(RECIPIENT) == 1_500_000
    assert await world.chain.receipt(str(done.reference)) is not None
    # Budgets are for payments; what the owner moves by hand is the owner's business.
    assert world.journal.spent(SANDBOX.default_token, done.created_at) == 0


async def test_the_row_is_there_before_anything_leaves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.chain.send_raw_sync
    states: list[str] = []

    async def look(raw: bytes, *, timeout: float) -> Any:
        (row,) = world.journal.operations
        states.append(row.state.value)
        assert row.reference == decode(raw).hash()
        return await before(raw, timeout=timeout)

    monkeypatch.setattr(world.chain, "send_raw_sync", look)
    await world.send()
    assert states == ["sent"]


async def test_authorise_may_refuse_before_anything_is_written(world: World) -> None:
    def refuse(_: Ledger) -> None:
        raise PaymentRefused("not to them", code="recipient-denied")

    with pytest.raises(PaymentRefused, match="not to them"):
        await world.send(authorise=refuse)
    assert world.journal.operations == ()
    assert world.chain.held(RECIPIENT) == 0


async def test_one_id_sends_once(world: World) -> None:
    quote = await world.quote()
    prepared = await world.transfers.prepare(quote, SENDER)
    outcomes = await asyncio.gather(
        *(world.transfers.send(prepared, operation_id="t-1") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(outcome, DuplicateOperation) for outcome in outcomes) == 2
    assert world.chain.held(RECIPIENT) == 1_500_000


async def test_a_node_that_refuses(world: World) -> None:
    world.chain.faults["send_raw_sync"] = TransactionRejected("no")
    done = await world.send()
    assert (done.state, done.error) == (OperationState.REFUSED, "The payment was not taken. no")
    assert world.chain.held(RECIPIENT) == 0


async def test_a_node_that_is_not_there(world: World) -> None:
    world.chain.faults["send_raw_sync"] = NotSent("no connection")
    assert (await world.send()).state is OperationState.REFUSED


async def test_a_transfer_that_reverts(world: World) -> None:
    quote = await world.quote()
    world.chain.reverts = True
    done = await world.send(quote)
    assert done.state is OperationState.REFUSED
    assert "fee" in str(done.error)
    assert world.chain.held(RECIPIENT) == 0


async def test_an_answer_that_was_lost_is_found_on_the_chain(world: World) -> None:
    world.chain.after["send_raw_sync"] = ChainUnreachable("cut off")
    done = await world.send()
    assert done.state is OperationState.SETTLED
    assert world.chain.held(RECIPIENT) == 1_500_000


async def test_an_outcome_that_nobody_knows_is_resolved_later_and_never_sent_again(world: World) -> None:
    world.chain.after["send_raw_sync"] = ChainUnreachable("cut off")
    world.chain.hide_receipts = True
    lost = await world.send()
    assert lost.state is OperationState.UNKNOWN
    assert world.seen == ["prepared", "sent", "unknown"]
    world.chain.hide_receipts = False
    later = world.open()
    (found,) = await later.recover()
    assert found.state is OperationState.SETTLED
    assert await later.recover() == []
    assert world.chain.calls.count("send_raw_sync") == 1
    assert world.chain.held(RECIPIENT) == 1_500_000


async def test_what_never_reached_the_chain_is_refused_once_it_is_dead(world: World) -> None:
    world.chain.faults["send_raw_sync"] = ChainUnreachable("cut off")
    world.naps = Naps()  # time stands still while it waits
    world.transfers = world.open()
    assert (await world.send()).state is OperationState.UNKNOWN
    (open_,) = await world.transfers.recover()
    assert open_.state is OperationState.UNKNOWN
    assert "can still be taken" in str(open_.error)
    world.clock.forward(60)
    (dead,) = await world.transfers.recover()
    assert dead.state is OperationState.REFUSED
    assert "nothing was paid" in str(dead.error)


async def test_a_chain_that_does_not_answer_leaves_the_outcome_open(world: World) -> None:
    world.chain.after["send_raw_sync"] = ChainUnreachable("cut off")
    world.chain.hide_receipts = True
    await world.send()
    world.chain.faults["chain_id"] = unreachable()
    assert (await world.transfers.resolve("t-1")).state is OperationState.UNKNOWN


async def test_cancelling_does_not_leave_the_journal_in_the_dark(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.chain.send_raw_sync
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(raw: bytes, *, timeout: float) -> Any:
        arrived.set()
        await go.wait()
        return await before(raw, timeout=timeout)

    monkeypatch.setattr(world.chain, "send_raw_sync", slow)
    task = asyncio.create_task(world.send())
    await arrived.wait()
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = world.journal.operations
    assert row.state is OperationState.SETTLED


async def test_an_observer_that_fails_costs_no_outcome(world: World) -> None:
    def broken(_: Operation) -> None:
        raise RuntimeError("the screen is gone")

    assert (await world.send(observe=broken)).state is OperationState.SETTLED


async def test_a_row_that_another_process_closed_is_not_sent(world: World) -> None:
    def close(row: Operation) -> None:
        world.journal._operations[row.id] = row.advanced(OperationEvent.REFUSE, world.clock())

    with pytest.raises(IllegalTransition):
        await world.send(observe=close)
    assert world.chain.held(RECIPIENT) == 0


async def test_a_prepared_row_is_given_up_only_when_it_is_dead(world: World) -> None:
    prepared = await world.transfers.prepare(await world.quote(), SENDER)
    await world.journal.begin(_draft(prepared, "t-9"), lambda _: None)
    assert (await world.transfers.resolve("t-9")).state is OperationState.PREPARED
    world.clock.forward(26)
    assert (await world.transfers.resolve("t-9")).state is OperationState.REFUSED


async def test_only_transfers_of_this_network_are_recovered(world: World) -> None:
    prepared = await world.transfers.prepare(await world.quote(), SENDER)
    draft = _draft(prepared, "mine")
    for row in (draft, replace(draft, id="payment", kind="payment"), replace(draft, id="elsewhere", chain_id=4217)):
        await world.journal.begin(row, lambda _: None)
        await world.journal.advance(row.id, OperationEvent.SEND)
    world.clock.forward(60)
    assert [row.id for row in await world.transfers.recover()] == ["mine"]
    assert {row.id: row.state.value for row in world.journal.operations} == {
        "mine": "refused",
        "payment": "sent",
        "elsewhere": "sent",
    }
    with pytest.raises(UnknownOperation):
        await world.transfers.resolve("nobody")
