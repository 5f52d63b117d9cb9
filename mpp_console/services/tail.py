"""Joins what the gate decides about a request with what was said and the answer it got: one line for each request, one
receipt for each payment.

The gate tells of its decision in the request's own task, before the answer; context variables carry it there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from mpp_console.client.journal import ReceiptRecord
from mpp_console.history import RequestRecord
from mpp_console.protocol import Currency, MppError, parse_account_did
from mpp_console.sandbox.demo import recording
from mpp_console.server import events
from mpp_console.server.asgi_access import Outcome, RequestAnswered

if TYPE_CHECKING:
    from mpp_console.sandbox.demo import DemoEvent, Exchange
    from mpp_console.services.engine import Engine

__all__ = ["Tail"]

_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
_MANAGED: Final = {
    "open": "a channel was opened",
    "topUp": "a channel was topped up",
    "voucher": "a voucher was accepted",
    "close": "a channel was closed",
}
_decision: ContextVar[events.GateEvent | None] = ContextVar("gate_decision", default=None)


class Tail:
    """Gets every event of a served API. `served` and `received` are called in the loop and must be quick."""

    def __init__(
        self,
        engine: Engine,
        *,
        served: Callable[[RequestRecord, Exchange | None], None],
        received: Callable[[ReceiptRecord], None],
    ) -> None:
        self._engine = engine
        self._served = served
        self._received = received

    def observe(self, event: DemoEvent) -> None:
        """Takes one event; see `DemoApi.observe`."""
        if isinstance(event, RequestAnswered):
            decision, exchange = _decision.get(), _exchange.get()
            _decision.set(None)
            _exchange.set(None)
            self._served(self._record(event, decision), exchange)
            return
        if isinstance(event, recording.Exchange):
            _exchange.set(event)
            return
        if not isinstance(event, events.DeliveryFailed | events.StreamCharged):
            # These two follow the verification that let the request in, which says more.
            _decision.set(event)
        if isinstance(event, events.PaymentVerified):
            self._received(self._receipt(event, event.offer.amount))
        elif isinstance(event, events.StreamCharged):
            self._received(self._receipt(event, event.amount))

    def _record(self, answer: RequestAnswered, decision: events.GateEvent | None) -> RequestRecord:
        amount: int | None = None
        currency: Currency | None = None
        payer = challenge_id = None
        outcome, message = "free", ""
        match decision:
            case events.ChallengeIssued():
                outcome = "challenged"
                first = decision.offers[0]
                amount, currency, challenge_id = first.amount, self._currency(first.currency), first.challenge_id
            case events.PaymentVerified():
                outcome = "paid"
                # The answer's amount has what a stream was charged while it was delivered.
                amount = decision.offer.amount if answer.amount is None else answer.amount
                currency = self._currency(decision.offer.currency)
                payer, challenge_id = _address(decision.payer), decision.offer.challenge_id
            case events.ChannelManaged():
                message, challenge_id = _MANAGED.get(decision.action, decision.action), decision.offer.challenge_id
                payer = _address(decision.payer)
            case events.PaymentRejected():
                outcome, message, challenge_id = "rejected", decision.reason, decision.challenge_id
            case events.AnswerReplayed():
                outcome, challenge_id = "replayed", decision.challenge_id
            case events.RateLimited():
                outcome, message = "limited", f"too many {decision.kind}; again in {decision.retry_after} s"
            case _ if answer.outcome is Outcome.PAID:
                # A WebSocket: its credentials came one by one in the socket, and none of them decides about the whole.
                outcome, amount, currency = "paid", answer.amount, self._currency(answer.currency)
                payer, challenge_id = _address(answer.payer), answer.challenge_id
            case _:
                pass
        if answer.status >= 500:
            message = f"{message}; the handler failed" if message else "the handler failed"
            outcome = "paid" if outcome == "paid" else "failed"
        known = amount is not None and currency is not None
        return RequestRecord(
            id=self._engine.new_id(),
            at=answer.at,
            method=answer.http_method,
            path=answer.path,
            status=answer.status,
            outcome=outcome,
            amount=amount if known else None,
            currency=currency if known else None,
            payer=payer,
            reference=answer.reference,
            challenge_id=challenge_id,
            message=message,
            microseconds=round(answer.seconds * 1_000_000),
        )

    def _receipt(self, event: events.PaymentVerified | events.StreamCharged, amount: int) -> ReceiptRecord:
        engine, offer = self._engine, event.offer
        default = engine.network.currency(engine.network.default_token)
        return ReceiptRecord(
            # The challenge of a charge is paid once, so that its id names this receipt, however often it is written;
            # that of a session many times, and what was spent so far tells those apart.
            id=f"received-{offer.challenge_id}{_count_of(event)}",
            direction="received",
            operation_id=None,
            received_at=event.at,
            origin="",
            url=f"{event.http_method} {event.path}",
            method=offer.method,
            intent=offer.intent,
            amount=amount,
            currency=self._currency(offer.currency) or default,
            network=engine.network.name,
            reference=event.receipt.reference,
            status=event.receipt.status,
            challenge_id=offer.challenge_id,
            external_id=event.receipt.external_id,
            payer=_address(event.payer),
            recipient=offer.recipient,
            raw=event.receipt.to_dict(),
        )

    def _currency(self, currency_id: str | None) -> Currency | None:
        token = None if currency_id is None else self._engine.network.token(currency_id)
        return None if token is None else token.currency


def _count_of(event: events.PaymentVerified | events.StreamCharged) -> str:
    spent = event.receipt.extra.get("spent") if event.offer.intent == "session" else None
    return "" if spent is None else f"-{spent}"


def _address(source: str | None) -> str | None:
    """The account of a `did:pkh` source; another kind of source is told as it is."""
    if source is None:
        return None
    try:
        return parse_account_did(source).address
    except MppError:
        return source
