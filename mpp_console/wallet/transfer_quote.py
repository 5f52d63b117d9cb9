"""A transfer looked over before it is made: who, how much, what it costs, what speaks against it. Nothing is signed
here.

The checks and their codes are those of payments, so that a front end has one way to show them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mpp_console.methods.base import Check, Level, Transfer
from mpp_console.methods.tempo.calls import GAS_MARGIN, Gas, build_calls, build_transaction, valid_before
from mpp_console.methods.tempo.chain import Block, Chain, ChainError, Fees, Reverted, fee_in_token
from mpp_console.methods.tempo.keys import address_bytes, parse_address, to_checksum
from mpp_console.methods.tempo.networks import Network, Token, UnknownToken
from mpp_console.methods.tempo.quote import refusal, warning
from mpp_console.methods.tempo.survey import MAX_FEE, shortage
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC, is_token_address
from mpp_console.protocol import Currency, ParseError, parse_units

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

__all__ = ["TransferQuote", "quote_transfer"]

_ZERO_ADDRESS: Final = "0x" + "0" * 40
_SEARCH_BLOCKS: Final = 10_000
"""How far back transfers to the recipient are looked for; nodes limit the range of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQuote:
    """A transfer decoded into facts. Amounts are base units; None is unknown, never zero.

    `fee` is the most that it may cost, in `fee_currency`. `balance_after` is what the sender keeps of `currency` at
    least.
    """

    sender: str
    recipient: str
    amount: int
    currency: Currency
    memo: str | None
    network: str
    chain_id: int
    balance: int | None
    fee: int | None
    fee_currency: Currency | None
    gas: Gas | None
    new_recipient: bool
    checks: tuple[Check, ...]

    @property
    def balance_after(self) -> int | None:
        if self.balance is None or self.fee is None or self.fee_currency is None:
            return None
        same = self.fee_currency.id.lower() == self.currency.id.lower()
        return self.balance - self.amount - (self.fee if same else 0)

    @property
    def refusals(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.level is Level.REFUSE)

    @property
    def sendable(self) -> bool:
        return not self.refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    chain_id: int
    block: Block
    fees: Fees
    balance: int
    recipient_balance: int


async def quote_transfer(
    chain: Chain,
    network: Network,
    *,
    sender: str,
    to: str,
    amount: str,
    token: str | None,
    memo: str | None,
    now: datetime,
) -> TransferQuote:
    """Decodes and checks a transfer; reads the chain, signs nothing.

    `amount` is a decimal in the token's units; `token` a symbol or address, None for the network's default; `memo` at
    most 32 bytes, as text or as 0x and 64 digits. Raises ParseError for what cannot be read (`bad-address`,
    `bad-checksum`, `bad-amount`, `too-many-decimals`, `bad-memo`) and UnknownToken. What the chain says against it, and
    that the chain says nothing, are checks.
    """
    found = _token(network, token)
    quote = TransferQuote(
        sender=to_checksum(sender),
        recipient=parse_address(to.strip()),
        amount=parse_units(amount.strip(), found.decimals),
        currency=found.currency,
        memo=_memo(memo),
        network=network.name,
        chain_id=network.chain_id,
        balance=None,
        fee=None,
        fee_currency=None,
        gas=None,
        new_recipient=False,
        checks=(),
    )
    quote = replace(quote, checks=tuple(_judge(quote, network)))
    return await _Surveyor(chain, network, found, now).survey(quote)


def _token(network: Network, wanted: str | None) -> Token:
    name = network.default_token if wanted is None else wanted.strip()
    for token in network.tokens:
        if name.lower() in {token.address.lower(), token.symbol.lower()}:
            return token
    known = ", ".join(token.symbol for token in network.tokens)
    raise UnknownToken(
        f"{network.name} has no token {name} in its table", hint=f"use one of {known}, or add the token to the settings"
    )


def _memo(memo: str | None) -> str | None:
    if not memo:
        return None
    if memo.startswith("0x"):
        try:
            raw = bytes.fromhex(memo[2:])
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise ParseError("a memo in hexadecimal is 0x and 64 digits", code="bad-memo")
    else:
        raw = memo.encode()
        if len(raw) > 32:
            raise ParseError(f"a memo has at most 32 bytes, this one {len(raw)}", code="bad-memo")
    return "0x" + raw.ljust(32, b"\x00").hex()


def _judge(quote: TransferQuote, network: Network) -> Iterator[Check]:
    """What needs no chain."""
    if quote.recipient == _ZERO_ADDRESS or is_token_address(quote.recipient):
        yield refusal("invalid-recipient", f"{quote.recipient} is no account: money sent there would be lost.")
    if quote.recipient == quote.sender:
        yield refusal("self-payment", "The recipient is the sending account itself; it would only cost a fee.")
    if quote.amount == 0:
        yield refusal("zero-amount", "Nothing would be sent. Give an amount above zero.")


