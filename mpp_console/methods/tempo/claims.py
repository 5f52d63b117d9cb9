"""Using things once: replay claims that survive every way in which a verification can end.

A claim is taken before anything is broadcast. It is given back only when the payment certainly never went out; a
crash, a cancelled request and a silent chain all leave it taken, which at worst costs a payer one more request and
never lets money count twice.
"""

from __future__ import annotations

import contextlib
from types import TracebackType

from mpp_console.methods.base import ClaimStore
from mpp_console.protocol import CredentialReplayed

__all__ = ["Claims", "challenge_key", "transaction_key"]


def transaction_key(tx_hash: str) -> str:
    """The claim on a transaction, whichever letters its hash is written with."""
    return f"tempo:charge:tx:{tx_hash.lower()}"


def challenge_key(challenge_id: str) -> str:
    """The claim on a challenge: it is paid once, by whatever kind of payload."""
    return f"tempo:charge:challenge:{challenge_id}"


class Claims:
    """The claims of one verification. Leaving the block with an error gives them back, unless `keep` was called."""

    def __init__(self, store: ClaimStore) -> None:
        self._store = store
        self._held: list[str] = []
        self._kept = False

    async def take(self, key: str, message: str) -> None:
        """Raises CredentialReplayed with `message` when somebody has it. Taking a key that we hold changes nothing."""
        if key in self._held:
            return
        if not await self._store.claim(key):
            raise CredentialReplayed(message, code="replayed")
        self._held.append(key)

    def keep(self) -> None:
        """From here on the payment may be on its way."""
        self._kept = True

    def may_release(self) -> None:
        """The payment certainly did not go out after all."""
        self._kept = False

    async def __aenter__(self) -> Claims:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or self._kept:
            return
        for key in reversed(self._held):
            # A store that fails keeps the claim, which is the safe side, and must not hide the first error.
            with contextlib.suppress(Exception):
                await self._store.release(key)
