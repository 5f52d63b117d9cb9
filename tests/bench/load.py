"""Load on a session server: channels opened by our client, then requests whose vouchers were signed beforehand, so that
what is measured is the server. Run as a process: it prints its figure as one line of JSON.

    RPC_URL=… TARGET=… CHANNELS=1 COUNT=500 python -m tests.bench.load requests|words
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from mpp_console.client import MemoryJournal, PaymentAuth, Payments, SpendingPolicy
from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_payer import SessionPayer
from mpp_console.methods.tempo.session_payloads import VoucherPayload
from mpp_console.methods.tempo.session_plan import DepositPolicy
from mpp_console.methods.tempo.session_schema import decode_session_request
from mpp_console.methods.tempo.session_signing import domain_of
from mpp_console.protocol import Challenge, Credential, Secret, format_account_did, parse_challenges


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Customer:
    """One account with an open channel."""

    signer: LocalSigner
    row: ClientChannel
    challenge: Challenge

    def header(self, cumulative: int) -> str:
        domain = domain_of(self.row.chain_id, self.row.escrow, self.row.protocol)
        payload = VoucherPayload(
            channel_id=self.row.channel_id,
            cumulative=cumulative,
            signature=domain.sign(self.signer, self.row.channel_id, cumulative),
            descriptor=self.row.stated,
        )
        source = format_account_did(self.row.chain_id, self.signer.address)
        return Credential(challenge=self.challenge, payload=payload.to_wire(), source=source).to_header().reveal()


async def customer(
    chain: Web3Chain, target: str, name: str, budget: int, *, first: str = "", then: str = ""
) -> Customer:
    """Opens a channel at `target` with room for `budget` units beyond the first. `first` is the query of the request
    that opens it, `then` of those that follow.
    """
    signer, book = LocalSigner(Secret(keccak(name.encode()))), MemoryChannels(clock=utc_now)
    await chain.fund(signer.address)
    async with httpx.AsyncClient(trust_env=False) as plain:
        asked = await plain.get(target)
        challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
        price = decode_session_request(challenge.request).amount
        payer = SessionPayer(
            signer=signer,
            chain=chain,
            network=SANDBOX,
            clock=utc_now,
            book=book,
            leases=ScopeLeases(book),
            deposits=DepositPolicy(maximum=None, opening=(budget + 2) * price),
        )
        policy = SpendingPolicy(confirm_by_default=False)
        payments = Payments(payers=[payer], policy=policy, journal=MemoryJournal(clock=utc_now), clock=utc_now)
        async with httpx.AsyncClient(auth=PaymentAuth(payments), trust_env=False, timeout=30) as client:
            (await client.get(target + first)).raise_for_status()
        (row,) = (await book.rows()).rows
        # A challenge of its own, which all the vouchers answer.
        asked = await plain.get(target + then)
        return Customer(signer, row, parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0])


class Line:
    """One kept connection, with no more HTTP than the measuring needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        self._reader, self._writer = reader, writer
        self._host, self._path = urlsplit(target).netloc, target.split(urlsplit(target).netloc, 1)[1]

    @classmethod
    async def to(cls, target: str) -> Line:
        place = urlsplit(target)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        return cls(reader, writer, target)

    def ask(self, authorization: str, accept: str = "*/*") -> bytes:
        head = f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: {accept}\r\n"
        return f"{head}Authorization: {authorization}\r\n\r\n".encode()

    async def get(self, request: bytes) -> None:
        """Sends and reads the answer to its end. Raises RuntimeError for anything but 200."""
        async for _ in self.parts(request):
            pass

    async def parts(self, request: bytes) -> AsyncIterator[bytes]:
        """The body in the parts in which it comes."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        if b"transfer-encoding: chunked" in head:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readexactly(2)
        else:
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            yield await self._reader.readexactly(int(length.split(b":")[1]))

    def close(self) -> None:
        self._writer.close()


async def requests(chain: Web3Chain, target: str, channels: int, count: int) -> dict[str, float]:
    """Paid requests a second, `count` in all over so many channels at once, one after the other on each."""
    each = count // channels
    # One after the other: mppx reads each opening back at its own block, which the sandbox node forgets with the next.
    everybody = [await customer(chain, target, f"{target} {number}", each) for number in range(channels)]
    lines = [await Line.to(target) for _ in everybody]
    batches = [
        [line.ask(one.header(one.row.spent + step * price_of(one))) for step in range(1, each + 1)]
        for line, one in zip(lines, everybody, strict=True)
    ]

    async def run(line: Line, batch: Sequence[bytes]) -> None:
        for request in batch:
            await line.get(request)

    start = time.perf_counter()
    await asyncio.gather(*(run(line, batch) for line, batch in zip(lines, batches, strict=True)))
    took = time.perf_counter() - start
    for line in lines:
        line.close()
    return {"rate": each * channels / took}


async def words(chain: Web3Chain, target: str, count: int) -> dict[str, float]:
    """Events a second of one stream whose vouchers cover it from the start."""
    query = f"?count={count}{os.environ.get('MORE', '')}"
    one = await customer(chain, target, target, count + 1, first="?count=1", then=query)
    line = await Line.to(target + query)
    request = line.ask(one.header((count + 1) * price_of(one)), "text/event-stream")
    heard, start = 0, time.perf_counter()
    async for part in line.parts(request):
        heard += part.count(b"data: word ")
    took = time.perf_counter() - start
    if heard != count:
        raise RuntimeError(f"{heard} of {count} words came")
    line.close()
    return {"rate": count / took}


def price_of(one: Customer) -> int:
    return decode_session_request(one.challenge.request).amount


@asynccontextmanager
async def connected() -> AsyncIterator[Web3Chain]:
    chain = Web3Chain(os.environ["RPC_URL"])
    try:
        yield chain
    finally:
        await chain.aclose()


async def main(what: str) -> dict[str, float]:
    target, count = os.environ["TARGET"], int(os.environ["COUNT"])
    async with connected() as chain:
        if what == "words":
            return await words(chain, target, count)
        return await requests(chain, target, int(os.environ.get("CHANNELS", "1")), count)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))
