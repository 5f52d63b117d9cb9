"""A stranger who opens a channel at a served demo and signs vouchers by hand, over real sockets."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from websockets.asyncio.client import connect

from mpp_console.methods.tempo.calls import Gas, build_transaction, random_valid_after
from mpp_console.methods.tempo.chain import Chain
from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.keys import LocalSigner, address_bytes, keccak
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.reserve_abi import OpenCall, encode_open
from mpp_console.methods.tempo.session_payloads import OpenPayload, SessionPayload, VoucherPayload
from mpp_console.methods.tempo.session_schema import decode_session_request
from mpp_console.methods.tempo.transaction import Call, TempoTransaction
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.protocol import Challenge, Credential, Secret, parse_challenges
from mpp_console.services import Console

PRICE = 1_000
DOMAIN = VoucherDomain.reserve(SANDBOX.chain_id)


@dataclass
class Shopper:
    url: str
    chain: Chain
    signer: LocalSigner = field(default_factory=lambda: LocalSigner(Secret(secrets.token_bytes(32))))
    signed: int = 0

    @classmethod
    async def at(cls, console: Console) -> Shopper:
        """At the server of a console, with play money in its purse."""
        shopper = cls("", await console._engine.chain.get())
        await shopper.move_to(console)
        await shopper.chain.fund(shopper.address)
        return shopper

    async def move_to(self, console: Console) -> None:
        self.url, self.chain = (await console.server.start()).url or "", await console._engine.chain.get()

    @property
    def address(self) -> str:
        return self.signer.address

    @property
    def channel_id(self) -> str:
        return self.descriptor.channel_id(escrow=RESERVE, chain_id=SANDBOX.chain_id)

    async def balance(self) -> int:
        return await self.chain.balance(SANDBOX.default_token, self.address)

    async def open(self, deposit: int) -> None:
        """Opens a channel and buys the first reading with it."""
        challenge = await self._challenge("/session")
        request = decode_session_request(challenge.request)
        opening = OpenCall(
            payee=request.recipient,
            operator=request.operator or ZERO_ADDRESS,
            token=request.currency,
            deposit=deposit,
            salt="0x" + secrets.token_hex(32),
            authorized_signer=ZERO_ADDRESS,
        )
        tx = await self._transaction(encode_open(opening))
        content = "0x" + keccak(tx.sender_preimage() + address_bytes(self.address)).hex()
        self.descriptor: Descriptor = opening.descriptor(payer=self.address, expiring_nonce_hash=content)
        self.signed = PRICE
        payload = OpenPayload(
            channel_id=self.channel_id,
            transaction=tx.sign(self.signer).encode(),
            cumulative=self.signed,
            signature=DOMAIN.sign(self.signer, self.channel_id, self.signed),
            descriptor=self.descriptor,
        )
        answer = await self._bring("/session", challenge, payload)
        assert answer.status_code == 200, answer.text

    async def buy(self) -> None:
        """Buys one more reading."""
        answer = await self.ask_again()
        assert answer.status_code == 200, answer.text

    async def read_socket(self, path: str, words: int, price: int) -> list[str]:
        """Reads words over a WebSocket, paid by one voucher."""
        challenge, payload = await self._challenge(path), self._voucher(words * price)
        value = Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()
        heard: list[str] = []
        async with connect(self.url.replace("http", "ws") + path) as socket:
            await socket.send(json.dumps({"mpp": "authorization", "authorization": value}))
            while (frame := json.loads(await socket.recv()))["mpp"] != "payment-close-ready":
                heard += [frame["data"]] if frame["mpp"] == "message" else []
        return heard

    async def ask_again(self, path: str = "/session", more: int = PRICE) -> httpx.Response:
        return await self._bring(path, await self._challenge(path), self._voucher(more))

    def _voucher(self, more: int) -> VoucherPayload:
        self.signed += more
        return VoucherPayload(
            channel_id=self.channel_id,
            cumulative=self.signed,
            signature=DOMAIN.sign(self.signer, self.channel_id, self.signed),
            descriptor=self.descriptor,
        )

    async def send(self, data: bytes) -> None:
        """Sends a call of its own to the escrow."""
        tx = await self._transaction(data)
        receipt = await self.chain.send_raw_sync(tx.sign(self.signer).encode(), timeout=10)
        assert receipt.status

    async def _transaction(self, data: bytes) -> TempoTransaction:
        fees, block = await self.chain.fees(), await self.chain.block()
        return build_transaction(
            chain_id=SANDBOX.chain_id,
            calls=(Call(RESERVE, 0, data),),
            gas=Gas(
                limit=2_000_000,
                max_fee_per_gas=fees.max_fee_per_gas,
                max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            ),
            valid_before=block.timestamp + 25,
            valid_after=random_valid_after(secrets.token_bytes, datetime.fromtimestamp(block.timestamp, UTC)),
            fee_token=SANDBOX.default_token,
            sponsored=False,
        )

    async def _challenge(self, path: str) -> Challenge:
        async with httpx.AsyncClient(base_url=self.url) as client:
            asked = await client.get(path)
        return parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]

    async def _bring(self, path: str, challenge: Challenge, payload: SessionPayload) -> httpx.Response:
        value = Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            return await client.get(path, headers={"Authorization": value})
