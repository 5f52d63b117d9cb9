"""Where private keys rest: the system's keyring when there is a real one, else encrypted key files, else (for the
sandbox's throw-away keys only) plain private files.

A store knows keys by an opaque id and never deletes one for good: `discard` moves it to a trash from which `restore`
brings it back. Everything blocks (deriving a key from a passphrase takes a second); call it from a worker thread.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mpp_console.methods.imports import recursion_limit_kept
from mpp_console.protocol import MppError, Secret
from mpp_console.wallet.files import (
    FileExists,
    FileTrouble,
    place,
    private_folder,
    read_limited,
    sync_folder,
    write_private,
)

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "PASSPHRASE_VARIABLE",
    "FileStore",
    "KeyMissing",
    "KeyStore",
    "KeyStoreError",
    "KeyringStore",
    "PassphraseNeeded",
    "Passphrases",
    "PlainStore",
    "WrongPassphrase",
    "decrypt_keystore",
    "usable_keyring",
]

PASSPHRASE_VARIABLE: Final = "MPP_CONSOLE_PASSPHRASE"  # noqa: S105 - the name of one
"""Environment variable that answers every question for a passphrase, for machines without a person."""

_SERVICE: Final = "mpp-console"
_TRASH_SERVICE: Final = "mpp-console trash"
_PROBE_SERVICE: Final = "mpp-console probe"
_FILE_LIMIT: Final = 64 * 1024  # a key file has about 500 bytes
_MEMORY_LIMIT: Final = 1 << 30  # of scrypt: four times what common key files ask for; beyond, a file is an attack
_ROUNDS_LIMIT: Final = 20_000_000  # of PBKDF2, for the same reason

_log = logging.getLogger(__name__)


class KeyStoreError(MppError):
    """A key could not be kept or fetched. No key is lost by this."""

    default_code = "key-store"


class KeyMissing(KeyStoreError):
    """The store has no key of this id."""

    default_code = "key-missing"


class WrongPassphrase(KeyStoreError):
    """The passphrase does not open the key."""

    default_code = "wrong-passphrase"


class PassphraseNeeded(KeyStoreError):
    """A passphrase is needed and there is nobody to ask."""

    default_code = "passphrase-needed"


class KeyStore(Protocol):
    """Keeps 32-byte private keys. `label` names the account in a question for a passphrase."""

    @property
    def name(self) -> str:
        """Which store this is, as accounts remember it."""
        ...

    def put(self, key_id: str, key: Secret[bytes], *, label: str) -> None:
        """Keeps a key, durable when this returns. Raises KeyStoreError; never replaces a key."""
        ...

    def get(self, key_id: str, *, label: str) -> Secret[bytes]:
        """Raises KeyMissing, WrongPassphrase, PassphraseNeeded or KeyStoreError."""
        ...

    def discard(self, key_id: str) -> None:
        """Moves a key to the trash. Does nothing when it is there already; raises KeyMissing when it is nowhere."""
        ...

    def restore(self, key_id: str) -> None:
        """Moves a key back from the trash. Does nothing when it is back already; raises KeyMissing when it is
        nowhere.
        """
        ...


class Passphrases:
    """Asks for passphrases: the environment first, then a person, through whichever front end is running.

    `ask` gets a question and gives the answer. A new passphrase is asked for twice, because a slip would cost the key.
    """

    def __init__(self, ask: Callable[[str], str] | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self._ask = ask
        self._environ = os.environ if environ is None else environ

    @property
    def given(self) -> bool:
        """Whether the environment has one, so that nobody is asked."""
        return bool(self._environ.get(PASSPHRASE_VARIABLE))

    def existing(self, label: str) -> Secret[str]:
        """The passphrase of a key that is there. Raises PassphraseNeeded."""
        given = self._environ.get(PASSPHRASE_VARIABLE)
        return Secret(given) if given else Secret(self._question(f"Passphrase of {label}"))

    def fresh(self, label: str) -> Secret[str]:
        """The passphrase for a new key. Raises PassphraseNeeded, or WrongPassphrase when the two answers differ."""
        given = self._environ.get(PASSPHRASE_VARIABLE)
        if given:
            return Secret(given)
        first = Secret(self._question(f"New passphrase for {label}"))
        if not first.reveal():
            raise WrongPassphrase("an empty passphrase protects nothing", hint="choose one, then try again")
        if first != Secret(self._question(f"The same passphrase for {label} again")):
            raise WrongPassphrase("the two passphrases differ; nothing was kept", hint="try again")
        return first

    def _question(self, text: str) -> str:
        if self._ask is None:
            raise PassphraseNeeded(
                "a passphrase is needed, and there is no terminal to ask for it",
                hint=f"set {PASSPHRASE_VARIABLE}, or run this in a terminal",
            )
        return self._ask(text)


# The keyring --------------------------------------------------------------------------------------------------------


def usable_keyring() -> KeyringBackend | None:
    """The system's keyring, None unless it is a real one that works.

    `keyring` always gives some backend: one that fails, one that forgets, one that writes plain text. Its own measure
    for a recommended backend is a priority of 1 or more; beyond that, only a value that was written, read back and
    deleted proves anything.
    """
    try:
        import keyring

        chosen = keyring.get_keyring()
        # A chain writes to its first backend and reads from any; only a real one of them is used, and directly.
        candidates = list(getattr(chosen, "backends", None) or [chosen])
        return next((backend for backend in candidates if _is_real(backend) and _works(backend)), None)
    except Exception as error:  # a backend may raise anything, even when only asked for its priority
        _log.info("no keyring: %s", type(error).__name__)
        return None


def _is_real(backend: KeyringBackend) -> bool:
    kind = type(backend)
    module = kind.__module__
    if module.startswith(
        ("keyring.backends.fail", "keyring.backends.null", "keyring.backends.chainer", "keyrings.alt")
    ):
        return False
    return "plaintext" not in kind.__name__.lower() and float(backend.priority) >= 1


def _works(backend: KeyringBackend) -> bool:
    user, value = secrets.token_hex(8), secrets.token_hex(16)
    try:
        backend.set_password(_PROBE_SERVICE, user, value)
        try:
            kept = backend.get_password(_PROBE_SERVICE, user) == value
        finally:
            backend.delete_password(_PROBE_SERVICE, user)
        return kept and backend.get_password(_PROBE_SERVICE, user) is None
    except Exception as error:
        _log.info("the keyring %s does not work: %s", type(backend).__module__, type(error).__name__)
        return False


class KeyringStore:
    """Keys in the system's keyring, which asks for its own unlocking."""

    name: Final = "keyring"

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def put(self, key_id: str, key: Secret[bytes], *, label: str) -> None:
        """See KeyStore. Reads the key back before believing that it is kept."""
        if self._read(_SERVICE, key_id) is not None:
            raise KeyStoreError(f"the keyring has a key for {label} already")
        self._write(_SERVICE, key_id, Secret(key.reveal().hex()))

    def get(self, key_id: str, *, label: str) -> Secret[bytes]:
        """See KeyStore."""
        found = self._read(_SERVICE, key_id)
        if found is None:
            raise KeyMissing(f"the keyring has no key for {label}", hint="unlock the keyring, or import the key again")
        return _from_hex(found, label)

    def discard(self, key_id: str) -> None:
        """See KeyStore."""
        self._move(key_id, _SERVICE, _TRASH_SERVICE)

    def restore(self, key_id: str) -> None:
        """See KeyStore."""
        self._move(key_id, _TRASH_SERVICE, _SERVICE)

    def _move(self, key_id: str, source: str, target: str) -> None:
        found = self._read(source, key_id)
        if found is None:
            if self._read(target, key_id) is None:
                raise KeyMissing("the keyring has no such key")
            return
        self._write(target, key_id, found)
        try:
            self._backend.delete_password(source, key_id)
        except Exception as error:
            raise KeyStoreError(f"the keyring keeps a second copy of the key: {type(error).__name__}") from error

    def _read(self, service: str, key_id: str) -> Secret[str] | None:
        try:
            found = self._backend.get_password(service, key_id)
        except Exception as error:
            raise KeyStoreError(
                f"the keyring cannot be read: {type(error).__name__}", hint="unlock the keyring, then try again"
            ) from error
        return None if found is None else Secret(found)

    def _write(self, service: str, key_id: str, value: Secret[str]) -> None:
        try:
            self._backend.set_password(service, key_id, value.reveal())
        except Exception as error:
            raise KeyStoreError(f"the keyring does not take the key: {type(error).__name__}") from error
        if self._read(service, key_id) != value:
            raise KeyStoreError("the keyring did not keep the key")


