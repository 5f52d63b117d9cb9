"""Whether somebody is new here: nothing in the sandbox's history, and the tour neither taken nor skipped before."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from mpp_console.wallet.files import FileExists, FileTrouble, private_folder, write_private

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine
    from mpp_console.services.paths import Paths

__all__ = ["FirstRun"]


class FirstRun:
    """Remembers by a file in the data folder that the tour was offered. The tour is of the sandbox only."""

    def __init__(self, engine: Engine, paths: Paths) -> None:
        self._engine = engine
        self._mark = paths.toured

    async def tour_due(self) -> bool:
        """Whether to offer the tour unasked."""
        if not self._engine.profile.is_sandbox or await asyncio.to_thread(self._mark.exists):
            return False
        queries = await self._engine.queries.get()
        return await queries.count() == 0

    async def toured(self) -> None:
        """The tour is over, finished or skipped: it is not offered again. A folder that cannot be written to only means
        that it will be.
        """

        def mark() -> None:
            with suppress(FileExists, FileTrouble):
                private_folder(self._mark.parent)
                write_private(self._mark, b"", replace=False)

        await asyncio.to_thread(mark)
