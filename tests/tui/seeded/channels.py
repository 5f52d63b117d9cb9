"""Channels that others opened to the seeded server, and acts on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mpp_console.protocol import ChannelState
from mpp_console.services.models import Money
from mpp_console.services.session_models import (
    PayeeChannelRow,
    PayeeChannels,
    SessionOutcome,
    SessionReview,
    SessionReviewRow,
    SessionRow,
)
from tests.tui.seeded.sessions import SeededSessionTask, session
from tests.tui.seeds import CUSTOMER, NOW, PATH, PAYEE, PAYER, seeded_hash

if TYPE_CHECKING:
    from mpp_console.services.payee_acts import PayeeAct
    from tests.tui.seeded.console import SeededConsole

_STATES: Final = {
    "opening": ChannelState.OPENING,
    "open": ChannelState.ACTIVE,
    "closing": ChannelState.CLOSING,
    "closed": ChannelState.FINALIZED,
}


def channel(number: int, **more: Any) -> PayeeChannelRow:
    """A channel of a customer."""
    values: dict[str, Any] = {
        "state": "open",
        "payer": CUSTOMER,
        "currency": PATH,
        "deposit": 1_000_000,
        "accepted": 120_000,
        "settled": 100_000,
        "created_at": NOW - timedelta(hours=5),
        "last_used_at": NOW - timedelta(seconds=8),
    } | more
    over = values["state"] == "closed"
    values.setdefault("spent", values["accepted"])
    values.setdefault("exposure", 0 if over else values["accepted"] - values["settled"])
    values.setdefault("units", values["accepted"] // 1_000)
    return PayeeChannelRow(id=seeded_hash("payee channel", number), **values)


def channels() -> tuple[PayeeChannelRow, ...]:
    """One whose payer wants to leave, then the most exposed, then a closed one."""
    return (
        channel(
            1,
            state="closing",
            accepted=364_000,
            settled=300_000,
            closes_at=NOW + timedelta(minutes=11, seconds=3),
            alarm="its payer asked the chain to close it: close it before the grace period ends, "
            "or lose 0.064000 pathUSD",
        ),
        channel(2, payer=PAYER, accepted=40_000, settled=0, last_used_at=NOW - timedelta(minutes=3)),
        channel(3, accepted=120_000, settled=100_000),
        channel(4, state="closed", accepted=990_000, settled=990_000, last_used_at=NOW - timedelta(days=2)),
    )


class SeededChannels:
    """The part of the seeded server that its channels are."""

    def __init__(self, console: SeededConsole, rows: tuple[PayeeChannelRow, ...]) -> None:
        self._console = console
        self.rows = rows
        self.tasks: list[SeededSessionTask] = []
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.chain_asked = 0

    def view(self) -> PayeeChannels:
        exposed = sum(row.exposure for row in self.rows)
        return PayeeChannels(
            rows=self.rows,
            exposure=(Money(amount=exposed, currency=PATH),) if exposed else (),
            alarms=sum(bool(row.alarm) for row in self.rows),
            at=NOW,
        )

    async def load(self, *, ask_chain: bool) -> PayeeChannels:
        self.chain_asked += ask_chain
        return self.view()

    def review(self, act: PayeeAct, ids: Sequence[str]) -> SeededSessionTask:
        self.asked.append((act, tuple(ids)))
        rows = [_session(row) for row in self.rows if row.id in ids]
        review = SessionReview(
            task_id=f"ct{len(self.tasks):04d}",
            act=act,
            rows=tuple(_review(act, row) for row in rows),
            command=f"mpp-console channels {act} {' '.join(ids)}",
        )
        how = "settled" if act == "settle" else "cooperative"
        ending = tuple(SessionOutcome(row=row, ok=True, how=how, reference=seeded_hash(act, row.id)) for row in rows)
        task = SeededSessionTask(self._console, review.task_id, act, review, ending)
        task.after = self._done
        self.tasks.append(task)
        task.looked_over()
        return task

    def _done(self, task: SeededSessionTask) -> None:
        ids = {outcome.row.id for outcome in task.outcomes}
        self.rows = tuple(_after(row, task.act) if row.id in ids else row for row in self.rows)


def _after(row: PayeeChannelRow, act: str) -> PayeeChannelRow:
    """The same, settled or closed."""
    state: Any = "closed" if act == "close" else row.state
    return replace(row, settled=row.accepted, exposure=0, state=state, alarm="")


def _session(row: PayeeChannelRow) -> SessionRow:
    """As reviews show it, seen from the side that is paid."""
    shown = session(
        0,
        state=_STATES[row.state],
        origin="this server",
        payer=row.payer,
        payee=PAYEE,
        deposit=row.deposit,
        spent=row.spent,
        settled=row.settled,
        at_risk=row.exposure,
    )
    return replace(shown, id=row.id)


def _review(act: PayeeAct, row: SessionRow) -> SessionReviewRow:
    takes = Money(amount=row.at_risk, currency=row.currency).text
    return SessionReviewRow(
        row=row,
        way=f"takes {takes}; the channel stays open" if act == "settle" else f"takes {takes}, and ends the channel",
        returns=row.left if act == "close" else None,
        fee=Money(amount=1_240, currency=PATH),
    )
