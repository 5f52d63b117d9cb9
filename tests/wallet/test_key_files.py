"""Private keys in files: the field's format, and what is not opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_console.protocol import Secret
from mpp_console.wallet.key_files import FileStore, PlainStore, decrypt_keystore
from mpp_console.wallet.keystore import KeyStoreError, Passphrases

KEY = Secret(bytes(range(1, 33)))


@pytest.mark.parametrize("key_id", ["../x", "a/b", "", ".", "x.json"])
def test_ids_cannot_leave_the_folder(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(KeyStoreError):
        PlainStore(tmp_path / "keys").put(key_id, KEY, label="x")
    assert [path.name for path in tmp_path.rglob("*.json")] == []


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
