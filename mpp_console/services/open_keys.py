"""Keys that were opened for signing, kept for a while so that a row of payments asks for a passphrase once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import MppError
from mpp_console.services.once import Once

if TYPE_CHECKING:
    from mpp_console.methods.tempo.keys import Signer
    from mpp_console.wallet.accounts import Accounts

__all__ = ["UNLOCKED", "OpenKeys"]

UNLOCKED: Final = timedelta(minutes=10)
"""How long an opened key stays open without being used."""


class OpenKeys:
    """The opened keys of one profile's accounts. Belongs to one event loop."""

    def __init__(self, accounts: Once[Accounts], clock: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._kept: dict[str, tuple[Signer, datetime]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._forgotten = 0

    async def get(self, name_or_address: str) -> Signer:
        """The key of an account, opened in a worker thread: that takes a second, and may ask for a passphrase.

        An opened key is kept for `UNLOCKED` after its last use, and two that want one at once ask for it once. Raises
        as `Accounts.signer`.
        """
        async with self._turns[name_or_address]:
            found = self._open(name_or_address)
            if found is None:
                accounts, era = await self._accounts.get(), self._forgotten
                found = await asyncio.to_thread(accounts.signer, name_or_address)
                if era != self._forgotten:  # good for this once: what it belongs to may be another's by now
                    return found
            self._kept[name_or_address] = found, self._clock()
            return found

    async def get_unasked(self, address: str) -> Signer | None:
        """The key of an account, None when it is not here, cannot be opened, or somebody would be asked for it."""
        accounts = await self._accounts.get()
        try:
            if self._open(address) is None and await asyncio.to_thread(accounts.asks, address):
                return None
            return await self.get(address)
        except MppError:
            return None

    def forget(self) -> None:
        """Closes every key that was opened: accounts have changed."""
        self._kept.clear()
        self._forgotten += 1

    def _open(self, name_or_address: str) -> Signer | None:
        now = self._clock()
        # A clock that was set back would keep a key open for as long again: that is no use of it.
        self._kept = {name: kept for name, kept in self._kept.items() if timedelta() <= now - kept[1] < UNLOCKED}
        found = self._kept.get(name_or_address)
        return None if found is None else found[0]
