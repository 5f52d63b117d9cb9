"""Transfers by hand: quoted, reviewed, approved, sent and waited for, in a task that survives any screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.services.models import ErrorView, Stage, TransferRequest, TransferResult, TransferReview

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine

__all__ = ["TransferTask", "TransfersService"]


class TransferTask:
    """One transfer. The same shape as a payment task: `review`, then `approve` or `reject`, then `result`."""

    id: str
    request: TransferRequest

    @property
    def stage(self) -> Stage:
        raise NotImplementedError

    @property
    def current_review(self) -> TransferReview | None:
        raise NotImplementedError

    @property
    def error(self) -> ErrorView | None:
        raise NotImplementedError

    async def review(self) -> TransferReview | None:
        """The quote. None when the transfer could not be quoted (`error` says why)."""
        raise NotImplementedError

    def approve(self) -> bool:
        """Sends, once; a second approval does nothing and gives False."""
        raise NotImplementedError

    def reject(self) -> bool:
        raise NotImplementedError

    async def result(self) -> TransferResult:
        """Waits for the receipt. Never raises for a transfer that failed."""
        raise NotImplementedError


class TransfersService:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def in_flight(self) -> int:
        return 0

    def start(self, request: TransferRequest) -> TransferTask:
        """Quotes in the background and gives the task at once."""
        raise NotImplementedError

    async def recover(self) -> None:
        return None

    async def close(self) -> None:
        return None
