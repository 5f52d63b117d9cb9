"""Where private keys rest: the system's keyring when there is a real one, else encrypted key files, else (for the
sandbox's throw-away keys only) plain private files.

A store knows keys by an opaque id and never deletes one for good: `discard` moves it to a trash from which `restore`
brings it back. Everything blocks; call it from a worker thread. The stores themselves are in `keyring_store` and
`key_files`; here is what they have in common.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from mpp_console.protocol import MppError, Secret

__all__ = [
    "PASSPHRASE_VARIABLE",
    "KeyMissing",
    "KeyStore",
    "KeyStoreError",
    "PassphraseNeeded",
    "Passphrases",
    "WrongPassphrase",
    "key_from_hex",
]

PASSPHRASE_VARIABLE: Final = "MPP_CONSOLE_PASSPHRASE"  # noqa: S105 - the name of one
"""Environment variable that answers every question for a passphrase, for machines without a person."""


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


def key_from_hex(text: Secret[str], label: str) -> Secret[bytes]:
    """The key that is written as hexadecimal digits. Raises KeyStoreError."""
    try:
        key = bytes.fromhex(text.reveal())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyStoreError(f"the key of {label} is damaged", hint="import the key again")
    return Secret(key)
