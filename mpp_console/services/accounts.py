"""Accounts of a profile: made, imported, watched, named, exported. Keys stay in the key store; they leave it by
`export` alone.

The store blocks and may take a second to open a key, so that everything runs in a worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mpp_console.protocol import Secret
from mpp_console.services.events import AccountsChanged
from mpp_console.services.models import AccountView

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine
    from mpp_console.wallet.account_models import Account
    from mpp_console.wallet.accounts import Accounts

__all__ = ["AccountsService", "account_view"]

T = TypeVar("T")


def account_view(account: Account) -> AccountView:
    return AccountView(
        name=account.name,
        address=account.address,
        kind=account.kind,
        is_default=account.is_default,
        created_at=account.created_at,
    )


class AccountsService:
    """Every change is published as `AccountsChanged`. Names are 1 to 32 characters of a to z, 0 to 9, `-` and `_`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[AccountView, ...] = ()

    @property
    def known(self) -> tuple[AccountView, ...]:
        """What `list` gave last, without waiting."""
        return self._known

    async def list(self) -> tuple[AccountView, ...]:
        """Every account, in the order in which they were made."""
        accounts = await self._engine.accounts.get()
        self._known = tuple(account_view(account) for account in await asyncio.to_thread(accounts.list))
        return self._known

    async def get(self, name: str | None = None) -> AccountView:
        """One account by name or address, the one in use for None. Raises NoAccount."""
        return account_view(await self._engine.require_account(name))

    async def create(self, name: str) -> AccountView:
        """A new key, kept in the key store; in the sandbox a throw-away one. The first account
        becomes the default one.
        """
        sandbox = self._engine.profile.is_sandbox
        return await self._change(lambda accounts: accounts.create(name, sandbox=sandbox), "create", name)

    async def import_key(self, name: str, key: Secret[str]) -> AccountView:
        """Takes in a private key of 64 hex digits, `0x` optional. Raises ParseError for anything else."""
        return await self._change(lambda accounts: accounts.import_key(name, key), "import", name)

    async def import_keystore(self, name: str, path: Path, passphrase: Secret[str]) -> AccountView:
        """Takes in an encrypted key file (Web3 Secret Storage)."""
        return await self._change(
            lambda accounts: accounts.import_keystore(name, path, passphrase), "import", name, "--keystore", str(path)
        )

    async def watch(self, name: str, address: str) -> AccountView:
        """An address without its key: balances and quotes, no payments."""
        return await self._change(lambda accounts: accounts.watch(name, address), "watch", name, address)

    async def set_default(self, name: str) -> AccountView:
        """Which account is used when none is named."""
        return await self._change(lambda accounts: accounts.set_default(name), "default", name)

    async def rename(self, name: str, new_name: str) -> AccountView:
        return await self._change(lambda accounts: accounts.rename(name, new_name), "rename", name, new_name)

    async def deletion_warning(self, name: str) -> str:
        """What deleting the account would mean, for people. Changes nothing."""
        accounts = await self._engine.accounts.get()
        return (await asyncio.to_thread(accounts.deletion, name)).warning

    async def delete(self, name: str, confirm: str) -> str:
        """Takes an account off the list and its key to the trash; says where that is. `confirm` must repeat the name.

        Raises NotConfirmed with what would be lost.
        """
        accounts = await self._engine.accounts.get()
        deletion = await asyncio.to_thread(lambda: accounts.delete(name, confirm=confirm))
        self._engine.opened.forget()
        self._engine.log_command("accounts", "delete", name)
        await self._changed()
        return deletion.key_kept

    async def restore(self, name: str) -> AccountView:
        """Brings back the account that was last deleted under this name."""
        return await self._change(lambda accounts: accounts.restore(name), "restore", name)

    async def export(self, name: str, confirm: str) -> Secret[str]:
        """The private key as `0x…`. `confirm` must repeat the name (NotConfirmed). The only way that a key leaves the
        store.
        """
        accounts = await self._engine.accounts.get()
        key = await asyncio.to_thread(lambda: accounts.export(name, confirm=confirm))
        self._engine.log_command("accounts", "export", name)
        return key

    async def _change(self, work: Callable[[Accounts], Account], *words: str) -> AccountView:
        accounts = await self._engine.accounts.get()
        account = await asyncio.to_thread(work, accounts)
        self._engine.opened.forget()
        self._engine.log_command("accounts", *words)
        await self._changed()
        return account_view(account)

    async def _changed(self) -> None:
        self._engine.events.publish(AccountsChanged(accounts=await self.list()))
        self._engine.on_change()
