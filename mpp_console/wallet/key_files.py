"""Private keys in files: encrypted ones that other wallets read too, and the sandbox's throw-away keys as they are.
Everything blocks, and deriving a key from a passphrase takes a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from mpp_console.methods.imports import recursion_limit_kept
from mpp_console.protocol import Secret
from mpp_console.wallet.files import (
    FileExists,
    FileTrouble,
    place,
    private_folder,
    read_limited,
    sync_folder,
    write_private,
)
from mpp_console.wallet.keystore import KeyMissing, KeyStoreError, Passphrases, WrongPassphrase, key_from_hex

__all__ = ["FileStore", "PlainStore", "decrypt_keystore"]

_FILE_LIMIT: Final = 64 * 1024  # a key file has about 500 bytes
_MEMORY_LIMIT: Final = 1 << 30  # of scrypt: four times what common key files ask for; beyond, a file is an attack
_ROUNDS_LIMIT: Final = 20_000_000  # of PBKDF2, for the same reason


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
            return key_from_hex(Secret(json.loads(self._files.read(key_id, label))["private_key"]), label)
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
