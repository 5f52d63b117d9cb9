"""What a running console does about channels by itself: it finds out what a crash left behind, and takes back what can
be withdrawn.

Nothing is signed here that somebody did not ask for: a channel becomes finalizable only after its close was requested.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import ChannelState, MppError
from mpp_console.services.commands import command_line
from mpp_console.services.models import Money

if TYPE_CHECKING:
    from mpp_console.methods.tempo.keys import Signer
    from mpp_console.services.engine import Engine
    from mpp_console.services.sessions import SessionsService

__all__ = ["SessionWatch"]

LOOK_SECONDS: Final = 15.0
"""Between two looks at the book. A dead opening is known as such half a minute after it left."""

_UNCLEAR: Final = frozenset({ChannelState.OPENING, ChannelState.UNKNOWN})
_CLOSING: Final = frozenset({ChannelState.CLOSING, ChannelState.FINALIZABLE})
_log = logging.getLogger(__name__)


class SessionWatch:
    """Looks after the channels of one console while it runs."""

    def __init__(self, engine: Engine, sessions: SessionsService) -> None:
        self._engine = engine
        self._sessions = sessions
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Until it is cancelled. Trouble is no end: the next look may fare better."""
        begun = False
        while True:
            try:
                await (self.look() if begun else self.begin())
                begun = True
            except MppError:
                _log.warning("channels could not be looked after", exc_info=True)
            await asyncio.sleep(LOOK_SECONDS)

    async def begin(self) -> None:
        """At the start: every channel is held against the chain, those first of all that a crash left open."""
        await self._sessions.load()
        await self._telling(self._sessions.sync_quietly(None))
        await self.withdraw_due()

    async def look(self) -> None:
        """Now and then: other processes' work is read, what is unclear is asked about, what is due is withdrawn."""
        await self._telling(self._sessions.refresh())
        await self.withdraw_due()

    async def withdraw_due(self) -> None:
        """Withdraws what can be withdrawn by the chain's time, where the settings want it and nobody has to be asked
        for a passphrase.
        """
        if not self._engine.settings.sessions.watch:
            return
        due = [row for row in self._sessions.view().rows if row.state is ChannelState.FINALIZABLE]
        for row in due:
            signer = await self._engine.opened.get_unasked(row.payer)
            if signer is None:
                self._tell(row.id, "info", f"channel {row.id[:10]}… can be withdrawn", "withdraw")
            else:
                await self._withdraw(row.id, signer)
        if due:
            await self._sessions.load()

    async def _withdraw(self, channel_id: str, signer: Signer) -> None:
        manager = await self._engine.sessions.manager({signer.address: signer})
        try:
            done = await manager.withdraw(channel_id)
        except MppError as error:
            self._tell(channel_id, "warn", f"channel {channel_id[:10]}… could not be withdrawn: {error}", "withdraw")
            return
        if done.how.value == "withdrawn" and done.refunded is not None:
            back = Money(amount=done.refunded, currency=done.channel.currency).text
            self._tell(channel_id, "info", f"{back} came back from channel {channel_id[:10]}…", "show")
            self._engine.on_change()

    async def _telling(self, asking: Awaitable[object]) -> None:
        """Asks the chain, and tells what became of what was unclear or being closed."""
        before = {row.id: row.state for row in self._sessions.view().rows}
        await asking
        for row in self._sessions.view().rows:
            was = before.get(row.id, row.state)
            if was in _UNCLEAR and row.state not in _UNCLEAR:
                self._tell(row.id, "info", f"channel {row.id[:10]}… turned out {row.state}", "show")
            elif was in _CLOSING and row.state is ChannelState.FINALIZED and row.refunded is not None:
                back = Money(amount=row.refunded, currency=row.currency).text
                self._tell(row.id, "info", f"{back} came back from channel {row.id[:10]}…", "show")

    def _tell(self, channel_id: str, level: str, text: str, verb: str) -> None:
        """A notice, once for each news of a channel."""
        if self._told.get(channel_id) == text:
            return
        self._told[channel_id] = text
        command = command_line(self._engine.profile.called, "sessions", verb, channel_id)
        self._engine.notice("warn" if level == "warn" else "info", text, command)
