"""What the demo state holds, as values: accounts, receipts, requests served, saved filters. Always the same.

The pictures and the tests of the screens show these rows too. Pure, and nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, cast

from mpp_console.protocol import Currency
from mpp_console.services.demo.references import REFERENCES
from mpp_console.services.models import AccountView, OperationView, ReceiptRow, RequestRow

__all__ = [
    "ALPHA",
    "BETA",
    "CUSTOMER",
    "HELD",
    "NOW",
    "PATH",
    "PAYEE",
    "PAYER",
    "SAVED_FILTERS",
    "SETTINGS",
    "STRANGER",
    "THETA",
    "URL",
    "accounts",
    "challenge_id",
    "history",
    "operation",
    "receipt_fields",
    "receipt_row",
    "requests",
    "seeded_hash",
    "spent_since",
]

NOW: Final = datetime(2026, 3, 14, 12, 4, 30, tzinfo=UTC)
"""The present of the demo, and where its clock starts."""
PATH: Final = Currency(id="0x20C0000000000000000000000000000000000000", symbol="pathUSD", decimals=6)
ALPHA: Final = Currency(id="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", decimals=6)
BETA: Final = Currency(id="0x20C0000000000000000000000000000000000002", symbol="BetaUSD", decimals=6)
THETA: Final = Currency(id="0x20C0000000000000000000000000000000000003", symbol="ThetaUSD", decimals=6)
PAYER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
"""The account `main`."""
PAYEE: Final = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
"""Who is paid by the local server's customers, and the watched account `merchant`."""
CUSTOMER: Final = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
"""Who paid the local server."""
PORT: Final = 4021
URL: Final = f"http://127.0.0.1:{PORT}"
STRANGER: Final = "https://api.example.com"

HELD: Final[tuple[tuple[Currency, int], ...]] = (
    (PATH, 999_999_487_698),
    (ALPHA, 999_999_992_500),
    (BETA, 1_000_000_000_000),
    (THETA, 1_000_000_000_000),
)
"""What `main` holds after its past: the faucet's gift less payments and fees."""

SAVED_FILTERS: Final = (("earned", "dir:received"), ("strangers", "origin:api.example"))
SETTINGS: Final = """\
# The settings of the demo state.
profile = "sandbox"

[policy.per_payment]
pathUSD = "1"
[policy.per_day]
pathUSD = "10"
"""

_SETTLING: Final = timedelta(milliseconds=640)
"""From the journal's row to the receipt."""


def seeded_hash(*parts: object) -> str:
    """32 bytes as hex that are always the same for the same words."""
    return "0x" + sha256("/".join(map(str, parts)).encode()).hexdigest()


def challenge_id(number: int) -> str:
    return "ch_" + seeded_hash("challenge", number)[2:26]


def accounts() -> tuple[AccountView, ...]:
    """The throw-away account that pays, and the merchant's address, watched."""
    return (
        AccountView(name="main", address=PAYER, kind="sandbox", is_default=True, created_at=NOW - timedelta(days=9)),
        AccountView(name="merchant", address=PAYEE, kind="watch", is_default=False, created_at=NOW - timedelta(days=3)),
    )


def receipt_row(number: int, at: datetime, *, direction: str = "sent", **more: Any) -> ReceiptRow:
    """One receipt; a sent one has the id of its operation."""
    values: dict[str, Any] = {
        "origin": URL,
        "url": f"{URL}/charge",
        "method": "tempo",
        "intent": "charge",
        "amount": 10_000,
        "currency": PATH,
        "network": "sandbox",
        "status": "success",
        "reference": REFERENCES[number] if number < len(REFERENCES) else seeded_hash("tx", number),
        "challenge_id": challenge_id(number),
        "operation_id": f"rc{number:04d}",
        "payer": PAYER,
        "recipient": PAYEE,
    }
    return ReceiptRow(id=f"rc{number:04d}", at=at, direction=cast("Any", direction), **(values | more))


