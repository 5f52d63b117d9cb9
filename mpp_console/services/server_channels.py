"""The channels that others opened to the local server: seen, looked after, settled and closed.

The records are in the server's own store, so that a new start goes on with the sessions of the last one. While the
server runs, what was earned is taken in time, and a payer who asks the chain to close is answered within the grace
period (`SettlementRunner`); both are told as notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from mpp_console.protocol import MppError
from mpp_console.services.commands import command_line
from mpp_console.services.errors import UsageError
from mpp_console.services.models import (
    Money,
    PayeeChannels,
    SessionRow,
    Stage,
)
from mpp_console.services.once import load
from mpp_console.services.payee_acts import PayeeAct, PayeeActs
from mpp_console.services.payee_views import payee_channels, session_row_of, short
from mpp_console.services.progress import Clockwork
from mpp_console.services.session_tasks import SessionTask

if TYPE_CHECKING:
    from mpp_console.methods.tempo.session_payee import TempoSessionPayee
    from mpp_console.methods.tempo.session_record import ChannelRecord
    from mpp_console.methods.tempo.session_runner import RunnerEvent, SettlementPolicy
    from mpp_console.server.stores.sqlite import SqliteStore
    from mpp_console.services.engine import Engine

__all__ = ["PAYEE_MODULES", "ServerChannels"]

PAYEE_MODULES: Final = (
    "mpp_console.methods.tempo.session_payee",
    "mpp_console.methods.tempo.session_runner",
    "mpp_console.server.channels",
    "mpp_console.server.stores.sqlite",
)
LOOK_SECONDS: Final = 0.25
"""How long changes are gathered before they are shown: a stream makes many in a second."""
SETTLED_AT: Final = 100_000
SETTLED_EVERY: Final = timedelta(hours=1)
IDLE: Final = timedelta(days=30)
"""What the local server does by itself: a dime, or anything after an hour, is worth a transaction there; a month of
silence ends a channel (tempo session draft, "Operational guidance").
"""


class ServerChannels:
    """`changed` is called when the view is another one. Belongs to one engine."""

    def __init__(self, engine: Engine, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._tell_changed = changed
        self._store: SqliteStore | None = None
        self._payee: TempoSessionPayee | None = None
        self._opening = asyncio.Lock()
        self._runner: asyncio.Task[None] | None = None
        self._showing: asyncio.Task[None] | None = None
        self._view = PayeeChannels()
        self._ahead = timedelta()
        self._troubles: dict[str, str] = {}
        self._tasks: list[SessionTask] = []
        self.url = ""

    # Looking ---------------------------------------------------------------------------------------------------------

    def view(self) -> PayeeChannels:
        """From memory; never waits."""
        return self._view

    async def refresh(self, *, ask_chain: bool = True) -> PayeeChannels:
        """Reads the records anew, after asking the chain about all of them. A chain that cannot be asked is a notice,
        and the records are shown as they are.
        """
        payee = await self.payee()
        if ask_chain:
            try:
                await payee.settlement.watch()
                await self._learn_time()
            except MppError as error:
                self._engine.notice("warn", f"the chain could not be asked about the server's channels: {error}")
        await self._show()
        return self._view

    async def payee(self) -> TempoSessionPayee:
        """Charges over channels, on the server's own store; made when first needed."""
        async with self._opening:
            if self._payee is None:
                self._payee = await self._open()
        return self._payee

    # Running ---------------------------------------------------------------------------------------------------------

    async def start(self, url: str) -> None:
        """Looks after the channels from now on, beside a server that answers at `url`."""
        self.url = url
        payee = await self.payee()
        from mpp_console.methods.tempo.session_runner import SettlementRunner

        runner = SettlementRunner(
            settlement=payee.settlement,
            store=payee.channels,
            policy=_policy(),
            clock=self._engine.clock,
            tell=self._heard,
        )
        self._runner = self._engine.spawn(runner.run(), "looking after the server's channels")
        self._show_soon()

    async def stop(self) -> None:
        """Ends the looking after; what was approved is waited for. Later looks open the records again."""
        for task in self._tasks:
            task.reject()
        waits = [asyncio.ensure_future(task.result()) for task in self._tasks if not task.stage.final]
        running = [task for task in (self._runner, self._showing) if task is not None]
        for ending in running:
            ending.cancel()
        if waits or running:
            await asyncio.wait([*waits, *running])
        self._runner = self._showing = None
        async with self._opening:
            store, self._store, self._payee = self._store, None, None
            if store is not None:
                await store.aclose()

    # Acting ----------------------------------------------------------------------------------------------------------

    def review(self, act: PayeeAct, channels: Sequence[str]) -> SessionTask:
        """Finds out what settling or closing would do, in the background, and gives its task at once.

        `channels` are ids or their first characters. Raises UsageError for no channels, or an act that is none.
        """
        if act not in ("settle", "close"):
            raise UsageError(f"the server's channels are settled or closed, not `{act}`")
        if not channels:
            raise UsageError("no channel was named", hint="see them with: mpp-console channels list")
        engine, names = self._engine, tuple(dict.fromkeys(channels))
        command = command_line(engine.profile.called, "channels", act, *names)
        engine.log(command)

        async def work(task: SessionTask) -> Stage:
            payee = await self.payee()
            await self._learn_time_if_possible()
            try:
                return await PayeeActs(payee, engine.network, self._row).carry_out(task, act, command)
            finally:
                await self._show()

        clockwork = Clockwork(clock=engine.clock, counter=engine.counter, events=engine.events)
        task = SessionTask(engine.new_id(), act, names, clockwork=clockwork, work=work)
        self._tasks = [*(old for old in self._tasks if not old.stage.final), task]
        return task

    def _row(self, record: ChannelRecord) -> SessionRow:
        return session_row_of(record, self._engine.network, url=self.url, ahead=self._ahead)

    # -----------------------------------------------------------------------------------------------------------------

    async def _open(self) -> TempoSessionPayee:
        await load(*PAYEE_MODULES)
        from mpp_console.methods.tempo.keys import LocalSigner
        from mpp_console.methods.tempo.session_payee import TempoSessionPayee
        from mpp_console.methods.tempo.sponsor import SponsorPolicy
        from mpp_console.server.channels import SqliteChannels
        from mpp_console.server.stores.sqlite import SqliteStore

        engine = self._engine
        keys, chain = await engine.keys.get(), await engine.chain.get()
        sponsor, merchant = LocalSigner(keys.sponsor), LocalSigner(keys.merchant)
        store = SqliteStore(engine.paths.gate, clock=engine.clock)
        try:
            payee = TempoSessionPayee(
                chain=chain,
                network=engine.network,
                recipient=merchant.address,
                # Closing costs a fee, and the merchant should earn exactly what was spent.
                signer=sponsor,
                own_key=merchant,
                store=SqliteChannels(store, changed=lambda channel_id: self._show_soon()),
                clock=engine.clock,
                sponsor=SponsorPolicy(signer=sponsor, fee_tokens=engine.network.fee_tokens),
                random_bytes=engine.random_bytes,
            )
            await payee.recover()
        except BaseException:
            await store.aclose()
            raise
        self._store = store
        return payee

    def _show_soon(self) -> None:
        if self._showing is None or self._showing.done():
            self._showing = self._engine.spawn(self._show_later(), "showing the server's channels")

    async def _show_later(self) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        self._showing = None  # what changes from here on is for the next look
        await self._show()

    async def _show(self) -> None:
        payee = self._payee
        if payee is None:
            return
        records = await payee.channels.list()
        if any(record.close_requested_at for record in records):
            await self._learn_time_if_possible()
        network, now = self._engine.network, self._engine.clock()
        self._view = payee_channels(records, network, now=now, ahead=self._ahead, troubles=self._troubles)
        self._tell_changed()

    async def _learn_time(self) -> None:
        chain = await self._engine.chain.get()
        there = datetime.fromtimestamp((await chain.block()).timestamp, UTC)
        self._ahead = there - self._engine.clock()

    async def _learn_time_if_possible(self) -> None:
        try:
            await self._learn_time()
        except MppError:
            return

    def _heard(self, event: RunnerEvent) -> None:
        """Tells a person what the runner saw or did."""
        notice, record = self._engine.notice, event.record
        if record is None:
            notice("warn", f"the chain cannot be asked about the server's channels: {event.error}")
            return
        row, name = self._row(record), short(record.channel_id)
        self._troubles.pop(record.channel_id, None)
        match event.kind:
            case "close-requested":
                owed = Money(amount=record.owed - record.settled, currency=row.currency)
                level: Literal["info", "warn"] = "warn" if owed.amount > 0 else "info"
                what = f"{owed.text} is not settled yet" if owed.amount > 0 else "nothing is owed"
                notice(level, f"the payer of channel {name} asked the chain to close it: {what}")
            case "settled":
                notice(
                    "info", f"channel {name} was settled up to {Money(amount=row.settled, currency=row.currency).text}"
                )
            case "closed":
                notice("info", f"channel {name} was closed ({_WHY.get(event.why or '', event.why)})")
            case "ended":
                notice("info", f"channel {name} has ended on the chain")
            case "failed":
                self._troubles[record.channel_id] = (
                    f"it could not be {_TRIED.get(event.why or '', 'closed')}: {event.error}"
                )
                notice("warn", f"channel {name} {self._troubles[record.channel_id]}; it is tried again")
        self._show_soon()


_WHY: Final = {
    "idle": "nobody used it",
    "close-requested": "its payer had asked the chain to",
    "unfinished": "an earlier close was cut off",
}
_TRIED: Final = {"amount": "settled", "units": "settled", "time": "settled"}


def _policy() -> SettlementPolicy:
    from mpp_console.methods.tempo.session_runner import SettlementPolicy

    return SettlementPolicy(amount=SETTLED_AT, every=SETTLED_EVERY, idle=IDLE)
