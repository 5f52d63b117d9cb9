"""What a gate remembers between requests: claims that are made once, and answers kept for a while.

`base` says what a store offers; `memory` and `sqlite` are two of them. Nothing here knows what a key means.
"""

from __future__ import annotations

from mpp_console.server.stores.base import Store, StoreError
from mpp_console.server.stores.memory import MemoryStore

__all__ = ["MemoryStore", "Store", "StoreError"]
