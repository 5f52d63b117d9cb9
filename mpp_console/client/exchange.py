"""One HTTP request on its way to being paid: what is sent first, what with the credential, and what the answers mean.

The steps of `PaymentAuth`, which only moves requests and answers. Whether and what to pay is decided by `Payments`;
outcomes are written by `Outcomes`.
"""

from __future__ import annotations

from typing import NoReturn

import httpx

from mpp_console.client.answers import Wire, direct_answer, read_body, read_challenges, read_problem
from mpp_console.client.carrier import (
    SealedHeaders,
    body_of,
    paid_request,
    record_body,
    seal,
    strip_credentials,
)
from mpp_console.client.errors import (
    CredentialSpent,
    CrossOriginPayment,
    NotPaid,
    OutcomeUnknown,
    PaidNotDelivered,
    PaymentRejected,
)
from mpp_console.client.events import Observer
from mpp_console.client.journal import Operation
from mpp_console.client.metering import Metering
from mpp_console.client.offers import Terms
from mpp_console.client.origin import Origin
from mpp_console.client.payments import Payments
from mpp_console.client.pending import PendingPayment
from mpp_console.client.receipts import read_receipt
from mpp_console.client.review import Approver, Demand
from mpp_console.client.sessions.stream import is_event_stream, meter
from mpp_console.methods.base import Mode
from mpp_console.protocol import (
    ACCEPT_PAYMENT,
    IDEMPOTENCY_KEY,
    PAYMENT_RECEIPT,
    ExchangeEvent,
    ExchangeState,
    OperationState,
    Problem,
    Receipt,
    advance,
)

