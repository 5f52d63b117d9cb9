"""An export under way: how far it is, cancelling it, waiting for it. The writing is `history.export`, in a thread."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from mpp_console.services.models import ExportDone, ExportFormat, ExportProgress

if TYPE_CHECKING:
    from mpp_console import history
    from mpp_console.services.engine import Engine

__all__ = ["ExportTask"]

_log = logging.getLogger(__name__)


class ExportTask:
    """One export. It goes on whoever waits for it, until it is done or cancelled."""

    def __init__(
        self, engine: Engine, where: history.Filter, ids: tuple[str, ...] | None, fmt: ExportFormat, path: Path
    ) -> None:
        self.path = path
        self.format: ExportFormat = fmt
        self._engine = engine
        self._where = where
        self._ids = ids
        self._rows = self._bytes = 0
        self._total: int | None = None if ids is None else len(ids)
        self._cancelled = Event()
        self._runner = asyncio.create_task(self._run(), name=f"export to {path.name}")

    def progress(self) -> ExportProgress:
        """How far it is, from memory."""
        return ExportProgress(rows=self._rows, total=self._total, bytes=self._bytes)

    @property
    def done(self) -> bool:
        return self._runner.done()

    def cancel(self) -> None:
        """Stops it and removes what was written; `result` then says so. A file that is whole already stays."""
        self._cancelled.set()

    async def stop(self) -> None:
        """`cancel`, and waits until nothing of it is left. What went wrong stays for `result` to tell."""
        self.cancel()
        await asyncio.wait({self._runner})

    async def result(self) -> ExportDone:
        """Waits for the end; leaving the wait does not stop the export. Raises FileExists, FileTrouble or
        HistoryError.
        """
        return await asyncio.shield(self._runner)

    async def _run(self) -> ExportDone:
        database = await self._engine.database.get()
        from mpp_console.history import ExportCancelled, ExportJob, Format

        job = ExportJob(
            database=database.path,
            file_format=Format(self.format),
            where=self._where,
            ids=self._ids,
            progress=self._moved,
            cancelled=self._cancelled,
        )
        counting = asyncio.create_task(self._count())
        try:
            done = await asyncio.to_thread(job.to_file, self.path)
        except ExportCancelled:
            return ExportDone(path=self.path, rows=self._rows, bytes=self._bytes, cancelled=True)
        finally:
            counting.cancel()
        self._rows, self._bytes = done.rows, done.bytes
        return ExportDone(path=self.path, rows=done.rows, bytes=done.bytes, cancelled=False, skipped=done.skipped)

    async def _count(self) -> None:
        if self._total is not None:
            return
        queries = await self._engine.queries.get()
        from mpp_console.history import HistoryError

        try:
            self._total = await queries.count(self._where)
        except HistoryError:
            _log.warning("an export goes on without its total", exc_info=True)

    def _moved(self, rows: int, size: int) -> None:
        self._rows, self._bytes = rows, size
