"""Paying on while an answer comes: what a server asks for in the middle of it is signed and brought to it beside the
answer (tempo session draft, "Insufficient Balance During Streaming").

One voucher at a time is signed for a channel, and the turn on it is held for that only, so that other answers of the
same channel go on meanwhile. The server's numbers are taken for what it wants and for nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol

import msgspec

from mpp_console.methods.base import Allowance, Clock, PaymentRefused, Prepared, Standing, Step
from mpp_console.protocol import (
    Challenge,
    ChannelState,
    Credential,
    MppError,
    ParseError,
    Receipt,
    inert,
    parse_base_units,
)

from .channels import parse_bytes32
from .client_channel import ChannelBook, ClientChannel, Lease
from .session_account import Account
from .session_ports import Held, Management, ManagementAnswer, ManagementFailed
from .session_receipts import SessionReceiptFacts, read_session_receipt
from .session_schema import SessionRequest, Snapshot, decode_session_request, verify_snapshot
from .session_topup import same_channel
from .session_trace import SessionTrace

__all__ = ["NeedVoucher", "StreamPayer"]

CHALLENGE_MARGIN: Final = timedelta(seconds=5)
"""A challenge that lives no longer than this is replaced before a voucher answers it."""

_IN_ANSWER: Final = "in the answer"
_BESIDE: Final = "beside it"
"""The two ways on which receipts come."""

_GONE: Final = {"session/channel-not-found", "session/channel-finalized"}
_AGAIN: Final = {
    "session/challenge-not-found",
    "session/amount-exceeds-deposit",
    "session/insufficient-balance",
    "invalid-challenge",
    "payment-expired",
    "verification-failed",
}
"""Refusals that say that the two sides were out of step, not that there is nothing more to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedVoucher:
    """What a server asks for in the middle of an answer, in base units. `required` is what a voucher has to be over in
    all, `accepted` what it has, `deposit` what it believes the channel holds.
    """

    channel_id: str
    required: int
    accepted: int
    deposit: int

    @classmethod
    def read(cls, text: str) -> NeedVoucher:
        """Reads the data of the event. Raises ParseError (`bad-need-voucher`)."""
        try:
            wire: Any = msgspec.json.decode(text)
            if not isinstance(wire, dict):
                raise ParseError("it is no object")
            need = cls(
                channel_id=parse_bytes32(wire.get("channelId"), "channelId"),
                required=_amount(wire, "requiredCumulative"),
                accepted=_amount(wire, "acceptedCumulative"),
                deposit=_amount(wire, "deposit"),
            )
        except (msgspec.DecodeError, MppError) as error:
            raise ParseError(
                f"the server's wish for a voucher cannot be read: {error}", code="bad-need-voucher"
            ) from error
        return need

    @property
    def step(self) -> int:
        """What is wanted on top of what was accepted."""
        return max(self.required - self.accepted, 0)


class Advance(Protocol):
    """Puts it on record that a voucher over `target` is signed for `channel`, topped up first where need be; gives what
    that adds. `check` is told before.
    """

    async def __call__(
        self,
        channel: ClientChannel,
        target: int,
        *,
        challenge: Challenge,
        lease: Lease,
        check: Callable[[Step], Awaitable[None]],
    ) -> Step: ...


