"""Building the `request` of a session's challenge, and refusing to ask for what no honest client could fulfil.

Pure: it knows one payee's terms and its escrows' addresses, and touches no channel and no chain. The result is a plain
JSON object, ready to be bound into a challenge (tempo session draft, "Request Schema").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mpp_console.protocol import ParseError

from .channels import MAX_RESERVE_AMOUNT, ZERO_ADDRESS
from .client_channel import ChannelProtocol
from .offers import ImpossibleOffer
from .session_escrows import Escrows
from .session_schema import SessionRequest, decode_session_request, encode_session_request

__all__ = ["SessionTerms", "build_session_offer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """What a payee of sessions asks for by default. Addresses are checksummed, sums base units of `token`.

    `operator` may close and settle in place of the recipient; the zero address for none.
    """

    chain_id: int
    recipient: str
    token: str
    operator: str
    unit_type: str | None = None
    suggested_deposit: int | None = None
    min_voucher_delta: int | None = None


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator may set for one offer."""

    unit_type: str | None = None
    suggested_deposit: int | None = None
    min_voucher_delta: int | None = None
    fee_payer: bool = False
    protocol: ChannelProtocol = "v2"


def build_session_offer(
    terms: SessionTerms, escrows: Escrows, amount: int, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The request object, `amount` base units for one unit. Raises ImpossibleOffer."""
    try:
        chosen = msgspec.convert(dict(options or {}), type=_Options)
    except msgspec.ValidationError as error:
        raise ImpossibleOffer(f"The options of this offer are wrong: {error}") from error
    if isinstance(amount, bool) or not 0 < amount <= MAX_RESERVE_AMOUNT:
        raise ImpossibleOffer(f"A unit costs 1 to 2^96-1 base units, not {amount}.")
    escrow = escrows.get(chosen.protocol)
    if escrow is None:
        raise ImpossibleOffer("Sessions of version 1 need the recipient's own key, and an escrow contract.")
    if chosen.fee_payer and escrow.sponsor is None:
        raise ImpossibleOffer("A sponsored offer needs a sponsor: configure one, or let the payer pay the fee.")
    request = SessionRequest(
        amount=amount,
        currency=terms.token,
        recipient=terms.recipient,
        chain_id=terms.chain_id,
        escrow=escrow.address,
        protocol=chosen.protocol,
        unit_type=chosen.unit_type or terms.unit_type,
        suggested_deposit=chosen.suggested_deposit or terms.suggested_deposit,
        min_voucher_delta=chosen.min_voucher_delta or terms.min_voucher_delta,
        operator=terms.operator if chosen.protocol == "v2" else ZERO_ADDRESS,
        fee_payer=chosen.fee_payer,
    )
    wire = encode_session_request(request)
    try:
        decode_session_request(wire)  # what we ask for must be what we can read back
    except ParseError as error:
        raise ImpossibleOffer(f"The options of this offer are wrong: {error.message}") from error
    return wire
