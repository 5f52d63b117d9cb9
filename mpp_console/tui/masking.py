"""Amounts and addresses inside sentences that others wrote, hidden while privacy is on. Pure."""

from __future__ import annotations

import re

from mpp_console.tui.display import Lens

__all__ = ["masked"]

_SECRET = re.compile(r"0x[0-9a-fA-F]{4,}(?:[…~][0-9a-fA-F]+)?|(?<![\d.,])\d[\d,]*\.\d+(?![\d.]*\d)")
_MASK = "••••••"


def masked(text: str, lens: Lens) -> str:
    """The text; in privacy without its amounts (numbers with a decimal point) and its addresses and hashes, whole or
    shortened."""
    return _SECRET.sub(lens.plain(_MASK), text) if lens.privacy else text
