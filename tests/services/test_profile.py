"""Profiles: built in, changed by settings, of one's own; nothing may pretend to be another network."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpp_console.services.errors import SettingsError, UnknownProfile, UsageError
from mpp_console.services.paths import Paths
from mpp_console.services.profile import find_profile, profile_names
from mpp_console.services.settings import NetworkSettings, Settings, TokenSettings


def test_the_built_in_ones() -> None:
    views = {name: find_profile(name, Settings()).view() for name in profile_names(Settings())}
    assert {name: (view.chain_id, view.badge) for name, view in views.items()} == {
        "sandbox": (1337, "SANDBOX"),
        "moderato": (42431, "TESTNET"),
        "mainnet": (4217, "MAINNET"),
    }
    assert find_profile("testnet", Settings()).name == "moderato"


def test_an_unknown_one_lists_those_there_are() -> None:
    with pytest.raises(UnknownProfile) as raised:
        find_profile("nowhere", Settings(networks={"mine": NetworkSettings()}))
    assert "sandbox, moderato, mainnet, mine" in (raised.value.hint or "")


def test_settings_change_a_built_in_network() -> None:
    token = TokenSettings(address="0x20c0000000000000000000000000000000000009", symbol="NINE")
    settings = Settings(networks={"moderato": NetworkSettings(rpc_url="http://127.0.0.1:1", tokens=(token,))})
    network = find_profile("moderato", settings).network
    assert network.rpc_url == "http://127.0.0.1:1"
    assert network.chain_id == 42431
    assert "NINE" in {token.symbol for token in network.tokens}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("moderato", NetworkSettings(chain_id=5)),
        ("sandbox", NetworkSettings(rpc_url="http://127.0.0.1:1")),
        ("moderato", NetworkSettings(rpc_url="ftp://127.0.0.1")),
        ("moderato", NetworkSettings(tokens=(TokenSettings(address="0x12", symbol="X"),))),
        ("mine", NetworkSettings(rpc_url="http://127.0.0.1:1")),
        ("mine", NetworkSettings(chain_id=5)),
        ("Mine!", NetworkSettings(rpc_url="http://127.0.0.1:1", chain_id=5)),
        ("moderato", NetworkSettings(default_token="0x20c0000000000000000000000000000000000009")),
        # A real network under another name would lose its warnings.
        ("mine", NetworkSettings(rpc_url="http://127.0.0.1:1", chain_id=4217)),
    ],
)
def test_what_does_not_hold(name: str, changes: NetworkSettings) -> None:
    with pytest.raises(SettingsError):
        find_profile(name, Settings(networks={name: changes}))


def test_another_node_for_this_run() -> None:
    assert find_profile("mainnet", Settings(), rpc_url="http://127.0.0.1:9").network.rpc_url == "http://127.0.0.1:9"
    with pytest.raises(UsageError, match="node of its own"):
        find_profile("sandbox", Settings(), rpc_url="http://127.0.0.1:9")
    with pytest.raises(UsageError, match="address of a node"):
        find_profile("mainnet", Settings(), rpc_url="127.0.0.1:9")


def test_one_variable_moves_every_folder(tmp_path: Path) -> None:
    paths = Paths.find({"MPP_CONSOLE_HOME": str(tmp_path)})
    places = [
        paths.settings,
        paths.profile("mainnet").history,
        paths.accounts(sandbox=True),
        paths.accounts(sandbox=False),
    ]
    assert all(place.is_relative_to(tmp_path) for place in places)


def test_the_sandbox_keeps_its_accounts_apart() -> None:
    paths = Paths.under(Path("/h"))
    assert paths.accounts(sandbox=True).is_relative_to(paths.profile("sandbox").folder)
    assert not paths.accounts(sandbox=False).is_relative_to(paths.profile("sandbox").folder)


def test_without_the_variable_the_platform_decides() -> None:
    assert "mpp-console" in str(Paths.find({}).settings)
