"""The sandbox's chain: genesis, one block a transaction, the faucet, and time.

It ties the rules (`execution`) to the file (`ledger`). Time comes from the injected clock and never runs backwards in
the chain. Callers hold a ledger transaction around every method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.keys import LocalSigner, keccak, parse_address
from mpp_console.methods.tempo.transaction import Call, TempoTransaction
from mpp_console.protocol import ParseError, Secret
from mpp_console.sandbox.node.contracts import address_word, word
from mpp_console.sandbox.node.execution import Machine, Result
from mpp_console.sandbox.node.fees import BASE_FEE
from mpp_console.sandbox.node.formats import bloom_of
from mpp_console.sandbox.node.ledger import BlockRow, Ledger, LogRow, SandboxStateError, TransactionRow
from mpp_console.sandbox.node.nonces import nonce_slot
from mpp_console.sandbox.node.rejections import INVALID_PARAMS, SERVER_ERROR, RpcError, rejected
from mpp_console.sandbox.node.state import Event, Slot, State
from mpp_console.sandbox.node.tip20 import PATH_USD, TOKENS, balance_slot, supply_slot
from mpp_console.sandbox.node.transactions import Envelope, read_transaction

__all__ = ["CHAIN_ID", "FAUCET_AMOUNT", "SandboxChain"]

CHAIN_ID: Final = 1337
"""The chain id of local Tempo nodes everywhere: nothing signed for it is valid on a network with money."""

FAUCET_AMOUNT: Final = 1_000_000 * 10**6
"""Base units of each token that the faucet gives at a time."""
_FAUCET_FEES: Final = 2**64 - 1
_FAUCET_GAS: Final = 2_000_000
_ZERO_HASH: Final = "0x" + "00" * 32
_AHEAD: Final[Slot] = ("time", "ahead")
"""By how many seconds the chain's time is ahead of the clock."""

_MINT: Final = keccak(b"mint(address,uint256)")[:4]


class SandboxChain:
    """A chain in a ledger. `random_bytes` makes each sandbox's genesis its own."""

    def __init__(
        self, ledger: Ledger, *, clock: Clock, random_bytes: Callable[[int], bytes], chain_id: int = CHAIN_ID
    ) -> None:
        self.ledger = ledger
        self._clock = clock
        # Whoever runs the sandbox may mint, so the issuer's key is no secret.
        self._faucet = LocalSigner(Secret(keccak(b"the faucet of the sandbox")))
        self.machine = Machine(chain_id=chain_id, issuer=self._faucet.address)
        with ledger.transaction(writes=True):
            if ledger.tip() is None:
                self._begin(random_bytes(32))

    @property
    def faucet_address(self) -> str:
        return self._faucet.address

    def state(self) -> State:
        """The state after the newest block, free to be changed: nothing is kept until a block is added."""
        return State(self.ledger.load)

    def tip(self) -> BlockRow:
        tip = self.ledger.tip()
        if tip is None:
            raise SandboxStateError("the sandbox's chain has no genesis block", hint="Reset the sandbox.")
        return tip

    def next_timestamp(self) -> int:
        """The time that the next block would have, in Unix seconds."""
        ahead = self.ledger.load(_AHEAD)
        return max(int(self._clock().timestamp()) + ahead, self.tip().timestamp)

    def increase_time(self, seconds: int) -> int:
        """Lets `seconds` pass at once, for whoever waits for a grace period. Gives by how much time is ahead in all."""
        ahead = self.ledger.load(_AHEAD) + seconds
        self.ledger.store({_AHEAD: ahead})
        self.advance()
        return ahead

    def advance(self) -> BlockRow:
        """Lets time show: adds an empty block when the newest is of an earlier second. Gives the newest block."""
        tip, now = self.tip(), self.next_timestamp()
        return tip if tip.timestamp >= now else self._append(tip, now, None, None, ())

    def submit(self, raw: bytes) -> str:
        """Runs a signed transaction in a block of its own and gives its hash.

        A transaction that reverts is included all the same. Raises RpcError for one that no block may hold.
        """
        envelope = self._read(raw)
        if self.ledger.transaction_by_hash(envelope.hash) is not None:
            raise rejected("already known", rpc_code=SERVER_ERROR)
        tip, now, state = self.tip(), self.next_timestamp(), self.state()
        result = self.machine.execute(state, envelope, timestamp=now)
        self.ledger.store(state.changes())
        self._append(tip, now, envelope, result, result.events)
        return envelope.hash

    def fund(self, address: str) -> tuple[str, ...]:
        """Mints FAUCET_AMOUNT of every token to `address` and gives the transactions' hashes."""
        recipient = parse_address(address)
        return tuple(self.submit(self._mint(token.address, recipient).encode()) for token in TOKENS)

    def _read(self, raw: bytes) -> Envelope:
        try:
            return read_transaction(raw)
        except ParseError as error:
            raise RpcError(INVALID_PARAMS, f"failed to decode signed transaction: {error.message}") from error

    def _mint(self, token: str, recipient: str) -> TempoTransaction:
        nonce = self.ledger.load(nonce_slot(self._faucet.address))
        call = Call(token, 0, _MINT + address_word(recipient) + word(FAUCET_AMOUNT))
        return TempoTransaction(
            chain_id=self.machine.chain_id,
            max_priority_fee_per_gas=0,
            max_fee_per_gas=BASE_FEE,
            gas=_FAUCET_GAS,
            calls=(call,),
            nonce=nonce,
            fee_token=PATH_USD,
        ).sign(self._faucet)

    def _begin(self, seed: bytes) -> None:
        state = self.state()
        state.write(balance_slot(PATH_USD, self._faucet.address), _FAUCET_FEES)
        state.write(supply_slot(PATH_USD), _FAUCET_FEES)
        self.ledger.store(state.changes())
        genesis = BlockRow(
            number=0,
            hash="0x" + keccak(b"sandbox genesis" + seed).hex(),
            parent=_ZERO_HASH,
            timestamp=int(self._clock().timestamp()),
            gas_used=0,
            bloom=bloom_of(()),
            tx_hash=None,
        )
        self.ledger.append(genesis)

    def _append(
        self,
        parent: BlockRow,
        timestamp: int,
        envelope: Envelope | None,
        result: Result | None,
        events: Sequence[Event],
    ) -> BlockRow:
        number = parent.number + 1
        logs = tuple(_log(number, position, event) for position, event in enumerate(events))
        tx_hash = envelope.hash if envelope is not None else None
        header = bytes.fromhex(parent.hash[2:]) + word(number) + word(timestamp) + bytes.fromhex((tx_hash or "0x")[2:])
        block = BlockRow(
            number=number,
            hash="0x" + keccak(header).hex(),
            parent=parent.hash,
            timestamp=timestamp,
            gas_used=result.gas_used if result is not None else 0,
            bloom=bloom_of(logs),
            tx_hash=tx_hash,
        )
        row = None
        if envelope is not None and result is not None:
            row = TransactionRow(
                hash=envelope.hash,
                block_number=number,
                raw=envelope.raw,
                sender=envelope.sender,
                fee_payer=envelope.fee_payer,
                fee_token=result.fee_token or PATH_USD,
                ok=result.ok,
                gas_used=result.gas_used,
                price=result.effective_price,
            )
        self.ledger.append(block, row, logs)
        return block


def _log(block_number: int, position: int, event: Event) -> LogRow:
    return LogRow(
        block_number=block_number,
        position=position,
        address=event.address.lower(),
        topics=tuple("0x" + topic.hex() for topic in event.topics),
        data="0x" + event.data.hex(),
    )
