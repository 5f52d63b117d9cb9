"""Payment channels in every state, and acts on them that move when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mpp_console.protocol import ChannelState, Currency, MppError, parse_units
from mpp_console.services.events import CommandLogged, PaymentProgress, SessionsChanged
from mpp_console.services.models import ErrorView, LegTiming, LogView, Money, Stage
from mpp_console.services.session_models import (
    ImportResult,
    RecoverResult,
    SessionAct,
    SessionChainView,
    SessionDetail,
    SessionEntryView,
    SessionOutcome,
    SessionPlanView,
    SessionResult,
    SessionReview,
    SessionReviewRow,
    SessionRow,
    SessionsView,
    SessionTotal,
    SyncResult,
)
from mpp_console.services.session_views import dispute_text
from tests.tui.seeds import NOW, PATH, PAYEE, PAYER, STRANGER, URL, receipt_row, seeded_hash

if TYPE_CHECKING:
    from tests.tui.seeded.console import SeededConsole

ESCROW: Final = "0x4D50500000000000000000000000000000000000"
NOBODY: Final = "0x0000000000000000000000000000000000000000"
LLM: Final = "https://llm.example.com"
MAPS: Final = "https://maps.example.org"
_S = ChannelState


def session(number: int, **more: Any) -> SessionRow:
    """A channel; by default one in use at the local server."""
    values: dict[str, Any] = {
        "state": _S.ACTIVE,
        "protocol": "v2",
        "network": "sandbox",
        "origin": URL,
        "url": f"{URL}/session",
        "payer": PAYER,
        "payee": PAYEE,
        "currency": PATH,
        "deposit": 10_000_000,
        "spent": 0,
        "settled": 0,
        "created_at": NOW - timedelta(days=2, hours=3),
        "last_used_at": NOW - timedelta(seconds=41),
    } | more
    values.setdefault("signed", values["spent"])
    values.setdefault("accepted", values["spent"])
    over = values["state"] is _S.FINALIZED
    owed = max(values["signed"], values["spent"])
    values.setdefault("left", 0 if over else values["deposit"] - owed)
    values.setdefault("locked", 0 if over else values["deposit"] - values["settled"])
    values.setdefault("at_risk", 0 if over else values["signed"] - values["accepted"])
    return SessionRow(id=seeded_hash("channel", number), **values)


def sessions() -> tuple[SessionRow, ...]:
    """Channels in every state, in the order in which the services give them."""
    return (
        session(
            1,
            origin=MAPS,
            url=f"{MAPS}/tiles",
            deposit=2_500_000,
            spent=310_000,
            created_at=NOW - timedelta(days=31),
            last_used_at=NOW - timedelta(days=12),
            stale="not used for 12 days",
        ),
        session(
            2,
            state=_S.ORPHANED,
            origin="",
            url="",
            deposit=1_000_000,
            created_at=NOW - timedelta(days=5),
            last_used_at=NOW - timedelta(days=5),
            stale="found on the chain; nobody here knows its server",
        ),
        session(
            3,
            state=_S.FINALIZABLE,
            origin="https://weather.example.net",
            url="https://weather.example.net/now",
            deposit=1_000_000,
            spent=290_000,
            settled=290_000,
            closes_at=NOW - timedelta(minutes=6),
            last_used_at=NOW - timedelta(days=1, hours=2),
            stale="its grace period is over: the rest can be withdrawn",
        ),
        session(
            4,
            state=_S.UNKNOWN,
            origin=STRANGER,
            url=f"{STRANGER}/v1/session",
            deposit=0,
            pending_deposit=500_000,
            created_at=NOW - timedelta(minutes=19),
            last_used_at=NOW - timedelta(minutes=19),
            stale="its open left, and nobody answered",
        ),
        session(5, origin=LLM, url=f"{LLM}/v1/chat", spent=7_032_500, signed=7_042_500, settled=5_000_000),
        session(
            6,
            spent=40_000,
            deposit=1_000_000,
            created_at=NOW - timedelta(minutes=31),
            last_used_at=NOW - timedelta(minutes=3),
        ),
        session(
            7,
            state=_S.CLOSING,
            origin=STRANGER,
            url=f"{STRANGER}/v1/search",
            protocol="v1",
            deposit=5_000_000,
            spent=1_207_500,
            closes_at=NOW + timedelta(minutes=12, seconds=41),
            last_used_at=NOW - timedelta(minutes=9),
            note="the server did not answer the close; it was requested on the chain",
        ),
        session(
            8,
            state=_S.OPENING,
            origin="https://img.example.com",
            url="https://img.example.com/render",
            deposit=0,
            pending_deposit=3_000_000,
            created_at=NOW - timedelta(seconds=2),
            last_used_at=NOW - timedelta(seconds=2),
        ),
        session(
            9,
            state=_S.FINALIZED,
            spent=990_000,
            deposit=1_000_000,
            settled=990_000,
            refunded=10_000,
            created_at=NOW - timedelta(days=3),
            last_used_at=NOW - timedelta(days=2, hours=22),
        ),
        session(
            10,
            state=_S.FINALIZED,
            origin=LLM,
            url=f"{LLM}/v1/chat",
            spent=4_125_000,
            settled=4_125_000,
            refunded=5_875_000,
            created_at=NOW - timedelta(days=8),
            last_used_at=NOW - timedelta(days=6),
        ),
    )


DAMAGED: Final = seeded_hash("channel", "damaged")


def view_of(rows: Sequence[SessionRow], damaged: tuple[str, ...] = (), finalized: int = 0) -> SessionsView:
    """What the services make of these rows."""
    stale = [row for row in rows if row.stale]
    return SessionsView(
        rows=tuple(rows),
        totals=totals(rows),
        stale=tuple(row.id for row in stale),
        stale_held=_sums([(row.currency, row.locked) for row in stale]),
        damaged=damaged,
        finalized=finalized,
        at=NOW,
    )


def totals(rows: Sequence[SessionRow]) -> tuple[SessionTotal, ...]:
    found = []
    for currency in dict.fromkeys(row.currency for row in rows):
        own = [row for row in rows if row.currency == currency]
        closing = [row for row in own if row.state in (_S.CLOSING, _S.FINALIZABLE)]
        refund = sum(row.left for row in closing)
        found.append(
            SessionTotal(
                currency=currency,
                locked=sum(row.locked for row in own),
                at_risk=sum(row.at_risk for row in own),
                pending_refund=refund,
            )
        )
    return tuple(found)


def _sums(parts: Sequence[tuple[Currency, int]]) -> tuple[Money, ...]:
    held: dict[Currency, int] = {}
    for currency, amount in parts:
        held[currency] = held.get(currency, 0) + amount
    return tuple(Money(amount=amount, currency=currency) for currency, amount in held.items() if amount)


def session_plan(**more: Any) -> SessionPlanView:
    """The first payment to a server: a deposit is put aside for it."""
    values: dict[str, Any] = {
        "plan": "open",
        "escrow": ESCROW,
        "channel_id": None,
        "voucher_before": 0,
        "voucher": 250_000,
        "locks": 5_000_000,
        "deposit_before": 0,
        "deposit": 5_000_000,
        "unit": "request",
    }
    return SessionPlanView(**(values | more))


@dataclass
class SeededSessionTask:
    """An act: looked over at once, carried out on approval, one channel after another."""

    console: SeededConsole
    id: str
    act: SessionAct
    view: SessionReview | None
    ending: tuple[SessionOutcome, ...]
    ends: bool = True
    stage: Stage = Stage.REQUESTING
    approvals: int = 0
    error: ErrorView | None = None
    outcomes: tuple[SessionOutcome, ...] = ()
    after: Callable[[SeededSessionTask], None] | None = None
    """What changes its rows, when they are not the sessions'."""
    _reviewed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def current_review(self) -> SessionReview | None:
        return self.view if self._reviewed.is_set() else None

    def looked_over(self) -> None:
        """The chain has answered."""
        self._reviewed.set()
        if self.view is not None and self.view.sendable:
            self._move(Stage.REVIEW)
        else:
            self.end(Stage.FAILED)

    def step(self) -> None:
        """The next channel is done."""
        self.outcomes = self.ending[: len(self.outcomes) + 1]
        self._move(Stage.SENT)

    def end(self, stage: Stage) -> None:
        self._move(stage)
        self._ended.set()

    async def review(self) -> SessionReview | None:
        await self._reviewed.wait()
        return self.view

    def approve(self) -> bool:
        if self.stage is not Stage.REVIEW:
            return False
        self.approvals += 1
        self._move(Stage.SIGNED)
        self._move(Stage.SENT)
        if self.ends:
            self.outcomes = self.ending
            (self.after or self.console.sessions.carried_out)(self)
            failed = not all(outcome.ok for outcome in self.ending)
            self.end(Stage.FAILED if failed else Stage.DONE)
        return True

    def reject(self) -> bool:
        if self.stage not in {Stage.REQUESTING, Stage.REVIEW}:
            return False
        self._reviewed.set()
        self.end(Stage.DECLINED)
        return True

    async def result(self) -> SessionResult:
        await self._ended.wait()
        timings = (LegTiming(leg="review", milliseconds=31.0), LegTiming(leg="send", milliseconds=212.0))
        return SessionResult(stage=self.stage, act=self.act, outcomes=self.outcomes, timings=timings, error=self.error)

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        self.console.events.publish(
            PaymentProgress(task_id=self.id, kind="session", stage=stage, url="", at=NOW, elapsed_ms=40.0)
        )


