"""Accounts of a profile: made, imported, watched, named, exported. Keys stay in the key store; they leave it by
`export` alone.
"""

from __future__ import annotations

from pathlib import Path

from mpp_console.protocol import Secret
from mpp_console.services.models import AccountView

__all__ = ["AccountsService"]


class AccountsService:
    """Every change is published as `AccountsChanged`. Names are 1–32 characters of a–z, 0–9, `-` and `_`."""

    async def list(self) -> tuple[AccountView, ...]:
        raise NotImplementedError

    async def get(self, name: str | None = None) -> AccountView:
        """One account by name or address, the default one for None. Raises NoAccount."""
        raise NotImplementedError

    async def create(self, name: str) -> AccountView:
        """A new key, kept in the key store. The first account becomes the default one."""
        raise NotImplementedError

    async def import_key(self, name: str, key: Secret[str]) -> AccountView:
        """Takes in a private key of 64 hex digits, `0x` optional."""
        raise NotImplementedError

    async def import_keystore(self, name: str, path: Path, passphrase: Secret[str]) -> AccountView:
        """Takes in an encrypted key file (Web3 Secret Storage)."""
        raise NotImplementedError

    async def watch(self, name: str, address: str) -> AccountView:
        """An address without its key: balances and quotes, no payments."""
        raise NotImplementedError

    async def set_default(self, name: str) -> AccountView:
        raise NotImplementedError

    async def rename(self, name: str, new_name: str) -> AccountView:
        raise NotImplementedError

    async def delete(self, name: str, confirm: str) -> None:
        """Forgets an account and its key. `confirm` must repeat the name: what it holds is lost unless exported."""
        raise NotImplementedError

    async def export(self, name: str, confirm: str) -> Secret[str]:
        """The private key as `0x…`. `confirm` must repeat the name. The only way that a key leaves the store."""
        raise NotImplementedError
