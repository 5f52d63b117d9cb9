"""Openings byte for byte as other software makes them, sponsored ones too, and the ids that follow from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytempo
import pytest

from mpp_console.methods.base import Mode, Quote
from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.legacy_abi import (
    encode_legacy_close,
    encode_legacy_open,
    encode_legacy_request_close,
    encode_legacy_settle,
    encode_legacy_states,
    encode_legacy_top_up,
    encode_legacy_withdraw,
)
from mpp_console.methods.tempo.networks import MODERATO
from mpp_console.methods.tempo.reserve_abi import (
    ChannelEventKind,
    OpenCall,
    encode_close,
    encode_get_states,
    encode_open,
    encode_request_close,
    encode_settle,
    encode_top_up,
    encode_withdraw,
)
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.session_handed import read_open
from mpp_console.methods.tempo.session_payloads import OpenPayload
from mpp_console.methods.tempo.session_schema import SessionRequest
from mpp_console.methods.tempo.session_signing import Lifetime, SignedOpen, domain_of, open_call, sign_open
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.methods.tempo.transaction import decode
from mpp_console.protocol import Challenge, Secret

from . import golden_sessions as golden
from .golden import CHANNEL_OPEN, PATH_USD, SENDER, SPONSOR

LIFETIME = Lifetime(after=1_700_000_000, before=1_800_000_000)
DELEGATE = LocalSigner(Secret(b"\x05" * 32))
NOW = datetime.fromtimestamp(1_799_999_980, UTC)


def request_of(version: Any, *, sponsored: bool = False) -> SessionRequest:
    return SessionRequest(
        amount=1000,
        currency=PATH_USD,
        recipient=golden.PAYEE,
        chain_id=MODERATO.chain_id,
        escrow=RESERVE if version == "v2" else golden.ESCROW_V1,
        protocol=version,
        fee_payer=sponsored,
    )


def challenge() -> Challenge:
    return Challenge.create(id="one", realm="shop.example", method="tempo", intent="session", request={})


def opened(version: Any, *, sponsored: bool, signer: str) -> SignedOpen:
    request = request_of(version, sponsored=sponsored)
    quote = Quote(
        challenge=challenge(),
        amount=1000,
        currency=MODERATO.currency(PATH_USD),
        transfers=(),
        network="moderato",
        chain_id=MODERATO.chain_id,
        payer=SENDER.address,
        mode=Mode.PULL,
        expires_at=None,
        checks=(),
        fee=0,
        fee_currency=MODERATO.currency(PATH_USD),
        sponsored=sponsored,
        balance=None,
        details={"gas": 500_000, "max_fee_per_gas": 13 * 10**9, "max_priority_fee_per_gas": 10**9},
    )
    call = open_call(request, golden.DEPOSIT, golden.SALT, signer)
    return sign_open(quote, call, request, LIFETIME, SENDER)


def test_an_opening_for_a_delegated_signer_is_that_of_another_client() -> None:
    made = opened("v2", sponsored=False, signer=golden.DELEGATE)
    assert made.raw == golden.OPEN_V2
    assert made.descriptor.expiring_nonce_hash == golden.OPEN_V2_CONTENT
    assert made.channel_id == golden.OPEN_V2_CHANNEL
    assert made.descriptor.voucher_signer == golden.DELEGATE == DELEGATE.address


def test_a_sponsored_opening_and_its_channel_are_those_of_another_client() -> None:
    made = opened("v2", sponsored=True, signer=golden.DELEGATE)
    assert made.raw == golden.SPONSORED_V2
    assert made.descriptor.expiring_nonce_hash == golden.SPONSORED_V2_CONTENT
    assert made.channel_id == golden.SPONSORED_V2_CHANNEL
    assert made.tx_hash is None, "known only once the sponsor has signed"


@pytest.mark.parametrize(("sponsored", "raw"), [(False, golden.OPEN_V1), (True, golden.SPONSORED_V1)])
def test_an_opening_of_version_1_is_that_of_another_client(sponsored: bool, raw: bytes) -> None:
    made = opened("v1", sponsored=sponsored, signer=SENDER.address)
    assert made.raw == raw
    assert made.channel_id == golden.CHANNEL_V1


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pytempo_signs_the_same_opening(version: Any) -> None:
    request = request_of(version)
    call = open_call(request, golden.DEPOSIT, golden.SALT, golden.DELEGATE)
    calls = dialect_of(version).open_calls(call, request.escrow)
    theirs = pytempo.TempoTransaction.create(
        chain_id=MODERATO.chain_id,
        gas_limit=500_000,
        max_fee_per_gas=13 * 10**9,
        max_priority_fee_per_gas=10**9,
        nonce=0,
        nonce_key=2**256 - 1,
        valid_before=LIFETIME.before,
        valid_after=LIFETIME.after,
        fee_token=PATH_USD,
        calls=tuple(pytempo.Call.create(to=item.to, value=item.value, data=item.data) for item in calls),
    ).sign("0x" + "01" * 32)
    assert opened(version, sponsored=False, signer=golden.DELEGATE).raw == bytes(theirs.encode())


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_sponsors_signature_leaves_the_channel_as_it_was(version: Any) -> None:
    """What the payee reads of the bytes it was handed, and what the chain sees of the finished ones, is one channel."""
    made = opened(version, sponsored=True, signer=golden.DELEGATE)
    handed = decode(made.raw)
    finished = decode(handed.cosign(SPONSOR, PATH_USD).encode())
    assert finished.sender() == SENDER.address
    assert finished.fee_payer() == SPONSOR.address
    payload = OpenPayload(
        channel_id=made.channel_id,
        transaction=made.raw,
        cumulative=1000,
        signature="0x",
        descriptor=made.descriptor if version == "v2" else None,
        authorized_signer=golden.DELEGATE,
    )
    policy = SponsorPolicy(signer=SPONSOR, fee_tokens=(PATH_USD,))
    request = request_of(version, sponsored=True)
    read = read_open(payload, request, challenge=challenge(), sponsor=policy, now=NOW)
    assert (read.descriptor, read.amount, read.sender) == (made.descriptor, golden.DEPOSIT, SENDER.address)


def test_the_published_opening_makes_the_published_channel() -> None:
    """The transaction that a paying client sent, and the channel that it used afterwards."""
    tx = decode(CHANNEL_OPEN)
    payload = OpenPayload(
        channel_id="0x2eccef6a487578cdb911b84dff33e3a0b7664d89d13352819c9933cdaa615d9d",
        transaction=CHANNEL_OPEN,
        cumulative=1000,
        signature="0x",
        descriptor=OpenCall(
            payee=golden.PAYEE,
            operator=ZERO_ADDRESS,
            token=PATH_USD,
            deposit=10**6,
            salt="0xec669c5e4333506cee6f21f2ac8f8d64627732f0bba84a7ae6c1dede2d51cbac",
            authorized_signer=SENDER.address,
        ).descriptor(
            payer=SENDER.address,
            expiring_nonce_hash="0xf78417c73bb1c5360da027383af5e04f84283e65921e600f9bd397c28ca267b6",
        ),
    )
    assert tx.valid_before is not None
    now = datetime.fromtimestamp(tx.valid_before - 5, UTC)
    read = read_open(payload, request_of("v2"), challenge=challenge(), sponsor=None, now=now)
    assert (read.amount, read.descriptor) == (10**6, payload.descriptor)
    assert tx.encode() == CHANNEL_OPEN


@pytest.mark.parametrize(("amount", "signature"), golden.VOUCHERS_V1.items())
def test_vouchers_of_version_1_of_another_client(amount: int, signature: str) -> None:
    domain = domain_of(MODERATO.chain_id, golden.ESCROW_V1, "v1")
    assert domain.sign(SENDER, golden.CHANNEL_V1, amount) == signature
    assert domain.signed_by(SENDER.address, golden.CHANNEL_V1, amount, signature)


# Selectors and topics of the deployed contracts ---------------------------------------------------------------------

CALL = OpenCall(
    payee=golden.PAYEE,
    operator=ZERO_ADDRESS,
    token=PATH_USD,
    deposit=1,
    salt=golden.SALT,
    authorized_signer=ZERO_ADDRESS,
)
PARTIES = CALL.descriptor(payer=SENDER.address, expiring_nonce_hash="0x" + "aa" * 32)
ID = "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("data", "selector"),
    [
        (encode_open(CALL), "edc53b00"),
        (encode_top_up(PARTIES, 1), "dc48471e"),
        (encode_settle(PARTIES, 1, b""), "97fb5104"),
        (encode_close(PARTIES, cumulative=1, capture=1, signature=b""), "73b57f74"),
        (encode_request_close(PARTIES), "675402e5"),
        (encode_withdraw(PARTIES), "41e2c664"),
        (encode_get_states([ID]), "d1f4cda2"),
        (encode_legacy_open(CALL), "c79ea485"),
        (encode_legacy_top_up(ID, 1), "b67644b9"),
        (encode_legacy_settle(ID, 1, b""), "516d3b88"),
        (encode_legacy_close(ID, 1, b""), "0d65c51d"),
        (encode_legacy_request_close(ID), "6bf5fe6f"),
        (encode_legacy_withdraw(ID), "8e19899e"),
        (encode_legacy_states([ID]), "19afc7b4"),
    ],
)
def test_the_selectors_are_those_of_the_deployed_contracts(data: bytes, selector: str) -> None:
    assert data[:4].hex() == selector


TOPICS = {
    ChannelEventKind.OPENED: (
        "cd6e60364f8ee4c2b0d62afc07a1fb04fd267ce94693f93f8f85daaa099b5c94",
        "debaba36f0e9c7978f536fed432d9360b1f9646d7ca88531c34c3eae43f154a7",
    ),
    ChannelEventKind.SETTLED: (
        "e0b97d7c69d7aa21437d2a75a40b65369532d3f7eb8f64f29c37be14be6c9848",
        "11c4e4c79ad8802431b44c15047ed1ddb82fbfc1abd452c765f7ee3990df1399",
    ),
    ChannelEventKind.TOPPED_UP: (
        "e96f4c65929984be10da5cfd4f1b95b417d798f26d5e59e6b1d1077fcd06343e",
        "2a96f534665f3150977dd4c35d91373c74030288edbb3cf83c527dd25012364f",
    ),
    ChannelEventKind.CLOSE_REQUESTED: (
        "f5a36fc00a96cbb9cf1f8f59299165e1d8ffffe94396d82904b4da524d16bbce",
        "f5a36fc00a96cbb9cf1f8f59299165e1d8ffffe94396d82904b4da524d16bbce",
    ),
    ChannelEventKind.CLOSE_CANCELLED: (
        "6bbcbc59913c43e567847487b95410b0b65cf253531b1c6505b21f8359c838fe",
        "6bbcbc59913c43e567847487b95410b0b65cf253531b1c6505b21f8359c838fe",
    ),
    ChannelEventKind.CLOSED: (
        "92ed5fe0fe56b3f4185e688efb342e92a4492b9df29ad5de596c44e64d097b51",
        "5613aed96d5bf39f928408dbe1d4143490b9bb5957eac2dd8e69b5dc4b2206e6",
    ),
}


@pytest.mark.parametrize("kind", ChannelEventKind)
def test_the_topics_are_those_of_the_deployed_contracts(kind: ChannelEventKind) -> None:
    assert (dialect_of("v1").topic(kind), dialect_of("v2").topic(kind)) == tuple("0x" + name for name in TOPICS[kind])


def test_calldata_is_read_back_in_its_one_form() -> None:
    from mpp_console.methods.tempo.legacy_abi import decode_legacy_open, decode_legacy_top_up

    data = encode_legacy_open(replace(CALL, deposit=2**128 - 1))
    assert decode_legacy_open(data) == replace(CALL, deposit=2**128 - 1)
    assert decode_legacy_top_up(encode_legacy_top_up(ID, 5)) == (ID, 5)
    for broken in (data + b"\x00", data[:-1], b"\x00" * 4 + data[4:], data[:4] + b"\x01" + data[5:]):
        assert decode_legacy_open(broken) is None
    assert decode_legacy_top_up(encode_legacy_top_up(ID, 5)[:-1]) is None
    assert dialect_of("v2").maximum == 2**96 - 1 < dialect_of("v1").maximum
    assert RESERVE == "0x4d50500000000000000000000000000000000000"
