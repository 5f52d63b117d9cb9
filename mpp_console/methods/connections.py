"""What whoever keeps connections to servers has to know of them."""

from __future__ import annotations

from typing import Final

__all__ = ["IDLE_SECONDS"]

IDLE_SECONDS: Final = 2.0
"""How long an unused connection is kept. Less than the 5 s after which common servers close one: what is sent at that
moment is lost, and a payment may not be sent again.
"""
