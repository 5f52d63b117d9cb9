"""Accounts: their names, their keys, their guards, and that no crash loses a key."""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.keys import keccak, recover_address
from mpp_console.protocol import MppError, ParseError, Secret
from mpp_console.wallet import directory
from mpp_console.wallet.account_models import (
    Account,
    BadName,
    NoSuchAccount,
    NotConfirmed,
    WatchOnly,
    WrongNetwork,
)
from mpp_console.wallet.accounts import Accounts
from mpp_console.wallet.directory import AccountExists
from mpp_console.wallet.keystore import KeyMissing, Passphrases, WrongPassphrase

KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAINNET, SANDBOX = 4217, 1337
PASSPHRASE = "correct horse"


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Accounts]:
    """Opens the same folder again and again, as later runs of the program would."""

    def make(chain_id: int = MAINNET, **changes: Any) -> Accounts:
        settings: dict[str, Any] = {
            "clock": lambda: NOW,
            "passphrases": Passphrases(environ={"MPP_CONSOLE_PASSPHRASE": PASSPHRASE}),
            "keyring": None,
            "work": 2,
        }
        return Accounts(tmp_path / "accounts", chain_id=chain_id, **{**settings, **changes})

    return make


@pytest.fixture
def accounts(opened: Callable[..., Accounts]) -> Accounts:
    return opened()


def signs(accounts: Accounts, account: Account) -> bool:
    digest = keccak(b"anything")
    return recover_address(digest, accounts.signer(account.name).sign(digest)) == account.address


# Adding ------------------------------------------------------------------------------------------------------------


def test_a_new_account_signs_and_survives(opened: Callable[..., Accounts]) -> None:
    made = opened().create("main")
    assert (made.kind, made.is_default, made.created_at, made.chain_id) == ("local", True, NOW, None)
    again = opened()
    assert again.list() == (made,)
    assert again.get() == again.get("main") == again.get(made.address.lower()) == again.default() == made
    assert signs(again, made)


def test_keys_come_from_the_given_randomness_and_are_in_range(opened: Callable[..., Accounts]) -> None:
    drawn = iter([bytes(32), b"\xff" * 32, bytes.fromhex(KEY), b"\x01" * 16])
    assert opened(random_bytes=lambda _: next(drawn)).create("main").address == ADDRESS


@pytest.mark.parametrize("text", [KEY, "0x" + KEY, KEY.upper(), f"  {KEY}\n"])
def test_importing_a_key(accounts: Accounts, text: str) -> None:
    account = accounts.import_key("main", Secret(text))
    assert (account.address, account.kind) == (ADDRESS, "local")
    assert signs(accounts, account)


@pytest.mark.parametrize("text", ["", "0x", KEY[:-1], KEY + "0", "g" + KEY[1:], "0" * 64, "f" * 64])
def test_what_is_no_key_is_refused_without_repeating_it(accounts: Accounts, text: str) -> None:
    with pytest.raises(MppError) as caught:
        accounts.import_key("main", Secret(text))
    assert len(text) < 10 or text not in str(caught.value)
    assert accounts.list() == ()


def test_importing_a_key_file_of_another_wallet(accounts: Accounts, tmp_path: Path) -> None:
    from eth_account import Account as EthAccount

    foreign = tmp_path / "UTC--2026.json"
    foreign.write_text(json.dumps(EthAccount.encrypt(bytes.fromhex(KEY), "theirs", kdf="pbkdf2", iterations=2)))
    with pytest.raises(WrongPassphrase):
        accounts.import_keystore("main", foreign, Secret("guess"))
    assert accounts.list() == ()
    account = accounts.import_keystore("main", foreign, Secret("theirs"))
    assert account.address == ADDRESS
    assert signs(accounts, account)  # now under our own passphrase
    with pytest.raises(AccountExists):
        accounts.import_keystore("main", foreign, Secret("theirs"))


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.lower()])
def test_watching_an_address(accounts: Accounts, address: str) -> None:
    account = accounts.watch("shop", address)
    assert (account.address, account.kind, account.can_sign) == (ADDRESS, "watch", False)
    with pytest.raises(WatchOnly):
        accounts.signer("shop")
    with pytest.raises(WatchOnly):
        accounts.export("shop", confirm="shop")


