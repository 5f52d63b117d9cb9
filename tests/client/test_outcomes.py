"""What is known of a payment whose answer was no delivery: refused, settled or unknown, and never paid again."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext

import httpx
import pytest

from mpp_console.client.errors import (
    ChallengeExpired,
    CredentialSpent,
    EarlierPaymentOpen,
    OutcomeUnknown,
    PaidNotDelivered,
    PaymentAbandoned,
    PaymentRejected,
)
from mpp_console.client.review import Approval, Review
from mpp_console.methods.base import Mode, PaymentFailed, PaymentRefused
from mpp_console.protocol import PROBLEM_LIMIT, MppError, Problem, VerificationFailed

from .conftest import Purse
from .till import Reply, Seen, Server, Till

UNHAPPY = [402, 403, 404, 400, 409, 429, 500, 502, 503, 504]


def _refusing(till: Till, status: int, problem: Problem | None = None) -> Callable[[Seen], Reply]:
    body = VerificationFailed("No such coin.").problem().to_json() if problem is None else problem.to_json()

    def refuse(seen: Seen) -> Reply:
        return till.ask(status=status, body=body)

    return refuse


@pytest.mark.parametrize("status", UNHAPPY)
async def test_no_delivery_and_no_word_from_the_rail_is_unknown(
    purse: Purse, server: Server, till: Till, status: int
) -> None:
    till.takes = False
    till.after = _refusing(till, status)
    async with purse.client() as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.get(server.url)
    assert not isinstance(caught.value, PaidNotDelivered)
    assert caught.value.operation.state == "unknown"
    assert caught.value.response is not None
    assert caught.value.response.status_code == status
    assert caught.value.problem is not None
    assert caught.value.problem.detail == "No such coin."
    assert len(server.seen) == 2, "a second challenge is not paid"
    assert purse.states == ["unknown"]
    assert "No such coin." in (purse.memory.operations[0].error or "")


@pytest.mark.parametrize("status", UNHAPPY)
async def test_no_delivery_of_what_can_no_longer_land_is_refused(
    purse: Purse, server: Server, till: Till, status: int
) -> None:
    till.takes = False
    till.after = _refusing(till, status)
    purse.table.still_open = False
    async with purse.client() as client:
        with pytest.raises(PaymentRejected):
            await client.get(server.url)
    assert purse.states == ["refused"]
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", UNHAPPY)
async def test_money_that_went_without_delivery_is_settled_and_said_so(
    purse: Purse, server: Server, till: Till, status: int
) -> None:
    till.after = _refusing(till, status)
    async with purse.client() as client:
        with pytest.raises(PaidNotDelivered, match="went through"):
            await client.get(server.url)
    assert purse.states == ["settled"]
    assert [record.status for record in purse.memory.receipts] == ["none"]
    assert purse.reported[-2:] == ["OutcomeLost", "PaymentSettled"]


async def test_a_receipt_on_an_error_is_not_believed(purse: Purse, server: Server, till: Till) -> None:
    till.takes = False
    till.after = lambda seen: Reply(status=500, headers=till.receipt_headers("0xcafe0001"))
    async with purse.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.get(server.url)
    assert purse.states == ["unknown"]


async def test_a_refused_proof_costs_nothing(purse: Purse, server: Server, till: Till) -> None:
    purse.payer.mode = Mode.PROOF
    till.takes, till.amount = False, 0
    till.after = _refusing(till, 402)
    async with purse.client() as client:
        with pytest.raises(PaymentRejected, match="no money moved"):
            await client.get(server.url)
    assert purse.states == ["refused"]
    assert "resolve" not in purse.payer.calls


async def test_the_problem_is_inert(purse: Purse, server: Server, till: Till) -> None:
    problem = Problem(
        type="x\x1b]0;a\x07", title="\u202etitle", status=402, detail="no\x9b31m", hint="\x00h", extra={"k": 1}
    )
    till.after = _refusing(till, 402, problem)
    async with purse.client() as client:
        with pytest.raises(CredentialSpent) as caught:
            await client.get(server.url)
    assert caught.value.problem == Problem(type="x", title="title", status=402, detail="no", hint="h")
    assert str(caught.value).isprintable()


async def test_a_credential_that_the_server_repeats_is_not_shown(purse: Purse, server: Server, till: Till) -> None:
    def repeating(seen: Seen) -> Reply:
        problem = Problem(type="about:blank", title="no", status=402, detail=f"bad: {seen.get('authorization')}")
        return Reply(status=402, body=problem.to_json())

    till.after = repeating
    async with purse.client() as client:
        with pytest.raises(CredentialSpent) as caught:
            await client.get(server.url)
    assert caught.value.problem is not None
    assert caught.value.problem.detail == "bad: [redacted]"
    assert "eyJ" not in str(caught.value)
    assert "eyJ" not in repr(purse.memory.operations)


async def test_a_json_body_without_a_word_of_a_problem_is_none(purse: Purse, server: Server, till: Till) -> None:
    till.after = lambda seen: Reply(status=500, body=b'{"error":"oops"}')
    async with purse.client() as client:
        with pytest.raises(CredentialSpent, match="answered 500;") as caught:
            await client.get(server.url)
    assert caught.value.problem is None
    assert caught.value.response is not None
    assert caught.value.response.json() == {"error": "oops"}


@pytest.mark.parametrize("paid", [False, True])
async def test_a_402_that_unpacks_to_megabytes_is_cut(purse: Purse, till: Till, paid: bool) -> None:
    packed = gzip.compress(bytes(50_000_000))

    def handler(seen: Seen) -> Reply:
        if (seen.credential is not None) != paid:
            return till(seen)
        asked = till.ask(body=packed)
        asked.headers.append(("Content-Encoding", "gzip"))
        return asked

    tracemalloc.start()
    try:
        async with Server(handler) as server, purse.client() as client:
            with pytest.raises(CredentialSpent) if paid else nullcontext() as caught:
                assert (await client.get(server.url)).text == "goods"
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()
    if caught is not None:
        assert caught.value.response is not None
        assert len(caught.value.response.content) == PROBLEM_LIMIT


@pytest.mark.parametrize("reply", [Reply(hang_up=True), Reply(silent=True)])
async def test_no_answer_after_the_credential_left(
    purse: Purse, server: Server, till: Till, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.after = lambda seen: reply
    till.takes = False
    monkeypatch.setattr("mpp_console.client.carrier.SETTLEMENT_WAIT", 0.2)
    async with purse.client(timeout=httpx.Timeout(5, read=0.2)) as client:
        with pytest.raises(OutcomeUnknown, match="no answer came") as caught:
            await client.get(server.url)
    assert isinstance(caught.value.__cause__, httpx.TransportError)
    assert caught.value.response is None
    assert (purse.states, len(server.paid)) == (["unknown"], 1)

    payments = purse.payments()
    assert [str(row.state) for row in await payments.recover()] == ["unknown"]
    purse.table.land("0xcafe0001")
    assert [str(row.state) for row in await payments.recover()] == ["settled"]
    assert await payments.recover() == []
    assert purse.memory.receipts[0].reference == "0xcafe0001"
    assert purse.payer.calls.count("prepare") == 1


async def test_a_paid_request_waits_as_long_as_a_settlement(purse: Purse, server: Server) -> None:
    timeouts: list[float] = []

    async def hook(request: httpx.Request) -> None:
        timeouts.append(request.extensions["timeout"]["read"])

    async with purse.client(event_hooks={"request": [hook]}, timeout=3) as client:
        await client.get(server.url)
    assert timeouts == [3, 60]


async def test_a_server_that_went_away_before_the_payment_left_costs_nothing(purse: Purse, till: Till) -> None:
    def ask(seen: Seen) -> Reply:
        reply = till.ask()
        reply.headers.append(("Connection", "close"))
        return reply

    async with Server(ask) as server, purse.client() as client:
        purse.payer.hooks["prepare"] = server.stop_listening
        with pytest.raises(httpx.ConnectError):
            await client.get(server.url)
    assert purse.states == ["refused"]
    assert "could not be reached" in (purse.memory.operations[0].error or "")


async def test_a_push_payment_is_never_taken_back(purse: Purse, till: Till) -> None:
    purse.payer.mode = Mode.PUSH

    def ask(seen: Seen) -> Reply:
        reply = till.ask()
        reply.headers.append(("Connection", "close"))
        return reply

    async with Server(ask) as server, purse.client() as client:
        purse.payer.hooks["prepare"] = server.stop_listening
        with pytest.raises(PaidNotDelivered):
            await client.get(server.url)
    assert purse.states == ["settled"]


async def test_the_callers_own_trace_still_works(purse: Purse, server: Server) -> None:
    names: list[str] = []

    async def trace(name: str, info: object) -> None:
        names.append(name)

    async with purse.client() as client:
        await client.get(server.url, extensions={"trace": trace})
    assert names.count("http11.send_request_headers.started") == 2


async def test_a_failing_response_hook_does_not_hide_the_payment(purse: Purse, server: Server) -> None:
    async def hook(response: httpx.Response) -> None:
        if response.status_code != 402:
            raise RuntimeError("mine")

    async with purse.client(event_hooks={"response": [hook]}) as client:
        with pytest.raises(RuntimeError, match="mine"):
            await client.get(server.url)
    assert purse.states == ["settled"], "the rail was asked"


async def test_a_repeated_request_is_not_paid_while_the_first_may_have_been(
    purse: Purse, server: Server, till: Till
) -> None:
    till.takes = False
    till.after = _refusing(till, 500)
    async with purse.client(headers={"Idempotency-Key": "order-1"}) as client:
        with pytest.raises(OutcomeUnknown):
            await client.post(server.url)
        with pytest.raises(EarlierPaymentOpen) as caught:
            await client.post(server.url)
        assert caught.value.operation == purse.memory.operations[0]
        assert len(server.paid) == 1
        purse.table.still_open, till.takes, till.after = False, True, None
        assert (await client.post(server.url)).status_code == 200
    assert purse.states == ["refused", "settled"]


# Time


async def test_an_expired_challenge_is_not_looked_at(purse: Purse, server: Server, till: Till) -> None:
    till.lifetime = -1
    async with purse.client() as client:
        with pytest.raises(MppError, match="expired at"):
            await client.get(server.url)
    assert "prepare" not in purse.payer.calls


async def test_a_challenge_may_have_no_end(purse: Purse, server: Server, till: Till) -> None:
    till.lifetime = None
    async with purse.client() as client:
        assert (await client.get(server.url)).status_code == 200


@pytest.mark.parametrize("moment", ["approve", "prepare", "send"])
async def test_a_challenge_that_expires_on_the_way_is_not_sent(purse: Purse, server: Server, moment: str) -> None:
    async def approve(review: Review) -> Approval:
        if moment == "approve":
            purse.clock.advance(minutes=10)
        return Approval.ONCE

    purse.policy = type(purse.policy)()
    if moment != "approve":
        purse.payer.hooks[moment] = lambda: purse.clock.advance(minutes=10)
    async with purse.client(auth={"approve": approve}) as client:
        with pytest.raises(ChallengeExpired):
            await client.get(server.url)
    assert server.paid == []
    assert purse.states in ([], ["refused"])
    assert purse.payer.calls.count("prepare") == (0 if moment == "approve" else 1)


async def test_a_push_that_outlives_its_challenge_is_not_shown(purse: Purse, server: Server) -> None:
    purse.payer.mode = Mode.PUSH
    purse.payer.hooks["send"] = lambda: purse.clock.advance(minutes=10)
    async with purse.client() as client:
        with pytest.raises(OutcomeUnknown, match="longer than the challenge"):
            await client.get(server.url)
    assert server.paid == []
    assert purse.states == ["settled"]


# The rail


@pytest.mark.parametrize("call", ["prepare", "send"])
@pytest.mark.parametrize("error", [PaymentRefused("the purse is locked"), MppError("the chain is away")])
async def test_a_rail_that_does_not_sign_leaves_nothing_behind(
    purse: Purse, server: Server, call: str, error: MppError
) -> None:
    purse.payer.hooks[call] = _raiser(error)
    async with purse.client() as client:
        with pytest.raises(PaymentAbandoned, match=error.message) as caught:
            await client.get(server.url)
    assert caught.value.__cause__ is error
    assert (purse.states, server.paid) == (["refused"], [])


async def test_a_fault_in_a_rail_comes_out_as_it_is(purse: Purse, server: Server) -> None:
    purse.payer.hooks["prepare"] = _raiser(ZeroDivisionError("a bug"))
    async with purse.client() as client:
        with pytest.raises(ZeroDivisionError):
            await client.get(server.url)
    assert purse.states == ["refused"]


async def test_a_push_is_journaled_before_it_is_broadcast(purse: Purse, server: Server) -> None:
    purse.payer.mode = Mode.PUSH
    at_broadcast: list[tuple[str, str | None]] = []
    purse.payer.hooks["send"] = lambda: at_broadcast.extend(
        (str(row.state), row.reference) for row in purse.memory.operations
    )
    async with purse.client() as client:
        assert (await client.get(server.url)).status_code == 200
    assert at_broadcast == [("sent", "0xcafe0001")]
    assert purse.states == ["settled"]


async def test_a_broadcast_that_certainly_failed_is_refused_at_once(purse: Purse, server: Server) -> None:
    purse.payer.mode = Mode.PUSH
    purse.payer.hooks["send"] = _raiser(PaymentFailed("it reverted"))
    async with purse.client() as client:
        with pytest.raises(PaymentRejected, match="it reverted"):
            await client.get(server.url)
    assert (purse.states, server.paid) == (["refused"], [])
    assert "resolve" not in purse.payer.calls


@pytest.mark.parametrize(
    ("still_open", "landed", "state", "error"),
    [
        (True, False, "unknown", OutcomeUnknown),
        (False, False, "refused", PaymentRejected),
        (True, True, "settled", OutcomeUnknown),
    ],
)
async def test_a_broadcast_without_a_clear_answer_is_not_shown_to_the_server(
    purse: Purse, server: Server, still_open: bool, landed: bool, state: str, error: type[CredentialSpent]
) -> None:
    purse.payer.mode = Mode.PUSH
    purse.table.still_open = still_open

    def fail() -> None:
        if landed:
            purse.table.land("0xcafe0001")
        raise MppError("timed out")

    purse.payer.hooks["send"] = fail
    async with purse.client() as client:
        with pytest.raises(error):
            await client.get(server.url)
    assert (purse.states, server.paid) == ([state], [])


@pytest.mark.parametrize("failure", ["error", "slow"])
async def test_a_rail_that_cannot_be_asked_leaves_it_unknown(
    purse: Purse, server: Server, till: Till, failure: str
) -> None:
    till.after = _refusing(till, 500)
    purse.payer.hooks["resolve"] = asyncio.Event().wait if failure == "slow" else _raiser(MppError("away"))
    async with purse.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.get(server.url)
    assert purse.states == ["unknown"]
    del purse.payer.hooks["resolve"]
    assert str((await purse.payments().resolve(purse.memory.operations[0].id)).state) == "settled"


def _raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
