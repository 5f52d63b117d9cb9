"""A console with a fixed, seeded state behind the same calls as the real one: what snapshots and screenshots are
drawn from. One file a concern.

Clock, ids and amounts never change, so neither does a picture. Payments move only when a test lets them.
"""

from __future__ import annotations

from tests.tui.seeded.console import SeededConsole, as_console
from tests.tui.seeded.payments import SeededTask

__all__ = ["SeededConsole", "SeededTask", "as_console"]
