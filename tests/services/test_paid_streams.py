"""Answers that are charged for as they come, as the console pays and shows them: its own demo sells them."""

from __future__ import annotations

from mpp_console.protocol import Currency
from mpp_console.sandbox.demo.sessions import SUGGESTED_DEPOSIT, TOKEN_PRICE
from mpp_console.services import Console
from mpp_console.services.models import PayRequest, PayResult, Stage
from mpp_console.services.stream_meter import StreamMeter
from tests.services.conftest import Heard

COIN = Currency(id="coin", symbol="COIN", decimals=2)


async def stream(console: Console, tokens: int, **options: object) -> PayResult:
    view = await console.server.start()
    request = PayRequest(url=f"{view.url}/session/stream?tokens={tokens}", **{"mode": "auto", **options})  # type: ignore[arg-type]
    return await console.payments.start(request).result()


async def test_a_stream_is_one_payment_of_what_came(console: Console) -> None:
    result = await stream(console, 5)
    assert (result.stage, result.paid, result.body_end, result.doubts) == (Stage.DONE, True, "whole", ())
    assert result.operation is not None
    assert (result.operation.amount, result.operation.state) == (5 * TOKEN_PRICE, "settled")
    assert result.receipt is not None
    assert result.receipt.extra["spent"] == str(5 * TOKEN_PRICE)
    assert result.stream is not None
    assert result.stream.spent.amount == result.stream.voucher.amount == 5 * TOKEN_PRICE
    assert (result.stream.held.amount, result.stream.events) == (SUGGESTED_DEPOSIT, 5)
    assert result.stream.rate is not None
    assert b"payment-" not in result.body
    assert [leg.leg for leg in result.timings] == ["challenge", "review", "sign", "pay", "body", "total"]
    second = await stream(console, 3)
    assert second.stream is not None
    assert (second.stream.spent.amount, second.stream.voucher.amount) == (3 * TOKEN_PRICE, 8 * TOKEN_PRICE)
    page = await console.receipts.page()
    assert sum(row.amount or 0 for row in page.rows if row.direction == "sent") == 8 * TOKEN_PRICE


async def test_what_a_stream_costs_is_seen_while_it_comes(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/session/stream?tokens=2000", mode="auto"))
    await heard.until(lambda: task.event_count >= 3)
    seen = task.stream
    assert seen is not None
    assert seen.events >= 3
    assert TOKEN_PRICE * (seen.events - 1) <= seen.spent.amount == seen.voucher.amount
    assert (task.stage, task.reading) == (Stage.ACCEPTED, True)
    assert task.stop()
    result = await task.result()
    assert (result.stage, result.body_end, result.paid) == (Stage.DONE, "stopped", True)
    assert result.operation is not None
    assert result.stream is not None
    assert result.operation.amount == result.stream.spent.amount < 2000 * TOKEN_PRICE
    (channel,) = (await console.sessions.load()).rows
    assert channel.signed == result.operation.amount, "nothing is signed for what nobody reads"


async def test_a_stream_that_would_cost_more_than_is_allowed(console: Console) -> None:
    result = await stream(console, 50, max_amount="0.00022")
    assert (result.stage, result.paid, result.body_end) == (Stage.FAILED, True, "broken")
    assert result.error is not None
    assert (result.error.code, result.error.kind) == ("stream-over-limit", "payment")
    assert "more than the 0.00022 you allow" in result.error.message
    assert result.operation is not None
    assert result.operation.amount == 4 * TOKEN_PRICE
    assert result.body.count(b"event: message") == 4, "what was paid for is here"


async def test_a_stream_that_is_cancelled_stays_paid(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/session/stream?tokens=2000", mode="auto"))
    await heard.until(lambda: task.event_count >= 1)
    assert task.cancel()
    result = await task.result()
    assert (result.paid, result.body_end) == (True, "stopped")
    assert await console.payments.unresolved() == ()


async def test_nobody_resolves_a_payment_that_is_being_streamed(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/session/stream?tokens=2000", mode="auto"))
    await heard.until(lambda: task.event_count >= 2)
    other = await Console.open("sandbox", paths=console.paths, settings=console.settings)
    try:
        assert await other.payments.recover() == ()
        assert [row.state for row in await other.payments.unresolved()] == ["sent"]
    finally:
        await other.close()
    count = task.event_count
    await heard.until(lambda: task.event_count > count)
    assert task.stop()
    assert (await task.result()).paid


def test_the_rate_looks_back_a_few_seconds() -> None:
    seen = {"now": 0.0, "events": 0.0}
    meter = StreamMeter(lambda: seen["now"], lambda: int(seen["events"]))
    meter.look()
    assert meter.view() is None
    assert meter.paid(COIN, spent=1, total=1, held=10)
    assert not meter.paid(COIN, spent=2, total=2, held=10)
    view = meter.view()
    assert view is not None
    assert view.rate is None
    for now, events in ((2.0, 4), (4.0, 8), (20.0, 9), (22.0, 10), (24.0, 11)):
        seen.update(now=now, events=events)
        meter.look()
    view, whole = meter.view(), meter.view(over=True)
    assert view is not None
    assert whole is not None
    assert (view.rate, whole.rate) == (0.5, 11 / 24)
    assert view.spent.text == "0.02 COIN"
