"""When an approval may count: a pure rule over the times of key presses, so that a held or hasty key never pays.

Time is a float of seconds that only grows (`time.monotonic`), given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARMING_SECONDS", "KEY_GAP_SECONDS", "Arming"]

ARMING_SECONDS = 0.4
"""How long the facts must have been on screen before they can be approved."""

KEY_GAP_SECONDS = 0.25
"""A pause between presses that a held key cannot make: terminals repeat 20 to 40 times a second."""


@dataclass(slots=True)
class Arming:
    """Approval keys are dead until the sheet was on screen for `ARMING_SECONDS` and one key-free gap was seen.

    `opened_by` never approves: a terminal waits half a second before it starts to repeat a held key, which looks like
    a gap.
    """

    opened_at: float
    opened_by: str | None = None
    _last_key_at: float = 0.0
    _gap_seen: bool = False

    def __post_init__(self) -> None:
        # The key that opened the sheet was pressed just now.
        self._last_key_at = self.opened_at

    def key(self, key: str, now: float) -> bool:
        """Notes that `key` was pressed; True when this press may approve."""
        self._notice_gap(now)
        self._last_key_at = now
        return key != self.opened_by and self.ready(now)

    def ready(self, now: float) -> bool:
        """Whether a press at `now` by a key other than the opening one, or a click, would count."""
        gap = self._gap_seen or now - self._last_key_at >= KEY_GAP_SECONDS
        return gap and now - self.opened_at >= ARMING_SECONDS

    def _notice_gap(self, now: float) -> None:
        if now - self._last_key_at >= KEY_GAP_SECONDS:
            self._gap_seen = True
