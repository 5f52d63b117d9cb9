"""A Tempo chain over JSON-RPC, through web3's asynchronous HTTP provider (`provider`).

The provider's raw request is used rather than web3's typed middleware, which does not know Tempo's transactions and
receipts. web3 takes most of a second to import, so it is imported on the first request and in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mpp_console.protocol import inert

from .chain import (
    AlreadyKnown,
    Block,
    ChainError,
    ChainUnreachable,
    ConfirmationTimeout,
    Fees,
    NotSent,
    TxReceipt,
)
from .jsonrpc import (
    call_error,
    call_object,
    check_simulation,
    parse_block,
    parse_data,
    parse_log,
    parse_quantity,
    parse_receipt,
    quantity,
    send_error,
    simulation_payload,
)
from .networks import Token, UnknownToken
from .tip20 import Log, encode_balance_of

if TYPE_CHECKING:
    from .provider import PooledProvider
    from .transaction import TempoTransaction

__all__ = ["Web3Chain"]

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds for one question; a healthy node answers in tenths of one."""

_METHOD_NOT_FOUND: Final = -32601
_POLL_SECONDS: Final = 0.5
_MAX_TOKEN_TEXT: Final = 40


class Web3Chain:
    """Implements `Chain` for a node at `rpc_url`. Belongs to one event loop; close it with `aclose`.

    `timeout` is seconds for one request. Requests are never repeated: for a read that is the caller's choice, for a
    transaction it would hide whether the first one arrived.
    """

    def __init__(
        self,
        rpc_url: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = rpc_url
        self._timeout = timeout
        self._sleep = sleep
        self._provider: PooledProvider | None = None
        self._opening = asyncio.Lock()
        self._chain_id: int | None = None

    def __repr__(self) -> str:
        return f"Web3Chain({self._place})"

    @property
    def _place(self) -> str:
        # Hosted nodes put API keys into path and query, so only the host may reach a message.
        parts = urlsplit(self._url)
        return inert(parts.hostname or "the node") + (f":{parts.port}" if parts.port else "")

    # -- Chain

    async def chain_id(self) -> int:
        if self._chain_id is None:
            self._chain_id = parse_quantity(await self._ask("eth_chainId", []), "the chain id")
        return self._chain_id

    async def block(self, tag: str | int = "latest") -> Block:
        return parse_block(await self._ask("eth_getBlockByNumber", [_tag(tag), False]))

    async def fees(self) -> Fees:
        block, tip = await asyncio.gather(self.block(), self._ask("eth_maxPriorityFeePerGas", []))
        priority = parse_quantity(tip, "the suggested tip")
        return Fees(max_fee_per_gas=block.base_fee * 12 // 10 + priority, max_priority_fee_per_gas=priority)

    async def balance(self, token: str, owner: str) -> int:
        answer = await self.call(token, encode_balance_of(owner))
        if len(answer) != 32:
            raise UnknownToken(f"There is no token at {token} on this chain.")
        return int.from_bytes(answer, "big")

    async def transaction_count(self, address: str, tag: str = "latest") -> int:
        return parse_quantity(await self._ask("eth_getTransactionCount", [address, tag]), "the nonce")

    async def token(self, address: str) -> Token:
        answers = await asyncio.gather(*(self.call(address, selector) for selector in _METADATA_SELECTORS))
        name, symbol = _decode_string(answers[0]), _decode_string(answers[1])
        decimals = int.from_bytes(answers[2], "big")
        if name is None or not symbol or len(answers[2]) != 32 or decimals > 77:
            raise UnknownToken(f"There is no token at {address} on this chain.")
        return Token(address=address, symbol=symbol, decimals=decimals, name=name)

    async def estimate_gas(self, tx: TempoTransaction, sender: str) -> int:
        answer = await self._ask("eth_estimateGas", [call_object(tx, sender, with_fees=False)], call_error)
        return parse_quantity(answer, "the gas estimate")

    async def simulate(self, tx: TempoTransaction, sender: str, *, sponsor: str | None = None) -> None:
        if sponsor is not None:
            try:
                payload = simulation_payload(tx, sender)
                check_simulation(await self._ask("tempo_simulateV1", [payload, "latest"], call_error))
            except _MethodMissing:
                pass  # then at least the calls are tried
            else:
                return
        request = call_object(tx, sender, with_fees=not tx.is_sponsored)
        await self._ask("eth_call", [request, "latest"], call_error)

    async def send_raw(self, raw: bytes) -> str:
        answer = await self._ask("eth_sendRawTransaction", ["0x" + raw.hex()], send_error)
        return "0x" + parse_data(answer, "the transaction hash").hex()

    async def send_raw_sync(self, raw: bytes, *, timeout: float) -> TxReceipt:  # noqa: ASYNC109  the node counts it
        params = ["0x" + raw.hex(), int(timeout * 1000)]
        try:
            # The node may use the whole time, and its answer needs some to travel.
            answer = await self._ask("eth_sendRawTransactionSync", params, send_error, timeout=timeout + self._timeout)
        except _MethodMissing:
            return await self._send_and_poll(raw, timeout)
        return parse_receipt(answer)

    async def receipt(self, tx_hash: str) -> TxReceipt | None:
        answer = await self._ask("eth_getTransactionReceipt", [tx_hash])
        return None if answer is None else parse_receipt(answer)

    async def transaction(self, tx_hash: str) -> Mapping[str, Any] | None:
        answer = await self._ask("eth_getTransactionByHash", [tx_hash])
        return answer if isinstance(answer, Mapping) else None

    async def logs(
        self,
        *,
        address: str | None,
        topics: Sequence[str | Sequence[str] | None],
        from_block: int,
        to_block: int | str = "latest",
    ) -> list[Log]:
        query: dict[str, Any] = {"fromBlock": _tag(from_block), "toBlock": _tag(to_block), "topics": list(topics)}
        if address is not None:
            query["address"] = address
        answer = await self._ask("eth_getLogs", [query])
        if not isinstance(answer, list):
            raise ChainError("The node's answer makes no sense: logs are not a list.", code="bad-answer")
        return [parse_log(log) for log in answer]

    async def call(self, to: str, data: bytes) -> bytes:
        request = {"to": to, "data": "0x" + data.hex()}
        return parse_data(await self._ask("eth_call", [request, "latest"], call_error), "the result")

    async def fund(self, address: str) -> tuple[str, ...]:
        try:
            answer = await self._ask("tempo_fundAddress", [address])
        except _MethodMissing as error:
            raise ChainError("This network has no faucet.", code="no-faucet") from error
        hashes = answer if isinstance(answer, list) else [answer]
        return tuple(item for item in hashes if isinstance(item, str))

    async def aclose(self) -> None:
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.disconnect()

    # -- transport

    async def _send_and_poll(self, raw: bytes, timeout: float) -> TxReceipt:  # noqa: ASYNC109
        """For nodes without `eth_sendRawTransactionSync`."""
        from .keys import keccak

        try:
            tx_hash = await self.send_raw(raw)
        except AlreadyKnown:
            tx_hash = "0x" + keccak(raw).hex()
        deadline = time.monotonic() + timeout
        while (found := await self.receipt(tx_hash)) is None:
            if time.monotonic() >= deadline:
                raise ConfirmationTimeout(f"The transaction {tx_hash} was not included within {timeout:.0f} seconds.")
            await self._sleep(_POLL_SECONDS)
        return found

    async def _ask(
        self,
        method: str,
        params: list[Any],
        explain: Callable[[object], ChainError] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  passed on to the client library
    ) -> Any:
        provider = await self._open()
        try:
            async with asyncio.timeout(timeout or self._timeout):
                answer: object = await provider.make_request(_endpoint(method), params)
        except Exception as error:
            # TimeoutError, aiohttp's client errors, OSError, and ValueError for a body that is not JSON.
            raise self._unreachable(error) from error
        return _unwrap(answer, explain)

    def _unreachable(self, error: Exception) -> ChainUnreachable:
        from aiohttp import ClientConnectorError, InvalidURL

        hint = "Check the network's RPC address and that the node is running."
        if isinstance(error, TimeoutError):
            return ChainUnreachable(f"The node at {self._place} did not answer in time.", hint=hint)
        kind = NotSent if isinstance(error, (ClientConnectorError, InvalidURL)) else ChainUnreachable
        return kind(f"The node at {self._place} cannot be reached ({type(error).__name__}).", hint=hint)

    async def _open(self) -> PooledProvider:
        if self._provider is None:
            async with self._opening:
                if self._provider is None:
                    module = await asyncio.to_thread(importlib.import_module, "mpp_console.methods.tempo.provider")
                    self._provider = module.PooledProvider(self._url)
        return self._provider


class _MethodMissing(ChainError):
    """The node does not know the method."""


_METADATA_SELECTORS: Final = (
    bytes.fromhex("06fdde03"),  # name()
    bytes.fromhex("95d89b41"),  # symbol()
    bytes.fromhex("313ce567"),  # decimals()
)


def _unwrap(answer: object, explain: Callable[[object], ChainError] | None) -> Any:
    if not isinstance(answer, Mapping) or not ("result" in answer or "error" in answer):
        raise ChainError("The node's answer makes no sense: it is no JSON-RPC response.", code="bad-answer")
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    if isinstance(error, Mapping) and error.get("code") == _METHOD_NOT_FOUND:
        raise _MethodMissing("The node does not know this method.", code="method-missing")
    raise (explain or _plain_error)(error)


def _plain_error(error: object) -> ChainError:
    message = error.get("message") if isinstance(error, Mapping) else None
    return ChainError(f"The node answered with an error: {inert(str(message or error), limit=300)}", code="rpc-error")


def _decode_string(answer: bytes) -> str | None:
    """An ABI string as short inert text: it was written by whoever made the token."""
    if len(answer) < 64 or int.from_bytes(answer[:32], "big") != 32:
        return None
    length = int.from_bytes(answer[32:64], "big")
    if length > len(answer) - 64:
        return None
    return inert(answer[64 : 64 + length].decode("utf-8", "replace"), limit=_MAX_TOKEN_TEXT)


def _endpoint(method: str) -> Any:
    return method


def _tag(tag: str | int) -> str:
    return quantity(tag) if isinstance(tag, int) else tag
