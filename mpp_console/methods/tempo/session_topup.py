"""Asking a server to broadcast a signed top up, and believing it once the chain shows the money.

Used by the session payer between the journal's mark and the voucher: the voucher leaves only after this returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from mpp_console.methods.base import PaymentRefused, Prepared
from mpp_console.protocol import Challenge, Credential, ParseError

from .chain import ChainError
from .client_channel import ClientChannel, Lease
from .session_account import Account
from .session_payloads import TopUpPayload
from .session_planner import scope_of
from .session_ports import Management, ManagementFailed
from .session_schema import decode_session_request
from .session_trace import SessionTrace

__all__ = ["same_channel", "top_up"]

LOOKS: Final = 20
"""How often the chain is asked for a top up that the server took, half a second apart."""


async def top_up(
    prepared: Prepared,
    trace: SessionTrace,
    management: Management,
    account: Account,
    lease: Lease,
    *,
    url: str,
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Asks at `url`. Raises PaymentRefused when the chain does not show the money; the book then says what is known."""
    row = await account.book.get(trace.channel_id)
    if row is None:
        raise PaymentRefused("The channel is not in the book any more.")
    target = row.deposit + row.pending_deposit
    sent = False
    try:
        fresh = await management.probe(url, row.channel_id)
        sent = True
        answer = await management.post(url, _credential(prepared, trace, row, fresh))
    except ManagementFailed as error:
        if not (sent and error.left):
            await account.forget_top_up(row.channel_id, lease)
        raise PaymentRefused(f"The channel could not be topped up. {error.message}", hint=error.hint) from error
    for attempt in range(LOOKS if answer.accepted else 1):
        if attempt:
            await sleep(0.5)
        try:
            row = await account.look(row, lease=lease)
        except ChainError:
            continue
        if row.deposit >= target:
            return
    raise PaymentRefused(
        f"The server answered {answer.status} to the top up, and it is not on the chain. It may still come within half "
        "a minute; try again then."
    )


def _credential(prepared: Prepared, trace: SessionTrace, row: ClientChannel, fresh: Sequence[Challenge]) -> Credential:
    first = prepared.quote.challenge
    payload = TopUpPayload(
        channel_id=row.channel_id,
        transaction=prepared.raw,
        additional=int(trace.locks),
        descriptor=row.stated,
    )
    # A challenge of its own, where the server gives one: the first one is for the voucher.
    challenge = next((item for item in fresh if same_channel(item, first)), first)
    return replace(prepared.credential, challenge=challenge, payload=payload.to_wire())


def same_channel(fresh: Challenge, first: Challenge) -> bool:
    """Whether a fresh challenge is about the same channel as the first one."""
    if (fresh.method, fresh.intent, fresh.realm) != (first.method, first.intent, first.realm):
        return False
    try:
        mine, asked = decode_session_request(fresh.request), decode_session_request(first.request)
    except ParseError:
        return False
    return scope_of(mine, "") == scope_of(asked, "")
