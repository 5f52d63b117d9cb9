"""The table of networks: right addresses, compared by value, and open to overrides."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mpp_console.methods.tempo.keys import to_checksum
from mpp_console.methods.tempo.networks import (
    MAINNET,
    MODERATO,
    NETWORKS,
    SANDBOX,
    Network,
    Token,
    TokenTable,
    UnknownNetwork,
    UnknownToken,
    custom_network,
    find_network,
)

PATH_USD = "0x20c0000000000000000000000000000000000000"


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_every_address_carries_its_checksum(network: Network) -> None:
    addresses = [token.address for token in network.tokens]
    for address in (*addresses, *network.fee_tokens, network.default_token, network.stablecoin_dex):
        assert address == to_checksum(address)
    assert network.default_token in addresses
    assert set(network.fee_tokens) <= set(addresses)


def test_the_chains_are_the_known_ones() -> None:
    assert {network.name: network.chain_id for network in NETWORKS.values()} == {
        "sandbox": 1337,
        "moderato": 42431,
        "mainnet": 4217,
    }
    assert SANDBOX.rpc_url is None
    assert MAINNET.currency(MAINNET.default_token).symbol == "USDC.e"
    assert not MAINNET.faucet


def test_tokens_are_found_in_any_letter_case() -> None:
    table = MODERATO.table
    assert table.get(PATH_USD) == table.get(to_checksum(PATH_USD))
    assert PATH_USD.upper().replace("0X", "0x") in table
    assert table.currency(PATH_USD).decimals == 6
    assert MODERATO.takes_fees_in(PATH_USD)


def test_an_unlisted_token_is_named_in_the_error() -> None:
    with pytest.raises(UnknownToken, match="0x11"):
        SANDBOX.currency("0x" + "11" * 20)
    assert SANDBOX.token("0x" + "11" * 20) is None
    assert 7 not in TokenTable(())


def test_overrides_add_and_replace() -> None:
    mine = Token(address=PATH_USD, symbol="mine", decimals=2)
    extra = Token(address="0x" + "11" * 20, symbol="NEW")
    network = MODERATO.with_overrides(rpc_url="http://127.0.0.1:1", tokens=[mine, extra], fee_tokens=[extra.address])
    assert network.currency(PATH_USD).symbol == "mine"
    assert len(network.tokens) == len(MODERATO.tokens) + 1
    assert network.takes_fees_in(extra.address)
    assert not network.takes_fees_in(PATH_USD)
    assert (network.rpc_url, network.explorer) == ("http://127.0.0.1:1", MODERATO.explorer)
    assert MODERATO.currency(PATH_USD).symbol == "pathUSD"


def test_a_custom_network_knows_the_genesis_token() -> None:
    network = custom_network(name="lab", chain_id=99, rpc_url="http://127.0.0.1:1")
    assert (network.kind, network.chain_id, network.default_token) == ("custom", 99, to_checksum(PATH_USD))
    assert network.explorer_url("0x1") is None
    assert MAINNET.explorer_url("0x1") == f"{MAINNET.explorer}/receipt/0x1"


def test_lookup_by_name_and_by_chain() -> None:
    assert find_network("moderato") is find_network(42431) is MODERATO
    with pytest.raises(UnknownNetwork) as caught:
        find_network("ropsten")
    assert "sandbox" in (caught.value.hint or "")


def test_the_table_costs_no_cryptography() -> None:
    code = (
        "import sys, mpp_console.methods.tempo.networks, mpp_console.methods.tempo.chain;"
        "print(sorted({'web3', 'coincurve', 'eth_account', 'httpx', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