def test_a_mistyped_address_is_not_watched(accounts: Accounts) -> None:
    with pytest.raises(ParseError) as caught:
        accounts.watch("shop", ADDRESS[:-1] + "7")
    assert caught.value.code == "bad-checksum"


@pytest.mark.parametrize(
    "name", ["", "A", "has space", "-dash", "_x", "a" * 33, "a/b", "..", "é", "a\n", "[@click=quit]", "0x" + "a" * 40]
)
def test_names_that_could_do_harm(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadName):
        accounts.create(name)
    with pytest.raises(BadName):
        accounts.watch(name, ADDRESS)
    accounts.watch("fine", ADDRESS)
    with pytest.raises(BadName):
        accounts.rename("fine", name)


def test_a_name_and_an_address_are_used_once(accounts: Accounts) -> None:
    accounts.import_key("main", Secret(KEY))
    with pytest.raises(AccountExists, match="called main"):
        accounts.watch("main", OTHER)
    with pytest.raises(AccountExists, match="as main"):
        accounts.watch("again", ADDRESS)
    with pytest.raises(AccountExists):
        accounts.import_key("again", Secret(KEY))
    assert len(list((accounts._folder / "keys").glob("*.json"))) == 1  # refused before a second key was kept


# Changing -----------------------------------------------------------------------------------------------------------


def test_the_first_account_is_the_default_until_told_otherwise(accounts: Accounts) -> None:
    with pytest.raises(NoSuchAccount, match="no account yet"):
        accounts.get()
    assert accounts.default() is None
    accounts.watch("a", ADDRESS)
    accounts.watch("b", OTHER)
    assert accounts.get().name == "a"
    assert accounts.set_default("b").is_default
    assert [account.is_default for account in accounts.list()] == [False, True]
    accounts.delete("b", confirm="b")
    assert accounts.get().name == "a"
    accounts.delete("a", confirm="a")
    assert accounts.default() is None


def test_renaming(accounts: Accounts) -> None:
    accounts.create("main")
    accounts.watch("other", OTHER)
    assert signs(accounts, accounts.rename("main", "savings"))
    with pytest.raises(AccountExists):
        accounts.rename("savings", "other")
    with pytest.raises(NoSuchAccount):
        accounts.rename("main", "x")
    assert accounts.rename("savings", "savings").name == "savings"


def test_deleting_is_guarded_and_says_what_it_means(accounts: Accounts) -> None:
    account = accounts.create("main")
    for confirm in (None, "", "Main", account.address):
        with pytest.raises(NotConfirmed) as caught:
            accounts.delete("main", confirm=confirm)
        assert caught.value.deletion is not None
        assert caught.value.deletion.account == account
        assert "trash" in caught.value.deletion.key_kept
        assert account.address in caught.value.message
    assert accounts.list() == (account,)
    assert accounts.deletion("main") == accounts.delete("main", confirm="main")
    assert accounts.list() == ()
    with pytest.raises(NoSuchAccount):
        accounts.signer("main")


def test_a_deleted_account_comes_back_with_its_key(accounts: Accounts) -> None:
    account = accounts.create("main")
    accounts.delete("main", confirm="main")
    assert [found.address for found in accounts.deleted()] == [account.address]
    accounts.watch("main", OTHER)
    with pytest.raises(AccountExists):
        accounts.restore("main")
    back = accounts.restore("main", new_name="old-main")
    assert back.address == account.address
    assert signs(accounts, back)
    assert accounts.deleted() == ()


