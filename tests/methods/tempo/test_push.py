"""Broadcasting: three ends, and no error of the network decides alone."""

from __future__ import annotations

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.chain import ChainError, ChainUnreachable
from mpp_console.methods.tempo.push import Unconfirmed, await_receipt, deliver

from .charges import Counter
from .fakes import FakeChain, Naps


async def sent(counter: Counter) -> tuple[FakeChain, bytes, str]:
    prepared = await counter.prepare(counter.challenge(), mode=Mode.PUSH)
    assert prepared.reference is not None
    return counter.chain, prepared.raw, prepared.reference


async def test_a_receipt_is_looked_for_once_and_then_every_half_second() -> None:
    counter, naps = Counter(), Naps()
    chain, _, tx_hash = await sent(counter)
    assert await await_receipt(chain, tx_hash, seconds=0, sleep=naps) is None
    assert naps.count == 0
    assert await await_receipt(chain, tx_hash, seconds=2, sleep=naps) is None
    assert naps.seconds == 2


async def test_a_failed_look_is_not_the_last_word() -> None:
    counter = Counter()
    chain, raw, tx_hash = await sent(counter)
    await chain.send_raw(raw)
    chain.faults["receipt"] = ChainUnreachable("no answer")
    found = await await_receipt(chain, tx_hash, seconds=1, sleep=Naps())
    assert found is not None
    chain.faults["receipt"] = ChainUnreachable("no answer")
    with pytest.raises(Unconfirmed):
        await await_receipt(chain, tx_hash, seconds=0, sleep=Naps())


async def test_a_transaction_included_while_we_wait_is_found() -> None:
    counter = Counter()
    chain, raw, tx_hash = await sent(counter)
    chain.faults["send_raw_sync"] = ChainError("internal error")

    class Including(Naps):
        async def __call__(self, seconds: float) -> None:
            await super().__call__(seconds)
            if self.count == 3:
                await chain.send_raw(raw)

    receipt = await deliver(chain, raw, tx_hash, timeout=1, recovery=5, sleep=Including())
    assert receipt.hash == tx_hash


async def test_the_same_bytes_twice_are_one_transaction() -> None:
    counter = Counter()
    chain, raw, tx_hash = await sent(counter)
    first = await deliver(chain, raw, tx_hash, timeout=1, recovery=1, sleep=Naps())
    assert await deliver(chain, raw, tx_hash, timeout=1, recovery=1, sleep=Naps()) == first
