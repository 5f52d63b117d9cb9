from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mpp_console.history import Database, HistoryJournal, HistoryQueries
from tests.history.samples import TickingClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "history.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = await Database.open(path)
    yield database
    await database.close()


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def journal(database: Database, clock: TickingClock) -> HistoryJournal:
    return HistoryJournal(database, clock=clock)


@pytest.fixture
def queries(database: Database) -> HistoryQueries:
    return HistoryQueries(database)
