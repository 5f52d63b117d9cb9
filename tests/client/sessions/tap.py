"""A session server whose answers are streams of events, one unit of price each, on the wire as npm mppx speaks it:
the first token is paid with the request, `payment-need-voucher` once for each pause, `payment-receipt` at the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mpp_console.methods.tempo.session_payloads import OpenPayload, VoucherPayload
from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts, session_receipt
from mpp_console.protocol import Credential, format_timestamp
from tests.client.till import Reply, Seen

from .shop import Account, Shop

Piece = bytes | None
"""What a fault sends instead of going on; nothing hangs up."""


def event(name: str, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\ndata: {text}\n\n".encode()


@dataclass
class Tap(Shop):
    """`tokens` are what one answer is made of. `at` may hold a fault for the n-th token, from 0: an iterator of bytes
    that are sent before it. `nags` tells of a pause again whenever a voucher came and was not enough.
    """

    tokens: Sequence[str] = ("one", "two", "three", "four", "five")
    at: dict[int, Callable[[], AsyncIterator[bytes]]] = field(default_factory=dict)
    nags: bool = False
    header: bool = False
    says_done: bool = False
    final: bool = True
    want: Callable[[dict[str, Any]], dict[str, Any]] = lambda need: need
    deaf: bool = False
    """Takes vouchers, and wakes nobody."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    pauses: int = 0

    def _is_management(self, seen: Seen) -> bool:
        """As mppx tells them apart."""
        return seen.method == "HEAD" or (seen.method == "POST" and "?" not in seen.path and not seen.body)

    def _accept(self, seen: Seen, credential: Credential, payload: OpenPayload | VoucherPayload) -> Reply:
        account = self.accounts[payload.channel_id]
        if self._is_management(seen):
            price, self.price = self.price, 0
            try:
                super()._accept(seen, credential, payload)
            finally:
                self.price = price
            self.served -= 1
            asyncio.get_running_loop().create_task(self._wake())
            return self._receipt(seen, credential, payload.channel_id, status=204)
        reply = super()._accept(seen, credential, payload)
        if reply.status != 200:
            return reply
        kept = reply.headers if self.header else []
        headers = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache, no-transform")]
        return Reply(headers=[*headers, *kept], stream=self._events(payload.channel_id, credential, account))

    async def _wake(self) -> None:
        if not self.deaf:
            async with self.changed:
                self.changed.notify_all()

    async def _events(self, channel_id: str, credential: Credential, account: Account) -> AsyncIterator[bytes]:
        for number, token in enumerate(self.tokens):
            if number in self.at:
                async for piece in self.at[number]():
                    yield piece
            if number:
                async for piece in self._charge(channel_id, account):
                    yield piece
            yield event("message", {"token": token})
        if self.says_done:
            yield b"data: [DONE]\n\n"
        if self.final:
            yield event("payment-receipt", self.receipt_wire(channel_id, credential))

    async def _charge(self, channel_id: str, account: Account) -> AsyncIterator[bytes]:
        told = False
        while account.accepted - account.spent < self.price:
            if not told or self.nags:
                self.pauses += 1
                yield event("payment-need-voucher", self.want(self.need(channel_id, account)))
                told = True
            async with self.changed:
                if account.accepted - account.spent < self.price:
                    await self.changed.wait()
        account.spent += self.price
        self.served += 1

    def need(self, channel_id: str, account: Account) -> dict[str, Any]:
        return {
            "channelId": channel_id,
            "requiredCumulative": str(account.spent + self.price),
            "acceptedCumulative": str(account.accepted),
            "deposit": str(account.deposit),
        }

    def receipt_wire(self, channel_id: str, credential: Credential) -> dict[str, Any]:
        account = self.accounts[channel_id]
        facts = SessionReceiptFacts(
            channel_id=channel_id,
            challenge_id=credential.challenge.id,
            accepted=account.accepted,
            spent=account.spent,
            units=len(self.tokens),
        )
        return dict(session_receipt(replace(self.tell(facts)), timestamp=format_timestamp(self.clock())).to_dict())