def history() -> list[ReceiptRow]:
    """37 receipts, oldest first, over two days, in both directions."""
    paths = ("/charge", "/charge", "/split", "/echo", "/charge", "/sponsored")
    amounts = {"/split": 50_000}
    rows = []
    for number in range(37):
        at = NOW - timedelta(minutes=47 * (36 - number) + (number % 7), seconds=11 * (number % 5) + 8)
        path = paths[number % len(paths)]
        more: dict[str, Any] = {"url": URL + path, "amount": amounts.get(path, 10_000)}
        direction = "received" if number % 4 == 3 else "sent"
        if number % 11 == 5:
            more = {"origin": STRANGER, "url": f"{STRANGER}/v1/search", "amount": 2_500, "currency": ALPHA}
            direction = "sent"
        if number == 30:
            # A proof moves no money, so that its receipt refers to the challenge.
            more |= {"url": f"{URL}/zero", "amount": 0, "reference": challenge_id(number)}
        if direction == "received":
            more |= {"origin": "", "url": f"{_verb(path)} {path}", "operation_id": None, "payer": CUSTOMER}
        rows.append(receipt_row(number, at, direction=direction, **more))
    return rows


def _verb(path: str) -> str:
    return "POST" if path == "/echo" else "GET"


def operation(row: ReceiptRow) -> OperationView:
    """The journal's side of a sent receipt."""
    return OperationView(
        id=row.operation_id or row.id,
        kind="payment",
        state="settled",
        created_at=row.at - _SETTLING,
        updated_at=row.at,
        origin=row.origin,
        url=row.url,
        method=row.method,
        intent=row.intent,
        amount=row.amount or 0,
        currency=row.currency or PATH,
        recipient=row.recipient or PAYEE,
        payer=row.payer or PAYER,
        network=row.network,
        chain_id=1337,
        mode="pull" if row.amount else "proof",
        reference=row.reference,
        challenge_id=row.challenge_id,
        error=None,
    )


def receipt_fields(row: ReceiptRow) -> Mapping[str, Any]:
    """The receipt object as it was on the wire."""
    return {
        "method": row.method,
        "reference": row.reference,
        "status": row.status,
        "timestamp": row.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "challengeId": row.challenge_id,
    }


def spent_since(moment: datetime) -> tuple[tuple[Currency, int], ...]:
    """What payments begun since then took, by currency in the order of their ids, as budgets count them."""
    sums: dict[str, tuple[Currency, int]] = {}
    for row in history():
        if row.direction == "sent" and row.currency and row.at - _SETTLING >= moment:
            sums[row.currency.id] = (row.currency, sums.get(row.currency.id, (row.currency, 0))[1] + (row.amount or 0))
    return tuple(sums[name] for name in sorted(sums))


def requests() -> list[RequestRow]:
    """What the local server answered lately, oldest first."""
    spec = (
        ("GET", "/free", 200, "free", None, 2.1),
        ("GET", "/charge", 402, "challenged", 10_000, 3.4),
        ("GET", "/charge", 200, "paid", 10_000, 41.0),
        ("POST", "/echo", 402, "challenged", 10_000, 3.9),
        ("POST", "/echo", 200, "paid", 10_000, 44.2),
        ("GET", "/charge", 402, "replayed", 10_000, 5.0),
        ("GET", "/split", 402, "challenged", 50_000, 3.1),
        ("GET", "/split", 200, "paid", 50_000, 52.8),
        ("GET", "/faults/expired", 402, "rejected", 10_000, 4.4),
        ("GET", "/slow", 200, "paid", 10_000, 2047.5),
    )
    rows = []
    for number, (method, path, status, outcome, amount, took) in enumerate(spec):
        paid = outcome == "paid"
        rows.append(
            RequestRow(
                id=f"rq{number:04d}",
                at=NOW - timedelta(seconds=9 * (len(spec) - number)),
                method=method,
                path=path,
                status=status,
                outcome=outcome,
                amount=amount,
                currency=PATH if amount is not None else None,
                payer=CUSTOMER if paid else None,
                reference=seeded_hash("request", number) if paid else None,
                challenge_id=challenge_id(number) if amount is not None else None,
                milliseconds=took,
            )
        )
    return rows
