"""Pays for HTTP: an auth flow for httpx that answers a 402 with a payment, once.

    client = httpx.AsyncClient(auth=PaymentAuth(payments))
    response = await client.get("https://api.example.com/paid")

The flow moves requests and answers; whether and what to pay is `Payments`' matter, and the outcome is written by it.
What can go wrong is drawn in `mpp_console.client.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress

import httpx

from mpp_console.client.carrier import (
    REPLAY_LIMIT,
    check_sealing,
)
from mpp_console.client.errors import (
    SyncClient,
)
from mpp_console.client.events import Observer, PaymentEvent
from mpp_console.client.exchange import OPERATION, Exchange
from mpp_console.client.journal import Operation
from mpp_console.client.metering import Metering
from mpp_console.client.offers import Terms
from mpp_console.client.payments import Payments
from mpp_console.client.review import Approver
from mpp_console.client.sessions.stream import METERING

__all__ = ["PaymentAuth", "operation_of"]


def operation_of(response: httpx.Response) -> Operation | None:
    """The payment behind an answer; None when it was free. That of a stream grows while the stream is read."""
    metering = response.extensions.get(METERING)
    operation = metering.operation if isinstance(metering, Metering) else response.extensions.get(OPERATION)
    return operation if isinstance(operation, Operation) else None


def _ignore(event: PaymentEvent) -> None:
    """The observer when nobody watches."""


class PaymentAuth(httpx.Auth):
    """Pays what a server asks for, through `payments`. For `httpx.AsyncClient` only.

    A request is paid at most once; one whose payment was refused may be asked and paid once more where the rail says
    that it will then be served.

    `terms` are the caller's wishes for these requests. `approve` and `observe` are asked and told for these
    requests, `approve` instead of the one of `payments`. A streamed body is kept up to `replay_limit` bytes, to be
    sent again with the payment.

    A Payment credential that the caller put into the request is taken out: each is good for one request. Another
    `Authorization` is kept where the server wants the payment in `Payment-Authorization`, and gives way where it
    does not. The credential goes to the origin that asked, and is in no request that httpx makes of a redirect.
    Raises what `errors` lists.
    """

    def __init__(
        self,
        payments: Payments,
        *,
        terms: Terms | None = None,
        approve: Approver | None = None,
        observe: Observer = _ignore,
        replay_limit: int = REPLAY_LIMIT,
    ) -> None:
        check_sealing()
        self._payments = payments
        self._terms = Terms() if terms is None else terms
        self._approve = approve
        self._observe = observe
        self._replay_limit = replay_limit

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise SyncClient("PaymentAuth pays for async clients only", hint="use httpx.AsyncClient")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        asking, last = request, False
        while True:
            exchange = Exchange(self._payments, self._terms, self._approve, self._observe)
            asked = yield exchange.start(asking, self._replay_limit)
            try:
                paid = await exchange.pay(asked)
                if paid is None:
                    return
                answer: httpx.Response | None = None
                # httpx does not tell a flow why a request failed: it closes the flow while it handles the error. Out
                # of this block that error is the one being handled, so that it can be seen.
                with suppress(GeneratorExit):
                    answer = yield paid
                if answer is None:
                    await exchange.interrupted(sys.exc_info()[1])
                    return
                if not await exchange.conclude(answer, once_more=not last):
                    return
                # Nothing was taken, and the rail knows what to do better: one more time, from the beginning.
                asking, last = exchange.anew(), True
            finally:
                exchange.close()
