"""What a credential must be before its channel is looked at: challenge, source, signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpp_console.methods.tempo.keys import CURVE_ORDER
from mpp_console.methods.tempo.session_problems import (
    InvalidSignature,
    SessionRefused,
    SignerMismatch,
)
from mpp_console.protocol import (
    Credential,
    InvalidPayload,
    MethodUnsupported,
    PaymentExpired,
)
from tests.methods.tempo.booths import PRICE, Booth
from tests.sandbox.node.chains import ALICE, CAROL


@pytest.fixture
def booth() -> Booth:
    return Booth()


async def test_signatures_are_judged(booth: Booth) -> None:
    descriptor = await booth.opened()
    good = booth.voucher(descriptor, 2 * PRICE)
    raw = bytes.fromhex(good.signature[2:])
    s = int.from_bytes(raw[32:64], "big")
    high = raw[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - raw[64]])
    for signature in ("0x" + high.hex(), "0x" + raw[:40].hex(), "0x"):
        with pytest.raises(InvalidSignature):
            await booth.handle(replace(good, signature=signature))
    for forged in (replace(good, cumulative=3 * PRICE), booth.voucher(descriptor, 2 * PRICE, by=CAROL)):
        with pytest.raises(SignerMismatch):
            await booth.handle(forged)
    compact = raw[:32] + (s | (raw[64] - 27) << 255).to_bytes(32, "big")
    await booth.handle(replace(good, signature="0x" + compact.hex()))
    assert (await booth.record(descriptor)).accepted_signature == good.signature


async def test_a_source_is_believed_only_if_it_is_a_party(booth: Booth) -> None:
    descriptor = await booth.opened()
    payload = booth.voucher(descriptor, 2 * PRICE)
    with pytest.raises(SessionRefused):
        await booth.handle(payload, source=f"did:pkh:eip155:1337:{CAROL.address}")
    with pytest.raises(SessionRefused):
        await booth.handle(payload, source=f"did:pkh:eip155:1:{ALICE.address}")
    await booth.handle(payload, source=f"did:pkh:eip155:1337:{ALICE.address}")


async def test_only_its_own_challenges_count(booth: Booth) -> None:
    descriptor = await booth.opened()
    payload = booth.voucher(descriptor, 2 * PRICE).to_wire()
    for changes, problem in (({"intent": "charge"}, MethodUnsupported), ({"expires": None}, PaymentExpired)):
        credential = Credential(challenge=booth.challenge(**changes), payload=payload)
        with pytest.raises(problem):
            await booth.payee.handle(credential, kind="content", cost=PRICE, now=booth.clock())
    for broken in ({**payload, "action": "steal"}, {**payload, "cumulativeAmount": 5}, {**payload, "signature": 1}):
        with pytest.raises(InvalidPayload):
            await booth.payee.handle(
                Credential(challenge=booth.challenge(), payload=broken), kind="content", cost=PRICE, now=booth.clock()
            )
