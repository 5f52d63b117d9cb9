"""What every key store does, and what is asked of people: no key is ever lost or replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpp_console.protocol import Secret
from mpp_console.wallet.key_files import FileStore, PlainStore
from mpp_console.wallet.keyring_store import KeyringStore
from mpp_console.wallet.keystore import (
    KeyMissing,
    KeyStore,
    KeyStoreError,
    PassphraseNeeded,
    Passphrases,
    WrongPassphrase,
)
from tests.wallet.keyrings import MemoryKeyring

KEY = Secret(bytes(range(1, 33)))
OTHER = Secret(bytes(range(2, 34)))


@pytest.fixture(params=["keyring", "file", "sandbox"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    if request.param == "keyring":
        return KeyringStore(MemoryKeyring())
    if request.param == "sandbox":
        return PlainStore(tmp_path / "keys")
    return FileStore(tmp_path / "keys", Passphrases(environ={"MPP_CONSOLE_PASSPHRASE": "p"}), work=2)


def test_a_key_comes_back(store: KeyStore) -> None:
    store.put("k1", KEY, label="main")
    assert store.get("k1", label="main") == KEY


def test_a_key_is_never_replaced(store: KeyStore) -> None:
    store.put("k1", KEY, label="main")
    with pytest.raises(KeyStoreError, match="already"):
        store.put("k1", OTHER, label="main")
    assert store.get("k1", label="main") == KEY


def test_trash_and_back(store: KeyStore) -> None:
    store.put("k1", KEY, label="main")
    for _ in range(2):  # doing it again after a crash is harmless
        store.discard("k1")
        with pytest.raises(KeyMissing):
            store.get("k1", label="main")
    for _ in range(2):
        store.restore("k1")
        assert store.get("k1", label="main") == KEY


def test_keys_that_are_not_there(store: KeyStore) -> None:
    for act in (store.discard, store.restore):
        with pytest.raises(KeyMissing):
            act("nobody")
    with pytest.raises(KeyMissing) as caught:
        store.get("nobody", label="main")
    assert "main" in caught.value.message


# Passphrases ---------------------------------------------------------------------------------------------------------


def asker(*answers: str) -> tuple[list[str], Passphrases]:
    questions: list[str] = []
    left = iter(answers)

    def ask(question: str) -> str:
        questions.append(question)
        return next(left)

    return questions, Passphrases(ask, environ={})


def test_a_new_passphrase_is_asked_for_twice_an_old_one_once(tmp_path: Path) -> None:
    questions, passphrases = asker("pw", "pw", "pw")
    store = FileStore(tmp_path / "keys", passphrases, work=2)
    store.put("k1", KEY, label="main")
    assert len(questions) == 2
    assert store.get("k1", label="main") == KEY
    assert len(questions) == 3
    assert all("main" in question for question in questions)


@pytest.mark.parametrize("answers", [("a", "b"), ("", "")])
def test_a_slip_keeps_nothing(tmp_path: Path, answers: tuple[str, str]) -> None:
    _, passphrases = asker(*answers)
    with pytest.raises(WrongPassphrase):
        FileStore(tmp_path / "keys", passphrases, work=2).put("k1", KEY, label="main")
    assert not (tmp_path / "keys").exists()


def test_with_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(PassphraseNeeded) as caught:
        FileStore(tmp_path / "keys", Passphrases(environ={}), work=2).put("k1", KEY, label="main")
    assert caught.value.hint is not None
    assert "MPP_CONSOLE_PASSPHRASE" in caught.value.hint


def test_the_wrong_passphrase(tmp_path: Path) -> None:
    _, passphrases = asker("pw", "pw", "wrong")
    store = FileStore(tmp_path / "keys", passphrases, work=2)
    store.put("k1", KEY, label="main")
    with pytest.raises(WrongPassphrase):
        store.get("k1", label="main")