_HOW: Final[dict[SessionAct, tuple[str, str]]] = {
    "topup": ("topped-up", "adds to the deposit by one transaction"),
    "close": ("cooperative", "asks the server to close, else the chain: 16 minutes"),
    "force-close": ("requested", "requests the close on the chain; the rest comes back after 16 minutes"),
    "withdraw": ("withdrawn", "takes back what is left, by one transaction"),
    "settle": ("settled", "settles what was accepted"),
}


class SeededSessions:
    """Stands where the sessions service does."""

    def __init__(self, console: SeededConsole, *, empty: bool) -> None:
        self._console = console
        self.rows: tuple[SessionRow, ...] = () if empty else sessions()
        self.damaged: tuple[str, ...] = () if empty else (DAMAGED,)
        self.finalized = 0 if empty else 14
        self.tasks: list[SeededSessionTask] = []
        self.asked: list[tuple[Any, ...]] = []
        self.failure: MppError | None = None
        self.chain_failure: MppError | None = None
        self.loading: asyncio.Event | None = None
        """Holds `load` up until it is set."""
        self.unable: dict[str, ErrorView] = {}
        """Why an act cannot be done to a channel."""
        self.failing: dict[str, ErrorView] = {}
        """How carrying it out fails."""
        self.ends_at_once = True
        self.troubles: tuple[tuple[str, str], ...] = ()

    def view(self) -> SessionsView:
        return view_of(self.rows, self.damaged, self.finalized)

    async def load(self) -> SessionsView:
        if self.loading is not None:
            await self.loading.wait()
        if self.failure is not None:
            raise self.failure
        return self.view()

    async def ask_time(self) -> None:
        pass

    async def show(self, channel: str) -> SessionDetail:
        row = self._row(channel)
        return SessionDetail(
            row=row,
            escrow=ESCROW,
            chain_id=self._console.profile.chain_id or 0,
            salt=seeded_hash("salt", channel),
            operator=NOBODY,
            authorized_signer=NOBODY,
            open_hash=None if row.state is _S.OPENING else seeded_hash("open", channel),
            close_hash=seeded_hash("close", channel) if row.state in (_S.CLOSING, _S.FINALIZED) else None,
            entries=entries(row),
            payments=tuple(
                receipt_row(
                    900 + number,
                    row.last_used_at - timedelta(seconds=17 * number),
                    origin=row.origin,
                    url=row.url,
                    intent="session",
                    amount=10_000,
                    currency=row.currency,
                    reference=row.id,
                )
                for number in range(6 if row.spent else 0)
            ),
        )

    async def dispute(self, channel: str) -> str:
        return dispute_text(await self.show(channel))

    async def chain(self, channel: str) -> SessionChainView:
        if self.chain_failure is not None:
            raise self.chain_failure
        row = self._row(channel)
        explorer = self._console.profile.explorer
        return SessionChainView(
            exists=row.state.holds_money,
            deposit=row.deposit,
            settled=row.settled,
            close_requested_at=row.closes_at - timedelta(minutes=16) if row.closes_at else None,
            withdrawable_at=row.closes_at,
            block=48_211,
            chain_time=NOW - timedelta(seconds=1),
            explorer_url=f"{explorer}/tx/{seeded_hash('open', channel)}" if explorer else None,
            logs=(
                LogView(
                    name="ChannelOpened",
                    address=ESCROW,
                    facts=(("channelId", row.id), ("payer", row.payer), ("deposit", str(row.deposit))),
                ),
            ),
        )

    def start(
        self, act: SessionAct, channels: Sequence[str], *, amount: str | None = None, cooperative: bool = True
    ) -> SeededSessionTask:
        self.asked.append((act, tuple(channels), amount, cooperative))
        rows = [self._row(channel) for channel in channels]
        number = len(self.tasks)
        command = f"mpp-console sessions {act} {' '.join(channels)}"
        review = SessionReview(
            task_id=f"st{number:04d}",
            act=act,
            rows=tuple(self._review_row(act, row, amount) for row in rows),
            command=command,
        )
        ending = tuple(self._outcome(act, row) for row in rows if row.id not in self.unable)
        task = SeededSessionTask(self._console, review.task_id, act, review, ending, self.ends_at_once)
        self.tasks.append(task)
        self._console.events.publish(CommandLogged(command=command, at=NOW))
        task.looked_over()
        return task

    def _review_row(self, act: SessionAct, row: SessionRow, amount: str | None) -> SessionReviewRow:
        error = self.unable.get(row.id)
        if error is not None:
            return SessionReviewRow(row=row, way="", error=error)
        closing = act in ("close", "force-close")
        return SessionReviewRow(
            row=row,
            way=_HOW["force-close" if act == "close" and not row.url else act][1],
            signs=row.spent if act == "close" and row.url else None,
            locks=parse_units(amount or "0", row.currency.decimals) if act == "topup" else None,
            returns=row.left if closing or act == "withdraw" else None,
            fee=Money(amount=1_240, currency=PATH),
            vouchers_lost=not row.origin,
        )

    def _outcome(self, act: SessionAct, row: SessionRow) -> SessionOutcome:
        error = self.failing.get(row.id)
        if error is not None:
            return SessionOutcome(row=row, ok=False, how="failed", error=error)
        back = row.left if act in ("close", "withdraw") else None
        return SessionOutcome(
            row=row,
            ok=True,
            how=_HOW[act][0],
            refunded=back,
            remaining=960 if act == "force-close" else None,
            reference=seeded_hash(act, row.id),
        )

    def carried_out(self, task: SeededSessionTask) -> None:
        """The rows are what the act made of them."""
        done = {outcome.row.id: outcome for outcome in task.outcomes if outcome.ok}
        self.rows = tuple(_after(row, task.act, NOW) if row.id in done else row for row in self.rows)
        self.changed()

    def changed(self) -> None:
        """Something moved a channel."""
        self._console.events.publish(SessionsChanged(view=self.view()))

    async def sync(self, ids: Sequence[str] | None = None) -> SyncResult:
        self.asked.append(("sync", None if ids is None else tuple(ids)))
        rows = tuple(row for row in self.rows if ids is None or row.id in ids)
        unknown = [row for row in rows if row.state is _S.UNKNOWN]
        self.rows = tuple(
            replace(
                row, state=_S.ACTIVE, deposit=row.pending_deposit, pending_deposit=0, stale="", left=row.pending_deposit
            )
            if row in unknown
            else row
            for row in self.rows
        )
        self.changed()
        return SyncResult(rows=rows, changed=tuple(row.id for row in unknown), troubles=self.troubles)

    async def recover(self) -> RecoverResult:
        self.asked.append(("recover",))
        orphan = session(40, state=_S.ORPHANED, origin="", url="", deposit=750_000, stale="found on the chain")
        self.rows = (orphan, *self.rows)
        self.changed()
        return RecoverResult(orphans=(orphan,), known=7, closed=3, until=48_211)

    async def import_file(self, path: Path, *, dry_run: bool = False) -> ImportResult:
        self.asked.append(("import", str(path), dry_run))
        if "nowhere" in str(path):
            raise MppError(f"there is no file {path}", code="no-file", hint="Check the path.")
        new = session(50, origin="https://imported.example.com", url="", deposit=4_000_000)
        if not dry_run:
            self.rows = (*self.rows, new)
            self.changed()
        return ImportResult(added=(new,), known=2, skipped=("row 3: its id is not that of its descriptor",))

    def _row(self, channel: str) -> SessionRow:
        found = next((row for row in self.rows if row.id == channel), None)
        if found is None:
            raise MppError(f"there is no channel {channel}", code="no-channel")
        return found


