"""Balances, faucet, address and QR code."""

from __future__ import annotations

import asyncio

import pytest

from mpp_console.methods.tempo.chain import Reverted, TxReceipt
from mpp_console.methods.tempo.networks import MAINNET, MODERATO, SANDBOX
from mpp_console.protocol import ParseError
from mpp_console.wallet.balances import read_balances
from mpp_console.wallet.funding import NoFaucet, fund, payment_uri, qr_rows, receiving
from tests.methods.tempo.fakes import FakeChain, HandClock, Naps, unreachable

OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain(HandClock())


async def test_balances_in_the_order_of_the_table(chain: FakeChain) -> None:
    chain.give(OWNER, 7)
    found = await read_balances(chain, SANDBOX, OWNER, clock=chain.clock)
    assert [(balance.currency.symbol, balance.available) for balance in found] == [
        ("pathUSD", 7),
        ("AlphaUSD", 0),
        ("BetaUSD", 0),
        ("ThetaUSD", 0),
    ]
    assert all(balance.at == chain.clock.now and balance.error is None for balance in found)


async def test_unknown_is_not_zero(chain: FakeChain) -> None:
    chain.give(OWNER, 7)
    chain.faults["balance"] = unreachable()
    del chain.tokens[SANDBOX.tokens[3].address]
    found = await read_balances(chain, SANDBOX, OWNER, clock=chain.clock)
    assert [balance.available for balance in found] == [None, 0, 0, None]
    assert found[0].error == "The node did not answer."
    assert "no token" in str(found[3].error)


async def test_all_tokens_are_asked_at_once(chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    all_asked = asyncio.Event()

    async def slow(token: str, owner: str) -> int:
        nonlocal asked
        asked += 1
        if asked == len(SANDBOX.tokens):
            all_asked.set()
        await all_asked.wait()  # one after the other would wait for ever
        return 1

    monkeypatch.setattr(chain, "balance", slow)
    assert len(await read_balances(chain, SANDBOX, OWNER, clock=chain.clock)) == 4


# The faucet
# ------------------------------------------------------------------------------------------------------------


def receipt(reference: str, *, status: bool) -> TxReceipt:
    return TxReceipt(
        hash=reference, status=status, block_number=1, sender=OWNER, logs=(), gas_used=1, effective_gas_price=1
    )


async def test_funding_waits_for_every_receipt(chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> None:
    arrives_after = {"0xa": 0, "0xb": 2, "0xc": 0, "0xd": 1000}
    looks = dict.fromkeys(arrives_after, 0)

    async def faucet(address: str) -> tuple[str, ...]:
        chain.give(address, 9)
        return tuple(arrives_after)

    async def look(reference: str) -> TxReceipt | None:
        looks[reference] += 1
        arrived = looks[reference] > arrives_after[reference]
        return receipt(reference, status=reference != "0xc") if arrived else None

    monkeypatch.setattr(chain, "fund", faucet)
    monkeypatch.setattr(chain, "receipt", look)
    done = await fund(chain, SANDBOX, OWNER, clock=chain.clock, sleep=Naps(), confirm_seconds=5)
    assert done.references == ("0xa", "0xb", "0xc", "0xd")
    assert (done.failed, done.pending) == (("0xc",), ("0xd",))
    assert done.balances[0].available == 9


async def test_a_faucet_that_says_no(chain: FakeChain) -> None:
    chain.faults["fund"] = Reverted("try again tomorrow")
    with pytest.raises(Reverted, match="tomorrow"):
        await fund(chain, SANDBOX, OWNER, clock=chain.clock, sleep=Naps())


async def test_no_faucet_no_question(chain: FakeChain) -> None:
    with pytest.raises(NoFaucet):
        await fund(chain, MAINNET, OWNER, clock=chain.clock, sleep=Naps())
    assert chain.calls == []
    assert MODERATO.faucet


# Receiving
# -------------------------------------------------------------------------------------------------------------


def test_the_address_as_uri() -> None:
    currency = MAINNET.currency(MAINNET.default_token)
    assert payment_uri(MAINNET, OWNER) == f"ethereum:{OWNER}@4217"
    transfer = f"ethereum:{MAINNET.default_token}@4217/transfer?address={OWNER}"
    assert payment_uri(MAINNET, OWNER, currency=currency) == transfer
    assert payment_uri(MAINNET, OWNER, currency=currency, amount=2**70) == f"{transfer}&uint256={2**70}"


def test_receiving_is_checksummed_and_says_what_may_be_sent() -> None:
    found = receiving(MODERATO, OWNER.lower())
    assert found.address == OWNER
    assert found.uri == f"ethereum:{OWNER}@42431"
    assert "pathUSD" in found.note
    assert "Never send real money" in found.note
    assert "Never send real money" not in receiving(MAINNET, OWNER).note
    with pytest.raises(ParseError):
        receiving(MAINNET, "0x1234")


@pytest.mark.parametrize("text", ["a", f"ethereum:{OWNER}@4217", payment_uri(MAINNET, OWNER, amount=1)])
def test_the_qr_code_is_the_one_that_segno_draws(text: str) -> None:
    import segno

    rows = qr_rows(text)
    wanted = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(border=2)]
    assert {len(row) for row in rows} == {len(wanted)}
    drawn = [
        [char in "█▀" for char in row] if half == 0 else [char in "█▄" for char in row]
        for row in rows
        for half in (0, 1)
    ]
    assert [[bool(module) for module in row] for row in wanted] == drawn[: len(wanted)]
    assert set(rows[0]) == {" "}  # a margin all around
    assert all(row.startswith("  ") and row.endswith("  ") for row in rows)
