"""Private keys in the system's keyring: which backend is trusted with them, and the store over it. All of it blocks."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import Secret
from mpp_console.wallet.keystore import KeyMissing, KeyStoreError, key_from_hex

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = ["KeyringStore", "usable_keyring"]

_SERVICE: Final = "mpp-console"
_TRASH_SERVICE: Final = "mpp-console trash"
_PROBE_SERVICE: Final = "mpp-console probe"

_log = logging.getLogger(__name__)


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
        return key_from_hex(found, label)

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
