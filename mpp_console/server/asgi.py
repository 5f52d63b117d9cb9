"""Charges for routes of an ASGI application: a middleware over a route table, a decorator for one Starlette endpoint,
and the discovery document. Only the `asgi` modules know the framework; what is decided is decided in `gate`.

Put `CORSMiddleware`, log-ins and anything that answers 401 outside of it: payment is asked for after authentication
(core spec, "Interaction with Other Authentication Schemes"). A `CORSMiddleware` with `expose_headers` of its own must
name `WWW-Authenticate` and `Payment-Receipt` too, as it replaces ours. WebSockets pass: a gate charges requests.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import request_response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.protocol import DISCOVERY_MAX_AGE, openapi_document
from mpp_console.server.answers import Admitted, Challenged, Managed, Replayed, Verdict
from mpp_console.server.asgi_streams import VERDICT_KEY, offer_streams
from mpp_console.server.fields import Fields, values_of
from mpp_console.server.gate import Gate
from mpp_console.server.offers import Offer
from mpp_console.server.refusals import BodyTooLarge
from mpp_console.server.requests import GateRequest
from mpp_console.server.routes import RouteTable

__all__ = ["PaymentMiddleware", "discovery_endpoint", "paid", "payment_of", "verdict_of"]

_DIGITS: Final = re.compile(r"[0-9]{1,18}")

Endpoint = Callable[[Request], Any]


class PaymentMiddleware:
    """Charges for every request that `routes` has offers for, and passes everything else.

    A CORS preflight passes unpaid to a paid path, because OPTIONS is a method of its own in the table.
    """

    def __init__(self, app: ASGIApp, gate: Gate, routes: RouteTable) -> None:
        self._app = app
        self._gate = gate
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = _route_path(scope)
        route = self._routes.match(scope["method"], path)
        if route is not None and route.offers:
            await _charged(self._gate, route.offers, self._app)(scope, receive, send)
        elif route is None and _brings_payment(scope) and (offers := self._routes.session_offers(path)):
            await _charged(self._gate, offers, self._app, management=True)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def paid(gate: Gate, *offers: Offer) -> Callable[[Endpoint], Callable[[Request], Awaitable[Response]]]:
    """Charges for one Starlette endpoint, `async def` or plain; `payment_of(request.scope)` tells it what was paid.

    The endpoint does not run for an unpaid request; not for a preflight either, which is answered with an empty 204.
    """

    def decorate(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        app = _charged(gate, offers, request_response(endpoint))

        @functools.wraps(endpoint)
        async def charged(request: Request) -> Response:
            if _is_preflight(request.scope):
                return Response(status_code=204)
            return _ChargedResponse(app)

        return charged

    return decorate


def payment_of(scope: Scope) -> Admitted | None:
    """The payment that let this request in; None on a free route."""
    verdict = verdict_of(scope)
    return verdict if isinstance(verdict, Admitted) else None


def verdict_of(scope: Scope) -> Verdict | None:
    """What a gate decided about this request; None when no gate was asked."""
    verdict: Verdict | None = scope.get(VERDICT_KEY)
    return verdict


def discovery_endpoint(
    routes: RouteTable, *, title: str, version: str, description: str | None = None, categories: Sequence[str] = ()
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for `/openapi.json` (draft-payment-discovery-00): what each route costs."""

    async def openapi(request: Request) -> Response:
        document = openapi_document(
            title=title,
            version=version,
            description=description,
            categories=categories,
            operations=routes.operations(),
        )
        headers = {
            "Cache-Control": f"public, max-age={DISCOVERY_MAX_AGE}",
            # A public price list, without cookies or credentials: pages of any origin may read it.
            "Access-Control-Allow-Origin": "*",
        }
        return JSONResponse(document, headers=headers)

    return openapi


