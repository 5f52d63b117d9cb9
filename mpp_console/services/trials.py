"""Whether a route of the demo API did what it is meant to do: free, paid, or failing in exactly its own way. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mpp_console.services.models import PayResult, RouteOutcome, RouteView, Stage

__all__ = ["judge"]


@dataclass(frozen=True, slots=True)
class _Expectation:
    text: str
    holds: Callable[[PayResult], bool]


def _done(result: PayResult) -> bool:
    return result.stage is Stage.DONE and result.status is not None and result.status < 300


def _not_paid(result: PayResult) -> bool:
    return result.stage is Stage.FAILED and not result.paid and result.operation is None


_FREE = _Expectation("answers without asking for money", lambda result: _done(result) and not result.paid)
_PAID = _Expectation(
    "is paid and gives a receipt", lambda result: _done(result) and result.paid and result.receipt is not None
)
_FAULTS = {
    "expired": _Expectation("is not paid: its challenge is over", _not_paid),
    "bad-recipient": _Expectation("is not paid: its recipient is broken", _not_paid),
    "wrong-amount": _Expectation(
        "refuses the payment; no money moves", lambda result: not result.paid and result.status == 402
    ),
    "server-error": _Expectation(
        "takes the money and fails; the payment is on record", lambda result: result.paid and result.status == 500
    ),
    "no-receipt": _Expectation(
        "is paid and forgets the receipt", lambda result: _done(result) and result.paid and result.receipt is None
    ),
    "replay": _Expectation(
        "refuses the payment as used before; no money moves", lambda result: not result.paid and result.status == 402
    ),
    "lost": _Expectation(
        "takes the money and breaks off; the chain tells", lambda result: result.stage is not Stage.DONE and result.paid
    ),
    "slow": _PAID,
}
_UNSURE = _Expectation(
    "takes the voucher and does not deliver; nobody knows what was charged",
    lambda result: result.stage in {Stage.UNKNOWN, Stage.FAILED},
)
_FORGOTTEN = _Expectation(
    "serves a new channel only; an older one is refused, and kept",
    lambda result: (_done(result) and result.paid) or (not result.paid and result.status == 410),
)
_STREAMS = frozenset({"/session/stream", "/session/ws"})
_STREAM_FAULTS = {
    "no-receipt": _PAID,  # the one in the stream is still there
    "stalled-stream": _Expectation(
        "stops half way; the client gives up", lambda result: result.paid and result.stage is not Stage.DONE
    ),
    "voucher-loop": _Expectation(
        "asks for vouchers without end; the client stops", lambda result: result.paid and result.stage is not Stage.DONE
    ),
}
_SESSION_FAULTS = {
    "server-error": _UNSURE,
    "lost": _UNSURE,
    "lost-state": _FORGOTTEN,
    "lying-410": _FORGOTTEN,
    "high-receipt": _Expectation("is paid; its receipt is not believed", lambda result: _done(result) and result.paid),
}
"""What other faults mean where a channel pays: without a receipt nobody knows what a voucher was taken for."""
_FIRST = (
    "expired", "bad-recipient", "wrong-amount", "replay", "lost-state", "lying-410", "lost", "server-error",
    "stalled-stream", "voucher-loop", "no-receipt", "high-receipt", "slow",
)  # fmt: skip
"""Which of several faults a client meets: those of the payment before those of the delivery."""
_FREE_AND_FAILING = _Expectation("fails with 500, free of charge", lambda result: result.status == 500)


def judge(route: RouteView, result: PayResult) -> RouteOutcome:
    """Compares what happened with what this route is for."""
    expected = _expectation(route)
    return RouteOutcome(
        route=route,
        ok=expected.holds(result),
        expected=expected.text,
        outcome=_outcome(result),
        status=result.status,
        milliseconds=next((leg.milliseconds for leg in result.timings if leg.leg == "total"), 0.0),
        receipt_id=result.receipt_id,
        error=result.error,
    )


def _expectation(route: RouteView) -> _Expectation:
    faults = {route.fault, *route.faults}
    if not route.rail:
        return _FREE_AND_FAILING if "server-error" in faults else _FREE
    meanings = _FAULTS
    if route.intent == "session":
        meanings = meanings | _SESSION_FAULTS | (_STREAM_FAULTS if route.path in _STREAMS else {})
    return next((meanings[name] for name in _FIRST if name in faults and name in meanings), _PAID)


def _outcome(result: PayResult) -> str:
    if result.paid:
        return "paid" if result.stage is Stage.DONE else "paid, not delivered"
    return "free" if result.stage is Stage.DONE else result.stage.value