# Files ---------------------------------------------------------------------------------------------------------------


class _Folder:
    """Files named by key id in a private folder, with a trash folder inside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key_id: str) -> Path:
        if not key_id.isalnum():
            raise KeyStoreError("a key id has letters and digits only")
        return self._folder / f"{key_id}.json"

    def write(self, key_id: str, content: bytes, label: str) -> None:
        private_folder(self._folder)
        try:
            write_private(self.path(key_id), content, replace=False)
        except FileExists as error:
            raise KeyStoreError(f"there is a key for {label} already") from error

    def read(self, key_id: str, label: str) -> bytes:
        path = self.path(key_id)
        if not path.exists():
            raise KeyMissing(
                f"the key file of {label} is gone: {path}", hint="bring the file back, or import the key again"
            )
        return read_limited(path, _FILE_LIMIT)

    def move(self, key_id: str, *, into_trash: bool) -> None:
        kept, trash = self.path(key_id), self._folder / "trash" / f"{key_id}.json"
        source, target = (kept, trash) if into_trash else (trash, kept)
        if not source.exists():
            if not target.exists():
                raise KeyMissing(f"there is no key file {source}")
            return
        private_folder(trash.parent)
        place(source, target, replace=True)
        try:
            sync_folder(source.parent)
        except OSError as error:
            raise FileTrouble(f"cannot write in {source.parent}: {error}") from error


class FileStore:
    """Encrypted key files (Web3 Secret Storage version 3, scrypt), which other wallets read too.

    `work` is scrypt's N; None is eth-account's default, about a second and 256 MiB.
    """

    name: Final = "file"

    def __init__(self, folder: Path, passphrases: Passphrases, *, work: int | None = None) -> None:
        self._files = _Folder(folder)
        self._passphrases = passphrases
        self._work = work

    def put(self, key_id: str, key: Secret[bytes], *, label: str) -> None:
        """See KeyStore."""
        with recursion_limit_kept():
            from eth_account import Account

        passphrase = self._passphrases.fresh(label)
        encrypted = Account.encrypt(key.reveal(), passphrase.reveal(), kdf="scrypt", iterations=self._work)
        self._files.write(key_id, json.dumps(encrypted).encode(), label)

    def get(self, key_id: str, *, label: str) -> Secret[bytes]:
        """See KeyStore."""
        return decrypt_keystore(self._files.read(key_id, label), self._passphrases.existing(label))

    def discard(self, key_id: str) -> None:
        """See KeyStore."""
        self._files.move(key_id, into_trash=True)

    def restore(self, key_id: str) -> None:
        """See KeyStore."""
        self._files.move(key_id, into_trash=False)


class PlainStore:
    """Throw-away keys of the sandbox in private files, unencrypted: worth nothing on any other chain."""

    name: Final = "sandbox"

    def __init__(self, folder: Path) -> None:
        self._files = _Folder(folder)

    def put(self, key_id: str, key: Secret[bytes], *, label: str) -> None:
        """See KeyStore."""
        note = "A throw-away key of the sandbox. Never send real money to it."
        self._files.write(key_id, json.dumps({"note": note, "private_key": key.reveal().hex()}).encode(), label)

    def get(self, key_id: str, *, label: str) -> Secret[bytes]:
        """See KeyStore."""
        try:
            return _from_hex(Secret(json.loads(self._files.read(key_id, label))["private_key"]), label)
        except (ValueError, KeyError, TypeError) as error:
            raise KeyStoreError(f"the sandbox key of {label} is damaged", hint="make a new sandbox account") from error

    def discard(self, key_id: str) -> None:
        """See KeyStore."""
        self._files.move(key_id, into_trash=True)

    def restore(self, key_id: str) -> None:
        """See KeyStore."""
        self._files.move(key_id, into_trash=False)


def decrypt_keystore(content: bytes, passphrase: Secret[str]) -> Secret[bytes]:
    """The private key in a version 3 key file, ours or another wallet's. Raises WrongPassphrase or KeyStoreError.

    A file that asks for more memory or time than any honest one is refused before it gets either.
    """
    with recursion_limit_kept():
        from eth_account import Account

    try:
        parsed = json.loads(content)
        _refuse_excess(parsed)
        return Secret(bytes(Account.decrypt(parsed, passphrase.reveal())))
    except KeyStoreError:
        raise
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise WrongPassphrase("the passphrase does not open this key", hint="try again") from error
        raise KeyStoreError("this is not a key file (Web3 Secret Storage, version 3)") from error
    except Exception as error:  # eth-keyfile meets a malformed file with KeyError, TypeError and others
        raise KeyStoreError("this is not a key file (Web3 Secret Storage, version 3)") from error


def _refuse_excess(parsed: Any) -> None:
    crypto = next(value for name, value in parsed.items() if name.lower() == "crypto")
    settings = crypto["kdfparams"]
    scrypt = 128 * int(settings.get("n", 0)) * int(settings.get("r", 0)) * max(1, int(settings.get("p", 1)))
    if scrypt > _MEMORY_LIMIT or int(settings.get("c", 0)) > _ROUNDS_LIMIT:
        raise KeyStoreError("this key file asks for more work than any wallet does, so it was not opened")


def _from_hex(text: Secret[str], label: str) -> Secret[bytes]:
    try:
        key = bytes.fromhex(text.reveal())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyStoreError(f"the key of {label} is damaged", hint="import the key again")
    return Secret(key)
