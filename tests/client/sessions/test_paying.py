"""Paying by session, from the first request on: what is signed, what is locked, what the book says after.

Rows of the acceptance list are named where a test is one of them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mpp_console.client.errors import (
    CredentialSpent,
    CrossOriginPayment,
    NoUsableOffer,
    OutcomeUnknown,
    PaymentAbandoned,
    PaymentRejected,
)
from mpp_console.client.journal import JournalError
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.base import PaymentRefused, Quote
from mpp_console.methods.tempo import session_preparing, session_signing
from mpp_console.methods.tempo.session_plan import DepositPolicy
from mpp_console.methods.tempo.session_ports import ManagementFailed
from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts
from mpp_console.protocol import OperationEvent
from tests.client.till import Reply, Seen, Server

from .conftest import TOKEN, World, signer
from .shop import PRICE, Account


async def quote(world: World, **changes: Any) -> Quote:
    seen = Seen(method="GET", path="/", headers=[], body=b"", port=0)
    return await world.payer(**changes).quote(world.shop.challenge(seen))


def refusals(quoted: Quote) -> set[str]:
    return {check.code for check in quoted.refusals}


async def test_one_opening_and_then_vouchers(world: World) -> None:
    """Row 1, up to the close."""
    before = await world.balance()
    for _ in range(4):
        assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "voucher", "voucher"]
    row = await world.channel()
    assert (row.state, row.deposit) == ("active", 10 * PRICE)
    assert (row.signed, row.accepted, row.spent) == (4 * PRICE,) * 3
    assert row.url == world.url
    assert await world.operations() == [("settled", PRICE)] * 4
    assert before - await world.balance() >= 10 * PRICE


async def test_a_voucher_asks_the_chain_nothing(world: World) -> None:
    await world.get()

    class Silent:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the chain was asked: {name}")

    assert (await world.get(chain=Silent())).text == "goods"


async def test_the_quote_counts_the_price_and_shows_the_deposit_as_locked(world: World) -> None:
    quoted = await quote(world)
    assert quoted.payable
    assert (quoted.amount, quoted.details["plan"], quoted.details["locks"]) == (PRICE, "open", 10 * PRICE)
    assert (await world.book.rows(archived=True)).rows == ()
    await world.get()
    quoted = await quote(world)
    assert (quoted.details["plan"], quoted.details["locks"], quoted.fee) == ("voucher", 0, 0)
    assert (quoted.details["voucher_before"], quoted.details["voucher"]) == (PRICE, 2 * PRICE)


async def test_the_server_pays_the_fee_where_it_says_so(world: World) -> None:
    world.shop.sponsor = signer(3)
    world.shop.suggested = 2 * PRICE
    before = await world.balance()
    for _ in range(3):
        assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "topUp", "voucher"]
    row = await world.channel()
    assert row.deposit == 4 * PRICE
    assert before - await world.balance() == 4 * PRICE, "not a base unit of fee"


async def test_a_channel_that_is_used_up_is_topped_up_first(world: World) -> None:
    world.shop.suggested = 2 * PRICE
    for _ in range(5):
        assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "topUp", "voucher", "voucher", "topUp", "voucher"]
    row = await world.channel()
    assert (row.deposit, row.signed, row.pending_deposit, row.dies_at) == (6 * PRICE, 5 * PRICE, 0, 0)
    assert await world.operations() == [("settled", PRICE)] * 5


async def test_many_at_once_open_one_channel(world: World) -> None:
    """Row 4, within one process."""
    world.settings["deposits"] = DepositPolicy(maximum=None, opening=20 * PRICE)
    payments = world.payments()
    async with world.client(payments) as client:
        answers = await asyncio.gather(*(client.get(world.url) for _ in range(8)))
    assert [answer.text for answer in answers] == ["goods"] * 8
    assert sorted(world.shop.actions) == ["open"] + ["voucher"] * 7
    assert (await world.channel()).spent == 8 * PRICE


async def test_two_programs_open_one_channel(world: World) -> None:
    """Row 4: two programs share nothing but the file."""
    answers = await asyncio.gather(*(world.get() for _ in range(2)))
    assert [answer.text for answer in answers] == ["goods"] * 2
    assert sorted(world.shop.actions) == ["open", "voucher"]


# Limits -------------------------------------------------------------------------------------------------------------


async def test_what_the_policy_refuses_is_not_signed(world: World) -> None:
    """Row 21."""
    world.policy = SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 2 * PRICE})
    await world.get()
    await world.get()
    with pytest.raises(NoUsableOffer, match="budget"):
        await world.get()
    assert world.shop.actions == ["open", "voucher"]
    assert (await world.channel()).signed == 2 * PRICE


@pytest.mark.parametrize(
    ("deposits", "suggested", "locks"),
    [
        (DepositPolicy(), None, PRICE),
        (DepositPolicy(), 10 * PRICE, 10 * PRICE),
        (DepositPolicy(), PRICE // 2, PRICE),
        (DepositPolicy(maximum=4 * PRICE), 10 * PRICE, 4 * PRICE),
        (DepositPolicy(opening=3 * PRICE), 10 * PRICE, 3 * PRICE),
        (DepositPolicy(maximum=None, share=Fraction(1, 10**9)), 10 * PRICE, PRICE),
    ],
)
async def test_how_much_is_locked(world: World, deposits: DepositPolicy, suggested: int | None, locks: int) -> None:
    world.shop.suggested = suggested
    quoted = await quote(world, deposits=deposits)
    assert quoted.payable
    assert quoted.details["locks"] == locks


async def test_more_than_the_limit_is_not_locked(world: World) -> None:
    assert refusals(await quote(world, deposits=DepositPolicy(maximum=PRICE - 1))) == {"deposit-limit"}
    world.shop.suggested = None
    world.settings["deposits"] = DepositPolicy(maximum=PRICE)
    for _ in range(3):
        await world.get()  # what is used up leaves room
    assert (await world.channel()).deposit == 3 * PRICE


async def test_an_account_that_cannot_pay_the_deposit_is_told(world: World) -> None:
    assert "insufficient-balance" in refusals(await quote(world, signer=signer(9)))


async def test_an_escrow_of_the_servers_own_gets_nothing(world: World) -> None:
    world.shop.escrow = "0x" + "12" * 20
    assert refusals(await quote(world)) == {"untrusted-escrow"}
    with pytest.raises(NoUsableOffer):
        await world.get()
    assert (await world.book.rows(archived=True)).rows == ()


async def test_a_watched_account_quotes_and_signs_nothing(world: World) -> None:
    quoted = await quote(world, signer=None, address=world.customer.address)
    assert quoted.payable
    with pytest.raises(Exception, match="watched only"):
        await world.payer(signer=None, address=world.customer.address).prepare(quoted)
    assert refusals(await quote(world, signer=None)) == set()


async def test_a_key_of_another_account_signs_nothing(world: World) -> None:
    watching = world.payer(signer=None, address=world.customer.address)
    with pytest.raises(PaymentRefused, match="another account"):
        watching.with_key(signer(3))
    assert watching.with_key(world.customer).address == watching.address


async def test_never_more_is_locked_than_was_quoted(world: World) -> None:
    quoted = await quote(world)
    cheap = replace(quoted, details={**quoted.details, "locks": 2 * PRICE})
    payer = world.payer()
    prepared = await payer.prepare(cheap)
    assert prepared.trace["locks"] == str(2 * PRICE)
    assert (await world.channel()).deposit == 2 * PRICE


# What servers say ---------------------------------------------------------------------------------------------------


async def test_a_receipt_over_more_than_was_signed_is_doubted(world: World) -> None:
    world.shop.tell = lambda facts: replace(facts, accepted=facts.accepted + 1)
    response = await world.get()
    assert response.text == "goods"
    row = await world.channel()
    assert (row.signed, row.accepted, row.spent) == (PRICE, 0, 0)
    operation = response.extensions["mpp_operation"]
    assert "only 1000 were signed" in operation.error


async def test_a_receipt_never_takes_anything_back(world: World) -> None:
    await world.get()
    world.shop.tell = lambda facts: replace(facts, accepted=1, spent=0)
    response = await world.get()
    assert "takes back" in response.extensions["mpp_operation"].error
    row = await world.channel()
    assert (row.accepted, row.spent) == (PRICE, PRICE)


async def test_a_receipt_of_another_channel_is_not_ours(world: World) -> None:
    def tell(facts: SessionReceiptFacts) -> SessionReceiptFacts:
        return replace(facts, channel_id="0x" + "7" * 64)

    world.shop.tell = tell
    response = await world.get()
    assert "another channel" in response.extensions["mpp_operation"].error
    assert (await world.channel()).accepted == 0


async def test_no_receipt_is_no_loss(world: World) -> None:
    world.shop.receipts = False
    for _ in range(3):
        assert (await world.get()).text == "goods"
    assert (await world.channel()).signed == 3 * PRICE


async def test_a_server_that_counted_a_lost_answer_gets_the_next_voucher(world: World) -> None:
    await world.get()
    world.shop.after["voucher"] = lambda seen, payload: Reply(hang_up=True)
    with pytest.raises(OutcomeUnknown):
        await world.get()
    row = await world.channel()
    assert (row.signed, row.accepted, row.at_risk) == (2 * PRICE, PRICE, PRICE)
    world.shop.after.clear()
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "voucher", "voucher"]
    row = await world.channel()
    assert (row.signed, row.spent, row.at_risk) == (3 * PRICE, 3 * PRICE, 0)
    await world.payments().recover()
    assert await world.operations() == [
        ("settled", PRICE), ("settled", PRICE), ("refused", PRICE), ("settled", PRICE)
    ]  # fmt: skip


async def test_a_voucher_that_never_arrived_is_signed_once(world: World) -> None:
    await world.get()
    world.shop.before["voucher"] = lambda seen, payload: Reply(hang_up=True)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await world.get()
    assert (await world.channel()).signed == 2 * PRICE, "three lost requests promise the price of one"
    world.shop.before.clear()
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.signed, row.spent) == (2 * PRICE, 2 * PRICE)
    await world.payments().recover()
    assert await world.operations() == [("settled", PRICE), *[("refused", PRICE)] * 3, ("settled", PRICE)]


async def test_a_stale_challenge_is_asked_for_again_once(world: World) -> None:
    await world.get()
    refused = iter([True])
    world.shop.before["voucher"] = lambda seen, payload: (
        world.shop.ask(seen, "session/challenge-not-found") if next(refused, False) else None
    )
    assert (await world.get()).text == "goods"
    world.shop.before["voucher"] = lambda seen, payload: world.shop.ask(seen, "session/challenge-not-found")
    with pytest.raises(PaymentRejected):
        await world.get()
    assert world.shop.actions.count("voucher") == 4
    assert (await world.channel()).signed == 3 * PRICE


async def test_a_larger_step_is_signed_where_the_server_wants_one(world: World) -> None:
    world.shop.delta = 3 * PRICE
    for _ in range(4):
        assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.signed, row.spent) == (6 * PRICE, 4 * PRICE)


async def test_a_lying_410_changes_nothing_but_a_word(world: World) -> None:
    """Row 6."""
    await world.get()
    known = await world.channel()
    world.shop.before["voucher"] = lambda seen, payload: world.shop.ask(seen, "session/channel-not-found", 410)
    with pytest.raises(PaymentRejected):
        await world.get()
    row = await world.channel()
    assert (row.state, row.deposit, row.channel_id) == ("active", known.deposit, known.channel_id)
    assert "stay locked" in row.note
    assert "open" not in world.shop.actions[1:], "no second deposit for a liar"
    world.shop.before.clear()
    assert (await world.get()).text == "goods"


async def test_a_channel_that_is_really_closed_is_archived_and_another_opened(world: World) -> None:
    """Row 7."""
    await world.get()
    first = await world.channel()
    account = world.shop.accounts[first.channel_id]
    await world.shop.close_on_chain(first.channel_id, account.accepted, account.signature)
    account.closed = True
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "open"]
    page = await world.book.rows(archived=True)
    old = next(row for row in page.rows if row.channel_id == first.channel_id)
    assert (old.state, old.refunded, old.settled) == ("finalized", 9 * PRICE, PRICE)
    assert old.close_hash is not None


async def test_a_top_up_that_the_server_does_not_take_costs_no_voucher(world: World) -> None:
    world.shop.suggested = PRICE
    await world.get()
    world.shop.before["topUp"] = lambda seen, payload: Reply(status=500, body=b"")
    with pytest.raises(PaymentAbandoned, match="top up"):
        await world.get()
    assert world.shop.actions == ["open", "topUp"]
    row = await world.channel()
    assert (row.deposit, row.pending_deposit) == (PRICE, PRICE)
    world.shop.before.clear()
    world.clock.advance(60)  # it is certainly dead by then
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.deposit, row.pending_deposit, row.spent) == (2 * PRICE, 0, 2 * PRICE)


async def test_a_top_up_that_may_still_come_is_not_followed_by_another(world: World) -> None:
    """Both could arrive, and then more would be locked than the owner allows for one payee."""
    world.shop.suggested = PRICE
    world.settings["deposits"] = DepositPolicy(maximum=2 * PRICE)
    await world.get()
    kept: list[bytes] = []

    def late(seen: Seen, payload: Any) -> Reply:
        kept.append(payload.transaction)
        return Reply(status=500, body=b"")

    world.shop.before["topUp"] = late
    with pytest.raises(PaymentAbandoned, match="top up"):
        await world.get()
    with pytest.raises(NoUsableOffer, match="half a minute"):
        await world.get()
    assert len(kept) == 1
    world.shop.before.clear()
    await world.shop.broadcast(kept[0])
    (account,) = world.shop.accounts.values()
    account.deposit = 2 * PRICE
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.deposit, row.pending_deposit, row.spent) == (2 * PRICE, 0, 2 * PRICE)


@pytest.mark.parametrize("where", ["journal", "probe"])
async def test_a_top_up_that_never_left_is_in_nobodys_way(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    world.shop.suggested = PRICE
    await world.get()

    async def full(operation_id: str, event: OperationEvent, **changes: Any) -> Any:
        if event is OperationEvent.SEND:
            raise JournalError("the disk is full")
        return await advance(operation_id, event, **changes)

    async def silent(url: str, channel_id: str) -> Any:
        raise ManagementFailed("no answer came", left=True)

    advance = world.journal.advance
    with monkeypatch.context() as patched:
        if where == "journal":
            patched.setattr(world.journal, "advance", full)
        else:
            patched.setattr(world.management, "probe", silent)
        with pytest.raises(PaymentAbandoned):
            await world.get()
    row = await world.channel()
    assert (row.deposit, row.pending_deposit, row.dies_at) == (PRICE, 0, 0)
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.deposit, row.signed, row.spent) == (2 * PRICE, 2 * PRICE, 2 * PRICE)
    assert world.shop.actions == ["open", "topUp", "voucher"]


async def test_a_top_up_whose_answer_was_lost_counts_once_it_is_on_the_chain(world: World) -> None:
    world.shop.suggested = PRICE
    await world.get()
    world.shop.after["topUp"] = lambda seen, payload: Reply(hang_up=True)
    with pytest.raises(PaymentAbandoned):
        await world.get()
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "topUp", "voucher"]
    assert (await world.channel()).deposit == 2 * PRICE


async def test_hostile_words_of_a_server_are_kept_inert(world: World) -> None:
    """Row 23, as far as the book and the journal go."""
    await world.get()
    nasty = b'{"type":"https://paymentauth.org/problems/session/channel-not-found","detail":"\\u001b[31m[bold]\\u202e"}'
    world.shop.before["voucher"] = lambda seen, payload: Reply(status=410, body=nasty)
    with pytest.raises(PaymentRejected) as caught:
        await world.get()
    texts = [str(caught.value), (await world.channel()).note, caught.value.operation.error or ""]
    assert not any(char in text for text in texts for char in "\x1b\u202e")


# Channels that only the server remembers ----------------------------------------------------------------------------


async def test_a_lost_book_goes_on_where_the_servers_proof_is_good(world: World) -> None:
    await world.get()
    await world.get()
    world.book = MemoryChannels(clock=world.clock)
    world.shop.snapshots = True
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "voucher"]
    row = await world.channel()
    assert (row.state, row.deposit, row.signed, row.spent) == ("active", 10 * PRICE, 3 * PRICE, 3 * PRICE)


async def test_a_channel_that_names_the_payer_as_its_signer_is_ours_too(world: World) -> None:
    """As other wallets open them: the authorized signer is the payer, written out."""
    quoted = await quote(world)
    payer = world.payer()
    open_call = session_signing.open_call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            session_preparing,
            "open_call",
            lambda *given: replace(open_call(*given), authorized_signer=world.customer.address),
        )
        prepared = await payer.prepare(quoted)
    await world.shop.broadcast(bytes.fromhex(prepared.credential.payload["transaction"][2:]))
    row = await world.channel()
    assert row.authorized_signer == world.customer.address
    account = Account(row.descriptor, row.deposit, PRICE, PRICE, prepared.credential.payload["signature"])
    world.shop.accounts[row.channel_id] = account
    world.book = MemoryChannels(clock=world.clock)
    world.shop.snapshots = True
    assert (await world.get()).text == "goods"
    assert (await world.channel()).channel_id == row.channel_id
    assert world.shop.actions == ["voucher"]


async def test_a_snapshot_without_our_signature_is_not_paid(world: World) -> None:
    await world.get()
    (account,) = world.shop.accounts.values()
    account.accepted, account.spent = 8 * PRICE, 8 * PRICE
    world.book = MemoryChannels(clock=world.clock)
    world.shop.snapshots = True
    quoted = await quote(world)
    assert quoted.details["plan"] == "open"


# On the way ---------------------------------------------------------------------------------------------------------


async def test_a_redirect_takes_no_voucher_along(world: World) -> None:
    """Row 22."""
    await world.get()
    world.shop.suggested = None
    async with Server(lambda seen: Reply(body=b"goods")) as thief:
        away = Reply(status=302, headers=[("Location", f"{thief.url}/chat")], body=b"")
        world.shop.before["voucher"] = lambda seen, payload: away
        async with world.client() as client:
            with pytest.raises(CredentialSpent):
                await client.get(world.url, follow_redirects=True)
        assert [seen.credential for seen in thief.seen] == [None]
        world.shop.before["close"] = lambda seen, payload: away
        row = await world.channel()
        result = await world.manager().close(row.channel_id, force=False)
        assert result.how is CloseHow.REFUSED
        assert len(thief.seen) == 1, "a close follows nobody"


async def test_a_challenge_that_was_redirected_away_is_not_paid(world: World) -> None:
    away = Reply(status=307, headers=[("Location", world.url)], body=b"")
    async with Server(lambda seen: away) as front, world.client() as client:
        with pytest.raises(CrossOriginPayment):
            await client.get(front.url.replace("127.0.0.1", "localhost"), follow_redirects=True)
    assert world.shop.actions == []


async def test_a_cancelled_request_gives_its_turn_back(world: World) -> None:
    await world.get()
    payments = world.payments()
    arrived = asyncio.Event()

    async def never(seen: Any, payload: Any) -> None:
        arrived.set()
        await asyncio.Event().wait()

    world.shop.before["voucher"] = never
    async with world.client(payments) as client:
        task = asyncio.create_task(client.get(world.url))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        world.shop.before.clear()
        assert (await client.get(world.url)).text == "goods"
    assert (await world.channel()).signed == 2 * PRICE


async def test_what_others_sign_and_use_up_meanwhile_is_not_counted_on_again(world: World) -> None:
    """Streams on the same channel sign on while a request is refused and asked anew."""
    await world.get()
    row = await world.channel()
    account = world.shop.accounts[row.channel_id]

    async def others(signed: int) -> None:
        account.accepted = account.spent = signed
        await world.book.update(
            row.channel_id, lambda row: replace(row.learned(world.clock(), signed=signed), voucher_ref="another")
        )

    async def meanwhile(seen: Seen, payload: Any) -> Reply | None:
        if payload.cumulative == 2 * PRICE:
            await others(3 * PRICE)
            return world.shop.ask(seen, "session/insufficient-balance")
        return None

    world.shop.before["voucher"] = meanwhile
    await others(2 * PRICE)
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.signed, row.accepted, row.spent) == (4 * PRICE,) * 3
    assert await world.operations() == [("settled", PRICE), ("refused", PRICE), ("settled", PRICE)]
    # Once it is served, nothing is added that is not owed.
    world.shop.before.clear()
    assert (await world.get()).text == "goods"
    assert (await world.channel()).signed == 5 * PRICE


@pytest.mark.parametrize(
    ("missing", "signed"),
    [(str(PRICE - 50), 4 * PRICE - 50), (None, 4 * PRICE), ("0", 4 * PRICE), ("-1", 4 * PRICE), ("9" * 9, 4 * PRICE)],
)
async def test_what_is_left_of_a_voucher_counts_for_the_next(world: World, missing: str | None, signed: int) -> None:
    """A stream broke off with a part of its last voucher unused, and its receipts never came."""
    await world.get()
    row = await world.channel()
    account = world.shop.accounts[row.channel_id]
    await world.book.update(row.channel_id, lambda row: row.learned(world.clock(), signed=3 * PRICE))
    account.accepted, account.spent = 3 * PRICE, 3 * PRICE - 50

    def refuse(seen: Seen, payload: Any) -> Reply:
        reply = world.shop.ask(seen, "session/insufficient-balance")
        world.shop.before.clear()
        members = {} if missing is None else {"requiredTopUp": missing}
        return replace(reply, body=json.dumps({**json.loads(reply.body), **members}).encode())

    world.shop.before["voucher"] = refuse
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.signed, account.accepted, account.spent) == (signed, signed, 4 * PRICE - 50)