def entries(row: SessionRow) -> tuple[SessionEntryView, ...]:
    """A history that leads to the row, oldest first."""
    found = [
        SessionEntryView(
            at=row.created_at,
            kind="open",
            amount=row.deposit or row.pending_deposit,
            reference=seeded_hash("open", row.id),
        )
    ]
    if row.signed:
        found.append(SessionEntryView(at=row.last_used_at, kind="voucher", amount=row.signed))
    if row.accepted:
        found.append(SessionEntryView(at=row.last_used_at, kind="accepted", amount=row.accepted, text="by its receipt"))
    if row.closes_at is not None:
        at = row.closes_at - timedelta(minutes=16)
        found.append(SessionEntryView(at=at, kind="close requested", reference=seeded_hash("close", row.id)))
    if row.refunded is not None:
        found.append(SessionEntryView(at=row.last_used_at, kind="closed", amount=row.refunded, text="came back"))
    return tuple(found)


def session_opened(row: SessionRow) -> SessionRow:
    """The same, after the chain has shown that its open went through."""
    added = row.pending_deposit
    return replace(row, state=_S.ACTIVE, deposit=added, pending_deposit=0, stale="", left=added, locked=added)


def _after(row: SessionRow, act: SessionAct, now: datetime) -> SessionRow:
    match act:
        case "force-close":
            return replace(row, state=_S.CLOSING, closes_at=now + timedelta(minutes=16), stale="")
        case "close" | "withdraw":
            return replace(row, state=_S.FINALIZED, refunded=row.left, left=0, locked=0, closes_at=None, stale="")
        case _:
            return row
