"""When an approval may count: a pure rule over the times of key presses, so that a held or hasty key never pays.

Terminals tell of presses only, never of a key let go: a held key is the same press again after a pause, and then 20
to 40 times a second. Time is a float of seconds that only grows (`time.monotonic`), given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARMING_SECONDS", "KEY_GAP_SECONDS", "LET_GO_SECONDS", "Arming"]

ARMING_SECONDS = 0.4
"""How long the facts must have been on screen before they can be approved."""

KEY_GAP_SECONDS = 0.25
"""A pause between presses that a key held down cannot make once it repeats."""

LET_GO_SECONDS = 1.2
"""The pause after which the same key must have been let go: before its first repeat a held key rests for up to a
second.
"""


@dataclass(slots=True)
class Arming:
    """Approval keys are dead until the sheet was on screen for `ARMING_SECONDS` and one key-free gap was seen.

    `opened_by` is the key that opened the sheet, which never approves. `last_key` is the latest one pressed before
    the facts were shown, `last_key_at` when; a press of the same key counts only after a pause in which it was surely
    let go.
    """

    opened_at: float
    opened_by: str | None = None
    last_key: str | None = None
    last_key_at: float | None = None
    _gap_seen: bool = False

    def key(self, key: str, now: float) -> bool:
        """Notes that `key` was pressed; True when this press may approve."""
        rested = now - self._rested_since
        fresh = key != self.last_key or rested >= LET_GO_SECONDS
        self._gap_seen = self._gap_seen or rested >= KEY_GAP_SECONDS
        self.last_key, self.last_key_at = key, now
        return fresh and key != self.opened_by and self._gap_seen and now - self.opened_at >= ARMING_SECONDS

    def ready(self, now: float) -> bool:
        """Whether a click at `now`, or a press of a key that was let go, would count."""
        gap = self._gap_seen or now - self._rested_since >= KEY_GAP_SECONDS
        return gap and now - self.opened_at >= ARMING_SECONDS

    @property
    def _rested_since(self) -> float:
        """The latest press that is known of; the sheet was opened by one."""
        return self.opened_at if self.last_key_at is None else self.last_key_at
