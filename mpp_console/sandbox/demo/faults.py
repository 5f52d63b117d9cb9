"""Failures that a client must survive, made on purpose: each breaks one thing and leaves the rest as it should be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.methods.base import ClaimStore, Payee
from mpp_console.protocol import Credential, CredentialReplayed, Receipt, encode_object, parse_base_units
from mpp_console.sandbox.demo.session_faults import spoiled_sessions
from mpp_console.sandbox.embedded import CUT
from mpp_console.server.asgi import payment_of
from mpp_console.server.offers import Offer
from mpp_console.server.sessions import takes_sessions

__all__ = [
    "ALREADY_OVER",
    "BROKEN_RECIPIENT",
    "SLOW_SECONDS",
    "STALLS",
    "AlreadyUsed",
    "BrokenRecipient",
    "DearerThanOffered",
    "Fault",
    "LostAnswer",
    "WithoutReceipt",
    "delivery",
    "spoiled",
]

ALREADY_OVER: Final = timedelta(seconds=-1)
SLOW_SECONDS: Final = 3.0
"""Long enough to see a payment wait, short enough to sit through."""
STALLS: Final = "mpp_console.stalls"
"""Says in the scope of a request that its stream stops half way, without an end and without a sign of life."""
BROKEN_RECIPIENT: Final = "0x52908400098527886E0F7030069857D2E4169eE7"
"""Mixed letter case that is no EIP-55 checksum: the mark of an address that was mistyped or tampered with."""

CUT_OFF_RECIPIENT: Final = BROKEN_RECIPIENT[:-1]
"""The same for sessions, whose clients take addresses in any letter case (tempo session draft, "Encoding")."""


class Fault(StrEnum):
    """What can be switched on for a route. The first four spoil the payment, the next ones the delivery after it, and
    those from `LOST_STATE` on are about channels: they do nothing where none is asked for.
    """

    EXPIRED = "expired"
    WRONG_AMOUNT = "wrong-amount"
    BAD_RECIPIENT = "bad-recipient"
    REPLAY = "replay"
    SLOW = "slow"
    SERVER_ERROR = "server-error"
    NO_RECEIPT = "no-receipt"
    LOST = "lost"
    LOST_STATE = "lost-state"
    LYING_410 = "lying-410"
    REFUSED_CLOSE = "refused-close"
    STALLED_STREAM = "stalled-stream"
    VOUCHER_LOOP = "voucher-loop"
    HIGH_RECEIPT = "high-receipt"


_UNPAYABLE: Final = frozenset({Fault.WRONG_AMOUNT, Fault.REPLAY})
"""Faults that refuse an honest payment. They take pull only: what a client broadcasts itself would be gone."""


class DearerThanOffered:
    """A payee that wants one base unit more than its own offer said, so that every honest payment is refused.

    The refusal comes before anything is broadcast: the difference is in the signed transaction itself.
    """

    def __init__(self, payee: Payee) -> None:
        self._payee = payee

    @property
    def method(self) -> str:
        return self._payee.method

    @property
    def intent(self) -> str:
        return self._payee.intent

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return self._payee.offer(amount=amount, options=options)

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        request = credential.challenge.request
        request["amount"] = str(parse_base_units(request["amount"]) + 1)
        challenge = replace(credential.challenge, request_b64=encode_object(request))
        return await self._payee.verify(replace(credential, challenge=challenge), claims, now=now)


class AlreadyUsed:
    """A payee that takes every credential for one it has seen before. Nothing is broadcast and no money moves."""

    def __init__(self, payee: Payee) -> None:
        self._payee = payee

    @property
    def method(self) -> str:
        return self._payee.method

    @property
    def intent(self) -> str:
        return self._payee.intent

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return self._payee.offer(amount=amount, options=options)

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        raise CredentialReplayed


class BrokenRecipient:
    """A payee whose offers name a broken recipient; a careful client refuses to pay it."""

    def __init__(self, payee: Payee, recipient: str = BROKEN_RECIPIENT) -> None:
        self._payee = payee
        self._recipient = recipient

    @property
    def method(self) -> str:
        return self._payee.method

    @property
    def intent(self) -> str:
        return self._payee.intent

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return {**self._payee.offer(amount=amount, options=options), "recipient": self._recipient}

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        return await self._payee.verify(credential, claims, now=now)


class WithoutReceipt:
    """Takes `Payment-Receipt` off the answers of some requests, as a proxy that knows no payments might."""

    def __init__(self, app: ASGIApp, lossy: Callable[[Scope], bool]) -> None:
        self._app = app
        self._lossy = lossy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stripped(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != b"payment-receipt"]
                message = {**message, "headers": kept}
            await send(message)

        lossy = scope["type"] == "http" and self._lossy(scope)
        await self._app(scope, receive, stripped if lossy else send)


class LostAnswer:
    """Lets some answers vanish after the payment was taken: the connection breaks and the client knows nothing.

    What is asked for unpaid still gets its answer, so that there is something to pay. A server without the `CUT`
    extension leaves the client waiting until it gives up.
    """

    def __init__(self, app: ASGIApp, lost: Callable[[Scope], bool]) -> None:
        self._app = app
        self._lost = lost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._lost(scope):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)
            # At the very beginning of a paid answer, so that a stream does not wait for a client that hears nothing.
            if len(held) == 1 and payment_of(scope) is not None and (cut := scope.get("extensions", {}).get(CUT)):
                cut()

        await self._app(scope, receive, hold)
        if payment_of(scope) is None:
            for message in held:
                await send(message)
            return
        while (await receive())["type"] != "http.disconnect":
            pass


def spoiled(offer: Offer, faults: Collection[Fault]) -> Offer:
    """The offer as it is made while `faults` are on; those that concern the delivery leave it as it is."""
    payee, options = offer.payee, dict(offer.options)
    sessions = takes_sessions(payee)
    if sessions and (spoilt := spoiled_sessions(payee, faults)) is not None:
        payee = spoilt
    if Fault.BAD_RECIPIENT in faults:
        payee = BrokenRecipient(payee, CUT_OFF_RECIPIENT if sessions else BROKEN_RECIPIENT)
    if Fault.WRONG_AMOUNT in faults and not sessions:
        payee = DearerThanOffered(payee)
    if Fault.REPLAY in faults and not sessions:
        payee = AlreadyUsed(payee)
    if _UNPAYABLE & set(faults) and not sessions:
        options["supported_modes"] = ["pull"]
    expires_in = ALREADY_OVER if Fault.EXPIRED in faults else offer.expires_in
    return Offer(
        payee=payee,
        amount=offer.amount,
        description=offer.description,
        options=options,
        expires_in=expires_in,
        credential_header=offer.credential_header,
    )


def delivery(app: ASGIApp, faults: Collection[Fault], delay: Callable[[float], Awaitable[None]]) -> ASGIApp:
    """The handler of a route as it answers while `faults` are on; it runs after the payment."""

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        scope[STALLS] = Fault.STALLED_STREAM in faults
        if Fault.SLOW in faults:
            await delay(SLOW_SECONDS)
        if Fault.SERVER_ERROR in faults:
            await JSONResponse({"error": "This fault was switched on."}, status_code=500)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return faulty
