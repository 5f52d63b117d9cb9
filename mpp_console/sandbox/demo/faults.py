"""Failures that a client must survive, made on purpose: each breaks one thing and leaves the rest as it should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.methods.base import ClaimStore, Payee
from mpp_console.protocol import Credential, Receipt, encode_object, parse_base_units

__all__ = ["BROKEN_RECIPIENT", "BrokenRecipient", "DearerThanOffered", "WithoutReceipt"]

BROKEN_RECIPIENT: Final = "0x52908400098527886E0F7030069857D2E4169eE7"
"""Mixed letter case that is no EIP-55 checksum: the mark of an address that was mistyped or tampered with."""


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


class BrokenRecipient:
    """A payee whose offers name a recipient with a broken checksum; a careful client refuses to pay it."""

    def __init__(self, payee: Payee) -> None:
        self._payee = payee

    @property
    def method(self) -> str:
        return self._payee.method

    @property
    def intent(self) -> str:
        return self._payee.intent

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return {**self._payee.offer(amount=amount, options=options), "recipient": BROKEN_RECIPIENT}

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        return await self._payee.verify(credential, claims, now=now)


class WithoutReceipt:
    """Takes `Payment-Receipt` off the answers of some paths, as a proxy that knows no payments might."""

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stripped(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() != b"payment-receipt"]
                message = {**message, "headers": kept}
            await send(message)

        lossy = scope["type"] == "http" and scope["path"] in self._paths
        await self._app(scope, receive, stripped if lossy else send)
