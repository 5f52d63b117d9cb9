"""Payer identities as decentralised identifiers: `did:pkh:eip155:<chain id>:<address>`.

Text only; whether an address has a valid checksum is for the rail to say, because that takes Keccak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import FormatError, ParseError

__all__ = ["AccountDid", "format_account_did", "parse_account_did"]

# did:pkh method, CAIP-10: account_id = chain_id ":" account_address, with the eip155 reference a decimal chain id.
# At most 20 digits: CAIP-2 allows 32, chain ids in use are 64-bit.
_ACCOUNT_DID = re.compile(r"did:pkh:eip155:(0|[1-9][0-9]{0,19}):(0x[0-9a-fA-F]{40})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDid:
    """An EVM account on one chain; `address` as it was written."""

    chain_id: int
    address: str


def format_account_did(chain_id: int, address: str) -> str:
    """The `source` of a credential paid by an EVM account. Raises FormatError."""
    if chain_id < 0 or _ADDRESS.fullmatch(address) is None:
        raise FormatError("an account is a chain id and an address of 0x and 40 hex digits", code="bad-account")
    return f"did:pkh:eip155:{chain_id}:{address}"


def parse_account_did(text: str) -> AccountDid:
    """Raises ParseError (`bad-did`) for anything but did:pkh on eip155."""
    match = _ACCOUNT_DID.fullmatch(text)
    if match is None:
        raise ParseError("the payer is not of the form did:pkh:eip155:<chain id>:<address>", code="bad-did")
    return AccountDid(chain_id=int(match[1]), address=match[2])
