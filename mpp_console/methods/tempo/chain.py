"""What the Tempo rail needs of a chain, as one small protocol, and the errors that asking a chain may end in.

The payer, the payee and the wallet depend on this and not on a client library, so that tests give them a chain in
memory and the program gives them JSON-RPC (`rpc`). No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mpp_console.protocol import MppError

if TYPE_CHECKING:
    from .networks import Token
    from .tip20 import Log
    from .transaction import TempoTransaction

__all__ = [
    "AlreadyKnown",
    "Block",
    "Chain",
    "ChainError",
    "ChainUnreachable",
    "ConfirmationTimeout",
    "Fees",
    "NotSent",
    "Reverted",
    "TransactionRejected",
    "TxReceipt",
    "fee_in_token",
]

ATTODOLLARS_PER_UNIT = 10**12
"""Gas is priced in 1e-18 dollars and paid in tokens of six decimals, so one base unit is 1e12 of it."""


class ChainError(MppError):
    """The chain answered with an error, or its answer made no sense."""

    default_code = "chain-error"


class ChainUnreachable(ChainError):
    """No answer. For a transaction that was being sent this means that it may or may not have arrived."""

    default_code = "chain-unreachable"


class NotSent(ChainUnreachable):
    """No connection could be made, so that the request certainly did not leave this machine."""

    default_code = "chain-unreachable"


class Reverted(ChainError):
    """Execution would fail, or did. `selector` is the first four bytes of the revert data, `name` and `args` their
    meaning.

    `name` is `""` when the data is missing or is of no error that TIP-20 declares.
    """

    default_code = "reverted"

    def __init__(
        self,
        message: str,
        *,
        selector: bytes = b"",
        name: str = "",
        args: tuple[Any, ...] = (),
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.selector = selector
        self.name = name
        self.arguments = args


class TransactionRejected(ChainError):
    """The node read the transaction and refused to take it. It was not propagated by that node."""

    default_code = "transaction-rejected"


class AlreadyKnown(TransactionRejected):
    """The node has the transaction already: it was sent before and may be included at any moment, or is."""

    default_code = "already-known"


class ConfirmationTimeout(ChainError):
    """The node took the transaction but did not see it included in time. It may still be."""

    default_code = "confirmation-timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`timestamp` in seconds since 1970, `base_fee` in 1e-18 dollars per gas."""

    number: int
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What to offer for gas now, in 1e-18 dollars per gas."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TxReceipt:
    """An included transaction. `status` False means that it reverted: fees were taken, nothing else happened.

    `hash` is lower-case hex; `sender`, `fee_token` and `fee_payer` are checksummed.
    """

    hash: str
    status: bool
    block_number: int
    sender: str
    logs: tuple[Log, ...]
    gas_used: int
    effective_gas_price: int
    fee_token: str | None = None
    fee_payer: str | None = None


class Chain(Protocol):
    """A Tempo chain. Every method may raise ChainUnreachable or ChainError; others are named where they can happen."""

    async def chain_id(self) -> int: ...

    async def block(self, tag: str | int = "latest") -> Block: ...

    async def fees(self) -> Fees:
        """1.2 times the base fee, plus the tip that the node suggests."""
        ...

    async def balance(self, token: str, owner: str) -> int:
        """Base units of `token` held by `owner`."""
        ...

    async def transaction_count(self, address: str, tag: str = "latest") -> int:
        """The next nonce of the account's ordinary lane."""
        ...

    async def token(self, address: str) -> Token:
        """What the token says of itself. Its texts come from whoever made it. Raises UnknownToken when it is no
        token.
        """
        ...

    async def estimate_gas(self, tx: TempoTransaction, sender: str) -> int:
        """Gas that the unsigned transaction would use. Raises Reverted."""
        ...

    async def simulate(self, tx: TempoTransaction, sender: str, *, sponsor: str | None = None) -> None:
        """Runs the transaction on the latest state without keeping anything. Raises Reverted when it would fail.

        `sponsor` says that the transaction carries this account's signature, and has the fee tried too. Without it a
        sponsored transaction runs without its fee: only its calls are tried.
        """
        ...

    async def send_raw(self, raw: bytes) -> str:
        """Hands a transaction to the network, gives its hash. Raises TransactionRejected (AlreadyKnown)."""
        ...

    async def send_raw_sync(self, raw: bytes, *, timeout: float) -> TxReceipt:  # noqa: ASYNC109  the node counts it
        """Like `send_raw`, then waits up to `timeout` seconds for inclusion. Raises ConfirmationTimeout also."""
        ...

    async def receipt(self, tx_hash: str) -> TxReceipt | None:
        """None while the transaction is not included."""
        ...

    async def transaction(self, tx_hash: str) -> Mapping[str, Any] | None:
        """The transaction as the node describes it (JSON-RPC names), None when the node does not know it."""
        ...

    async def logs(
        self,
        *,
        address: str | None,
        topics: Sequence[str | Sequence[str] | None],
        from_block: int,
        to_block: int | str = "latest",
    ) -> list[Log]: ...

    async def call(self, to: str, data: bytes) -> bytes:
        """Raises Reverted."""
        ...

    async def fund(self, address: str) -> tuple[str, ...]:
        """Asks the network's faucet; gives the hashes of its transfers. Raises ChainError where there is no faucet."""
        ...

    async def aclose(self) -> None:
        """Frees connections. Safe to call more than once."""
        ...


def fee_in_token(gas: int, price: int) -> int:
    """What `gas` at `price` (1e-18 dollars) costs in base units of a fee token, rounded up."""
    return -(-gas * price // ATTODOLLARS_PER_UNIT)
