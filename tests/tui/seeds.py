"""Seeded values: a history, requests, routes, an offer and how its payment may end. The same on every run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, cast

from mpp_console.protocol import Currency
from mpp_console.services.models import (
    Check,
    ErrorView,
    LegTiming,
    Level,
    Mode,
    OfferView,
    OperationView,
    PayResult,
    ProblemView,
    ProfileView,
    ReceiptRow,
    ReceiptView,
    RequestRow,
    ReviewView,
    RouteView,
    Stage,
    Transfer,
)

NOW = datetime(2026, 3, 14, 12, 4, 30, tzinfo=UTC)
PATH = Currency(id="0x20C0000000000000000000000000000000000000", symbol="pathUSD", decimals=6)
ALPHA = Currency(id="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", decimals=6)
BETA = Currency(id="0x20C0000000000000000000000000000000000002", symbol="BetaUSD", decimals=6)
THETA = Currency(id="0x20C0000000000000000000000000000000000003", symbol="ThetaUSD", decimals=6)
PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
SANDBOX = ProfileView(name="sandbox", kind="sandbox", chain_id=1337, label="Sandbox", badge="SANDBOX")
MAINNET = ProfileView(
    name="mainnet",
    kind="mainnet",
    chain_id=4217,
    label="Tempo mainnet",
    badge="MAINNET",
    explorer="https://explorer.example",
)
URL = "http://127.0.0.1:4021"
STRANGER = "https://api.example.com"


def seeded_hash(*parts: object) -> str:
    """A transaction hash that is always the same for the same words."""
    return "0x" + sha256("/".join(map(str, parts)).encode()).hexdigest()


def routes() -> tuple[RouteView, ...]:
    """The demo API as the seeded server offers it."""

    def route(path: str, note: str, amount: int = 10_000, **more: Any) -> RouteView:
        values: dict[str, Any] = {"method": "GET", "rail": "tempo", "intent": "charge", "currency": PATH} | more
        return RouteView(path=path, amount=amount, note=note, **values)

    return (
        route("/free", "costs nothing", 0, rail="", intent=""),
        route("/charge", "one call", hits=14, revenue=140_000),
        route("/echo", "charges for a body", method="POST", hits=3, revenue=30_000),
        route("/sponsored", "the server pays the fee", hits=2, revenue=20_000),
        route("/split", "three recipients", 50_000, hits=1, revenue=50_000),
        route("/push-only", "the client broadcasts", hits=1, revenue=10_000),
        route("/pull-only", "the server broadcasts", hits=1, revenue=10_000),
        route("/zero", "a proof, no money", 0, hits=1),
        route("/two-offers", "pathUSD or AlphaUSD", 20_000),
        route("/slow", "answers after 2 s", hits=1, revenue=10_000),
        route("/faults/expired", "an expired challenge", fault="expired", hits=1),
        route("/faults/wrong-amount", "asks for more than agreed", fault="wrong-amount"),
        route("/faults/bad-recipient", "a broken recipient", fault="bad-recipient"),
        route("/faults/server-error", "500 after payment", fault="server-error"),
        route("/faults/no-receipt", "200 without receipt", fault="no-receipt"),
    )


def receipt_row(number: int, at: datetime, *, direction: str = "sent", **more: Any) -> ReceiptRow:
    """One receipt of the seeded history."""
    values: dict[str, Any] = {
        "origin": URL,
        "url": f"{URL}/charge",
        "method": "tempo",
        "intent": "charge",
        "amount": 10_000,
        "currency": PATH,
        "network": "sandbox",
        "status": "success",
        "reference": seeded_hash("tx", number),
        "challenge_id": "ch_" + seeded_hash("challenge", number)[2:26],
        "operation_id": f"op{number:04d}",
        "payer": PAYER,
        "recipient": PAYEE,
    }
    return ReceiptRow(id=f"rc{number:04d}", at=at, direction=cast("Any", direction), **(values | more))


def history() -> list[ReceiptRow]:
    """37 receipts, oldest first, over two days."""
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
            more |= {"url": f"{URL}/zero", "amount": 0}
        if direction == "received":
            more |= {"origin": "", "url": f"GET {path}", "operation_id": None}
        rows.append(receipt_row(number, at, direction=direction, **more))
    return rows


def requests() -> list[RequestRow]:
    """What the seeded server answered lately, oldest first."""
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
                payer=PAYER if paid else None,
                reference=seeded_hash("request", number) if paid else None,
                challenge_id="ch_" + seeded_hash("challenge", number)[2:26] if amount is not None else None,
                milliseconds=took,
            )
        )
    return rows


def offer(**more: Any) -> OfferView:
    """What a stranger asks for; by default payable."""
    values: dict[str, Any] = {
        "challenge_id": "ch_" + seeded_hash("stranger")[2:26],
        "method": "tempo",
        "intent": "charge",
        "usable": True,
        "chosen": True,
        "reason": "",
        "amount": 250_000,
        "currency": PATH,
        "recipient": PAYEE,
        "transfers": (Transfer(recipient=PAYEE, amount=250_000),),
        "network": "sandbox",
        "chain_id": 1337,
        "mode": Mode.PULL,
        "payer": PAYER,
        "expires_at": NOW + timedelta(minutes=4, seconds=32),
        "fee": 1_240,
        "fee_currency": PATH,
        "balance": 999_999_676_000,
        "checks": (
            Check(code="chain", level=Level.OK, message="the chain is the one of this profile"),
            Check(code="balance", level=Level.OK, message="the balance covers amount and fee"),
        ),
    }
    return OfferView(**(values | more))


def review(**more: Any) -> ReviewView:
    """A review of that offer."""
    chosen = more.pop("offer", offer())
    dear = offer(
        challenge_id="ch_other",
        chosen=False,
        usable=True,
        amount=260_000,
        currency=ALPHA,
        reason="pathUSD is preferred",
    )
    values: dict[str, Any] = {
        "id": "rv0001",
        "origin": STRANGER,
        "url": f"{STRANGER}/v1/search?q=tempo",
        "http_method": "GET",
        "realm": "api.example.com",
        "offer": chosen,
        "offers": tuple(item for item in (chosen, dear) if item is not None),
        "verdict": "confirm",
        "reasons": (
            Check(code="confirm", level=Level.WARN, message="paying 0.250000 pathUSD needs your confirmation"),
        ),
        "server_says": "One search over 40 million pages, results as JSON",
        "insecure_loopback": False,
        "command": f"mpp-console pay '{STRANGER}/v1/search?q=tempo' --max-amount 0.25",
    }
    return ReviewView(**(values | more))


def operation(number: int, row: ReceiptRow) -> OperationView:
    """The journal's side of a receipt."""
    return OperationView(
        id=f"op{number:04d}",
        kind="charge",
        state="settled",
        created_at=row.at - timedelta(milliseconds=640),
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
        mode="pull",
        reference=row.reference,
        challenge_id=row.challenge_id,
        error=None,
    )


