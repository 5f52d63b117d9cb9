"""Vouchers against what other software signed, and against the general typed-data machinery."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.keys import CURVE_ORDER, LocalSigner, Signature, keccak
from mpp_console.methods.tempo.vouchers import VoucherDomain, parse_signature
from mpp_console.protocol import FormatError, ParseError, Secret
from tests import vectors

KEY = "0x" + "01" * 32
SIGNER = LocalSigner(Secret(bytes.fromhex(KEY[2:])))
LEGACY = "0x33b901018174DDabE4841042ab76ba85D4e24f25"
TEST_LEGACY = "0xe1c4d3dce17bc111181ddf716f75bae49e61a336"
CHANNEL = "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("domain", "separator"),
    [
        (VoucherDomain.reserve(4217), "6465ffa0b0c1e7cfc1a894ba54d79615bc06fd7cc9cfec558f3df82189d17367"),
        (VoucherDomain.reserve(42431), "a3aa475070603a80823360e5a4a0d3b4fe2cd4e82a109ee3c21a4640a199688d"),
        (VoucherDomain.legacy(4217, LEGACY), "c3eb96493d8b195ca1671190861b10909e09ea4f1662c5a577f2bcc7ecf47eb8"),
        (VoucherDomain.legacy(42431, TEST_LEGACY), "3271aa2ef112b8493e889b17f852ad8e0a0b30565a62f3c066aa9fb0b7444e0c"),
    ],
)
def test_the_domains_of_the_live_networks(domain: VoucherDomain, separator: str) -> None:
    assert domain.prefix == b"\x19\x01" + bytes.fromhex(separator)


def test_the_type_hashes() -> None:
    reserve, legacy = VoucherDomain.reserve(1).type_hash, VoucherDomain.legacy(1, LEGACY).type_hash
    assert reserve.hex() == "4730b4b2fe8de522475e80e010877c5b58ad10eb07fd0436615ee123f743bbe8"
    assert legacy.hex() == "e97c93f01d3ef8eaba1586553df13308f236815bf4ea49c7b696895d8f5ea68a"


def test_a_voucher_of_another_implementation() -> None:
    channel = "0x2eccef6a487578cdb911b84dff33e3a0b7664d89d13352819c9933cdaa615d9d"
    domain = VoucherDomain.reserve(42431)
    assert domain.digest(channel, 1000).hex() == "b9d736f5061ccd3595aa71c3e1a699414da085c7231ffd57c4e010ce31b60cea"
    signature = (
        "0x9cfccc7709618152aa7d13d627f433d0d9a7f1f6e8c182d131bd4633c682bf5e"
        "429a7859b4623a473165b7dc6f3ae896778428694fb3ac0400ef4ab26a5e23531b"
    )
    assert domain.signed_by(SIGNER.address, channel, 1000, signature)
    assert domain.sign(SIGNER, channel, 1000) == signature


def test_the_published_vector() -> None:
    vector: dict[str, Any] = vectors.load("extra/tempo-session-v2.json")
    voucher, domain = vector["voucher"], VoucherDomain.reserve(vector["chainId"], vector["escrow"])
    amount = int(voucher["cumulativeAmount"])
    assert "0x" + domain.digest(vector["channelId"], amount).hex() == voucher["digest"]
    assert domain.signed_by(voucher["signer"], vector["channelId"], amount, voucher["signature"])
    assert not domain.signed_by(voucher["signer"], vector["channelId"], amount + 1, voucher["signature"])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**96 - 1), st.integers(1, 2**53))
def test_digests_are_those_of_the_general_machinery(channel: bytes, amount: int, chain_id: int) -> None:
    for name, kind, domain, escrow in (
        ("TIP20 Channel Reserve", "uint96", VoucherDomain.reserve(chain_id), RESERVE),
        ("Tempo Stream Channel", "uint128", VoucherDomain.legacy(chain_id, LEGACY), LEGACY),
    ):
        fields = [{"name": "channelId", "type": "bytes32"}, {"name": "cumulativeAmount", "type": kind}]
        message = encode_typed_data(
            {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": escrow},
            {"Voucher": fields},
            {"channelId": channel, "cumulativeAmount": amount},
        )
        assert domain.digest("0x" + channel.hex(), amount) == keccak(
            b"\x19" + message.version + message.header + message.body
        )
        signature = domain.sign(SIGNER, "0x" + channel.hex(), amount)
        assert Account.recover_message(message, signature=signature) == SIGNER.address


@pytest.mark.parametrize("amount", [-1, 2**96])
def test_amounts_that_no_channel_holds(amount: int) -> None:
    with pytest.raises(FormatError):
        VoucherDomain.reserve(1).digest(CHANNEL, amount)


def test_the_compact_form_is_the_same_signature() -> None:
    for amount in range(8):
        full = parse_signature(VoucherDomain.reserve(1).sign(SIGNER, CHANNEL, amount))
        packed = full.s | full.y_parity << 255
        assert parse_signature("0x" + full.r.to_bytes(32, "big").hex() + packed.to_bytes(32, "big").hex()) == full


def test_a_malleable_or_malformed_signature_is_refused() -> None:
    good = parse_signature(VoucherDomain.reserve(1).sign(SIGNER, CHANNEL, 1))
    twin = good.r.to_bytes(32, "big") + (CURVE_ORDER - good.s).to_bytes(32, "big") + bytes((28 - good.y_parity,))
    for bad in ("0x" + twin.hex(), "0x", "0x12", "12" * 65, 7, "0x" + "zz" * 65):
        with pytest.raises(ParseError):
            parse_signature(bad)
        assert not VoucherDomain.reserve(1).signed_by(SIGNER.address, CHANNEL, 1, str(bad))
    assert isinstance(good, Signature)
