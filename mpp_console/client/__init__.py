"""Paying: one gate for spending, and an httpx auth flow that pays any 402 through it.

    payments = Payments(payers=[…], policy=SpendingPolicy(…), journal=MemoryJournal(clock=…), clock=…)
    async with httpx.AsyncClient(auth=PaymentAuth(payments)) as client:
        response = await client.get("https://api.example.com/paid")

The package knows no screen, no file and no profile. What it needs (rails, policy, journal, clock, an approver) comes in
as arguments. The names below are loaded when they are first used, so that reading a policy imports no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpp_console.client.auth import PaymentAuth, operation_of
    from mpp_console.client.errors import (
        CredentialSpent,
        NotPaid,
        NoUsableOffer,
        OutcomeUnknown,
        PaidNotDelivered,
        PaymentDeclined,
        PaymentError,
        PaymentRejected,
    )
    from mpp_console.client.journal import Journal, MemoryJournal, Operation, ReceiptRecord
    from mpp_console.client.offers import Ranking, Terms
    from mpp_console.client.origin import Origin
    from mpp_console.client.payments import Payments
    from mpp_console.client.policy import AutoAllow, OriginCap, SpendingPolicy
    from mpp_console.client.review import Approval, Review

_HOMES = {
    "auth": ("PaymentAuth", "operation_of"),
    "errors": (
        "CredentialSpent",
        "NoUsableOffer",
        "NotPaid",
        "OutcomeUnknown",
        "PaidNotDelivered",
        "PaymentDeclined",
        "PaymentError",
        "PaymentRejected",
    ),
    "journal": ("Journal", "MemoryJournal", "Operation", "ReceiptRecord"),
    "offers": ("Ranking", "Terms"),
    "origin": ("Origin",),
    "payments": ("Payments",),
    "policy": ("AutoAllow", "OriginCap", "SpendingPolicy"),
    "review": ("Approval", "Review"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Approval",
    "AutoAllow",
    "CredentialSpent",
    "Journal",
    "MemoryJournal",
    "NoUsableOffer",
    "NotPaid",
    "Operation",
    "Origin",
    "OriginCap",
    "OutcomeUnknown",
    "PaidNotDelivered",
    "PaymentAuth",
    "PaymentDeclined",
    "PaymentError",
    "PaymentRejected",
    "Payments",
    "Ranking",
    "ReceiptRecord",
    "Review",
    "SpendingPolicy",
    "Terms",
    "operation_of",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
