"""Accounts of one profile: made, imported, watched, named, deleted, exported, and opened for signing.

The order of writes makes sure that no crash loses a key: it is durable in its store before the account is on the list,
and off the list before its key goes to the trash, where it stays. Everything blocks; call it from a worker thread.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from mpp_console.protocol import ParseError, Secret
from mpp_console.wallet.account_models import (
    Account,
    AccountKind,
    BadName,
    Deletion,
    NoSuchAccount,
    NotConfirmed,
    WatchOnly,
    WrongNetwork,
)
from mpp_console.wallet.directory import AccountExists, Directory, Entry
from mpp_console.wallet.files import read_limited
from mpp_console.wallet.key_files import FileStore, PlainStore, decrypt_keystore
from mpp_console.wallet.keyring_store import KeyringStore, usable_keyring
from mpp_console.wallet.keystore import KeyStore, KeyStoreError, Passphrases

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from mpp_console.methods.tempo.keys import Signer

__all__ = ["SANDBOX_CHAIN_ID", "Accounts"]

SANDBOX_CHAIN_ID: Final = 1337
"""The only chain on which a sandbox account signs; no network with real money has this id."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_KEY_FILE_LIMIT = 64 * 1024


class Accounts:
    """The accounts in `folder`, opened for the network `chain_id`.

    New keys go to the keyring when `keyring` finds a usable one, else to encrypted files whose passphrases come from
    `passphrases`; `keyring=None` always means files. `work` is for tests (scrypt's N).
    """

    def __init__(
        self,
        folder: Path,
        *,
        chain_id: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        passphrases: Passphrases | None = None,
        keyring: Callable[[], KeyringBackend | None] | None = usable_keyring,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        work: int | None = None,
    ) -> None:
        self._folder = folder
        self._chain_id = chain_id
        self._clock = clock
        self._passphrases = passphrases or Passphrases()
        self._find_keyring = keyring
        self._random_bytes = random_bytes
        self._work = work
        self._directory = Directory(folder / "accounts.db")

    # Looking ---------------------------------------------------------------------------------------------------------

    def list(self) -> tuple[Account, ...]:
        """Every account, in the order in which they were made. A sandbox account is listed in the sandbox only."""
        return tuple(_account(entry) for entry in self._directory.entries() if self._belongs(entry))

    def get(self, name: str | None = None) -> Account:
        """The account of this name or address, the default one for None. Raises NoSuchAccount or WrongNetwork."""
        return _account(self._entry(name))

    def default(self) -> Account | None:
        """The account that is used when none is named; None when there is no account at all."""
        return next((account for account in self.list() if account.is_default), None)

    # Adding ----------------------------------------------------------------------------------------------------------

    def create(self, name: str, *, sandbox: bool | None = None) -> Account:
        """A new key and its account. In the sandbox it is a sandbox account unless `sandbox` is False.

        Raises BadName, AccountExists, WrongNetwork, KeyStoreError or PassphraseNeeded.
        """
        as_sandbox = self._chain_id == SANDBOX_CHAIN_ID if sandbox is None else sandbox
        if as_sandbox and self._chain_id != SANDBOX_CHAIN_ID:
            raise WrongNetwork("a sandbox account is made in the sandbox", hint="open the sandbox profile")
        return self._keep(name, self._new_key(), "sandbox" if as_sandbox else "local")

    def import_key(self, name: str, key: Secret[str]) -> Account:
        """Takes in a private key written as 64 hex digits, `0x` optional. Raises also ParseError (`bad-key`)."""
        match = _KEY.fullmatch(key.reveal().strip())
        if match is None:
            raise ParseError("a private key is 64 hexadecimal digits", code="bad-key")
        return self._keep(name, Secret(bytes.fromhex(match[1])), "local")

    def import_keystore(self, name: str, source: Path | bytes, passphrase: Secret[str]) -> Account:
        """Takes in an encrypted key file (Web3 Secret Storage, version 3). Raises also WrongPassphrase and
        FileTrouble.
        """
        self._require_free(name, None)
        content = read_limited(source, _KEY_FILE_LIMIT) if isinstance(source, Path) else source
        return self._keep(name, decrypt_keystore(content, passphrase), "local")

    def watch(self, name: str, address: str) -> Account:
        """An address without its key. Raises ParseError (`bad-checksum`) for one that is mistyped."""
        from mpp_console.methods.tempo.keys import parse_address

        checked = parse_address(address)
        self._require_free(name, checked)
        return self._add(name, checked, "watch", account_id=self._new_id(), store=None)

    # Changing --------------------------------------------------------------------------------------------------------

    def set_default(self, name: str) -> Account:
        """Raises NoSuchAccount."""
        return _account(self._directory.make_default(self._entry(name).id))

    def rename(self, name: str, new_name: str) -> Account:
        """Raises NoSuchAccount, BadName or AccountExists."""
        entry = self._entry(name)
        if new_name == entry.name:
            return _account(entry)
        _require_name(new_name)
        return _account(self._directory.rename(entry.id, new_name))

    def deletion(self, name: str) -> Deletion:
        """What deleting the account would mean. Changes nothing."""
        return self._deletion(self._entry(name))

    def delete(self, name: str, *, confirm: str | None = None) -> Deletion:
        """Takes the account off the list and its key to the trash. `confirm` must repeat the account's name.

        Raises NotConfirmed, which holds what would be lost, otherwise.
        """
        entry = self._entry(name)
        deletion = self._deletion(entry)
        if confirm != entry.name:
            raise NotConfirmed(
                f"{entry.name} was not deleted: {deletion.warning}",
                hint=f"type the account's name, {entry.name}, to confirm",
                deletion=deletion,
            )
        self._directory.forget(entry.id, self._clock())
        if entry.store is not None:
            self._store(entry.store).discard(entry.id)
        return deletion

    def deleted(self) -> tuple[Account, ...]:
        """Accounts that were deleted and can be restored."""
        return tuple(_account(entry) for entry in self._directory.entries(deleted=True) if self._belongs(entry))

    def restore(self, name: str, *, new_name: str | None = None) -> Account:
        """Brings the account that was last deleted under this name or address back. Raises NoSuchAccount,
        AccountExists.
        """
        entries = [entry for entry in self._directory.entries(deleted=True) if self._belongs(entry)]
        entry = _find(sorted(entries, key=lambda found: found.deleted_at or found.created_at, reverse=True), name)
        if entry is None:
            raise NoSuchAccount(f"no account called {name} was deleted")
        _require_name(new_name or entry.name)
        self._directory.require_free(new_name or entry.name, entry.address)
        if entry.store is not None:
            self._store(entry.store).restore(entry.id)
        return _account(self._directory.recall(entry.id, new_name or entry.name))

    # Keys ------------------------------------------------------------------------------------------------------------

    def export(self, name: str, *, confirm: str) -> Secret[str]:
        """The private key as `0x…`: the only way out. `confirm` must repeat the account's name (NotConfirmed)."""
        entry = self._entry(name)
        if confirm != entry.name:
            raise NotConfirmed(
                "the key was not exported: whoever sees it can take everything the account holds",
                hint=f"type the account's name, {entry.name}, to confirm",
            )
        return Secret("0x" + self._key(entry).reveal().hex())

    def signer(self, name: str | None = None) -> Signer:
        """Opens an account for signing; may ask for a passphrase. Raises NoSuchAccount, WatchOnly, WrongNetwork,
        KeyStoreError.

        A digest does not tell its chain, so a sandbox key is kept from other networks by never being opened there.
        """
        from mpp_console.methods.tempo.keys import LocalSigner

        return LocalSigner(self._key(self._entry(name)))

    def asks(self, name: str | None = None) -> bool:
        """Whether opening the account takes a passphrase that is not given yet. A keyring asks nothing while it is
        unlocked. Raises as `signer`, without opening anything.
        """
        entry = self._entry(name)
        if entry.store is None:
            raise WatchOnly(f"{entry.name} is only watched: its key is not here", hint="import its key to pay with it")
        return entry.store == FileStore.name and not self._passphrases.given

    # -----------------------------------------------------------------------------------------------------------------

    def _belongs(self, entry: Entry) -> bool:
        return entry.chain_id is None or entry.chain_id == self._chain_id

    def _entry(self, name: str | None) -> Entry:
        entries = self._directory.entries()
        if name is None:
            found = next((entry for entry in entries if entry.is_default), None)
            if found is None:
                raise NoSuchAccount("there is no account yet", hint="make one: mpp-console accounts create main")
        else:
            found = _find(entries, name)
            if found is None:
                raise NoSuchAccount(f"there is no account called {name}", hint="see: mpp-console accounts list")
        if not self._belongs(found):
            raise WrongNetwork(
                f"{found.name} is a sandbox account: its throw-away key is never used on another network",
                hint="choose another account, or open the sandbox profile",
            )
        return found

    def _key(self, entry: Entry) -> Secret[bytes]:
        if entry.store is None:
            raise WatchOnly(f"{entry.name} is only watched: its key is not here", hint="import its key to pay with it")
        key = self._store(entry.store).get(entry.id, label=entry.name)
        if _address_of(key) != entry.address:
            raise KeyStoreError(f"the stored key is not the key of {entry.name}", hint="import the account's key again")
        return key

    def _keep(self, name: str, key: Secret[bytes], kind: AccountKind) -> Account:
        address = _address_of(key)
        self._require_free(name, address)
        account_id = self._new_id()
        store = self._store(PlainStore.name) if kind == "sandbox" else self._store_for_new_keys()
        store.put(account_id, key, label=name)
        try:
            return self._add(name, address, kind, account_id=account_id, store=store.name)
        except AccountExists:  # another process took the name meanwhile
            store.discard(account_id)
            raise

    def _add(self, name: str, address: str, kind: AccountKind, *, account_id: str, store: str | None) -> Account:
        entry = Entry(
            id=account_id,
            name=name,
            address=address,
            kind=kind,
            store=store,
            chain_id=SANDBOX_CHAIN_ID if kind == "sandbox" else None,
            is_default=False,
            created_at=self._clock(),
        )
        return _account(self._directory.add(entry))

    def _require_free(self, name: str, address: str | None) -> None:
        _require_name(name)
        self._directory.require_free(name, address or "")

    def _deletion(self, entry: Entry) -> Deletion:
        kept = {
            None: "",
            KeyringStore.name: "the keyring's trash",
            FileStore.name: f"{self._folder / 'keys' / 'trash'}, still encrypted",
            PlainStore.name: str(self._folder / "sandbox-keys" / "trash"),
        }[entry.store]
        warning = (
            f"the account leaves the list, and what {entry.address} holds can be moved only by whoever has its key; "
            f"the key stays in {kept}"
            if kept
            else "the address is forgotten; nothing else is lost"
        )
        return Deletion(account=_account(entry), key_kept=kept, warning=warning)

    def _store(self, name: str) -> KeyStore:
        match name:
            case FileStore.name:
                return FileStore(self._folder / "keys", self._passphrases, work=self._work)
            case PlainStore.name:
                return PlainStore(self._folder / "sandbox-keys")
            case _:
                found = self._find_keyring() if self._find_keyring is not None else None
                if found is None:
                    raise KeyStoreError(
                        "the key is in the system's keyring, which cannot be used now",
                        hint="unlock or start the keyring",
                    )
                return KeyringStore(found)

    def _store_for_new_keys(self) -> KeyStore:
        found = self._find_keyring() if self._find_keyring is not None else None
        return KeyringStore(found) if found is not None else self._store(FileStore.name)

    def _new_key(self) -> Secret[bytes]:
        from mpp_console.methods.tempo.keys import CURVE_ORDER

        while not 0 < int.from_bytes(raw := self._random_bytes(32), "big") < CURVE_ORDER:
            continue  # once in 2^128 times
        return Secret(raw)

    def _new_id(self) -> str:
        return self._random_bytes(16).hex()


def _require_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadName(
            "an account's name has 1 to 32 characters of a-z, 0-9, '-' and '_', and begins with a letter or digit",
            hint="for example: main, shop-2",
        )


def _find(entries: Sequence[Entry], name: str) -> Entry | None:
    wanted = name.lower()
    return next((entry for entry in entries if entry.name == name or entry.address.lower() == wanted), None)


def _address_of(key: Secret[bytes]) -> str:
    from mpp_console.methods.tempo.keys import LocalSigner

    return LocalSigner(key).address


def _account(entry: Entry) -> Account:
    return Account(
        name=entry.name,
        address=entry.address,
        kind=cast("AccountKind", entry.kind),
        is_default=entry.is_default,
        created_at=entry.created_at,
        chain_id=entry.chain_id,
    )
