"""How an offer and the end of a payment are told: facts for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpp_console.cli.context import error_json
from mpp_console.cli.output import amount_json, amount_text, print_checks, print_facts, time_text

if TYPE_CHECKING:
    from mpp_console.protocol import Currency
    from mpp_console.services.models import (
        Check,
        OfferView,
        PayResult,
        ReviewView,
        SessionPlanView,
        StreamView,
    )

__all__ = ["checks_json", "offer_facts", "offer_json", "price_text", "result_json", "say_offer_review"]


def price_text(offer: OfferView) -> str:
    return offer.price.text if offer.price else "an unknown amount"


def say_offer_review(review: ReviewView) -> None:
    offer = review.offer
    assert offer is not None  # noqa: S101 - the caller looked
    facts = [("origin", review.origin + ("  (LOOPBACK TEST: no TLS)" if review.insecure_loopback else ""))]
    facts += offer_facts(offer)
    if review.server_says:
        facts.append(("server says", f"“{review.server_says}”"))
    print_facts(facts, err=True)
    print_checks((*offer.checks, *review.reasons))


def offer_facts(offer: OfferView) -> list[tuple[str, str]]:
    facts = [("pays", f"{price_text(offer)} by {offer.key}")]
    for number, transfer in enumerate(offer.transfers):
        share = (
            ""
            if len(offer.transfers) == 1 or offer.currency is None
            else f"  {amount_text(transfer.amount, offer.currency)}"
        )
        facts.append(("to" if number == 0 else "and to", f"{transfer.recipient}{share}"))
    facts.append(("network", f"{offer.network} (chain {offer.chain_id})"))
    facts.append(("from", offer.payer or "no account"))
    if offer.session is not None and offer.currency is not None:
        facts += _session_facts(offer.session, offer.currency)
    if offer.sponsored:
        facts.append(("fee", "none, the server pays it"))
    elif offer.fee is not None and offer.fee_currency is not None:
        facts.append(("fee", f"at most {amount_text(offer.fee, offer.fee_currency)}"))
    if offer.currency is not None and offer.balance is not None:
        facts.append(("balance", amount_text(offer.balance, offer.currency)))
    facts.append(("expires", time_text(offer.expires_at)))
    return facts


def _session_facts(plan: SessionPlanView, currency: Currency) -> list[tuple[str, str]]:
    """How it is paid over a channel, and what is put aside for that."""

    def money(amount: int) -> str:
        return amount_text(amount, currency)

    what = {"open": "opens a channel", "top-up": "tops the channel up", "voucher": "uses the channel"}[plan.plan]
    facts = [("session", what + (f" {plan.channel_id}" if plan.channel_id else ""))]
    if plan.protocol == "v1":
        told = f"1, over the escrow contract {plan.escrow}: a close pays out all of the last voucher"
        facts.append(("version", told))
    facts.append(("voucher", f"{money(plan.voucher_before)} → {money(plan.voucher)} in all"))
    if plan.locks:
        facts.append(("locks", f"{money(plan.locks)} (deposit {money(plan.deposit_before)} → {money(plan.deposit)})"))
    return facts


def checks_json(checks: Iterable[Check]) -> list[dict[str, str]]:
    return [{"code": check.code, "level": check.level.value, "text": check.message} for check in checks]


def offer_json(offer: OfferView) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "method": offer.method,
        "intent": offer.intent,
        "usable": offer.usable,
        "chosen": offer.chosen,
        "reason": offer.reason,
        "recipient": offer.recipient,
        "network": offer.network,
        "chain_id": offer.chain_id,
        "mode": None if offer.mode is None else offer.mode.value,
        "payer": offer.payer,
        "sponsored": offer.sponsored,
        "expires_at": offer.expires_at,
        "checks": checks_json(offer.checks),
    }
    if offer.currency is not None:
        facts |= amount_json(offer.amount, offer.currency)
    if offer.fee_currency is not None:
        facts |= amount_json(offer.fee, offer.fee_currency, "fee_")
    if offer.session is not None:
        facts["session"] = _plan_json(offer.session)
    return facts


def _plan_json(plan: SessionPlanView) -> dict[str, Any]:
    return {
        "plan": plan.plan,
        "channel": plan.channel_id,
        "escrow": plan.escrow,
        "unit": plan.unit,
        **{
            f"{name}_base_units": str(getattr(plan, name))
            for name in ("voucher_before", "voucher", "locks", "deposit_before", "deposit")
        },
    }


def result_json(result: PayResult, target: Path | None) -> dict[str, Any]:
    operation, receipt = result.operation, result.receipt
    facts: dict[str, Any] = {
        "url": result.url,
        "method": result.http_method,
        "status": result.status,
        "stage": result.stage.value,
        "paid": result.paid,
        "receipt_id": result.receipt_id,
        "doubts": list(result.doubts),
        "receipt": None
        if receipt is None
        else {
            "method": receipt.method,
            "reference": receipt.reference,
            "status": receipt.status,
            "timestamp": receipt.timestamp,
            "external_id": receipt.external_id,
            "challenge_id": receipt.challenge_id,
        },
        "operation": None
        if operation is None
        else {
            "id": operation.id,
            "state": operation.state,
            "reference": operation.reference,
            "recipient": operation.recipient,
            "payer": operation.payer,
            "network": operation.network,
            **amount_json(operation.amount, operation.currency),
        },
        "problem": None
        if result.problem is None
        else {"type": result.problem.type, "title": result.problem.title, "detail": result.problem.detail},
        "stream": None if result.stream is None else _stream_json(result.stream),
        "error": None if result.error is None else error_json(result.error),
        "timings_ms": {leg.leg: round(leg.milliseconds, 1) for leg in result.timings},
        "headers": [list(header) for header in result.headers],
        "body_bytes": len(result.body),
    }
    if target is not None:
        facts["body_file"] = str(target)
    else:
        facts |= _body_json(result.body)
    return facts


def _stream_json(stream: StreamView) -> dict[str, Any]:
    return {
        "events": stream.events,
        "events_per_second": None if stream.rate is None else round(stream.rate, 1),
        "voucher_base_units": str(stream.voucher.amount),
        "deposit_base_units": str(stream.held.amount),
        **amount_json(stream.spent.amount, stream.spent.currency),
    }


def _body_json(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        import base64

        return {"body_base64": base64.b64encode(body).decode("ascii")}
