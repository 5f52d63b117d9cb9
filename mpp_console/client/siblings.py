"""Other answers of ours that the same channel pays for, in this process or another: what they have brought.

A server counts by the channel, so that what one answer was paid for may be delivered in another. Each answer's row in
the journal says how much came of it; a server's word is not asked.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from mpp_console.client.journal import Journal, Operation
from mpp_console.protocol import MppError

__all__ = ["Siblings", "delivery_note"]

_DELIVERED: Final = "stream_delivered"

_log = logging.getLogger(__name__)


def delivery_note(pieces: int) -> dict[str, Any]:
    """What the row of a payment says of the pieces that came for it so far."""
    return {_DELIVERED: pieces}


class Siblings:
    """Counts the pieces that came for other open payments with the reference of `operation`, from the first look on."""

    def __init__(self, journal: Journal, operation: Operation) -> None:
        self._journal = journal
        self._operation = operation
        self._before: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._looked = False

    @property
    def any(self) -> bool:
        """Whether there were some at the last look."""
        return bool(self._last)

    def forget(self) -> None:
        """Begins anew: the next look is the first."""
        self._before, self._last, self._looked = {}, {}, False

    async def came(self) -> int:
        """How many pieces came since the first look, which gives 0. An answer that is over keeps its last count."""
        try:
            rows = await self._journal.unresolved()
        except MppError:
            _log.exception("other answers of the channel could not be looked at")
            rows = []
        mine = self._operation
        for row in rows:
            if row.id != mine.id and row.reference is not None and row.reference == mine.reference:
                count = row.trace.get(_DELIVERED)
                if type(count) is int:
                    self._before.setdefault(row.id, 0 if self._looked else count)
                    self._last[row.id] = count
        self._looked = True
        return sum(max(count - self._before[name], 0) for name, count in self._last.items())