class _ChargedResponse(Response):
    """Stands for the answer of a charged endpoint: whether it is the endpoint's own is known only when it is sent."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Delivery:
    """Sends the answer of an admitted request on, with the receipt where it belongs, and keeps a copy when one is
    wanted."""

    def __init__(self, send: Send, admitted: Admitted, *, max_answer: int) -> None:
        self._send = send
        self._admitted = admitted
        self._room = max_answer
        self._copy: bytearray | None = bytearray() if admitted.keeps_answer else None
        self._complete = False
        self.status = 500
        self.headers: Fields = ()

    @property
    def body(self) -> bytes | None:
        return bytes(self._copy) if self._copy is not None and self._complete else None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self.headers = self._admitted.fields(self.status, _text_fields(message.get("headers", ())))
            message = {**message, "headers": _raw_fields(self.headers)}
        elif kind == "http.response.body":
            self._collect(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        elif kind == "http.response.pathsend":
            self._copy = None
        await self._send(message)

    def _collect(self, part: bytes) -> None:
        if self._copy is None:
            return
        self._room -= len(part)
        if self._room < 0:
            self._copy = None
        else:
            self._copy += part


def _charged(gate: Gate, offers: Sequence[Offer], app: ASGIApp, *, management: bool = False) -> ASGIApp:
    """The application behind the gate: it runs for paid requests only, and with `management` never."""

    async def charge(scope: Scope, receive: Receive, send: Send) -> None:
        request = _gate_request(scope)
        try:
            body = await _read_body(request, receive, gate.limits.max_body)
        except BodyTooLarge as refusal:
            scope[VERDICT_KEY] = refused = gate.refuse(request, refusal)
            await _send_answer(scope, send, refused)
            return
        if body is None:
            return
        scope[VERDICT_KEY] = verdict = await gate.check(replace(request, body=body), offers, management=management)
        if not isinstance(verdict, Admitted):
            await _send_answer(scope, send, verdict)
            return
        offer_streams(scope, gate, verdict)
        delivery = _Delivery(send, verdict, max_answer=gate.limits.max_answer)
        try:
            await app(scope, _replay(body, receive), delivery)
        except BaseException:
            await gate.finish(verdict, status=500)
            raise
        await gate.finish(verdict, status=delivery.status, headers=delivery.headers, body=delivery.body)

    return charge


def _brings_payment(scope: Scope) -> bool:
    """Whether an empty POST carries a credential: it may be for the resource that is read here by another method."""
    names = (b"authorization", b"payment-authorization")
    return scope["method"] == "POST" and any(
        name in names and value[:8].lower() == b"payment " for name, value in scope["headers"]
    )


def _is_preflight(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= names


def _route_path(scope: Scope) -> str:
    """The path as the application's router sees it: decoded, without the prefix that it is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _gate_request(scope: Scope) -> GateRequest:
    raw_path: bytes | None = scope.get("raw_path")
    client = scope.get("client")
    return GateRequest(
        method=scope["method"],
        path=raw_path.decode("latin-1") if raw_path else quote(scope["path"]),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=_text_fields(scope["headers"]),
        client=client[0] if client else "",
    )


async def _read_body(request: GateRequest, receive: Receive, limit: int) -> bytes | None:
    """The whole body, None when the client left. Raises BodyTooLarge as early as that can be known."""
    for length in values_of(request.headers, "Content-Length"):
        if _DIGITS.fullmatch(length) is None or int(length) > limit:
            raise BodyTooLarge(limit)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read once more, then whatever the server says next (a disconnect)."""
    waiting = True

    async def replayed() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


async def _send_answer(scope: Scope, send: Send, answer: Challenged | Managed | Replayed) -> None:
    headers = answer.headers
    # 204 has no body, and must not say how long none is (RFC 9110 §8.6).
    if answer.status != 204 and not values_of(headers, "Content-Length"):
        headers = [*headers, ("Content-Length", str(len(answer.body)))]
    await send({"type": "http.response.start", "status": answer.status, "headers": _raw_fields(headers)})
    # The length is said and nothing follows: that is what HEAD means, and not every server strips the body itself.
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


def _text_fields(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


def _raw_fields(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