class StreamPayer:
    """See `methods.base.Ongoing`: what follows the first voucher of `prepared`. Brought to `url`, which is read."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        request: SessionRequest,
        book: ChannelBook,
        account: Account,
        management: Management,
        hold: Callable[[], Awaitable[Held]],
        advance: Advance,
        voucher: Callable[[ClientChannel], Mapping[str, Any]],
        clock: Clock,
        url: str,
    ) -> None:
        self._url = url
        self._trace = SessionTrace.read(prepared.trace)
        self._challenge = prepared.quote.challenge
        self._shown = max(int(prepared.quote.details.get("deposit", 0)), int(self._trace.cumulative))
        self._standing = Standing(total=int(self._trace.cumulative), held=self._shown)
        self._answered = {self._challenge.id}
        self._source = prepared.credential.source
        before = int(self._trace.before)
        nothing = SessionReceiptFacts(
            channel_id=self._trace.channel_id, challenge_id=None, accepted=before, spent=before
        )
        # What waits in the answer to be read is older than what a voucher brought back meanwhile.
        self._told = {_IN_ANSWER: nothing, _BESIDE: nothing}
        self._request = request
        self._book = book
        self._account = account
        self._management = management
        self._hold = hold
        self._advance = advance
        self._voucher = voucher
        self._clock = clock

    @property
    def shown(self) -> int:
        """All that the channel was to hold by what was quoted."""
        return self._shown

    @property
    def standing(self) -> Standing:
        """See `methods.base.Ongoing`."""
        return self._standing

    @property
    def challenges(self) -> frozenset[str]:
        """See `methods.base.Ongoing`."""
        return frozenset(self._answered)

    async def pay_on(self, asked: str, allowance: Allowance, *, once_more: bool = False) -> Standing:
        """See `methods.base.Ongoing`."""
        need = _read(asked)
        if need.channel_id != self._trace.channel_id:
            raise PaymentRefused("The server wants a voucher for another channel.", code="foreign-channel")
        spent = await self._refresh() if once_more or self._is_old() else None
        held = await self._hold()
        try:
            row = await self._row(held.lease)
            standing = await self._up_to(row, self._target(row, need, spent), held.lease, allowance)
            row = await self._known(row)
            if once_more and row.spent + need.step > row.signed:
                # It has all that we signed, and its receipt says that others used it up meanwhile.
                standing = await self._up_to(row, row.spent + need.step, held.lease, allowance)
            return standing
        finally:
            await held.release()

    async def told(self, said: str) -> tuple[Receipt | None, tuple[str, ...]]:
        """See `methods.base.Ongoing`."""
        try:
            wire: Any = msgspec.json.decode(said)
            if not isinstance(wire, dict):
                raise ParseError("it is no object")
            receipt = Receipt.from_dict(wire)
        except (msgspec.DecodeError, ParseError) as error:
            return None, (f"the receipt in the answer cannot be read: {inert(str(error), limit=200)}",)
        return receipt, await self._heard(receipt, _IN_ANSWER)

    async def _up_to(self, row: ClientChannel, target: int, lease: Lease, allowance: Allowance) -> Standing:
        if target > row.signed:
            row = await self._step(row, target, lease, allowance)
        return await self._bring(row)

    # -- what to sign

    def _target(self, row: ClientChannel, need: NeedVoucher, spent: int | None) -> int:
        """What the voucher has to be over.

        A sum that somebody else's voucher covers by now is theirs to use up: this answer needs its own on top.
        """
        if need.required > row.signed:
            target = need.required
        elif spent is not None:
            target = max(row.signed, spent + need.step)
        elif row.voucher_ref == self._trace.ref:
            target = row.signed
        else:
            target = row.signed + need.step
        least = row.accepted + (self._request.min_voucher_delta or 0)
        return max(target, least) if target > row.signed else target

    async def _row(self, lease: Lease) -> ClientChannel:
        """The channel as it is now. Raises PaymentRefused when nothing more may be signed for it."""
        row = await self._book.get(self._trace.channel_id)
        if row is None:
            raise PaymentRefused("The channel is not in the book any more.", code="unknown-channel")
        if row.state is not ChannelState.ACTIVE or row.pending_deposit:
            row = await self._account.look(row, lease=lease)
        if row.state is not ChannelState.ACTIVE:
            raise PaymentRefused(f"The channel is {row.state}: nothing more is signed for it.", code="channel-over")
        return row

    async def _step(self, row: ClientChannel, target: int, lease: Lease, allowance: Allowance) -> ClientChannel:
        """The channel's row first, then the payment's: if the program dies in between, nothing has left, and the next
        payment uses the sum up.
        """
        step = await self._advance(row, target, challenge=self._challenge, lease=lease, check=allowance.check)
        trace = msgspec.structs.replace(
            self._trace,
            cumulative=str(step.total),
            amount=str(int(self._trace.amount) + step.amount),
            previous=str(row.signed),
        )
        self._standing = Standing(total=step.total, held=step.held, taken=False)
        await allowance.book(replace(step, trace=trace.to_dict()))
        self._trace = trace
        return await self._known(row)

    async def _known(self, row: ClientChannel) -> ClientChannel:
        known = await self._book.get(row.channel_id)
        assert known is not None  # noqa: S101 - rows are never deleted
        return known

    # -- bringing it to the server

    async def _bring(self, row: ClientChannel) -> Standing:
        """Posts the highest voucher that is ours. What goes wrong on the way is tried again by whoever waits."""
        credential = Credential(challenge=self._challenge, payload=self._voucher(row), source=self._source)
        try:
            answer = await self._management.post(self._url, credential)
            fresh = self._fresh(answer.challenges)
            if not answer.accepted and fresh is not None:
                # Its challenge was used up or unknown to it: the answer brought another.
                self._take(fresh)
                answer = await self._management.post(self._url, replace(credential, challenge=fresh))
        except ManagementFailed:
            return Standing(total=row.signed, held=row.deposit, taken=False)
        if not answer.accepted:
            await self._refused(row, answer)
            return Standing(total=row.signed, held=row.deposit, taken=False)
        doubts = () if answer.receipt is None else await self._heard(answer.receipt, _BESIDE)
        return Standing(total=row.signed, held=row.deposit, doubts=doubts)

    async def _refused(self, row: ClientChannel, answer: ManagementAnswer) -> None:
        """Raises PaymentRefused unless it is worth another try."""
        slug = None if answer.problem is None else answer.problem.slug
        if slug in _GONE:
            _, said = await self._account.dispute(row)
            raise PaymentRefused(said, code="channel-gone")
        if slug is None or answer.status >= 500 or slug in _AGAIN:
            return
        problem = answer.problem
        detail = "" if problem is None else problem.detail or problem.title
        raise PaymentRefused(f"The server refused the voucher: {detail or slug}", code="voucher-refused")

    async def _heard(self, receipt: Receipt, way: str) -> tuple[str, ...]:
        row = await self._book.get(self._trace.channel_id)
        if row is None:
            return ()
        before = self._told[way]
        doubts = await self._account.heard(row, receipt, before)
        with suppress(ParseError):
            facts = read_session_receipt(receipt)
            if facts.channel_id == row.channel_id and facts.accepted <= row.signed:
                accepted, spent = max(facts.accepted, before.accepted), max(facts.spent, before.spent)
                self._told[way] = replace(before, accepted=accepted, spent=spent)
        return tuple(doubts)

    # -- challenges

    def _is_old(self) -> bool:
        return self._challenge.is_expired(self._clock() + CHALLENGE_MARGIN)

    async def _refresh(self) -> int | None:
        """Asks for a fresh challenge; what the server says was spent, where it says so believably."""
        row = await self._book.get(self._trace.channel_id)
        if row is None:
            return None
        try:
            fresh = self._fresh(await self._management.probe(self._url, row.channel_id))
        except ManagementFailed:
            return None
        if fresh is None:
            return None
        self._take(fresh)
        request = decode_session_request(fresh.request)
        return _spent(request.snapshot, request, row)

    def _take(self, fresh: Challenge) -> None:
        self._challenge = fresh
        self._answered.add(fresh.id)

    def _fresh(self, challenges: Sequence[Challenge]) -> Challenge | None:
        return next((item for item in challenges if same_channel(item, self._challenge)), None)


def _read(asked: str) -> NeedVoucher:
    try:
        return NeedVoucher.read(asked)
    except ParseError as error:
        raise PaymentRefused(inert(error.message, limit=300), code=error.code) from error


def _spent(snapshot: Snapshot | None, request: SessionRequest, row: ClientChannel) -> int | None:
    """What a snapshot of our channel says was spent; no more than was signed."""
    if snapshot is None or snapshot.channel_id != row.channel_id:
        return None
    try:
        verify_snapshot(snapshot, request)
    except ParseError:
        return None
    return min(snapshot.spent, row.signed)


def _amount(wire: dict[str, Any], name: str) -> int:
    text = wire.get(name)
    if not isinstance(text, str):
        raise ParseError(f"{name} is no number of base units in text")
    return parse_base_units(text)
