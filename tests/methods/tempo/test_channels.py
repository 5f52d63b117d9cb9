"""Channel ids against vectors that other software made, and the ways a descriptor can be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS, Descriptor, legacy_channel_id
from mpp_console.methods.tempo.keys import keccak, to_checksum
from mpp_console.protocol import ParseError
from tests import vectors

WIRE = {
    "payer": "0x" + "11" * 20,
    "payee": "0x" + "22" * 20,
    "operator": "0x" + "33" * 20,
    "token": "0x" + "44" * 20,
    "salt": "0x" + "00" * 31 + "01",
    "authorizedSigner": "0x" + "55" * 20,
    "expiringNonceHash": "0x" + "aa" * 32,
}
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: to_checksum("0x" + raw.hex()))
words = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())


def test_the_id_of_another_implementation() -> None:
    found = Descriptor.from_wire(WIRE).channel_id(chain_id=42431)
    assert found == "0xba76934166855d51b0af261f57d3cd4bf48397c330f6e4b8804921b2ead973af"


def test_the_published_vector() -> None:
    vector: dict[str, Any] = vectors.load("extra/tempo-session-v2.json")
    descriptor = Descriptor.from_wire(vector["descriptor"])
    assert descriptor.channel_id(escrow=vector["escrow"], chain_id=vector["chainId"]) == vector["channelId"]


@given(st.tuples(addresses, addresses, addresses, addresses, addresses), st.tuples(words, words), st.integers(1, 2**63))
def test_ids_are_the_hash_of_the_abi_encoding(
    parties: tuple[str, str, str, str, str], salts: tuple[str, str], chain_id: int
) -> None:
    payer, payee, operator, token, signer = parties
    salt, nonce_hash = salts
    descriptor = Descriptor(
        payer=payer,
        payee=payee,
        operator=operator,
        token=token,
        salt=salt,
        authorized_signer=signer,
        expiring_nonce_hash=nonce_hash,
    )
    kinds = ["address"] * 4 + ["bytes32", "address", "bytes32", "address", "uint256"]
    raw = [payer, payee, operator, token, bytes.fromhex(salt[2:]), signer, bytes.fromhex(nonce_hash[2:]), RESERVE]
    assert descriptor.channel_id(chain_id=chain_id) == "0x" + keccak(encode(kinds, [*raw, chain_id])).hex()
    legacy = ["address", "address", "address", "bytes32", "address", "address", "uint256"]
    values = [payer, payee, token, bytes.fromhex(salt[2:]), signer, RESERVE, chain_id]
    assert (
        legacy_channel_id(
            payer=payer,
            payee=payee,
            token=token,
            salt=salt,
            authorized_signer=signer,
            escrow=RESERVE,
            chain_id=chain_id,
        )
        == "0x" + keccak(encode(legacy, values)).hex()
    )
    assert Descriptor.from_wire(descriptor.to_wire()) == descriptor


def test_the_payer_signs_where_no_signer_is_named() -> None:
    assert Descriptor.from_wire(WIRE).voucher_signer == "0x5555555555555555555555555555555555555555"
    own = Descriptor.from_wire({**WIRE, "authorizedSigner": ZERO_ADDRESS})
    assert own.voucher_signer == own.payer


@pytest.mark.parametrize(
    ("name", "value"),
    [("payer", None), ("payer", "0x11"), ("token", 7), ("salt", "0x01"), ("expiringNonceHash", "aa" * 32)],
)
def test_a_descriptor_that_does_not_hold(name: str, value: object) -> None:
    with pytest.raises(ParseError):
        Descriptor.from_wire({**WIRE, name: value})
