"""The system's keyring: which one is trusted with keys, and what it does when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from mpp_console.protocol import Secret
from mpp_console.wallet.accounts import Accounts
from mpp_console.wallet.keyring_store import KeyringStore, usable_keyring
from mpp_console.wallet.keystore import KeyStoreError, Passphrases
from tests.wallet.keyrings import (
    Alternative,
    Clinging,
    Forgetful,
    Locked,
    LosesWrites,
    MemoryKeyring,
    NotRecommended,
    PlaintextKeyring,
)

KEY = Secret(bytes(range(1, 33)))


@pytest.mark.parametrize(
    "backend",
    [
        fail.Keyring(),  # type: ignore[no-untyped-call]
        null.Keyring(),  # type: ignore[no-untyped-call]
        Forgetful(),
        Clinging(),
        Locked(),
        PlaintextKeyring(),
        NotRecommended(),
        Alternative(),
    ],
    ids=lambda backend: type(backend).__name__ + type(backend).__module__,
)
def test_keyrings_that_are_none(backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    assert usable_keyring() is None


def test_a_keyring_that_works_is_used_and_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    assert usable_keyring() is backend
    assert backend.kept == {}


def test_out_of_a_chain_only_the_real_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryKeyring()

    class Chain(chainer.ChainerBackend):
        backends: ClassVar[list[KeyringBackend]] = [PlaintextKeyring(), real]

    monkeypatch.setattr(keyring, "get_keyring", Chain)
    assert usable_keyring() is real


def test_a_keyring_that_cannot_even_be_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> KeyringBackend:
        raise RuntimeError("no D-Bus")

    monkeypatch.setattr(keyring, "get_keyring", broken)
    assert usable_keyring() is None


def test_a_keyring_that_does_not_keep_is_found_out_at_once() -> None:
    with pytest.raises(KeyStoreError, match="did not keep"):
        KeyringStore(LosesWrites()).put("k1", KEY, label="main")


def test_errors_of_a_keyring_are_ours_and_tell_no_secret() -> None:
    with pytest.raises(KeyStoreError) as caught:
        KeyringStore(Locked()).put("k1", KEY, label="main")
    assert KEY.reveal().hex() not in caught.value.message


def test_a_damaged_entry() -> None:
    backend = MemoryKeyring()
    backend.set_password("mpp-console", "k1", "not hex")
    with pytest.raises(KeyStoreError, match="damaged"):
        KeyringStore(backend).get("k1", label="main")


def test_accounts_prefer_the_keyring_and_find_their_keys_where_they_were_put(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    settings: dict[str, Any] = {
        "chain_id": 4217,
        "passphrases": Passphrases(environ={"MPP_CONSOLE_PASSPHRASE": "p"}),
        "work": 2,
    }
    with_keyring = Accounts(tmp_path / "a", keyring=lambda: backend, **settings)
    without = Accounts(tmp_path / "a", keyring=None, **settings)
    first = with_keyring.create("first")
    second = without.create("second")
    assert len(backend.kept) == 1
    assert with_keyring.signer("second").address == second.address
    assert with_keyring.signer("first").address == first.address
    with pytest.raises(KeyStoreError, match="keyring"):
        without.signer("first")
    with_keyring.delete("first", confirm="first")
    assert with_keyring.restore("first").address == first.address
    assert with_keyring.signer("first").address == first.address