class _Surveyor:
    """Asks the chain about one transfer."""

    def __init__(self, chain: Chain, network: Network, token: Token, now: datetime) -> None:
        self._chain = chain
        self._network = network
        self._token = token
        self._dies_at = valid_before(now, None)

    async def survey(self, quote: TransferQuote) -> TransferQuote:
        """The quote with what the chain says. Never raises a ChainError."""
        try:
            reading = await self._read(quote)
        except (ChainError, UnknownToken) as error:
            return _with(quote, refusal(error.code, f"{error.message} {error.hint or ''}".strip()))
        quote = _with(replace(quote, balance=reading.balance), *self._judge(quote, reading))
        if reading.chain_id != self._network.chain_id:
            return replace(quote, balance=None)
        if reading.recipient_balance == 0 and quote.recipient != quote.sender:
            quote = await self._meet(quote, reading.block)
        return quote if quote.refusals else await self._price(quote, reading.fees)

    async def _read(self, quote: TransferQuote) -> _Reading:
        chain, token = self._chain, quote.currency.id
        # Waits for all, so that no question is left running when one of them fails.
        questions: tuple[Awaitable[Any], ...] = (
            chain.chain_id(),
            chain.block(),
            chain.fees(),
            chain.balance(token, quote.sender),
            chain.balance(token, quote.recipient),
        )
        answers: list[Any] = await asyncio.gather(*questions, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return _Reading(
            chain_id=answers[0],
            block=answers[1],
            fees=answers[2],
            balance=answers[3],
            recipient_balance=answers[4],
        )

    def _judge(self, quote: TransferQuote, reading: _Reading) -> Iterator[Check]:
        if reading.chain_id != self._network.chain_id:
            yield refusal(
                "wrong-node",
                f"The node answers for chain {reading.chain_id}, not for {self._network.name} "
                f"({self._network.chain_id}). Mend the RPC address.",
            )
        elif reading.block.timestamp >= self._dies_at:
            yield refusal(
                "clock-behind",
                "This machine's clock is behind the chain's, so it would be born expired. Set the clock.",
            )
        elif reading.balance < quote.amount:
            yield shortage(quote.amount, reading.balance, self._token)

    async def _meet(self, quote: TransferQuote, block: Block) -> TransferQuote:
        """Warns of a recipient that seems never to have held this token."""
        topic = "0x" + (bytes(12) + address_bytes(quote.recipient)).hex()
        try:
            first = max(0, block.number - _SEARCH_BLOCKS)
            logs: Sequence[object] = await self._chain.logs(
                address=quote.currency.id, topics=[TRANSFER_TOPIC, None, topic], from_block=first
            )
        except ChainError:
            logs = ()
        if logs:
            return quote
        message = (
            f"{quote.recipient} holds no {quote.currency.symbol} and no transfer to it was found. Check the address: a "
            "transfer cannot be taken back. Its token account may have to be initialised, which costs more gas."
        )
        return _with(replace(quote, new_recipient=True), warning("new-recipient", message))

    async def _price(self, quote: TransferQuote, fees: Fees) -> TransferQuote:
        draft = build_transaction(
            chain_id=self._network.chain_id,
            calls=build_calls(quote.currency.id, [_transfer(quote)]),
            gas=Gas(limit=0, max_fee_per_gas=0, max_priority_fee_per_gas=0),
            valid_before=self._dies_at,
            valid_after=1,
            fee_token=None,
            sponsored=False,
        )
        try:
            limit = await self._chain.estimate_gas(draft, quote.sender) + GAS_MARGIN
            gas = Gas(
                limit=limit,
                max_fee_per_gas=fees.max_fee_per_gas,
                max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            )
            fee = fee_in_token(limit, fees.max_fee_per_gas)
            if fee > MAX_FEE:
                message = f"The node asks for a fee of {fee} base units, which is beyond reason."
                return _with(quote, refusal("fee-too-high", message))
            token = await self._fee_token(quote, fee)
        except Reverted as error:
            code = "insufficient-balance" if error.name == "InsufficientBalance" else "would-revert"
            return _with(quote, refusal(code, f"The chain would refuse this transfer. {error.message}"))
        except ChainError as error:
            return _with(quote, refusal(error.code, f"{error.message} {error.hint or ''}".strip()))
        if isinstance(token, Check):
            return _with(replace(quote, fee=fee), token)
        quote = replace(quote, gas=gas, fee=fee, fee_currency=token.currency)
        return quote if quote.checks else _with(quote, Check(code="transfer", level=Level.OK, message="Ready to send."))

    async def _fee_token(self, quote: TransferQuote, fee: int) -> Token | Check:
        """The token itself if it takes fees and there is enough of it, else the first fee token that covers the fee."""
        network, balance = self._network, quote.balance or 0
        own = network.takes_fees_in(quote.currency.id)
        if own and balance >= quote.amount + fee:
            return self._token
        for address in network.fee_tokens:
            other = network.token(address)
            if other is None or other.address.lower() == quote.currency.id.lower():
                continue
            try:
                if await self._chain.balance(other.address, quote.sender) >= fee:
                    return other
            except UnknownToken:
                continue  # listed in the table, but not made on this chain
        if own:
            return shortage(quote.amount + fee, balance, self._token, "amount and fee")
        named = ", ".join(token.symbol for token in network.tokens if network.takes_fees_in(token.address))
        return refusal(
            "insufficient-fee-balance",
            f"{quote.currency.symbol} does not pay fees, and the account holds too little of what does: {named}.",
        )


def _with(quote: TransferQuote, *checks: Check) -> TransferQuote:
    return replace(quote, checks=(*quote.checks, *checks))


def _transfer(quote: TransferQuote) -> Transfer:
    return Transfer(recipient=quote.recipient, amount=quote.amount, memo=quote.memo)
