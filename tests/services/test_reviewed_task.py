"""Work may begin while its task is made: Textual's loop does not wait for its next turn, from Python 3.12 on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mpp_console.services.events import EventBus
from mpp_console.services.models import PayRequest, Stage, TransferRequest
from mpp_console.services.payment_task import PaymentTask
from mpp_console.services.progress import Clockwork
from mpp_console.services.reviewed_task import ReviewedTask
from mpp_console.services.session_tasks import SessionTask
from mpp_console.services.transfers import TransferTask

Work = Callable[[Any], Any]
CLOCKWORK = Clockwork(clock=lambda: datetime(2026, 3, 14, tzinfo=UTC), counter=lambda: 0.0, events=EventBus())


def payment(work: Work) -> ReviewedTask[Any, Any, Any]:
    request = PayRequest(url="http://127.0.0.1:1/x")
    return PaymentTask("one", request, clockwork=CLOCKWORK, work=work, allow=lambda task, given: None)


def transfer(work: Work) -> ReviewedTask[Any, Any, Any]:
    request = TransferRequest(to="0x" + "11" * 20, amount="1")
    return TransferTask("one", request, clockwork=CLOCKWORK, work=work)


def session(work: Work) -> ReviewedTask[Any, Any, Any]:
    return SessionTask("one", "close", ("0x01",), clockwork=CLOCKWORK, work=work)


@pytest.mark.parametrize("make", [payment, transfer, session])
async def test_a_task_is_whole_before_its_work_begins(make: Callable[[Work], ReviewedTask[Any, Any, Any]]) -> None:
    begun_with: list[set[str]] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> asyncio.Task[Any]:
        begun_with.append(set(vars(work.cr_frame.f_locals["self"])))
        return asyncio.Task(work, loop=loop, **named)

    async def work(task: ReviewedTask[Any, Any, Any]) -> Any:
        return task.ended(Stage.FAILED) if isinstance(task, PaymentTask) else Stage.FAILED

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        task = make(work)
    finally:
        loop.set_task_factory(None)
    whole = set(vars(task))
    await task.result()
    assert begun_with == [whole - {"_runner"}]
    assert set(vars(task)) == whole
