"""Zero-amount charges: a signature over the challenge instead of a payment (tempo charge spec, "Proof Payload").

Signs and verifies domain version 3, which every current implementation uses and which covers the account as well; the
spec's text still shows version 1. Pure.
"""

from __future__ import annotations

from mpp_console.protocol import Challenge, InvalidPayload, ParseError, VerificationFailed

from .keys import Signature, Signer, recover_address
from .typed_data import proof_digest

__all__ = ["sign_proof", "verify_proof"]


def sign_proof(signer: Signer, challenge: Challenge, chain_id: int) -> str:
    """The hex signature with which `signer` answers a zero-amount challenge."""
    digest = proof_digest(chain_id, signer.address, challenge.id, challenge.realm)
    return "0x" + signer.sign(digest).to_bytes65().hex()


def verify_proof(raw: bytes, challenge: Challenge, chain_id: int, account: str) -> None:
    """That `account` signed this challenge. Raises InvalidPayload for a signature that is none, VerificationFailed
    otherwise.
    """
    if len(raw) != 65:
        raise VerificationFailed(
            "Proof verification failed: only 65-byte secp256k1 signatures are supported",
            code="unsupported-signature",
            hint="Answer from an account with a secp256k1 key.",
        )
    try:
        signer = recover_address(
            proof_digest(chain_id, account, challenge.id, challenge.realm), Signature.from_bytes65(raw)
        )
    except ParseError as error:
        raise InvalidPayload(f"Proof verification failed: {error.message}", code=error.code) from error
    if signer != account:
        raise VerificationFailed("Proof verification failed: the signer is not the source", code="signer-mismatch")
