"""Key stores: which keyring is trusted, what is asked, and what is never lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from mpp_console.protocol import Secret
from mpp_console.wallet.accounts import Accounts
from mpp_console.wallet.keystore import (
    FileStore,
    KeyMissing,
    KeyringStore,
    KeyStore,
    KeyStoreError,
    PassphraseNeeded,
    Passphrases,
    PlainStore,
    WrongPassphrase,
    decrypt_keystore,
    usable_keyring,
)

KEY = Secret(bytes(range(1, 33)))
OTHER = Secret(bytes(range(2, 34)))


class MemoryKeyring(KeyringBackend):
    """A keyring that works, as a desktop's does."""

    priority: ClassVar[float] = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        return None


class Clinging(MemoryKeyring):
    def delete_password(self, service: str, username: str) -> None:
        pass


class Locked(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("locked, and the value was " + password)


class PlaintextKeyring(MemoryKeyring):
    pass


class NotRecommended(MemoryKeyring):
    priority: ClassVar[float] = 0.5


class Alternative(MemoryKeyring):
    pass


Alternative.__module__ = "keyrings.alt.file"


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


# What every store does
# -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("key_id", ["../x", "a/b", "", ".", "x.json"])
def test_ids_cannot_leave_the_folder(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(KeyStoreError):
        PlainStore(tmp_path / "keys").put(key_id, KEY, label="x")
    assert [path.name for path in tmp_path.rglob("*.json")] == []


# The keyring ---------------------------------------------------------------------------------------------------------


class LosesWrites(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


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


# Key files -----------------------------------------------------------------------------------------------------------


def test_key_files_are_those_of_the_field(tmp_path: Path) -> None:
    """What we write, eth-account opens; what the Web3 Secret Storage definition gives as an example, we open."""
    from eth_account import Account

    store = FileStore(tmp_path, Passphrases(environ={"MPP_CONSOLE_PASSPHRASE": "p"}), work=2)
    store.put("k1", KEY, label="main")
    written = json.loads((tmp_path / "k1.json").read_text())
    assert written["version"] == 3
    assert written["crypto"]["kdf"] == "scrypt"
    assert bytes(Account.decrypt(written, "p")) == KEY.reveal()
    example = {
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": {
                "c": 262144,
                "dklen": 32,
                "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    }
    key = decrypt_keystore(json.dumps(example).encode(), Secret("testpassword"))
    assert key.reveal().hex() == "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"


@pytest.mark.parametrize(
    "settings_",
    [{"n": 2**24, "r": 8, "p": 1}, {"n": 2**18, "r": 2**20, "p": 1}, {"n": 2**18, "r": 8, "p": 2**20}, {"c": 10**9}],
)
def test_a_key_file_that_asks_for_too_much_is_not_opened(settings_: dict[str, int]) -> None:
    content = json.dumps({"version": 3, "Crypto": {"kdf": "scrypt", "kdfparams": settings_}}).encode()
    with pytest.raises(KeyStoreError, match="more work"):
        decrypt_keystore(content, Secret("p"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "kdf", "n", "c"]), inner, max_size=3)
    ),
)
key_files = st.fixed_dictionaries(
    {},
    optional={
        "version": st.sampled_from([3, 1, "3", None]),
        "crypto": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "kdf": st.sampled_from(["scrypt", "pbkdf2", 1]),
                "kdfparams": json_values,
                "mac": st.text(max_size=4),
            },
        ),
    },
)


@settings(deadline=None)
@given(st.binary(max_size=40) | key_files.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_key_files_is_opened(content: bytes) -> None:
    with pytest.raises(KeyStoreError):
        decrypt_keystore(content, Secret("p"))
