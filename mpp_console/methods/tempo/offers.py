"""Building the `request` of a Tempo charge, and refusing to ask for what no honest client could pay.

Pure. The result is a plain JSON object, ready to be bound into a challenge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mpp_console.methods.base import Mode
from mpp_console.protocol import MppError, ParseError, parse_base_units

from .keys import parse_address
from .networks import Network
from .schema import MAX_AMOUNT, MAX_SPLITS, decode_request
from .tip20 import is_token_address

__all__ = ["ImpossibleOffer", "OfferTerms", "build_offer"]

_ZERO_ADDRESS: Final = "0x" + "0" * 40


class ImpossibleOffer(MppError, ValueError):
    """The operator asks for a payment that cannot be made."""

    default_code = "impossible-offer"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTerms:
    """What a payee charges by default, and whether it can pay fees for others."""

    network: Network
    recipient: str
    token: str
    modes: tuple[Mode, ...]
    can_sponsor: bool


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator may set for one offer."""

    splits: list[dict[str, Any]] | None = None
    memo: Any = None
    supported_modes: list[str] | None = None
    fee_payer: bool = False
    external_id: str | None = None
    recipient: str | None = None
    currency: str | None = None


def build_offer(terms: OfferTerms, amount: int, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The request object (tempo charge spec, "Request Schema"). Raises ImpossibleOffer."""
    try:
        chosen = msgspec.convert(dict(options or {}), type=_Options)
    except msgspec.ValidationError as error:
        raise ImpossibleOffer(f"The options of this offer are wrong: {error}") from error
    if isinstance(amount, bool) or not 0 <= amount <= MAX_AMOUNT:
        raise ImpossibleOffer(f"An amount is 0 to 2^128-1 base units, not {amount}.")
    request: dict[str, Any] = {
        "amount": str(amount),
        "currency": _address(chosen.currency or terms.token, "the currency"),
        "recipient": _payable(chosen.recipient or terms.recipient, "the recipient"),
        "methodDetails": _details(terms, amount, chosen),
    }
    if chosen.external_id is not None:
        request["externalId"] = chosen.external_id
    decode_request(request)  # what we ask for must be what we can read back
    return request


def _details(terms: OfferTerms, amount: int, chosen: _Options) -> dict[str, Any]:
    details: dict[str, Any] = {"chainId": terms.network.chain_id}
    if amount == 0:
        if chosen.splits or chosen.memo or chosen.fee_payer:
            raise ImpossibleOffer("Nothing is paid for amount 0, so it has no splits, no memo and no fee to sponsor.")
        return details
    if chosen.memo is not None:
        details["memo"] = _memo(chosen.memo)
    if chosen.splits is not None:
        details["splits"] = _splits(chosen.splits, amount)
    if chosen.fee_payer:
        if not terms.can_sponsor:
            raise ImpossibleOffer("A sponsored offer needs a sponsor: configure one, or let the payer pay the fee.")
        details["feePayer"] = True
    modes = _modes(terms, chosen)
    # Spec, "Submission Modes": left out only when both are taken.
    if set(modes) != {Mode.PULL, Mode.PUSH}:
        details["supportedModes"] = [str(mode) for mode in modes]
    return details


def _modes(terms: OfferTerms, chosen: _Options) -> tuple[Mode, ...]:
    names = chosen.supported_modes
    if names is not None and (not names or not set(names) <= {Mode.PULL, Mode.PUSH}):
        raise ImpossibleOffer("supported_modes holds at least one of pull and push, and nothing else.")
    wanted = terms.modes if names is None else tuple(Mode(name) for name in dict.fromkeys(names))
    modes = tuple(mode for mode in wanted if mode in terms.modes)
    if chosen.fee_payer:
        # A payment that the payer sends has no place for our signature (spec, "Hash Settlement").
        modes = tuple(mode for mode in modes if mode is Mode.PULL)
    if not modes:
        raise ImpossibleOffer("No mode is left in which this could be paid (a sponsored payment must be pull).")
    return modes


def _splits(entries: Sequence[Mapping[str, Any]], amount: int) -> list[dict[str, Any]]:
    if not 1 <= len(entries) <= MAX_SPLITS:
        raise ImpossibleOffer(f"An offer has 1 to {MAX_SPLITS} splits, not {len(entries)}.")
    splits: list[dict[str, Any]] = []
    total = 0
    for entry in entries:
        if not set(entry) <= {"recipient", "amount", "memo"} or "recipient" not in entry:
            raise ImpossibleOffer("A split has a recipient, an amount and perhaps a memo.")
        share = _share(entry.get("amount"))
        total += share
        split: dict[str, Any] = {"recipient": _payable(entry["recipient"], "a split's recipient"), "amount": str(share)}
        if entry.get("memo") is not None:
            split["memo"] = _memo(entry["memo"])
        splits.append(split)
    if total >= amount:
        raise ImpossibleOffer(f"The splits take {total} of {amount} base units; the recipient must be left with some.")
    return splits


def _share(value: object) -> int:
    try:
        share = parse_base_units(value) if isinstance(value, str) else value
    except ParseError as error:
        raise ImpossibleOffer(f"A split's amount: {error.message}") from error
    if not isinstance(share, int) or isinstance(share, bool) or share <= 0:
        raise ImpossibleOffer("A split's amount is a number of base units above zero.")
    return share


def _address(value: object, name: str) -> str:
    try:
        return parse_address(value if isinstance(value, str) else "")
    except ParseError as error:
        raise ImpossibleOffer(f"{name}: {error.message}", hint=error.hint) from error


def _payable(value: object, name: str) -> str:
    address = _address(value, name)
    if address == _ZERO_ADDRESS or is_token_address(address):
        raise ImpossibleOffer(f"{name} is {address}, which tokens refuse to pay.")
    return address


def _memo(value: object) -> str:
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value).lower()
    digits = text.removeprefix("0x")
    if text == digits or len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise ImpossibleOffer("A memo is 32 bytes, or 0x and 64 hexadecimal digits.")
    return text
