"""Keys, signatures and addresses."""

from __future__ import annotations

import contextlib

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.keys import (
    CURVE_ORDER,
    LocalSigner,
    Signature,
    keccak,
    parse_address,
    recover_address,
    to_checksum,
)
from mpp_console.protocol import FormatError, ParseError, Secret
from tests.methods.tempo.golden import SENDER, SPONSOR

KEYS = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)


def test_known_accounts() -> None:
    assert SENDER.address == "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"
    assert SPONSOR.address == "0x5050A4F4b3f9338C3472dcC01A87C76A144b3c9c"


def test_keccak_is_not_sha3() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(key=KEYS, digest=DIGESTS)
def test_a_signature_leads_back_to_its_signer(key: bytes, digest: bytes) -> None:
    signer = LocalSigner(Secret(key))
    signature = signer.sign(digest)
    assert signature.s <= CURVE_ORDER // 2
    assert recover_address(digest, signature) == signer.address
    assert Signature.from_bytes65(signature.to_bytes65()) == signature


@given(key=KEYS, digest=DIGESTS)
def test_addresses_agree_with_eth_account(key: bytes, digest: bytes) -> None:
    signer, account = LocalSigner(Secret(key)), Account.from_key(key)
    assert signer.address == account.address
    theirs = account.unsafe_sign_hash(digest)
    assert signer.sign(digest).to_bytes65() == bytes(theirs.signature)


def test_the_malleable_twin_of_a_signature_is_refused() -> None:
    signature = SENDER.sign(bytes(32))
    twin = (CURVE_ORDER - signature.s).to_bytes(32, "big")
    raw = signature.to_bytes65()
    with pytest.raises(ParseError) as refused:
        Signature.from_bytes65(raw[:32] + twin + bytes((55 - raw[64],)))
    assert refused.value.code == "high-s"


@pytest.mark.parametrize("v", [0, 1, 27, 28])
def test_every_spelling_of_the_recovery_id_is_read_and_one_is_written(v: int) -> None:
    raw = SENDER.sign(bytes(32)).to_bytes65()[:64]
    assert Signature.from_bytes65(raw + bytes((v,))).to_bytes65()[64] == 27 + v % 27


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        bytes(65),
        bytes(66),
        bytes([1] * 64 + [2]),
        bytes([1] * 64 + [37]),
        CURVE_ORDER.to_bytes(32, "big") + bytes([1] * 33),
    ],
)
def test_what_is_no_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(ParseError):
        Signature.from_bytes65(raw)


@given(r=st.integers(1, CURVE_ORDER - 1), digest=DIGESTS, parity=st.integers(0, 1))
def test_recovery_never_fails_in_another_way(r: int, digest: bytes, parity: int) -> None:
    try:
        recovered = recover_address(digest, Signature(r=r, s=1, y_parity=parity))
    except ParseError:
        return
    assert to_checksum(recovered) == recovered


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), CURVE_ORDER.to_bytes(32, "big"), bytes([1] * 33)])
def test_what_is_no_private_key_is_refused(key: bytes) -> None:
    with pytest.raises(FormatError):
        LocalSigner(Secret(key))


def test_only_a_digest_is_signed() -> None:
    with pytest.raises(FormatError):
        SENDER.sign(b"short")


def test_a_signer_shows_its_address_and_nothing_else() -> None:
    assert repr(SENDER) == "LocalSigner(0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1)"
    assert "01010101" not in repr(SENDER._key)


@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksums_of_the_standard(address: str) -> None:
    digits = address[2:]
    assert parse_address(address, require_checksum=True) == address
    assert parse_address(address.lower()) == address
    assert parse_address("0x" + digits.upper()) == address
    with pytest.raises(ParseError) as refused:
        parse_address("0x" + digits.swapcase())
    assert refused.value.code == "bad-checksum"
    with pytest.raises(ParseError):
        parse_address(address.lower(), require_checksum=True)


@pytest.mark.parametrize(
    "text", ["", "0x", "0x12", "1a" * 20, "0x" + "1a" * 21, "0x" + "g1" * 20, "0X" + "1a" * 20, "0x" + "1a" * 20 + "\n"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_address(text)
    assert refused.value.code == "bad-address"


@given(st.text())
def test_reading_an_address_raises_nothing_else(text: str) -> None:
    with contextlib.suppress(ParseError):
        parse_address(text)
