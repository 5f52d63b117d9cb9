"""The demo's routes that are paid over a payment channel, and what is known of the channel while one is answered."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from mpp_console.methods.base import Payee
from mpp_console.methods.tempo.networks import Network
from mpp_console.protocol import ParseError
from mpp_console.sandbox.demo.catalogue import DemoRoute, Entry
from mpp_console.server.asgi import payment_of
from mpp_console.server.offers import Offer
from mpp_console.server.routes import Route

__all__ = ["SESSION_PRICE", "session_entries", "session_facts"]

SESSION_PRICE: Final = 1_000
"""A tenth of a cent: too little for a transaction of its own, which is what channels are for."""

SUGGESTED_DEPOSIT: Final = 100_000
"""A hundred requests."""


def session_entries(payee: Payee, network: Network) -> tuple[Entry, ...]:
    """The session routes, charged by a payee of sessions."""
    currency = network.currency(network.default_token)
    path, note = "/session", "a reading for each voucher, over one channel"
    offer = Offer(
        payee=payee,
        amount=SESSION_PRICE,
        description=f"demo {path}: {note}",
        options={"unit_type": "request", "suggested_deposit": SUGGESTED_DEPOSIT},
    )
    told = DemoRoute(
        method="GET",
        path=path,
        rail=offer.method,
        intent=offer.intent,
        amount=offer.amount,
        currency=currency,
        note=note,
    )
    return (Entry(route=Route(method="GET", path=path, offers=(offer,), summary=note), told=told),)


def session_facts(request: Request) -> dict[str, dict[str, str]]:
    """What the answer tells of the channel that paid for it."""
    from mpp_console.methods.tempo.session_schema import read_session_receipt

    payment = payment_of(request.scope)
    if payment is None:
        return {}
    try:
        facts = read_session_receipt(payment.receipt)
    except ParseError:
        return {}
    return {"channel": {"id": facts.channel_id, "accepted": str(facts.accepted), "spent": str(facts.spent)}}
