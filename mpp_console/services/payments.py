"""Payments as tasks: each runs the one paying HTTP flow in the background, waits for a decision, and survives any
screen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from mpp_console.services.models import (
    ErrorView,
    OperationView,
    PayRequest,
    PayResult,
    ReviewView,
    RouteOutcome,
    Stage,
)

__all__ = ["OriginAllowance", "PaymentTask", "PaymentsService"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAllowance:
    """Pay this origin without asking: at most `per_payment` and `total` (decimals in the offer's currency), for
    `lasts`.
    """

    per_payment: str
    total: str
    lasts: timedelta = timedelta(hours=1)


class PaymentTask:
    """One request that may be paid for. Made by `PaymentsService.start`; every change is published as
    `PaymentProgress`.
    """

    id: str
    request: PayRequest

    @property
    def stage(self) -> Stage:
        """Where it stands; only ever moves forward."""
        raise NotImplementedError

    @property
    def current_review(self) -> ReviewView | None:
        """The review, once there is one, without waiting."""
        raise NotImplementedError

    @property
    def error(self) -> ErrorView | None:
        raise NotImplementedError

    async def review(self) -> ReviewView | None:
        """Waits until there is something to decide. None when there is nothing: the resource was free, or the request
        failed.
        """
        raise NotImplementedError

    def approve(self, allow: OriginAllowance | None = None) -> bool:
        """Pays, once. True for the approval that counted; a second one, a late one, or one of an expired offer does
        nothing.

        `allow` also lets later payments to this origin pass without asking, within its bounds.
        """
        raise NotImplementedError

    def reject(self) -> bool:
        """Declines; nothing was signed. True when that counted (False once approved or ended)."""
        raise NotImplementedError

    def cancel(self) -> bool:
        """Stops waiting. Before approval it declines; after it, a payment that left is journaled and never repeated."""
        raise NotImplementedError

    async def result(self) -> PayResult:
        """Waits for the end, whichever it is. Never raises for a payment that failed; leaving the wait does not stop
        the task.
        """
        raise NotImplementedError


class PaymentsService:
    """Starts payments and knows those in flight."""

    def start(self, request: PayRequest) -> PaymentTask:
        """Begins the request in the background and gives its task at once. Raises UsageError for a URL or amount that
        cannot be.
        """
        raise NotImplementedError

    def test(self) -> PaymentTask:
        """The one-key payment: starts the local server if needed and pays its /charge, approved by itself.

        Raises TestUnavailable, with the reason, outside the sandbox.
        """
        raise NotImplementedError

    def test_all(self) -> AsyncIterator[RouteOutcome]:
        """Calls every route of the local server in turn and tells whether each did what it is meant to do. Sandbox
        only.
        """
        raise NotImplementedError

    @property
    def test_unavailable(self) -> str | None:
        """Why there is no test payment here; None when there is."""
        raise NotImplementedError

    @property
    def tasks(self) -> tuple[PaymentTask, ...]:
        """Tasks of this run, oldest first, ended ones included (the latest hundred)."""
        raise NotImplementedError

    @property
    def in_flight(self) -> int:
        """How many have not ended."""
        raise NotImplementedError

    async def recover(self) -> tuple[OperationView, ...]:
        """Asks the rail what became of operations whose outcome is unknown. Never pays. Gives those that are now
        settled or refused.
        """
        raise NotImplementedError

    async def unresolved(self) -> tuple[OperationView, ...]:
        """Operations that are neither settled nor refused."""
        raise NotImplementedError
