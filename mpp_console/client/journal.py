"""What is remembered of payments: the journal of operations and the receipts, as values and as one `Protocol`.

An operation is a row that is written before money can move and brought up to date after. The rules of its life are
the table in `mpp_console.protocol.operation`; a journal applies that table and never invents a state.
`MemoryJournal` is for libraries and tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mpp_console.protocol import (
    Currency,
    IllegalTransition,
    MppError,
    OperationEvent,
    OperationState,
    advance_operation,
)

__all__ = [
    "Clock",
    "DuplicateOperation",
    "Journal",
    "JournalError",
    "Ledger",
    "MemoryJournal",
    "Operation",
    "OperationDraft",
    "ReceiptRecord",
    "UnknownOperation",
]

T = TypeVar("T")

Clock = Callable[[], datetime]

KIND_PAYMENT = "payment"
"""The kind of operation that budgets count. A transfer that the owner makes by hand has the kind `transfer`."""


class JournalError(MppError):
    """The journal could not do what was asked."""

    default_code = "journal"


class DuplicateOperation(JournalError):
    """An operation of this id exists already. Nothing was written: one review leads to one operation."""

    default_code = "duplicate-operation"


class UnknownOperation(JournalError):
    """No operation has this id."""

    default_code = "unknown-operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationDraft:
    """What is known of an operation when its row is made. `amount` is in base units of `currency`."""

    id: str
    kind: str = KIND_PAYMENT
    origin: str
    url: str
    http_method: str
    method: str
    intent: str
    amount: int
    currency: Currency
    recipient: str
    payer: str | None
    network: str
    chain_id: int | None
    challenge_id: str | None
    mode: str
    idempotency_key: str | None = None
    reference: str | None = None
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One act that may move money, as the journal knows it.

    `reference` is what the rail calls it (a transaction hash), once known. `trace` holds what else finds it on the
    rail; JSON values without secrets. `error` is for people: why it was refused or why nobody knows.
    """

    id: str
    kind: str
    state: OperationState
    created_at: datetime
    updated_at: datetime
    origin: str
    url: str
    http_method: str
    method: str
    intent: str
    amount: int
    currency: Currency
    recipient: str
    payer: str | None
    network: str
    chain_id: int | None
    challenge_id: str | None
    mode: str
    idempotency_key: str | None
    reference: str | None
    trace: Mapping[str, Any]
    error: str | None

    @classmethod
    def from_draft(cls, draft: OperationDraft, now: datetime) -> Operation:
        return cls(
            id=draft.id,
            kind=draft.kind,
            state=OperationState.PREPARED,
            created_at=now,
            updated_at=now,
            origin=draft.origin,
            url=draft.url,
            http_method=draft.http_method,
            method=draft.method,
            intent=draft.intent,
            amount=draft.amount,
            currency=draft.currency,
            recipient=draft.recipient,
            payer=draft.payer,
            network=draft.network,
            chain_id=draft.chain_id,
            challenge_id=draft.challenge_id,
            mode=draft.mode,
            idempotency_key=draft.idempotency_key,
            reference=draft.reference,
            trace=dict(draft.trace),
            error=None,
        )

    def advanced(
        self,
        event: OperationEvent,
        now: datetime,
        *,
        reference: str | None = None,
        trace: Mapping[str, Any] | None = None,
        error: str | None = None,
        amount: int | None = None,
    ) -> Operation:
        """The row after `event`; None keeps what is there. Raises IllegalTransition where the table has no step."""
        return replace(
            self,
            state=advance_operation(self.state, event),
            updated_at=now,
            amount=self.amount if amount is None else amount,
            reference=self.reference if reference is None else reference,
            trace=self.trace if trace is None else {**self.trace, **trace},
            error=self.error if error is None else error,
        )

    def extended(self, amount: int, now: datetime, trace: Mapping[str, Any]) -> Operation:
        """The row over `amount` base units more. Raises IllegalTransition when it has not left or has ended."""
        if self.state not in (OperationState.SENT, OperationState.UNKNOWN):
            raise IllegalTransition(f"an operation that is {self.state} cannot grow")
        return replace(self, updated_at=now, amount=self.amount + amount, trace={**self.trace, **trace})

    @property
    def is_final(self) -> bool:
        return self.state in (OperationState.SETTLED, OperationState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecord:
    """A receipt as history keeps it. `direction` is "sent" for a payment we made, "received" for one we were paid.

    A payment that settled without a receipt is recorded too, with the status `none` and an empty `raw`. The record
    of a payment we made has the id of its operation, so that writing it again changes nothing. `url` is the route
    for a received payment.
    """

    id: str
    direction: str
    operation_id: str | None
    received_at: datetime
    origin: str
    url: str
    method: str
    intent: str
    amount: int
    currency: Currency
    network: str
    reference: str
    status: str
    challenge_id: str | None
    external_id: str | None
    payer: str | None
    recipient: str | None
    raw: Mapping[str, Any]


class Ledger(Protocol):
    """What the spending policy may ask of the past. Read inside the journal's transaction."""

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        """Base units of payments begun at or after `since`, to `origin` only when given.

        Counts every operation of the kind `payment` that is not refused: one that has not settled may still do so.
        Currency ids are compared without regard to case.
        """
        ...


class Journal(Protocol):
    """Keeps operations and receipts. Every method is one transaction, safe against other tasks and other processes."""

    async def consult(self, read: Callable[[Ledger], T]) -> T:
        """Lets `read` look at the ledger; nothing is written. `read` is short and may run in another thread."""
        ...

    async def begin(self, draft: OperationDraft, authorise: Callable[[Ledger], None]) -> Operation:
        """Writes a `prepared` row if `authorise` does not raise, both in one transaction, so that no two can fit one
        budget.

        Whatever `authorise` raises comes out unchanged, and no row is left. Raises DuplicateOperation when the id is
        taken.
        """
        ...

    async def advance(
        self,
        operation_id: str,
        event: OperationEvent,
        /,
        *,
        reference: str | None = None,
        trace: Mapping[str, Any] | None = None,
        error: str | None = None,
        amount: int | None = None,
    ) -> Operation:
        """Applies the table of operations (see `Operation.advanced`). Raises UnknownOperation and IllegalTransition.

        `amount` is what was taken in the end, where that is less than was promised.
        """
        ...

    async def extend(
        self, operation_id: str, amount: int, authorise: Callable[[Ledger], None], /, *, trace: Mapping[str, Any]
    ) -> Operation:
        """Makes an operation that has left larger by `amount` base units if `authorise` does not raise, both in one
        transaction: for a payment that goes on while it is being served.

        Whatever `authorise` raises comes out unchanged, and nothing is written. The ledger counts the operation as it
        was. Raises UnknownOperation and IllegalTransition.
        """
        ...

    async def get(self, operation_id: str, /) -> Operation:
        """Raises UnknownOperation."""
        ...

    async def unresolved(self) -> list[Operation]:
        """Every operation that is neither settled nor refused, oldest first."""
        ...

    async def receive(self, receipt_record: ReceiptRecord) -> None:
        """Keeps a receipt. A record whose id is there already is left as it is."""
        ...


class MemoryJournal:
    """A journal that lives as long as the process: for library users without a history and for tests."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._operations: dict[str, Operation] = {}
        self._receipts: dict[str, ReceiptRecord] = {}

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(self._operations.values())

    @property
    def receipts(self) -> tuple[ReceiptRecord, ...]:
        return tuple(self._receipts.values())

    # Nothing below awaits, so that each method is one step of the event loop: the transaction that the protocol asks
    # for.

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        wanted = currency_id.casefold()
        return sum(
            operation.amount
            for operation in self._operations.values()
            if operation.kind == KIND_PAYMENT
            and operation.state is not OperationState.REFUSED
            and operation.currency.id.casefold() == wanted
            and operation.created_at >= since
            and origin in (None, operation.origin)
        )

    async def consult(self, read: Callable[[Ledger], T]) -> T:
        return read(self)

    async def begin(self, draft: OperationDraft, authorise: Callable[[Ledger], None]) -> Operation:
        if draft.id in self._operations:
            raise DuplicateOperation(f"operation {draft.id} exists already")
        authorise(self)
        return self._keep(Operation.from_draft(draft, self._clock()))

    async def advance(
        self,
        operation_id: str,
        event: OperationEvent,
        /,
        *,
        reference: str | None = None,
        trace: Mapping[str, Any] | None = None,
        error: str | None = None,
        amount: int | None = None,
    ) -> Operation:
        operation = await self.get(operation_id)
        return self._keep(
            operation.advanced(event, self._clock(), reference=reference, trace=trace, error=error, amount=amount)
        )

    async def extend(
        self, operation_id: str, amount: int, authorise: Callable[[Ledger], None], /, *, trace: Mapping[str, Any]
    ) -> Operation:
        operation = await self.get(operation_id)
        authorise(self)
        return self._keep(operation.extended(amount, self._clock(), trace))

    async def get(self, operation_id: str, /) -> Operation:
        try:
            return self._operations[operation_id]
        except KeyError:
            raise UnknownOperation(f"there is no operation {operation_id}") from None

    async def unresolved(self) -> list[Operation]:
        return sorted((row for row in self._operations.values() if not row.is_final), key=lambda row: row.created_at)

    async def receive(self, receipt_record: ReceiptRecord) -> None:
        self._receipts.setdefault(receipt_record.id, receipt_record)

    def _keep(self, operation: Operation) -> Operation:
        self._operations[operation.id] = operation
        return operation
