"""The demo settling on the sandbox's own node, over HTTP on both sides: what `serve` runs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.chain import Chain
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payer import TempoChargePayer
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.methods.tempo.transaction import decode
from mpp_console.protocol import ChallengeBinder, Credential, Secret, parse_challenges, parse_receipt
from mpp_console.sandbox.demo import DemoApi, DemoEvent
from mpp_console.sandbox.demo.catalogue import PARTNER, PARTNER_SHARE, PRICE
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node import SandboxNode
from mpp_console.server import GateLimits, PaymentVerified
from mpp_console.server.stores.sqlite import SqliteStore

PAYER, SPONSOR, SHOP = (LocalSigner(Secret(bytes([number]) * 32)) for number in (0x51, 0x52, 0x53))
TOKEN = SANDBOX.default_token


@dataclass
class Town:
    chain: Chain
    client: httpx.AsyncClient
    events: list[DemoEvent]

    def payer(self, mode: Mode | None = None) -> TempoChargePayer:
        return TempoChargePayer(
            signer=PAYER,
            address=None,
            chain=self.chain,
            network=SANDBOX,
            clock=lambda: datetime.now(UTC),
            random_bytes=secrets.token_bytes,
            mode=mode,
        )

    async def credential(self, path: str, mode: Mode | None = None) -> Credential:
        asked = await self.client.get(path)
        payer = self.payer(mode)
        challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
        return await payer.send(await payer.prepare(await payer.quote(challenge)))

    async def get(self, path: str, credential: Credential) -> httpx.Response:
        return await self.client.get(path, headers={"Authorization": credential.to_header().reveal()})


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    events: list[DemoEvent] = []
    node = SandboxNode(tmp_path / "chain.db")
    chain = Web3Chain(await node.start())
    store = SqliteStore(tmp_path / "gate.db")
    demo = DemoApi(
        recipient=SHOP.address,
        network=SANDBOX,
        chain=chain,
        sponsor=SponsorPolicy(signer=SPONSOR, fee_tokens=SANDBOX.fee_tokens),
        binder=ChallengeBinder([Secret(secrets.token_bytes(32))]),
        store=store,
        delay=lambda seconds: asyncio.sleep(0),
        limits=GateLimits(rates=None),
        observe=events.append,
    )
    async with EmbeddedServer(demo.app) as server, httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        for signer in (PAYER, SPONSOR):
            await chain.fund(signer.address)
        yield Town(chain, client, events)
    await chain.aclose()
    await store.aclose()
    await node.stop()


async def test_every_charge_settles_on_the_chain(town: Town) -> None:
    earned = await town.chain.balance(TOKEN, SHOP.address)
    expected = {
        "/charge": PRICE,
        "/sponsored": PRICE,
        "/split": PRICE - PARTNER_SHARE,
        "/push-only": PRICE,
        "/pull-only": PRICE,
        "/two-offers": PRICE,
        "/slow": PRICE,
        "/zero": 0,
        "/faults/no-receipt": PRICE,
    }
    for path, price in expected.items():
        answer = await town.get(path, await town.credential(path))
        assert answer.status_code == 200, (path, answer.text)
        now = await town.chain.balance(TOKEN, SHOP.address)
        assert now - earned == price, path
        earned = now
        if price and "payment-receipt" in answer.headers:
            receipt = await town.chain.receipt(parse_receipt(answer.headers["payment-receipt"]).reference)
            assert receipt is not None
            assert receipt.status
    assert await town.chain.balance(TOKEN, PARTNER) == PARTNER_SHARE
    assert len([event for event in town.events if isinstance(event, PaymentVerified)]) == len(expected)


async def test_copies_of_one_credential_pay_and_deliver_once(town: Town) -> None:
    credential = await town.credential("/charge", Mode.PULL)
    answers = await asyncio.gather(*(town.get("/charge", credential) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [402] * 19
    assert await town.chain.balance(TOKEN, SHOP.address) == PRICE


async def test_a_pushed_payment_pays_for_one_challenge_only(town: Town) -> None:
    credential = await town.credential("/charge", Mode.PUSH)
    assert (await town.get("/charge", credential)).status_code == 200
    asked = await town.client.get("/charge")
    fresh = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
    stolen = await town.get("/charge", replace(credential, challenge=fresh))
    assert stolen.status_code == 402
    assert await town.chain.balance(TOKEN, SHOP.address) == PRICE


async def test_a_transaction_that_somebody_else_sent_first_still_buys(town: Town) -> None:
    # Whoever sees the credential may broadcast it; the payer has paid all the same, and gets what it paid for.
    credential = await town.credential("/charge", Mode.PULL)
    raw = bytes.fromhex(str(credential.payload["signature"])[2:])
    await town.chain.send_raw_sync(decode(raw).encode(), timeout=10)
    answer = await town.get("/charge", credential)
    assert answer.status_code == 200
    assert await town.chain.balance(TOKEN, SHOP.address) == PRICE
