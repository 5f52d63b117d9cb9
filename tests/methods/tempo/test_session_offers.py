"""What a payee of sessions asks for, and what it refuses to ask for."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS
from mpp_console.methods.tempo.offers import ImpossibleOffer
from mpp_console.methods.tempo.session_schema import decode_session_request
from tests.methods.tempo.booths import Booth
from tests.sandbox.node.chains import BOB, CAROL, PATH


@pytest.fixture
def booth() -> Booth:
    return Booth()


def test_an_offer_names_everything_that_a_payer_needs(booth: Booth) -> None:
    wire = booth.payee.offer(amount=25, options={"unit_type": "token", "suggested_deposit": 500, "fee_payer": True})
    request = decode_session_request(wire)
    assert (request.amount, request.currency, request.recipient) == (25, PATH, BOB.address)
    assert (request.protocol, request.escrow, request.operator) == ("v2", RESERVE, ZERO_ADDRESS)
    assert (request.unit_type, request.suggested_deposit, request.fee_payer) == ("token", 500, True)


def test_an_operator_that_is_not_the_recipient_is_named() -> None:
    booth = Booth(settings={"signer": CAROL})
    assert decode_session_request(booth.payee.offer(amount=1)).operator == CAROL.address


@pytest.mark.parametrize("amount", [0, -1, 2**96, True])
def test_a_price_that_no_channel_can_hold_is_not_offered(booth: Booth, amount: int) -> None:
    with pytest.raises(ImpossibleOffer):
        booth.payee.offer(amount=amount)


@pytest.mark.parametrize("options", [{"suggested_deposit": -1}, {"min_voucher_delta": 2**96}, {"sugested_deposit": 1}])
def test_options_that_no_client_could_read_are_not_offered(booth: Booth, options: dict[str, Any]) -> None:
    with pytest.raises(ImpossibleOffer, match="options"):
        booth.payee.offer(amount=1, options=options)


def test_a_sponsored_offer_needs_a_sponsor() -> None:
    with pytest.raises(ImpossibleOffer, match="sponsor"):
        Booth(settings={"sponsor": None}).payee.offer(amount=1, options={"fee_payer": True})
