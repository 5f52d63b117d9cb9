"""Several changes in one commit: the disk's flush, which is what a durable write waits for, is shared by all who wait.

Each change is its own savepoint, so that one that raises takes back nothing but itself; and nobody hears of a change
before the commit that holds it.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

__all__ = ["Commits"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

BATCH: Final = 256
"""Changes in one commit at most, so that the first of them does not wait for ever more."""


@dataclass(slots=True)
class _Job:
    work: Work
    future: Future[Any] = field(default_factory=Future)


class Commits:
    """Changes that wait for one connection. `add` may be called from any thread, `commit` from the connection's."""

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()

    def add(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """The result of `work` once it is on disk. `work` must bear being run twice: where SQLite refuses a batch, each
        of its changes is tried again by itself.
        """
        job = _Job(work)
        self._jobs.append(job)
        return job.future

    def commit(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Writes what waits, as much as fits into one commit. Errors go to those who wait."""
        jobs: list[_Job] = []
        while self._jobs and len(jobs) < BATCH:
            job = self._jobs.popleft()
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
        try:
            if jobs:
                _settle(jobs, _written(connect(), jobs))
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            for job in jobs:
                self._alone(job, connect)

    def _alone(self, job: _Job, connect: Callable[[], sqlite3.Connection]) -> None:
        try:
            _settle([job], _written(connect(), [job]))
        except Exception as error:
            job.future.set_exception(error)


Outcome = tuple[Any, BaseException | None]


def _written(db: sqlite3.Connection, jobs: Sequence[_Job]) -> list[Outcome]:
    """Result or error of each, committed together. Raises what SQLite refuses; then nothing was written."""
    # IMMEDIATE: two processes that both mean to write must queue, not fail when they upgrade a read lock.
    db.execute("BEGIN IMMEDIATE")
    try:
        outcomes = [_tried(db, job) for job in jobs]
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return outcomes


def _tried(db: sqlite3.Connection, job: _Job) -> Outcome:
    db.execute("SAVEPOINT change")
    try:
        result = job.work(db)
    except (sqlite3.Error, OSError):
        # It may have ended the whole transaction.
        raise
    except BaseException as error:
        db.execute("ROLLBACK TO change")
        db.execute("RELEASE change")
        return None, error
    db.execute("RELEASE change")
    return result, None


def _settle(jobs: Sequence[_Job], outcomes: Sequence[Outcome]) -> None:
    for job, (result, error) in zip(jobs, outcomes, strict=True):
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
