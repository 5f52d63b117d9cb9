"""Transfers as tasks: the quote is the dry run, one approval sends once, the receipt is waited for."""

from __future__ import annotations

import pytest

from mpp_console.services import Console
from mpp_console.services.events import CommandLogged, PaymentProgress
from mpp_console.services.models import Stage, TransferRequest
from tests.services.conftest import Heard

TO = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"


async def test_sent_once_and_waited_for(console: Console) -> None:
    heard = Heard(console)
    before = await console.balances()
    task = console.transfers.start(TransferRequest(to=TO, amount="1.5"))
    review = await task.review()
    assert review is not None
    assert (review.recipient, review.amount, review.new_recipient) == (TO, 1_500_000, True)
    assert await console.receipts.operations() == ()
    assert task.approve()
    assert not task.approve()
    result = await task.result()
    assert (result.stage, result.error) == (Stage.DONE, None)
    assert result.reference is not None
    assert result.reference.startswith("0x")
    (operation,) = await console.receipts.operations()
    assert (operation.kind, operation.state) == ("transfer", "settled")
    after = await console.balances()
    assert (before[0].available or 0) - (after[0].available or 0) >= 1_500_000
    stages = [event.stage for event in heard.of(PaymentProgress) if event.kind == "transfer"]
    assert stages == [Stage.REQUESTING, Stage.REVIEW, Stage.SIGNED, Stage.SENT, Stage.DONE]
    assert heard.of(CommandLogged)[0].command == f"mpp-console transfer 1.5 {TO}"


async def test_declined_nothing_is_signed(console: Console) -> None:
    task = console.transfers.start(TransferRequest(to=TO, amount="1", token="AlphaUSD"))
    await task.review()
    assert task.reject()
    assert not task.reject()
    result = await task.result()
    assert result.stage is Stage.DECLINED
    assert await console.receipts.operations() == ()


async def test_more_than_there_is_cannot_be_approved(console: Console) -> None:
    task = console.transfers.start(TransferRequest(to=TO, amount="1000001"))
    review = await task.review()
    assert review is not None
    assert not review.sendable
    assert not task.approve()
    result = await task.result()
    assert result.stage is Stage.FAILED
    assert result.error is not None
    assert result.error.code == "insufficient-balance"


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (TransferRequest(to="0x742d35Cc6634c0532925a3b844bC9e7595F8fE01", amount="1"), "usage"),
        (TransferRequest(to=TO, amount="one"), "usage"),
        (TransferRequest(to=TO, amount="1", token="GOLD"), "usage"),
        (TransferRequest(to=TO, amount="1", account="nobody"), "usage"),
    ],
)
async def test_what_cannot_be_read_is_told(console: Console, request_: TransferRequest, kind: str) -> None:
    task = console.transfers.start(request_)
    assert await task.review() is None
    result = await task.result()
    assert result.stage is Stage.FAILED
    assert task.error == result.error
    assert result.error is not None
    assert result.error.kind == kind


async def test_closing_declines_what_waits(console: Console) -> None:
    task = console.transfers.start(TransferRequest(to=TO, amount="1"))
    await task.review()
    assert console.snapshot().in_flight == 1
    await console.close()
    assert (await task.result()).stage is Stage.DECLINED
