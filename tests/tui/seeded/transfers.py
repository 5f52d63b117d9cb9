"""A transfer that moves when told, and the call that begins one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mpp_console.protocol import parse_units
from mpp_console.services.events import PaymentProgress
from mpp_console.services.models import (
    Check,
    ErrorView,
    LegTiming,
    Level,
    Stage,
    TransferRequest,
    TransferResult,
    TransferReview,
)
from tests.tui.seeds import CUSTOMER, HELD, NOW, PAYER, seeded_hash

if TYPE_CHECKING:
    from tests.tui.seeded.console import SeededConsole

READY = Check(code="transfer", level=Level.OK, message="Ready to send.")
NEW = Check(
    code="new-recipient",
    level=Level.WARN,
    message=f"{CUSTOMER} holds no pathUSD and no transfer to it was found. Check the address: a transfer cannot be "
    "taken back.",
)
SHORT = Check(code="insufficient-balance", level=Level.REFUSE, message="The balance does not cover the amount.")


@dataclass
class SeededTransfer:
    """A transfer: quoted at once, sent on approval, ended as `outcome`."""

    console: SeededConsole
    id: str
    request: TransferRequest
    view: TransferReview | None
    outcome: TransferResult
    ends: bool = True
    stage: Stage = Stage.REQUESTING
    approvals: int = 0
    error: ErrorView | None = None
    _reviewed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def current_review(self) -> TransferReview | None:
        return self.view if self._reviewed.is_set() else None

    def quoted(self) -> None:
        """The quote has come, or cannot come."""
        self._reviewed.set()
        if self.view is not None and self.view.sendable:
            self._move(Stage.REVIEW)
        else:
            self.end(Stage.FAILED)

    def end(self, stage: Stage | None = None) -> None:
        self.outcome = replace(self.outcome, stage=stage or self.outcome.stage)
        if self.outcome.stage is not Stage.DONE:
            self.outcome = replace(self.outcome, reference=None, error=self.error)
        self._move(self.outcome.stage)
        self._ended.set()

    async def review(self) -> TransferReview | None:
        await self._reviewed.wait()
        return self.view

    def approve(self) -> bool:
        if self.stage is not Stage.REVIEW:
            return False
        self.approvals += 1
        self._move(Stage.SIGNED)
        self._move(Stage.SENT)
        if self.ends:
            self.end()
        return True

    def reject(self) -> bool:
        if self.stage not in {Stage.REQUESTING, Stage.REVIEW}:
            return False
        self._reviewed.set()
        self.end(Stage.DECLINED)
        return True

    async def result(self) -> TransferResult:
        await self._ended.wait()
        return self.outcome

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        self.console.events.publish(
            PaymentProgress(task_id=self.id, kind="transfer", stage=stage, url=self.request.to, at=NOW, elapsed_ms=40.0)
        )


class SeededTransfers:
    def __init__(self, console: SeededConsole) -> None:
        self._console = console
        self.tasks: list[SeededTransfer] = []
        self.next_checks: tuple[Check, ...] = (READY,)
        self.next_error: ErrorView | None = None
        self.ends_at_once = True

    def start(self, request: TransferRequest) -> SeededTransfer:
        number = len(self.tasks)
        view = None if self.next_error else self._quote(f"tr{number:04d}", request)
        refusal = next((check for check in self.next_checks if check.level is Level.REFUSE), None)
        outcome = TransferResult(
            stage=Stage.DONE,
            reference=seeded_hash("transfer", number),
            operation=None,
            review=view,
            timings=(LegTiming(leg="quote", milliseconds=9.0), LegTiming(leg="send", milliseconds=31.0)),
            error=None,
        )
        task = SeededTransfer(self._console, f"tr{number:04d}", request, view, outcome, self.ends_at_once)
        task.error = self.next_error or (
            ErrorView(code=refusal.code, message=refusal.message, kind="payment") if refusal else None
        )
        self.tasks.append(task)
        task.quoted()
        return task

    def _quote(self, task_id: str, request: TransferRequest) -> TransferReview:
        currency = next((item for item, _ in HELD if item.id == request.token), HELD[0][0])
        amount, held = parse_units(request.amount, currency.decimals), self._console.held[currency.id]
        profile = self._console.profile
        values: dict[str, Any] = {
            "balance": held,
            "balance_after": held - amount - 1_240,
            "fee": 1_240,
            "fee_currency": HELD[0][0],
        }
        return TransferReview(
            id=task_id,
            sender=PAYER,
            recipient=request.to,
            amount=amount,
            currency=currency,
            network=profile.name,
            chain_id=profile.chain_id,
            checks=self.next_checks,
            command=f"mpp-console transfer {request.amount} {request.to}",
            new_recipient=NEW in self.next_checks,
            memo="0x" + request.memo.encode().ljust(32, b"\0").hex() if request.memo else None,
            **values,
        )