__all__ = ["OPERATION", "Exchange"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1

OPERATION = "mpp_operation"
"""Under this name the extensions of an answer hold the operation that paid for it."""

BODY_PATIENCE = 10.0
"""Seconds for the body of an answer that asks for money or refuses it: a short text that a payment waits for."""


class Exchange:
    """One request on its way to being paid. Follows the table of `mpp_console.protocol.exchange`."""

    def __init__(self, payments: Payments, terms: Terms, approve: Approver | None, observe: Observer) -> None:
        self._payments = payments
        self._terms = terms
        self._approve = approve
        self._observe = observe
        self._state = ExchangeState.IDLE
        self._origin: Origin | None = None
        self._pending: PendingPayment | None = None
        self._sealed: SealedHeaders | None = None
        self._request: httpx.Request | None = None
        self._wire = Wire()

    def start(self, request: httpx.Request, replay_limit: int) -> httpx.Request:
        """The first request, with what the server may know before it asks."""
        strip_credentials(request.headers)
        accepted = self._payments.accept_payment
        if accepted:
            request.headers.setdefault(ACCEPT_PAYMENT, accepted)
        record_body(request, replay_limit)
        self._origin = Origin.of(request.url)
        self._step(ExchangeEvent.REQUEST)
        return request

    async def pay(self, response: httpx.Response) -> httpx.Request | None:
        """The request with the credential; None when the answer asks for none. Raises PaymentError."""
        try:
            return await self._pay(response)
        except NotPaid as error:
            error.response = response
            raise

    async def _pay(self, response: httpx.Response) -> httpx.Request | None:
        asked = read_challenges(response)
        if asked is None:
            self._step(ExchangeEvent.SERVE)
            return None
        self._step(ExchangeEvent.CHALLENGE)
        first = response.request
        origin = Origin.of(first.url)
        if self._origin is not None and origin != self._origin:
            raise CrossOriginPayment(self._origin, origin)
        problem = read_problem(await _body_in_time(response))
        key = first.headers.get(IDEMPOTENCY_KEY)
        if key is None and first.method not in _SAFE_METHODS:
            key = self._payments.new_id()
        demand = Demand(
            origin=origin,
            url=str(first.url.copy_with(userinfo=b"", fragment=None)),
            http_method=first.method,
            challenges=asked.challenges,
            malformed=asked.malformed,
            body=await body_of(first),
            idempotency_key=key,
            problem=problem,
            terms=self._terms,
        )
        return await self._authorised(demand, response)

    async def _authorised(self, demand: Demand, response: httpx.Response) -> httpx.Request:
        review = await self._payments.review(demand, observe=self._observe)
        self._step(ExchangeEvent.AUTHORIZE)
        header = review.challenge.credential_header
        self._wire = Wire(response.request.extensions.get("trace"))
        request = paid_request(
            response,
            body=demand.body,
            header=header,
            idempotency_key=demand.idempotency_key,
            trace=self._wire.trace,
        )
        if review.goes_on:
            # What an answer costs on the way is read out of its bytes, and a packed one comes in lumps.
            request.headers["Accept-Encoding"] = "identity"
        pending = await self._payments.authorise(review, approve=self._approve, observe=self._observe)
        self._pending, self._request = pending, request
        credential = await pending.release()
        self._step(ExchangeEvent.SEND)
        self._sealed = seal(request, header, credential.to_header())
        return request

    async def conclude(self, response: httpx.Response, *, once_more: bool = False) -> bool:
        """Settles when the server delivered; otherwise lets the rail decide, and raises CredentialSpent.

        With `once_more`, a request that was not paid for and that the rail expects to be served when it is asked and
        paid anew gives True instead of an error.
        """
        pending, request = self._spent()
        answer = direct_answer(response, request)
        receipt, doubts = self._receipt(answer, response)
        if answer is response and answer.is_success and is_event_stream(answer):
            metering = await pending.go_on(receipt, doubts)
            if metering is not None:
                return self._metered(response, metering)
        if answer.is_success or (answer.is_redirect and receipt is not None):
            operation = await pending.settle(receipt, doubts)
            self._step(ExchangeEvent.SETTLE)
            response.extensions[OPERATION] = operation
            return False
        problem = None
        if not answer.is_redirect:
            problem = read_problem(await _body_anyway(answer))
        said = f"the server answered {answer.status_code}" + (f": {_text(problem)}" if problem else "")
        operation = await pending.lose(said, problem=problem, status=answer.status_code)
        self._step(ExchangeEvent.LOSE)
        response.extensions[OPERATION] = operation
        if answer.is_redirect and operation.state is OperationState.SETTLED:
            return False
        if not (once_more and pending.again and operation.state is OperationState.REFUSED):
            self._raise(said, operation, response, problem)
        return True

    def _metered(self, response: httpx.Response, metering: Metering) -> bool:
        """From here on the payment belongs to whoever reads the answer."""
        self._step(ExchangeEvent.SETTLE)
        self._pending = None
        meter(response, metering)
        return False

    async def interrupted(self, cause: BaseException | None) -> None:
        """No answer came. Raises CredentialSpent in place of a network error; everything else goes on as it was."""
        pending, _ = self._spent()
        if not isinstance(cause, Exception):
            # Cancelled, or the program ends: there is no time to ask, and the row says that it may have happened.
            await pending.lose("it was interrupted after the payment was sent", ask=False)
            return
        if self._wire.never_left and pending.mode is not Mode.PUSH:
            await pending.abandon(f"the server could not be reached: {type(cause).__name__}")
            return
        said = f"no answer came: {type(cause).__name__}"
        operation = await pending.lose(said)
        if isinstance(cause, httpx.RequestError):
            self._raise(said, operation, None, None, cause)

    def anew(self) -> httpx.Request:
        """What this exchange asked for, to be asked once more: the copy leaves the credential behind."""
        _, paid = self._spent()
        return httpx.Request(
            paid.method,
            paid.url,
            headers=httpx.Headers(paid.headers),
            content=paid.content or None,
            extensions={name: value for name, value in paid.extensions.items() if name != "trace"},
        )

    def close(self) -> None:
        if self._sealed is not None:
            self._sealed.discard()
        if self._pending is not None:
            self._pending.close()

    def _receipt(self, answer: httpx.Response, response: httpx.Response) -> tuple[Receipt | None, tuple[str, ...]]:
        """The receipt of the answer to the credential, or of the page of the same origin that it redirected to."""
        if answer.is_success or PAYMENT_RECEIPT in answer.headers:
            return read_receipt(answer.headers.get(PAYMENT_RECEIPT))
        if answer.is_redirect and response.is_success and Origin.of(response.request.url) == self._origin:
            return read_receipt(response.headers.get(PAYMENT_RECEIPT))
        return None, ()

    def _raise(
        self,
        said: str,
        operation: Operation,
        response: httpx.Response | None,
        problem: Problem | None,
        cause: BaseException | None = None,
    ) -> NoReturn:
        kind: type[CredentialSpent]
        match operation.state:
            case OperationState.SETTLED:
                kind, verdict, hint = PaidNotDelivered, "the payment went through", "ask the server for what you paid"
            case OperationState.REFUSED:
                kind, verdict, hint = PaymentRejected, "no money moved", "see why before you try again"
                if operation.error and operation.error != said:
                    hint = operation.error  # the rail's own word, such as of a voucher that the server has all the same
            case _:
                kind, verdict = OutcomeUnknown, "nobody knows yet whether the payment went through"
                hint = "do not pay again before it is resolved"
        message = f"{said.rstrip('.')}; {verdict}"
        raise kind(message, operation=operation, response=response, problem=problem, hint=hint) from cause

    def _spent(self) -> tuple[PendingPayment, httpx.Request]:
        assert self._pending is not None  # noqa: S101 - only a request that `pay` returned is answered or interrupted
        assert self._request is not None  # noqa: S101 - and it is kept there
        return self._pending, self._request

    def _step(self, event: ExchangeEvent) -> None:
        self._state = advance(self._state, event)


async def _body_in_time(response: httpx.Response) -> bytes:
    """The body of a 402. httpx reads it before it sends the next request, and must not fail at that after a payment."""
    try:
        return await read_body(response, patience=BODY_PATIENCE)
    except TimeoutError as error:
        raise NotPaid("the server asked for money and did not finish its answer") from error


async def _body_anyway(response: httpx.Response) -> bytes:
    """The body of a refusal, or as good as none: its loss must not hide that the money may be gone."""
    try:
        return await read_body(response, patience=BODY_PATIENCE)
    except (TimeoutError, httpx.HTTPError, httpx.StreamError):
        return b""


def _text(problem: Problem) -> str:
    return problem.detail or problem.title or problem.type
