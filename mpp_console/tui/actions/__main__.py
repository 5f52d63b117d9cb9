"""Prints the key table as Markdown."""

from __future__ import annotations

import sys

from mpp_console.tui.actions import key_table

sys.stdout.write(key_table())
