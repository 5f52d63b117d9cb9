"""The receipt of a Tempo session, written and read (tempo session draft, "Receipt Generation"). Pure.

A receipt is a server's word: reading one holds it against itself only. Whether it can be true of a channel is judged
where its row is kept (`session_account`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mpp_console.protocol import ParseError, Receipt

from .channels import parse_bytes32
from .session_fields import read_amount
from .session_schema import METHOD, SESSION_INTENT

__all__ = ["SessionReceiptFacts", "read_session_receipt", "session_receipt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReceiptFacts:
    """What a session receipt says, in base units. `units` are those of this one request."""

    channel_id: str
    challenge_id: str | None
    accepted: int
    spent: int
    units: int | None = None
    tx_hash: str | None = None


def session_receipt(facts: SessionReceiptFacts, *, timestamp: str) -> Receipt:
    """The receipt of a session; its `reference` is the channel id."""
    extra: dict[str, Any] = {
        "intent": SESSION_INTENT,
        "channelId": facts.channel_id,
        "acceptedCumulative": str(facts.accepted),
        "spent": str(facts.spent),
    }
    if facts.challenge_id is not None:
        extra["challengeId"] = facts.challenge_id
    if facts.units is not None:
        extra["units"] = facts.units
    if facts.tx_hash is not None:
        extra["txHash"] = facts.tx_hash
    return Receipt(method=METHOD, reference=facts.channel_id, timestamp=timestamp, extra=extra)


def read_session_receipt(receipt: Receipt) -> SessionReceiptFacts:
    """Raises ParseError (`bad-receipt`) for a receipt that is none of a session, or contradicts itself."""
    extra = receipt.extra
    try:
        channel_id = parse_bytes32(extra.get("channelId"), "channelId")
        accepted, spent = read_amount(extra, "acceptedCumulative"), read_amount(extra, "spent")
        tx_hash = extra.get("txHash")
        facts = SessionReceiptFacts(
            channel_id=channel_id,
            challenge_id=receipt.challenge_id,
            accepted=accepted,
            spent=spent,
            units=units if type(units := extra.get("units")) is int and units >= 0 else None,
            tx_hash=None if tx_hash is None else parse_bytes32(tx_hash, "txHash"),
        )
    except ParseError as error:
        raise ParseError(f"the session receipt is not valid: {error.message}", code="bad-receipt") from error
    if receipt.method != METHOD or extra.get("intent", SESSION_INTENT) != SESSION_INTENT:
        raise ParseError("the receipt is not one of a session", code="bad-receipt")
    if receipt.reference.lower() != channel_id:
        raise ParseError("the receipt's reference is not its channel", code="bad-receipt")
    if spent > accepted:
        raise ParseError("the receipt has more spent than accepted", code="bad-receipt")
    return facts
