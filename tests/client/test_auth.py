"""The ordinary course of a paid request, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from mpp_console.client.auth import PaymentAuth, operation_of
from mpp_console.client.errors import BodyNotReplayable, NotPaid, NoUsableOffer, PaymentDeclined, SyncClient
from mpp_console.client.events import PaymentSettled
from mpp_console.client.review import Approval, Review
from mpp_console.protocol import content_digest

from .conftest import Purse
from .till import Reply, Seen, Server, Till

pytestmark = pytest.mark.filterwarnings("error")


async def test_a_402_is_paid_once_and_the_receipt_is_kept(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        response = await client.get(f"{server.url}/news?page=2")
    assert (response.status_code, response.text) == (200, "goods")
    assert purse.states == ["settled"]
    assert purse.table.settled == ["0xcafe0001"]
    assert [seen.path for seen in server.seen] == ["/news?page=2"] * 2
    (record,) = purse.memory.receipts
    assert (record.reference, record.amount, record.status, record.direction) == ("0xcafe0001", 100, "success", "sent")
    operation = operation_of(response)
    assert operation is not None
    assert operation.url == f"{server.url}/news?page=2"
    assert purse.payer.calls == ["quote", "prepare", "send"]


async def test_what_happens_is_reported_in_order(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.get(server.url)
    assert purse.reported == [
        "ChallengeReceived",
        "Reviewed",
        "PaymentPrepared",
        "CredentialSent",
        "PaymentSettled",
    ]
    assert len({event.review_id for event in purse.events}) == 1


async def test_a_free_answer_passes_untouched(purse: Purse) -> None:
    async with Server(lambda seen: Reply(body=b"free")) as server, purse.client() as client:
        response = await client.get(server.url)
    assert response.text == "free"
    assert operation_of(response) is None
    assert purse.states == []


@pytest.mark.parametrize("header", ['Bearer realm="x"', 'L402 macaroon="m", invoice="i"'])
async def test_a_402_of_another_scheme_is_the_callers_to_handle(purse: Purse, header: str) -> None:
    reply = Reply(status=402, headers=[("WWW-Authenticate", header)])
    async with Server(lambda seen: reply) as server, purse.client() as client:
        response = await client.get(server.url)
    assert response.status_code == 402


async def test_the_first_request_says_what_can_be_paid(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.get(server.url)
        await client.get(server.url, headers={"Accept-Payment": "coin/charge;q=0.5"})
    accepted = [seen.get("accept-payment") for seen in server.seen]
    assert accepted == ["coin/charge", "coin/charge", "coin/charge;q=0.5", "coin/charge;q=0.5"]


async def test_a_body_is_sent_again_byte_for_byte(purse: Purse, server: Server, till: Till) -> None:
    body = bytes(range(256)) * 40
    till.digest = content_digest(body)
    async with purse.client() as client:
        await client.post(server.url, content=body)
    first, second = server.seen
    assert first.body == second.body == body
    assert purse.states == ["settled"]


async def test_a_challenge_for_another_body_is_not_paid(purse: Purse, server: Server, till: Till) -> None:
    till.digest = content_digest(b"something else")
    async with purse.client() as client:
        with pytest.raises(NoUsableOffer, match="another request body"):
            await client.post(server.url, content=b"mine")
    assert purse.payer.calls == ["quote"]


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_streamed_body_is_recorded_and_sent_again(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.post(server.url, content=_stream(b"one ", b"two ", b"three"))
    first, second = server.seen
    assert first.body == second.body == b"one two three"
    assert first.get("transfer-encoding") == "chunked"
    assert (second.get("transfer-encoding"), second.get("content-length")) == (None, "13")


async def test_a_streamed_body_that_was_too_long_to_keep_is_not_paid_for(purse: Purse, server: Server) -> None:
    async with purse.client(auth={"replay_limit": 10}) as client:
        with pytest.raises(BodyNotReplayable):
            await client.post(server.url, content=_stream(b"0123456789", b"!"))
    assert purse.payer.calls == []
    assert server.paid == []


async def test_files_are_sent_again(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.post(server.url, files={"upload": b"contents"})
    first, second = server.seen
    assert first.body == second.body
    assert b"contents" in second.body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_unsafe_methods_carry_an_idempotency_key(purse: Purse, server: Server, method: str) -> None:
    async with purse.client() as client:
        await client.request(method, server.url)
    (paid,) = server.paid
    (operation,) = purse.memory.operations
    assert paid.get("idempotency-key") == operation.idempotency_key is not None


async def test_the_callers_idempotency_key_is_kept(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.post(server.url, headers={"Idempotency-Key": "mine"})
    assert [seen.get("idempotency-key") for seen in server.seen] == ["mine", "mine"]
    assert purse.memory.operations[0].idempotency_key == "mine"


async def test_safe_methods_need_no_idempotency_key(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.get(server.url)
    assert server.paid[0].get("idempotency-key") is None


async def test_a_stale_payment_credential_of_the_caller_is_not_sent(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.get(server.url, headers={"Authorization": "Payment c3RhbGU", "Payment-Authorization": "payment x"})
    first, second = server.seen
    assert first.get_all("authorization") == first.get_all("payment-authorization") == []
    assert len(second.get_all("authorization")) == 1
    assert second.get("payment-authorization") is None


async def test_the_callers_own_authorization_stays_beside_payment_authorization(
    purse: Purse, server: Server, till: Till
) -> None:
    till.header = "Payment-Authorization"
    async with purse.client() as client:
        await client.get(server.url, headers={"Authorization": "Bearer key"})
    (paid,) = server.paid
    assert paid.get_all("authorization") == ["Bearer key"]
    assert len(paid.get_all("payment-authorization")) == 1


async def test_the_callers_own_authorization_gives_way_to_the_payment(purse: Purse, server: Server) -> None:
    async with purse.client() as client:
        await client.get(server.url, headers={"Authorization": "Bearer key"})
    (paid,) = server.paid
    assert len(paid.get_all("authorization")) == 1
    assert purse.states == ["settled"]


async def test_cookies_of_the_challenge_come_back_with_the_payment(purse: Purse, server: Server, till: Till) -> None:
    till.extra_headers = [("Set-Cookie", "cart=7; Path=/"), ("Set-Cookie", "lang=fr; Path=/")]
    async with purse.client(cookies={"lang": "en", "theme": "dark"}) as client:
        await client.get(server.url)
    cookie = server.paid[0].get("cookie") or ""
    assert sorted(cookie.split("; ")) == ["cart=7", "lang=fr", "theme=dark"]


async def test_several_challenges_in_several_lines(purse: Purse, till: Till) -> None:
    def ask(seen: Seen) -> Reply:
        if seen.credential is not None:
            return till(seen)
        other = till.challenge(method="shell", intent="charge")
        reply = till.ask(other, till.challenge())
        reply.headers.insert(0, ("WWW-Authenticate", 'Bearer realm="x", Payment id="", realm="broken"'))
        return reply

    async with Server(ask) as server, purse.client() as client:
        response = await client.get(server.url)
    operation = operation_of(response)
    assert operation is not None
    assert operation.method == "coin"


async def test_offers_that_fail_alike_are_told_once(purse: Purse, till: Till) -> None:
    def handler(seen: Seen) -> Reply:
        return till.ask(*(till.challenge(method="paper") for _ in range(12)))

    async with Server(handler) as server, purse.client() as client:
        with pytest.raises(NoUsableOffer) as caught:
            await client.get(server.url)
    assert len(caught.value.ranking.offers) == 12
    assert str(caught.value).count("paper") == 1


async def test_an_answer_whose_challenges_cannot_be_read_says_so(purse: Purse) -> None:
    reply = Reply(status=402, headers=[("WWW-Authenticate", 'Payment id="a", realm="x\x1b[2J"')])
    async with Server(lambda seen: reply) as server, purse.client() as client:
        with pytest.raises(NoUsableOffer, match="cannot be read") as caught:
            await client.get(server.url)
    assert caught.value.ranking.offers == ()
    assert "\x1b" not in str(caught.value)


async def test_a_missing_receipt_is_allowed(purse: Purse, server: Server, till: Till) -> None:
    till.receipt = None
    async with purse.client() as client:
        await client.get(server.url)
    assert purse.states == ["settled"]
    (record,) = purse.memory.receipts
    assert (record.status, record.reference, record.raw) == ("none", "0xcafe0001", {})


@pytest.mark.parametrize(
    ("wrong", "doubt"),
    [
        ({"method": "shell"}, "method"),
        ({"reference": "0xdead"}, "0xdead"),
        ({"extra": {"challengeId": "other"}}, "another challenge"),
        ({"timestamp": "2020-01-01T00:00:00Z"}, "dated"),
    ],
)
async def test_a_receipt_that_does_not_fit_is_doubted(
    purse: Purse, server: Server, till: Till, wrong: dict[str, object], doubt: str
) -> None:
    till.receipt = wrong
    async with purse.client() as client:
        await client.get(server.url)
    settled = purse.events[-1]
    assert isinstance(settled, PaymentSettled)
    assert doubt in settled.doubts[0]
    assert settled.record.reference == "0xcafe0001"
    assert settled.operation.error == "; ".join(settled.doubts)


async def test_a_receipt_that_cannot_be_read_does_not_lose_the_goods(purse: Purse, server: Server, till: Till) -> None:
    till.after = lambda seen: Reply(headers=[("Payment-Receipt", "!!!")])
    async with purse.client() as client:
        response = await client.get(server.url)
    assert response.text == "goods"
    assert purse.states == ["settled"]


async def test_a_paid_answer_can_be_streamed(purse: Purse, server: Server, till: Till) -> None:
    till.after = lambda seen: Reply(body=b"data: 1\n\n" * 3, headers=till.receipt_headers("0xcafe0001"))
    async with purse.client() as client, client.stream("GET", server.url) as response:
        assert not response.is_stream_consumed
        assert purse.states == ["settled"]
        assert await response.aread() == b"data: 1\n\n" * 3


async def test_somebody_is_asked_before_anything_is_signed(purse: Purse, server: Server, till: Till) -> None:
    purse.policy = type(purse.policy)()
    till.description = "a \u200bnewspaper\u202e" + "!" * 1000
    asked: list[Review] = []

    async def approve(review: Review) -> Approval:
        assert purse.payer.calls == ["quote"]
        assert purse.states == []
        asked.append(review)
        return Approval.ONCE

    async with purse.client(auth={"approve": approve}) as client:
        await client.get(server.url)
    (review,) = asked
    assert (review.quote.amount, str(review.origin), review.insecure_loopback) == (100, server.url, True)
    assert review.description is not None
    assert review.description.startswith("a newspaper!")
    assert len(review.description) == 500


async def test_a_no_is_final_and_nothing_is_signed(purse: Purse, server: Server) -> None:
    purse.policy = type(purse.policy)()

    async def reject(review: Review) -> Approval:
        return Approval.REJECT

    async with purse.client(auth={"approve": reject}) as client:
        with pytest.raises(PaymentDeclined) as caught:
            await client.get(server.url)
    assert caught.value.review.quote.amount == 100
    assert purse.payer.calls == ["quote"]
    assert (purse.states, server.paid) == ([], [])
    assert purse.reported == ["ChallengeReceived", "PaymentDeclinedEvent"]


async def test_nobody_there_means_no(purse: Purse, server: Server) -> None:
    purse.policy = type(purse.policy)()
    async with purse.client() as client:
        with pytest.raises(PaymentDeclined, match="nobody was there"):
            await client.get(server.url)


async def test_an_endless_402_is_not_read_to_its_end(purse: Purse, till: Till) -> None:
    def ask(seen: Seen) -> Reply:
        reply = till(seen)
        reply.endless = seen.credential is None
        return reply

    async with Server(ask) as server, purse.client() as client:
        response = await client.get(server.url)
    assert response.text == "goods"


async def test_a_402_that_never_finishes_is_not_paid(purse: Purse, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpp_console.client.exchange.BODY_PATIENCE", 0.05)

    def ask(seen: Seen) -> Reply:
        reply = till.ask()
        reply.stalls = True
        return reply

    async with Server(ask) as server, purse.client() as client:
        with pytest.raises(NotPaid, match="did not finish"):
            await client.get(server.url)
    assert purse.states == []


def test_a_sync_client_is_told_so(purse: Purse) -> None:
    auth = PaymentAuth(purse.payments())
    with httpx.Client(auth=auth) as client, pytest.raises(SyncClient):
        client.get("http://127.0.0.1:9/")
