"""A console whose terminal is gone ends, instead of reading from nobody for ever."""

from __future__ import annotations

import os
import pty

from mpp_console.tui.signals import hung_up


def test_a_closed_terminal_is_noticed() -> None:
    master, slave = pty.openpty()
    try:
        assert not hung_up(slave)
        os.write(master, b"typed")
        assert not hung_up(slave)
        os.close(master)
        assert hung_up(slave)
    finally:
        os.close(slave)
