"""Rows to test with: made one at a time with telling defaults, or at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from mpp_console.client.journal import OperationDraft, ReceiptRecord
from mpp_console.protocol import Currency

PATH_USD = Currency(id="0x20c0000000000000000000000000000000000000", symbol="pathUSD", decimals=6)
ALPHA_USD = Currency(id="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", decimals=6)
SATS = Currency(id="sat", symbol="sat", decimals=0)
CURRENCIES = (PATH_USD, ALPHA_USD, SATS)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


class TickingClock:
    """Time that moves on by a second at every look, so that rows have an order."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def a_draft(name: str = "op-1", **changes: Any) -> OperationDraft:
    draft = OperationDraft(
        id=name,
        origin="https://api.example.com",
        url="https://api.example.com/report",
        http_method="GET",
        method="tempo",
        intent="charge",
        amount=10_000,
        currency=PATH_USD,
        recipient=PAYEE,
        payer=PAYER,
        network="sandbox",
        chain_id=1337,
        challenge_id="ch-1",
        mode="pull",
        trace={"memo": "0xabcd", "valid_before": 1_772_366_425},
    )
    return replace(draft, **changes)


def a_receipt(name: str = "r-1", **changes: Any) -> ReceiptRecord:
    record = ReceiptRecord(
        id=name,
        direction="sent",
        operation_id=None,
        received_at=START,
        origin="https://api.example.com",
        url="https://api.example.com/report",
        method="tempo",
        intent="charge",
        amount=10_000,
        currency=PATH_USD,
        network="sandbox",
        reference="0x" + "ab" * 32,
        status="success",
        challenge_id="ch-1",
        external_id=None,
        payer=PAYER,
        recipient=PAYEE,
        raw={"method": "tempo", "reference": "0x" + "ab" * 32, "status": "success"},
    )
    return replace(record, **changes)


def allow(_ledger: object) -> None:
    """An authorise that lets everything pass."""


amounts = st.one_of(
    st.integers(0, 10**7), st.integers(10**17, 10**20), st.integers(2**63 - 2, 2**63 + 2), st.integers(0, 2**256 - 1)
)

# What the file keeps as it is: `inert` would change the rest, and that is tested by itself.
plain_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain_text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "units"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def receipts(draw: Callable[[st.SearchStrategy[Any]], Any]) -> ReceiptRecord:
    """A receipt with few distinct values in each field, so that filters hit some and miss some. The id is a
    placeholder.
    """
    return a_receipt(
        direction=draw(st.sampled_from(["sent", "received"])),
        received_at=START + timedelta(seconds=draw(st.integers(-5, 5)), microseconds=draw(st.sampled_from([0, 1]))),
        origin=draw(st.sampled_from(["https://a.example", "https://b.example:8443", "http://127.0.0.1:4021"])),
        url=draw(st.sampled_from(["https://a.example/100%", "https://a.example/under_score", "/charge"])),
        method=draw(st.sampled_from(["tempo", "lightning"])),
        intent=draw(st.sampled_from(["charge", "session"])),
        amount=draw(amounts),
        currency=draw(st.sampled_from(CURRENCIES)),
        network=draw(st.sampled_from(["sandbox", "moderato"])),
        status=draw(st.sampled_from(["success", "none"])),
        reference=draw(st.sampled_from(["0xAA", "0xbb", "back\\slash", "q'uote"])),
        external_id=draw(st.sampled_from([None, "order_1", "Order%2"])),
        payer=draw(st.sampled_from([None, PAYER])),
        recipient=draw(st.sampled_from([None, PAYEE])),
        operation_id=draw(st.sampled_from([None, "op-1"])),
        raw=draw(st.dictionaries(st.sampled_from(["units", "spent", "x"]), json_values, max_size=3)),
    )
