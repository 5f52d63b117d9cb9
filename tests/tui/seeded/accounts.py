"""The seeded accounts: a list that changes as the key store's would, without any key."""

from __future__ import annotations

from dataclasses import replace

from mpp_console.protocol import MppError, Secret
from mpp_console.services import EventBus
from mpp_console.services.events import AccountsChanged
from mpp_console.services.models import AccountKind, AccountView
from tests.tui.seeds import CUSTOMER, NOW, accounts

KEY = "0x" + "59c6" * 16
"""A key that can be imported; any other is refused."""


class SeededAccounts:
    def __init__(self, events: EventBus | None = None) -> None:
        self._events = events or EventBus()
        self.all: tuple[AccountView, ...] = accounts()
        self.trash: list[AccountView] = []

    @property
    def in_use(self) -> AccountView | None:
        return next((account for account in self.all if account.is_default), self.all[0] if self.all else None)

    async def list(self) -> tuple[AccountView, ...]:
        return self.all

    async def get(self, name: str | None = None) -> AccountView:
        if name is None and self.in_use is not None:
            return self.in_use
        found = next((account for account in self.all if account.name == name), None)
        if found is None:
            raise MppError(f"there is no account {name}", code="no-account")
        return found

    async def create(self, name: str) -> AccountView:
        return self._add(name, "local", "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65")

    async def import_key(self, name: str, key: Secret[str]) -> AccountView:
        if key.reveal() != KEY:
            raise MppError("a private key is 64 hex digits", code="bad-key")
        return self._add(name, "local", "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc")

    async def watch(self, name: str, address: str) -> AccountView:
        if address != CUSTOMER:
            raise MppError(f"{address} is no address", code="bad-address")
        return self._add(name, "watch", address)

    async def set_default(self, name: str) -> AccountView:
        await self.get(name)
        self._become(tuple(replace(account, is_default=account.name == name) for account in self.all))
        return await self.get(name)

    async def rename(self, name: str, new_name: str) -> AccountView:
        self._free(new_name)
        self._become(
            tuple(replace(account, name=new_name) if account.name == name else account for account in self.all)
        )
        return await self.get(new_name)

    async def deletion_warning(self, name: str) -> str:
        return f"Deleting {name} moves its key to the trash. What it holds cannot be spent until it is restored."

    async def delete(self, name: str, confirm: str) -> str:
        if confirm != name:
            raise MppError(f"type {name} to delete it", code="not-confirmed")
        self.trash.append(await self.get(name))
        self._become(tuple(account for account in self.all if account.name != name))
        return "trash"

    async def restore(self, name: str) -> AccountView:
        account = next(account for account in reversed(self.trash) if account.name == name)
        self._become((*self.all, account))
        return account

    def _add(self, name: str, kind: AccountKind, address: str) -> AccountView:
        self._free(name)
        account = AccountView(name=name, address=address, kind=kind, is_default=not self.all, created_at=NOW)
        self._become((*self.all, account))
        return account

    def _free(self, name: str) -> None:
        if not name or any(account.name == name for account in self.all):
            raise MppError(f"the name {name!r} cannot be used", code="bad-name", hint="take another one")

    def _become(self, changed: tuple[AccountView, ...]) -> None:
        self.all = changed
        self._events.publish(AccountsChanged(accounts=changed))
