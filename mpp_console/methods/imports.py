"""Importing libraries that change the whole process, without the change.

eth-account and web3 bring in a pairing library that raises Python's recursion limit to 100 000. With that limit a few
hundred kilobytes of nested brackets from a stranger no longer raise RecursionError in a JSON decoder: they overflow
the C stack and end the process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["recursion_limit_kept"]


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Puts the recursion limit back to what it was. Wrap the first import of eth_account or web3 in it."""
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