def test_a_deleted_key_can_be_imported_again(accounts: Accounts) -> None:
    accounts.import_key("main", Secret(KEY))
    accounts.delete("main", confirm="main")
    assert signs(accounts, accounts.import_key("main", Secret(KEY)))
    with pytest.raises(AccountExists):
        accounts.restore("main")


def test_deleting_a_watched_address_loses_nothing(accounts: Accounts) -> None:
    accounts.watch("shop", ADDRESS)
    deletion = accounts.delete("shop", confirm="shop")
    assert deletion.key_kept == ""
    assert accounts.restore("shop").address == ADDRESS


def test_exporting_needs_the_name(accounts: Accounts) -> None:
    accounts.import_key("main", Secret(KEY))
    for confirm in ("", "MAIN", "yes", ADDRESS):
        with pytest.raises(NotConfirmed):
            accounts.export("main", confirm=confirm)
    assert accounts.export("main", confirm="main") == Secret("0x" + KEY)


# The sandbox ---------------------------------------------------------------------------------------------------------


def test_whether_a_passphrase_would_be_asked_is_known_before(opened: Callable[..., Accounts]) -> None:
    accounts = opened()
    accounts.create("main")
    accounts.watch("shop", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    assert not accounts.asks("main"), "the environment has it"
    silent = opened(passphrases=Passphrases(environ={}))
    assert silent.asks("main")
    with pytest.raises(WatchOnly):
        silent.asks("shop")
    inside = opened(SANDBOX, passphrases=Passphrases(environ={}))
    inside.create("play")
    assert not inside.asks("play")


def test_a_sandbox_key_needs_no_passphrase_and_stays_in_the_sandbox(
    opened: Callable[..., Accounts], tmp_path: Path
) -> None:
    inside = opened(SANDBOX, passphrases=Passphrases(environ={}))
    account = inside.create("play")
    assert (account.kind, account.chain_id) == ("sandbox", SANDBOX)
    assert signs(inside, account)
    (key_file,) = (tmp_path / "accounts" / "sandbox-keys").glob("*.json")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    for chain_id in (MAINNET, 42431, 1):
        outside = opened(chain_id)
        assert outside.list() == ()
        for use in (outside.signer, outside.get, lambda name, it=outside: it.export(name, confirm=name)):
            with pytest.raises(WrongNetwork, match="never used on another network"):
                use("play")
        with pytest.raises(WrongNetwork):
            outside.create("more", sandbox=True)


def test_a_real_key_may_be_used_in_the_sandbox(opened: Callable[..., Accounts]) -> None:
    inside = opened(SANDBOX)
    assert inside.import_key("mine", Secret(KEY)).kind == "local"
    assert inside.create("kept", sandbox=False).kind == "local"


# Files and secrecy ---------------------------------------------------------------------------------------------------


def every_file(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*"))


def test_everything_is_private_from_the_start(
    opened: Callable[..., Accounts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("chmod means that it was open to others before")

    monkeypatch.setattr(os, "chmod", forbidden)
    before = os.umask(0)
    try:
        opened().create("main")
        opened(SANDBOX).create("play")
        opened().delete("main", confirm="main")
    finally:
        os.umask(before)
    for path in every_file(tmp_path / "accounts"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_no_key_leaks(accounts: Accounts, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    account = accounts.import_key("main", Secret(KEY))
    texts = [repr(account), repr(accounts.signer()), repr(accounts.export("main", confirm="main")), caplog.text]
    texts += [str(vars(accounts)), repr(accounts.deletion("main"))]
    accounts.delete("main", confirm="main")
    for text in texts:
        assert KEY not in text
    for path in every_file(tmp_path / "accounts"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content
            assert bytes.fromhex(KEY) not in content


def test_a_key_that_is_not_the_accounts_is_never_used(accounts: Accounts, tmp_path: Path) -> None:
    accounts.create("a")
    accounts.create("b")
    first, second = sorted((tmp_path / "accounts" / "keys").glob("*.json"))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    for name in ("a", "b"):
        with pytest.raises(MppError, match="not the key of"):
            accounts.signer(name)


def test_a_missing_key_file_is_said_so(accounts: Accounts, tmp_path: Path) -> None:
    accounts.create("a")
    for path in (tmp_path / "accounts" / "keys").glob("*.json"):
        path.unlink()
    with pytest.raises(KeyMissing, match="gone"):
        accounts.signer("a")


def test_a_damaged_list_is_said_so(accounts: Accounts, tmp_path: Path) -> None:
    accounts.create("a")
    (tmp_path / "accounts" / "accounts.db").write_bytes(b"no database" * 1000)
    with pytest.raises(directory.DirectoryError) as caught:
        accounts.list()
    assert caught.value.hint


def test_many_threads_take_one_name_once(opened: Callable[..., Accounts]) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        try:
            outcomes.append(opened().create("main").address)
        except AccountExists:
            outcomes.append("taken")

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1:] == ["taken"] * 3
    assert signs(opened(), opened().get("main"))


# Crashes -------------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The power goes: nothing of ours runs after it, except what the operating system does by itself."""


def crash_at(monkeypatch: pytest.MonkeyPatch, nth: float) -> Callable[[], bool]:
    """Makes the nth step that reaches the disk the last one, and gives a question: did it come to that?

    A step crashes before or after its effect by turns.
    """
    steps = count(1)
    crashed = False

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal crashed
            if crashed:
                raise Crash
            number = next(steps)
            if number == nth:
                crashed = True
                raise Crash
            result = original(*args, **kwargs)
            if number + 0.5 == nth:
                crashed = True
                raise Crash
            return result

        return step

    for module, name in (
        (os, "fsync"),
        (os, "link"),
        (os, "replace"),
        (os, "rename"),
        (os, "open"),
        (tempfile, "mkstemp"),
        (directory, "create_private_file"),
    ):
        monkeypatch.setattr(module, name, wrapped(getattr(module, name)))
    for owner, name in (
        (Path, "replace"),
        (Path, "unlink"),
        (Path, "mkdir"),
        (directory.Directory, "add"),
        (directory.Directory, "forget"),
        (directory.Directory, "recall"),
    ):
        monkeypatch.setattr(owner, name, wrapped(getattr(owner, name)))
    return lambda: crashed


MOMENTS = [number / 2 for number in range(2, 60)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("chain_id", [MAINNET, SANDBOX])
def test_a_crash_while_creating(
    opened: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch, moment: float, chain_id: int
) -> None:
    with monkeypatch.context() as patch:
        came_to_it = crash_at(patch, moment)
        try:
            opened(chain_id).create("main")
        except Crash:
            assert came_to_it()
    for account in opened(chain_id).list():
        assert signs(opened(chain_id), account)  # on the list means usable
    if not opened(chain_id).list():
        assert signs(opened(chain_id), opened(chain_id).create("main"))  # nothing is in the way of trying again


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_while_deleting_loses_no_key(
    opened: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch, moment: float
) -> None:
    account = opened().create("main")
    with monkeypatch.context() as patch:
        crash_at(patch, moment)
        with suppress(Crash):
            opened().delete("main", confirm="main")
    if not opened().list():
        assert opened().restore("main").address == account.address
    assert signs(opened(), opened().get("main"))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_while_restoring_loses_no_key(
    opened: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch, moment: float
) -> None:
    opened().create("main")
    opened().delete("main", confirm="main")
    with monkeypatch.context() as patch:
        crash_at(patch, moment)
        with suppress(Crash):
            opened().restore("main")
    if not opened().list():
        opened().restore("main")
    assert signs(opened(), opened().get("main"))


def test_the_moments_cover_every_step(opened: Callable[..., Accounts], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        came_to_it = crash_at(patch, MOMENTS[-1])
        opened().create("main")
        opened().delete("main", confirm="main")
        assert not came_to_it()
