"""EIP-712 digests, with the general implementation as oracle."""

from __future__ import annotations

from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_console.methods.tempo.keys import keccak, to_checksum
from mpp_console.methods.tempo.typed_data import PROOF_TYPE, domain_separator, proof_digest
from tests.methods.tempo.golden import SENDER

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: to_checksum("0x" + raw.hex()))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_a_proof_of_another_implementation() -> None:
    digest = proof_digest(42431, SENDER.address, "kM9xPqWvT2nJrHsY4aDfEb", "api.example.com")
    assert digest.hex() == "3860a700a55e02ad3c2dc047e92489feceecbdb0a801d948e1d9f0b61ea9bc3f"
    assert SENDER.sign(digest).to_bytes65().hex() == (
        "53f5d64d9f995e841b4212639b2e17e508e96752e10316df3814a16443dcbdb6"
        "26c082190a4c3ecc3148101eb443d15bd83b579380b1be735a9c99f0df36c9fe1b"
    )


def test_constants_of_other_implementations() -> None:
    assert keccak(PROOF_TYPE.encode()).hex() == "2b28baf137d62921565067a537df5458031448411120925bd6f753e0dcd50683"
    for chain_id, expected in {
        4217: "67280e06cd6ce7c03456094981b4012ad3ada4d554169e94f7640442c0460165",
        42431: "e97a36bc932030e3b4078fa0e4e96625b0789a0e8afb1861e8b53bfded2933a3",
    }.items():
        assert domain_separator("MPP", "3", chain_id).hex() == expected
    reserve = "0x4d50500000000000000000000000000000000000"
    assert domain_separator("TIP20 Channel Reserve", "1", 42431, reserve).hex() == (
        "a3aa475070603a80823360e5a4a0d3b4fe2cd4e82a109ee3c21a4640a199688d"
    )


@given(st.integers(0, 2**64 - 1), ADDRESSES, TEXTS, TEXTS)
@settings(deadline=None)
def test_eth_account_computes_the_same(chain_id: int, account: str, challenge_id: str, realm: str) -> None:
    message = encode_typed_data(
        domain_data={"name": "MPP", "version": "3", "chainId": chain_id},
        message_types={
            "Proof": [
                {"name": "account", "type": "address"},
                {"name": "challengeId", "type": "string"},
                {"name": "realm", "type": "string"},
            ]
        },
        message_data={"account": account, "challengeId": challenge_id, "realm": realm},
    )
    assert proof_digest(chain_id, account, challenge_id, realm) == bytes(_hash_eip191_message(message))


@given(ADDRESSES, TEXTS, TEXTS, TEXTS)
def test_every_part_is_signed(account: str, one: str, other: str, realm: str) -> None:
    digest = proof_digest(1, account, one, realm)
    assert (digest == proof_digest(1, account, other, realm)) == (one == other)
    assert digest != proof_digest(2, account, one, realm)
