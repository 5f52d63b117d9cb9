"""Seeded values: routes, an offer and how its payment may end, beside the history, requests and accounts of the demo.

The same on every run.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from mpp_console.services.demo import seeds as demo
from mpp_console.services.demo.seeds import (
    ALPHA,
    BETA,
    CUSTOMER,
    HELD,
    NOW,
    PATH,
    PAYEE,
    PAYER,
    STRANGER,
    THETA,
    URL,
    accounts,
    history,
    receipt_fields,
    receipt_row,
    requests,
    seeded_hash,
    spent_since,
)
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
    ReviewView,
    RouteView,
    Stage,
    Transfer,
)

__all__ = [
    "ALPHA",
    "BETA",
    "CUSTOMER",
    "HELD",
    "MAINNET",
    "NOW",
    "PATH",
    "PAYEE",
    "PAYER",
    "SANDBOX",
    "STRANGER",
    "THETA",
    "URL",
    "accounts",
    "history",
    "offer",
    "operation",
    "paid_result",
    "receipt_fields",
    "receipt_row",
    "refused_result",
    "requests",
    "review",
    "routes",
    "seeded_hash",
    "spent_since",
]

SANDBOX = ProfileView(name="sandbox", called="sandbox", kind="sandbox", chain_id=1337, label="Sandbox", badge="SANDBOX")
MAINNET = ProfileView(
    name="mainnet",
    called="mainnet",
    kind="mainnet",
    chain_id=4217,
    label="Tempo mainnet",
    badge="MAINNET",
    explorer="https://explorer.example",
)


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


def operation(_number: int, row: ReceiptRow) -> OperationView:
    """The journal's side of a receipt."""
    return demo.operation(row)


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
