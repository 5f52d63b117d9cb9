"""EIP-712 digests that are computed for every request, without the general machinery of typed data.

Domain separators and type hashes are computed once. The general implementation is the oracle in the tests.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mpp_console.methods.tempo.keys import address_bytes, keccak

__all__ = ["PROOF_DOMAIN_NAME", "PROOF_DOMAIN_VERSION", "PROOF_TYPE", "domain_separator", "proof_digest"]

PROOF_DOMAIN_NAME: Final = "MPP"
PROOF_DOMAIN_VERSION: Final = "3"
"""Version 3 signs the account too; version 2, without it, let a proof for one account pass for another."""
PROOF_TYPE: Final = "Proof(address account,string challengeId,string realm)"

_DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId)"
_BOUND_DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@lru_cache(maxsize=64)
def type_hash(declaration: str) -> bytes:
    return keccak(declaration.encode())


@lru_cache(maxsize=256)
def domain_separator(name: str, version: str, chain_id: int, verifying_contract: str | None = None) -> bytes:
    """The EIP-712 domain hash of name, version and chain, and of the verifying contract when there is one."""
    head = type_hash(_DOMAIN_TYPE if verifying_contract is None else _BOUND_DOMAIN_TYPE)
    words = head + keccak(name.encode()) + keccak(version.encode()) + chain_id.to_bytes(32, "big")
    return keccak(words if verifying_contract is None else words + bytes(12) + address_bytes(verifying_contract))


def proof_digest(chain_id: int, account: str, challenge_id: str, realm: str) -> bytes:
    """What `account` signs to answer a zero-amount challenge (tempo charge, "Proof payload")."""
    separator = domain_separator(PROOF_DOMAIN_NAME, PROOF_DOMAIN_VERSION, chain_id)
    words = (
        type_hash(PROOF_TYPE)
        + bytes(12)
        + address_bytes(account)
        + keccak(challenge_id.encode())
        + keccak(realm.encode())
    )
    return keccak(b"\x19\x01" + separator + keccak(words))
