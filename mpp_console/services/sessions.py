"""Payment sessions from the payer's side: every channel with what it holds, and the acts that bring the money back.

Opening and paying over a channel are ordinary payments (`PaymentsService`); this lists, tops up, closes, withdraws,
holds rows against the chain, finds lost ones and reads those of other wallets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import ChannelState, MppError
from mpp_console.services.commands import command_line, sessions_command
from mpp_console.services.errors import SessionNotFound, UsageError
from mpp_console.services.events import SessionsChanged
from mpp_console.services.models import (
    ErrorView,
    ImportResult,
    RecoverResult,
    SessionAct,
    SessionChainView,
    SessionDetail,
    SessionReview,
    SessionReviewRow,
    SessionsView,
    SessionTotal,
    Stage,
    SyncResult,
)
from mpp_console.services.progress import Clockwork
from mpp_console.services.receipt_models import ReceiptFilter
from mpp_console.services.session_acts import SessionActs, Wish, refuse
from mpp_console.services.session_search import ask_servers, import_sessions, search_channels
from mpp_console.services.session_tasks import SessionTask
from mpp_console.services.session_views import (
    DISPUTED,
    Lens,
    dispute_text,
    session_detail,
    session_row,
    session_totals,
    sessions_view,
    standing_now,
)

if TYPE_CHECKING:
    from mpp_console.methods.tempo.client_channel import ChannelPage, ClientChannel
    from mpp_console.services.engine import Engine
    from mpp_console.services.receipts import ReceiptsService

__all__ = ["SessionTask", "SessionsService"]

PAYMENTS_SHOWN: Final = 20
MIN_PREFIX: Final = 4
MOVING: Final = frozenset({ChannelState.OPENING, ChannelState.UNKNOWN, ChannelState.CLOSING, ChannelState.FINALIZABLE})
"""States that the chain may end without our doing."""


class SessionsService:
    """Reads the channel book and acts on channels; what was read last is kept for the screens."""

    def __init__(self, engine: Engine, receipts: ReceiptsService) -> None:
        self._engine = engine
        self._parts = engine.sessions
        self._receipts = receipts
        self._acts = SessionActs(engine, engine.sessions)
        self._tasks: list[SessionTask] = []
        self._page: ChannelPage | None = None
        self._view = SessionsView()
        self._held: dict[str, tuple[SessionTotal, ...]] = {}
        self._ahead: timedelta | None = None

    @property
    def in_flight(self) -> int:
        """How many acts have not ended."""
        return sum(not task.stage.final for task in self._tasks)

    # Looking ---------------------------------------------------------------------------------------------------------

    def view(self) -> SessionsView:
        """What was read last, as of now; from memory."""
        if self._page is not None and not standing_now(self._view, self._engine.clock()):
            self._view = sessions_view(self._page.rows, self._page.damaged, self._lens())
        return self._view

    def held(self, account: str | None) -> tuple[SessionTotal, ...]:
        """What the channels of one account (its address) hold, of every token of the network; nothing, which is not
        zero, until the book was read.
        """
        if self._page is None or account is None:
            return ()
        if account not in self._held:
            ours = session_totals(row for row in self._page.rows if row.payer == account)
            sums = {total.currency.id.casefold(): total for total in ours}
            for token in self._engine.network.tokens:
                none = SessionTotal(currency=token.currency, locked=0, at_risk=0, pending_refund=0)
                sums.setdefault(token.address.casefold(), none)
            self._held[account] = tuple(sums.values())
        return self._held[account]

    async def load(self) -> SessionsView:
        """Reads the book, which other processes write too. Asks no chain. Publishes `SessionsChanged` for news.

        An opening whose program is gone is `unknown` from here on.
        """
        book = await self._parts.book.get()
        chain_id = self._engine.network.chain_id
        page = await book.rows(chain_id=chain_id, archived=True)
        if await self._parts.mark_left_behind(page.rows):
            page = await book.rows(chain_id=chain_id, archived=True)
        view = await asyncio.to_thread(sessions_view, page.rows, page.damaged, self._lens())
        news = self._page is None or replace(view, at=self._view.at) != self._view
        if self._page is not None:
            self._tell_disputes(view)
        self._page, self._view, self._held = page, view, {}
        if news:
            self._engine.events.publish(SessionsChanged(view=view))
        return view

    async def show(self, channel: str) -> SessionDetail:
        """One channel with its history. `channel` may be the first characters of its id. Raises SessionNotFound."""
        row = await self._find(channel)
        book = await self._parts.book.get()
        entries = await book.entries(row.channel_id)
        paid = await self._receipts.page(
            ReceiptFilter(reference=row.channel_id, direction="sent"), limit=PAYMENTS_SHOWN, counted=False
        )
        return session_detail(row, entries, paid.rows, self._lens())

    async def dispute(self, channel: str) -> str:
        """What to tell the operator of a server that does not know a channel any more, to be copied. No secrets.

        Raises SessionNotFound.
        """
        return dispute_text(await self.show(channel))

    async def chain(self, channel: str) -> SessionChainView:
        """What the chain says of a channel now. Raises SessionNotFound, and an MppError when it cannot be asked."""
        from mpp_console.services.session_chain import session_chain_view

        view, ahead = await session_chain_view(self._engine, await self._find(channel))
        self._ahead = ahead
        return view

    async def ask_time(self) -> None:
        """Learns how far the chain's clock is ahead, where that is not known yet. Raises an MppError."""
        if self._ahead is None:
            chain = await self._engine.chain.get()
            self._learn_time((await chain.block()).timestamp)
            if self._page is not None:
                await self.load()

    # Acting ----------------------------------------------------------------------------------------------------------

    def start(
        self,
        act: SessionAct,
        channels: Sequence[str],
        *,
        amount: str | None = None,
        cooperative: bool = True,
        url: str | None = None,
    ) -> SessionTask:
        """Finds out what the act would do, in the background, and gives its task at once.

        `channels` are ids or their first characters; `amount` a decimal for a top up (`"0"` only takes a requested
        close back); `url` where to ask the server for a close, whose secrets the book has not kept. Raises UsageError
        for an act that is none, or no channels.
        """
        if act == "settle":
            raise UsageError("settling is for channels that were opened to the local server")
        if not channels:
            raise UsageError("no channel was named", hint="see them with: mpp-console sessions list")
        engine, wish = self._engine, Wish(act=act, amount=amount, cooperative=cooperative, url=url)
        names = tuple(dict.fromkeys(channels))
        command = sessions_command(engine.profile.called, act, names, amount=amount, cooperative=cooperative)
        engine.log(command)

        async def work(task: SessionTask) -> Stage:
            return await self._work(task, wish, command)

        clockwork = Clockwork(clock=engine.clock, counter=engine.counter, events=engine.events)
        task = SessionTask(engine.new_id(), act, names, clockwork=clockwork, work=work)
        self._tasks = [*(old for old in self._tasks if not old.stage.final), task]
        return task

    async def _work(self, task: SessionTask, wish: Wish, command: str) -> Stage:
        channels = {row.channel_id: row for row in [await self._find(name) for name in task.channels]}
        await self._learn_time_if_possible()
        rows = await self._acts.review(wish, tuple(channels.values()), self._lens())
        review = SessionReview(task_id=task.id, act=wish.act, rows=rows, command=command)
        await self.load()
        task.progress.mark("quote")
        task.show(review)
        if not review.sendable:
            refuse(task, review)
            task.failure = rows[0].error if len(rows) == 1 else _none_can(rows)
            return Stage.FAILED
        if not await task.decision():
            task.failure = ErrorView(code="declined", kind="payment", message="it was declined")
            return Stage.DECLINED
        task.progress.mark("review")
        try:
            return await self._acts.carry_out(task, wish, channels, self._lens())
        finally:
            task.progress.mark("send")
            await self.load()
            self._engine.on_change()

    async def sync(self, channels: Sequence[str] | None = None) -> SyncResult:
        """Holds rows against the chain, many in one call; a row that cannot be asked about stays as it is. Servers that
        can be reached are asked what they have accepted, which confirms what is at risk. Nothing is signed or paid.

        None takes every channel that is not closed. Raises SessionNotFound, and never for the chain: `troubles` says.
        """
        engine = self._engine
        wanted = None if channels is None else [(await self._find(name)).channel_id for name in channels]
        engine.log_command("sessions", "sync", *(wanted or ()))
        before = await self.sync_quietly(wanted)
        asked = await ask_servers(engine, [row.id for row in before.rows if row.at_risk])
        if not asked:
            return before
        now = {row.id: row for row in (await self.load()).rows}
        rows = tuple(now.get(row.id, row) for row in before.rows)
        return replace(before, rows=rows, changed=tuple(dict.fromkeys((*before.changed, *asked))))

    async def sync_quietly(self, wanted: Sequence[str] | None) -> SyncResult:
        """The same for whole ids, and for what nobody asked for."""
        manager = await self._parts.manager({})
        await self._learn_time_if_possible()
        done = await manager.sync(wanted)
        await self.load()
        lens = self._lens()
        return SyncResult(
            rows=tuple(session_row(row.after, lens) for row in done),
            changed=tuple(row.after.channel_id for row in done if row.changed),
            troubles=tuple((row.after.channel_id, row.trouble) for row in done if row.trouble),
        )

    async def refresh(self) -> SessionsView:
        """Reads the book, and asks the chain about what may have changed without us: channels that are being closed,
        opened or topped up. Without any it asks nobody; a chain that cannot be asked leaves rows as they are.
        """
        view = await self.load()
        moving = [row.id for row in view.rows if row.state in MOVING or row.pending_deposit]
        if moving:
            await self.sync_quietly(moving)
        return self.view()

    async def recover(self, *, account: str | None = None, from_block: int | None = None) -> RecoverResult:
        """Searches the chain for channels that the account opened and the book does not know, of both versions.

        Goes on where the last search ended, or from `from_block`. Raises NoAccount, ChainError.
        """
        words = () if from_block is None else ("--from-block", str(from_block))
        self._engine.log_command("sessions", "recover", *words)
        payer = (await self._engine.require_account(account)).address
        found = await search_channels(self._engine, payer, from_block=from_block)
        await self._learn_time_if_possible()
        await self.load()
        lens = self._lens()
        return RecoverResult(
            orphans=tuple(session_row(row, lens) for row in found.orphans),
            known=found.known,
            closed=found.closed,
            until=found.until,
        )

    async def import_file(self, path: Path, *, dry_run: bool = False) -> ImportResult:
        """Takes over the channels that another wallet remembers; its file is only read. They are `unknown` until the
        chain was asked, which is tried at once. Raises HistoryError for a file that is none.
        """
        self._engine.log_command("sessions", "import", str(path), *(("--dry-run",) if dry_run else ()))
        added, known, skipped = await import_sessions(self._engine, path, dry_run=dry_run)
        if added and not dry_run:
            await self.sync_quietly([row.channel_id for row in added])
            book = await self._parts.book.get()
            added = tuple([await book.get(row.channel_id) or row for row in added])
        lens = self._lens()
        return ImportResult(added=tuple(session_row(row, lens) for row in added), known=known, skipped=skipped)

    async def close(self) -> None:
        """Declines what waits for a decision; what is under way is waited for, and nothing more is begun."""
        for task in self._tasks:
            task.reject()
            task.stop()
        waits = [asyncio.ensure_future(task.result()) for task in self._tasks if not task.stage.final]
        if waits:
            await asyncio.wait(waits)

    # -----------------------------------------------------------------------------------------------------------------

    async def _find(self, name: str) -> ClientChannel:
        """The channel of that id, or of the only id that begins so."""
        book = await self._parts.book.get()
        wanted = name.strip().lower()
        page = await book.rows(archived=True)
        found = [row for row in page.rows if row.channel_id.startswith(wanted)]
        exact = [row for row in found if row.channel_id == wanted]
        if exact or (len(found) == 1 and len(wanted) >= MIN_PREFIX):
            return (exact or found)[0]
        if any(channel.startswith(wanted) for channel in page.damaged) and len(wanted) >= MIN_PREFIX:
            raise SessionNotFound(f"the row of {name} is damaged and cannot be read", hint="its row is kept")
        why = f"there is no channel {name}"
        if found:
            few = len(found) == 1
            why = f"{name} is too short for an id" if few else f"{len(found)} channels begin with {name}"
        raise SessionNotFound(why, hint="see `mpp-console sessions list`")

    def _tell_disputes(self, view: SessionsView) -> None:
        """A server that denies a channel which the chain has: somebody should know, and what to send its operator."""
        before = {row.id for row in self._view.rows if row.stale == DISPUTED}
        for row in view.rows:
            if row.stale == DISPUTED and row.id not in before:
                command = command_line(self._engine.profile.called, "sessions", "show", row.id, "--dispute")
                self._engine.notice("warn", f"{row.origin} denies channel {row.id[:10]}…: {row.note}", command)

    def _lens(self) -> Lens:
        return Lens(now=self._engine.clock(), ahead=self._ahead, idle=self._parts.idle)

    def _learn_time(self, chain_time: int) -> None:
        now = self._engine.clock()
        self._ahead = timedelta(seconds=chain_time - int(now.timestamp()))

    async def _learn_time_if_possible(self) -> None:
        """The chain's clock as of now; what was known before stays when it cannot be asked."""
        try:
            chain = await self._engine.chain.get()
            self._learn_time((await chain.block()).timestamp)
        except MppError:
            return


def _none_can(rows: Sequence[SessionReviewRow]) -> ErrorView:
    why = next(row.error.message for row in rows if row.error is not None)
    return ErrorView(code="none-possible", kind="payment", message=f"none of {len(rows)} channels: {why}")
