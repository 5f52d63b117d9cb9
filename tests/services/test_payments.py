"""Payments as tasks, end to end: local server, real signed transactions on the sandbox's chain, receipts in the
history.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from mpp_console.protocol import ParseError
from mpp_console.services import Console
from mpp_console.services.errors import TestUnavailable, UsageError
from mpp_console.services.events import CommandLogged, PaymentProgress, ReceiptRecorded
from mpp_console.services.models import PayRequest, Stage
from mpp_console.services.payments import OriginAllowance
from mpp_console.services.requests import first_answer_within
from tests.services.conftest import Clock, Devnet, Heard, OpenConsole


async def paid_account(console: Console) -> None:
    """An account with play money."""
    await console.accounts.create("main")
    await console.fund()


async def test_one_key_pays_and_the_receipts_of_both_sides_are_kept(console: Console) -> None:
    heard = Heard(console)
    result = await console.payments.test().result()
    assert (result.stage, result.status, result.paid) == (Stage.DONE, 200, True)
    assert result.receipt is not None
    assert result.operation is not None
    assert result.operation.state == "settled"
    assert result.operation.reference == result.receipt.reference
    await heard.until(lambda: len(heard.of(ReceiptRecorded)) == 2)
    assert {event.row.direction for event in heard.of(ReceiptRecorded)} == {"sent", "received"}
    page = await console.receipts.page()
    assert {row.direction for row in page.rows} == {"sent", "received"}
    assert {row.reference for row in page.rows} == {result.receipt.reference}
    assert [leg.leg for leg in result.timings] == ["challenge", "review", "sign", "pay", "body", "total"]


async def test_stages_only_move_forward(console: Console) -> None:
    heard = Heard(console)
    await console.payments.test().result()
    stages = [event.stage for event in heard.of(PaymentProgress)]
    assert stages == [Stage.REQUESTING, Stage.REVIEW, Stage.SIGNED, Stage.SENT, Stage.ACCEPTED, Stage.DONE]
    assert [event.position for event in stages] == sorted(event.position for event in stages)


async def test_every_route_of_the_demo_does_what_it_is_meant_to_do(console: Console) -> None:
    outcomes = [outcome async for outcome in console.payments.test_all() if outcome.route.path != "/slow"]
    assert {outcome.route.path: outcome.error for outcome in outcomes if not outcome.ok} == {}
    assert len(outcomes) >= 14


async def test_a_free_resource_costs_nothing(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/free"))
    assert await task.review() is None
    result = await task.result()
    assert (result.stage, result.paid, result.status) == (Stage.DONE, False, 200)
    assert result.operation is None
    assert b"routes" in result.body


async def test_review_comes_before_the_signature(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/split"))
    review = await task.review()
    assert review is not None
    assert review.offer is not None
    assert review.offer.price is not None
    assert review.offer.price.text == "0.010000 pathUSD"
    assert [transfer.amount for transfer in review.offer.transfers] == [7_500, 2_500]
    assert review.insecure_loopback
    assert review.server_says.startswith("demo /split")
    assert review.command == f"mpp-console pay {view.url}/split"
    assert await console.receipts.operations() == ()
    assert task.stage is Stage.REVIEW
    assert task.reject()
    assert (await task.result()).stage is Stage.DECLINED
    assert await console.receipts.operations() == ()


async def test_approving_twice_pays_once(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/charge"))
    await task.review()
    assert task.approve()
    assert not task.approve()
    assert not task.reject()
    assert (await task.result()).paid
    assert not task.approve()
    assert len(await console.receipts.operations()) == 1


async def test_an_offer_that_ran_out_cannot_be_approved(console: Console, clock: Clock) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/charge"))
    await task.review()
    clock.ahead = timedelta(minutes=6)
    assert not task.approve()
    assert task.reject()
    assert (await task.result()).stage is Stage.DECLINED


async def test_a_task_survives_whoever_waits_for_it(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/charge"))
    await task.review()
    task.approve()
    screen = asyncio.create_task(task.result())
    await asyncio.sleep(0)
    screen.cancel()
    assert (await task.result()).paid


async def test_a_quote_signs_nothing_and_needs_no_account(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    task = console.payments.start(PayRequest(url=f"{devnet.url}/charge", mode="quote"))
    result = await task.result()
    assert (result.stage, result.paid, result.error) == (Stage.DONE, False, None)
    assert result.review is not None
    assert result.review.offer is not None
    assert result.review.offer.payer is None
    assert await console.receipts.operations() == ()


async def test_without_an_account_nothing_is_paid(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    result = await console.payments.start(PayRequest(url=f"{devnet.url}/charge")).result()
    assert result.stage is Stage.DECLINED
    assert result.error is not None
    assert result.error.code == "no-account"
    assert "accounts create" in result.error.hint
    assert await console.receipts.operations() == ()


async def test_a_watched_account_does_not_pay(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    await console.accounts.watch("eyes", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    await console.fund()
    result = await console.payments.start(PayRequest(url=f"{devnet.url}/charge")).result()
    assert result.error is not None
    assert result.error.code == "watch-only"
    assert await console.receipts.operations() == ()


async def test_what_may_not_be_paid_without_a_word_is_declined_when_nobody_is_there(
    open_console: OpenConsole, devnet: Devnet
) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    await paid_account(console)
    result = await console.payments.start(PayRequest(url=f"{devnet.url}/charge", mode="auto")).result()
    assert result.stage is Stage.DECLINED
    assert result.error is not None
    assert result.error.code == "confirmation-needed"
    assert await console.receipts.operations() == ()


async def test_an_allowance_lets_later_payments_pass(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    await paid_account(console)
    task = console.payments.start(PayRequest(url=f"{devnet.url}/charge"))
    review = await task.review()
    assert review is not None
    assert review.verdict == "confirm"
    with pytest.raises(ParseError):
        task.approve(OriginAllowance(per_payment="a cent", total="1"))
    assert task.approve(OriginAllowance(per_payment="0.01", total="0.03"))
    assert (await task.result()).paid
    for expected in (Stage.DONE, Stage.DONE, Stage.DECLINED):
        # The first payment counts too: three cents in all.
        result = await console.payments.start(PayRequest(url=f"{devnet.url}/charge", mode="auto")).result()
        assert result.stage is expected


async def test_a_limit_of_the_policy_cannot_be_talked_over(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.with_policy(per_payment={"pathUSD": "0.009"}))
    await paid_account(console)
    task = console.payments.start(PayRequest(url=f"{devnet.url}/charge"))
    review = await task.review()
    assert review is not None
    assert review.offer is None
    assert not task.approve()
    result = await task.result()
    assert result.stage is Stage.FAILED
    assert result.error is not None
    assert "0.009000 pathUSD" in result.error.message


async def test_a_budget_holds_across_two_consoles(open_console: OpenConsole, devnet: Devnet) -> None:
    rules = devnet.with_policy(per_day={"pathUSD": "0.015"}, confirm=False)
    first = await open_console("devnet", settings=rules)
    await paid_account(first)
    second = await open_console("devnet", settings=rules)
    tasks = [each.payments.start(PayRequest(url=f"{devnet.url}/charge", mode="auto")) for each in (first, second)]
    results = await asyncio.gather(*(task.result() for task in tasks))
    assert sorted(result.paid for result in results) == [False, True]


async def test_the_dearest_one_is_willing_to_pay(console: Console) -> None:
    view = await console.server.start()
    result = await console.payments.start(PayRequest(url=f"{view.url}/charge", max_amount="0.0099")).result()
    assert result.stage is Stage.FAILED
    assert result.review is not None
    assert "more than the 0.0099 you allow" in result.review.offers[0].reason


@pytest.mark.parametrize(("offer", "symbol"), [("2", "AlphaUSD"), ("alphausd", "AlphaUSD"), ("pathUSD", "pathUSD")])
async def test_an_offer_is_picked_by_number_or_name(console: Console, offer: str, symbol: str) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/two-offers", offer=offer))
    review = await task.review()
    assert review is not None
    assert review.offer is not None
    assert review.offer.currency is not None
    assert review.offer.currency.symbol == symbol
    task.reject()
    await task.result()


async def test_an_offer_that_is_not_there_is_not_replaced_by_another(console: Console) -> None:
    view = await console.server.start()
    result = await console.payments.start(PayRequest(url=f"{view.url}/charge", offer="ThetaUSD")).result()
    assert result.stage is Stage.DECLINED
    assert result.error is not None
    assert result.error.code == "no-such-offer"


async def test_no_answer_is_a_failure_with_a_reason(console: Console) -> None:
    result = await console.payments.start(PayRequest(url="http://127.0.0.1:1/x")).result()
    assert result.stage is Stage.FAILED
    assert result.error is not None
    assert (result.error.code, result.error.kind) == ("no-connection", "network")
    assert result.error.hint == "is it running, and is the port right?"


async def test_a_server_that_drips_its_answer_is_left(console: Console) -> None:
    """Each byte comes in time for a read; the head of the answer never ends."""
    left = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.02)  # the pace of this server, not a wait for ours
        left.set()
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        url = f"http://127.0.0.1:{port}/x"
        result = await console.payments.start(PayRequest(url=url, timeout=0.2)).result()
        await left.wait()
    assert result.stage is Stage.FAILED
    assert result.error is not None
    assert (result.error.code, result.error.kind) == ("timeout", "network")


@pytest.mark.parametrize(
    ("name", "late"),
    [("http11.receive_response_headers.complete", False), ("http11.send_request_headers.complete", True)],
)
async def test_the_deadline_is_for_the_first_answer_only(name: str, late: bool) -> None:
    async def exchange() -> None:
        async with first_answer_within(0.02) as seen:
            await seen(name, {})
            await asyncio.sleep(0.1)

    with pytest.raises(TimeoutError) if late else nullcontext():
        await exchange()


async def test_a_result_shows_no_user_and_password(console: Console) -> None:
    heard: list[str] = []
    console.events.subscribe(lambda event: heard.append(repr(event)))
    result = await console.payments.start(PayRequest(url="http://me:hunter2@127.0.0.1:1/x")).result()
    assert result.url == "http://127.0.0.1:1/x"
    assert heard
    assert "hunter2" not in "".join(heard)


async def test_an_anticipated_failure_is_no_traceback(
    open_console: OpenConsole, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home" / "data" / "sandbox.lock").mkdir(parents=True)
    console = await open_console()
    result = await console.payments.start(PayRequest(url="http://127.0.0.1:1/x")).result()
    assert result.error is not None
    assert result.error.code == "file-trouble"
    assert caplog.records == []


async def test_an_http_error_keeps_its_body(console: Console) -> None:
    view = await console.server.start()
    result = await console.payments.start(PayRequest(url=f"{view.url}/nothing-here")).result()
    assert (result.stage, result.status, result.paid) == (Stage.FAILED, 404, False)
    assert result.body == b"Not Found"
    assert result.error is not None
    assert result.error.kind == "network"


async def test_paid_and_not_delivered_is_told_as_that(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/faults/server-error"))
    await task.review()
    task.approve()
    result = await task.result()
    assert (result.stage, result.paid, result.status) == (Stage.FAILED, True, 500)
    assert result.error is not None
    assert result.error.kind == "payment"
    assert result.operation is not None
    assert result.operation.state == "settled"


async def test_secrets_of_the_wire_are_masked(console: Console) -> None:
    result = await console.payments.test().result()
    headers = {name.lower(): value for name, value in result.headers}
    assert headers["payment-receipt"] == "(hidden)"


@pytest.mark.parametrize(
    "request_",
    [
        PayRequest(url="ftp://x.example"),
        PayRequest(url=""),
        PayRequest(url="http://x.example/\nHost: y"),
        PayRequest(url="http://x.example", method="GE T"),
        PayRequest(url="http://x.example", headers=(("A\nB", "x"),)),
        PayRequest(url="http://x.example", headers=(("A", "x\r\nB: y"),)),
        PayRequest(url="http://x.example", max_amount="-1"),
        PayRequest(url="http://x.example", max_amount="1e9"),
        PayRequest(url="http://x.example", timeout=0),
    ],
)
async def test_what_cannot_be_requested_is_refused_at_once(console: Console, request_: PayRequest) -> None:
    with pytest.raises(UsageError):
        console.payments.start(request_)
    assert console.payments.tasks == ()


async def test_only_the_sandbox_has_a_test_payment(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    with pytest.raises(TestUnavailable, match="play money"):
        console.payments.test()
    assert console.snapshot().test_unavailable is not None
    assert console.payments.tasks == ()


async def test_the_command_of_an_action_is_told_without_its_secrets(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    request = PayRequest(
        url=f"{view.url}/free",
        method="POST",
        headers=(("Authorization", "Bearer s3cret"), ("X-Api-Key", "s3cret"), ("X-A", "b c")),
        body=b"it's",
    )
    await console.payments.start(request).result()
    command = heard.of(CommandLogged)[-1].command
    assert command == (
        f"mpp-console pay {view.url}/free -H 'Authorization: …' -H 'X-Api-Key: …' -H 'X-A: b c' -d 'it'\"'\"'s'"
    )


async def test_closing_declines_what_waits_and_keeps_what_was_approved(open_console: OpenConsole) -> None:
    console = await open_console()
    view = await console.server.start()
    waiting, approved = (console.payments.start(PayRequest(url=f"{view.url}/charge")) for _ in range(2))
    await waiting.review()
    await approved.review()
    approved.approve()
    await console.close()
    assert (await waiting.result()).stage is Stage.DECLINED
    assert (await approved.result()).paid
    await console.close()