def paid_result(url: str, view: ReviewView | None) -> PayResult:
    row = receipt_row(99, NOW, url=url, origin=STRANGER, amount=250_000)
    return PayResult(
        stage=Stage.DONE,
        url=url,
        http_method="GET",
        paid=True,
        status=200,
        headers=(("content-type", "application/json"),),
        body=b'{"results":[{"title":"Tempo","score":0.97},{"title":"Payment channels","score":0.81}]}',
        receipt=ReceiptView(
            method="tempo", reference=row.reference, status="success", timestamp="2026-03-14T12:04:30.000Z"
        ),
        receipt_id=row.id,
        operation=operation(99, row),
        review=view,
        timings=(LegTiming(leg="challenge", milliseconds=12.0), LegTiming(leg="pay", milliseconds=27.0)),
        problem=None,
        error=None,
    )


def refused_result(url: str) -> PayResult:
    problem = ProblemView(
        type="https://paymentauth.org/problems/verification-failed",
        slug="verification-failed",
        title="Verification Failed",
        status=402,
        detail="the transfer pays 0.250000 to another recipient",
    )
    error = ErrorView(
        code="refused", message="the server refused the payment; nothing was taken", hint="ask the URL again"
    )
    return replace(
        paid_result(url, None),
        stage=Stage.FAILED,
        paid=False,
        status=402,
        receipt=None,
        receipt_id=None,
        problem=problem,
        operation=None,
        error=error,
        body=b"",
    )
