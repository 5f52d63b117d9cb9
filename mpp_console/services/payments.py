"""Payments as tasks: each runs the one paying HTTP flow in the background, waits for a decision, and survives any
screen.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mpp_console.protocol import MppError, OperationState
from mpp_console.services.commands import pay_command
from mpp_console.services.errors import TestUnavailable
from mpp_console.services.live_body import BODY_LIMIT
from mpp_console.services.models import OperationView, PayRequest, PayResult, RouteOutcome, RouteView, Stage
from mpp_console.services.no_answer import request_error
from mpp_console.services.payment_run import PaymentRun
from mpp_console.services.payment_task import OriginAllowance, PaymentTask
from mpp_console.services.progress import Clockwork
from mpp_console.services.requests import checked_request, first_answer_within, wire_headers
from mpp_console.services.views import error_view, operation_view

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine
    from mpp_console.services.server import ServerService

__all__ = ["OriginAllowance", "PaymentTask", "PaymentsService"]

KEPT_TASKS = 100
CLOSING_PATIENCE = 5.0
TRIAL_SECONDS = 10.0
"""Patience with a route that is only tried: the slowest of the demo answers after three."""
RECOVERY_AGE = 60.0
"""Seconds that a row may be `prepared` before it counts as left behind: another process may be signing it right now."""


class PaymentsService:
    """Starts payments and knows those in flight."""

    def __init__(self, engine: Engine, server: ServerService) -> None:
        self._engine = engine
        self._server = server
        self._tasks: OrderedDict[str, PaymentTask] = OrderedDict()

    def start(self, request: PayRequest) -> PaymentTask:
        """Begins the request in the background and gives its task at once. Raises UsageError for a URL or amount that
        cannot be.
        """
        return self._begin(checked_request(request))

    def test(self) -> PaymentTask:
        """The one-key payment: starts the local server if needed and pays its /charge, approved by itself.

        Raises TestUnavailable, with the reason, outside the sandbox.
        """
        self._require_sandbox()
        self._engine.log_command("sandbox", "test")
        return self._begin(PayRequest(url="/charge"), approved=True, local=True)

    async def test_all(self) -> AsyncIterator[RouteOutcome]:
        """Calls every route of the local server in turn and tells whether each did what it is meant to do. Sandbox
        only.
        """
        self._require_sandbox()
        self._engine.log_command("sandbox", "test", "--all")
        view = await self._server.start()
        for route in view.routes:
            yield await self.test_route(route)

    async def test_route(self, route: RouteView) -> RouteOutcome:
        """Calls one route of the running local server and tells whether it did what it is meant to do. Sandbox only."""
        from mpp_console.services.trials import judge

        self._require_sandbox()
        body = b'{"say":"hello"}' if route.method == "POST" else b""
        headers = (("Content-Type", "application/json"),) if body else ()
        request = PayRequest(url=route.path, method=route.method, body=body, headers=headers, timeout=TRIAL_SECONDS)
        task = self._begin(request, approved=True, local=True)
        return judge(route, await task.result())

    @property
    def test_unavailable(self) -> str | None:
        """Why there is no test payment here; None when there is."""
        if self._engine.profile.is_sandbox:
            return None
        return f"a test payment spends play money, and {self._engine.profile.label} has none"

    @property
    def tasks(self) -> tuple[PaymentTask, ...]:
        """Tasks of this run, oldest first; of the ended ones the latest hundred, or as many as have bodies of 64 MiB in
        all.
        """
        return tuple(self._tasks.values())

    @property
    def in_flight(self) -> int:
        """How many have not ended."""
        return sum(not task.stage.final for task in self._tasks.values())

    async def recover(self) -> tuple[OperationView, ...]:
        """Asks the rail what became of operations that were left open. Never pays. Gives those that are now settled or
        refused.
        """
        journal = await self._engine.journal.get()
        payments = await self._engine.payments_for(None)

        resolved = []
        for operation in await journal.unresolved():
            age = (self._engine.clock() - operation.updated_at).total_seconds()
            mine = any(
                task.progress.operation_id == operation.id for task in self._tasks.values() if not task.stage.final
            )
            young = operation.state is OperationState.PREPARED and age < RECOVERY_AGE
            if young or mine:
                continue
            after = await payments.resolve(operation.id)
            if after.is_final:
                resolved.append(operation_view(after, self._engine.network))
        return tuple(resolved)

    async def unresolved(self) -> tuple[OperationView, ...]:
        """Operations that are neither settled nor refused."""
        journal = await self._engine.journal.get()
        return tuple(operation_view(operation, self._engine.network) for operation in await journal.unresolved())

    async def close(self) -> None:
        """Declines what waits for a decision, and gives what has left a moment to end by itself."""
        open_tasks = [task for task in self._tasks.values() if not task.stage.final]
        for task in open_tasks:
            task.reject()
            task.stop()
        waits = [asyncio.ensure_future(task.result()) for task in open_tasks]
        if not waits:
            return
        _, late = await asyncio.wait(waits, timeout=CLOSING_PATIENCE)
        if late:
            for task in open_tasks:
                task.cancel()
            await asyncio.wait(late)

    # -----------------------------------------------------------------------------------------------------------------

    def _require_sandbox(self) -> None:
        if self.test_unavailable is not None:
            raise TestUnavailable(self.test_unavailable, hint="open the sandbox: mpp-console --profile sandbox")

    def _begin(self, request: PayRequest, *, approved: bool = False, local: bool = False) -> PaymentTask:
        engine = self._engine
        if not local:
            engine.log(pay_command(engine.profile.called, request))
        task = PaymentTask(
            engine.new_id(),
            request,
            clockwork=Clockwork(clock=engine.clock, counter=engine.counter, events=engine.events),
            work=self._pay_locally if local else self._pay,
            allow=self._allow,
            approved_already=approved,
        )
        self._forget_old()
        self._tasks[task.id] = task
        return task

    def _forget_old(self) -> None:
        ended = [key for key, old in self._tasks.items() if old.stage.final]
        held = 0
        for place, key in enumerate(reversed(ended), 1):
            held += self._tasks[key].size
            if place >= KEPT_TASKS or (held > BODY_LIMIT and place > 1):
                del self._tasks[key]

    def _allow(self, task: PaymentTask, given: OriginAllowance) -> None:
        review = task.domain_review
        assert review is not None  # noqa: S101 - a task can be approved only once it has a review
        self._engine.allow_origin(
            origin=review.origin,
            currency=review.quote.currency,
            per_payment=given.per_payment,
            total=given.total,
            lasts=given.lasts,
        )

    async def _pay_locally(self, task: PaymentTask) -> PayResult:
        view = await self._server.start()
        task.request = replace(task.request, url=f"{view.url}{task.request.url}")
        return await self._pay(task)

    async def _pay(self, task: PaymentTask) -> PayResult:
        try:
            payments = await self._engine.payments_for(task.request.account)
            http = await self._engine.http.get()
        except MppError as error:
            return task.ended(Stage.FAILED, error=error_view(error))
        run = PaymentRun(self._engine, task)
        import httpx

        from mpp_console.client.auth import PaymentAuth

        auth = PaymentAuth(payments, terms=run.terms(), approve=run.approver(), observe=run.observe)
        request = task.request
        try:
            outgoing = http.build_request(
                request.method,
                request.url,
                headers=wire_headers(request.headers),
                content=request.body or None,
                timeout=request.timeout,
            )
            async with first_answer_within(request.timeout) as seen:
                outgoing.extensions["trace"] = seen
                answer = await http.send(outgoing, auth=auth, follow_redirects=request.follow_redirects, stream=True)
            try:
                return await run.answered(answer)
            finally:
                await answer.aclose()
        except MppError as error:
            return run.failed(error)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return run.failed(request_error(error, request.url))
