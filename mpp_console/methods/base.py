"""What every payment rail offers: a payer half that quotes and pays, a payee half that offers and verifies.

The client, the server and the screens know rails only through these shapes. Nothing here does I/O, and a rail gets
what it needs (clock, claims, chain) as arguments, so that it can be used as a library and tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from mpp_console.protocol import Challenge, Credential, Currency, MppError, Problem, Receipt

__all__ = [
    "Allowance",
    "Check",
    "ClaimStore",
    "Clock",
    "Concluding",
    "Conclusion",
    "Ending",
    "Level",
    "Metered",
    "Mode",
    "Ongoing",
    "Outcome",
    "OutcomeState",
    "Payee",
    "Payer",
    "PaymentFailed",
    "PaymentRefused",
    "PaymentUncertain",
    "Place",
    "Prepared",
    "Quote",
    "Situated",
    "Standing",
    "Step",
    "Transfer",
    "refuse_unless_payable",
]

Clock = Callable[[], datetime]
"""Gives the present time, always aware and in UTC. Injected, so that tests own time."""


class Level(StrEnum):
    """How much a check matters to somebody about to pay."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


class Mode(StrEnum):
    """How a payment reaches the rail (tempo charge, "Submission Modes")."""

    PULL = "pull"
    PUSH = "push"
    PROOF = "proof"


class PaymentRefused(MppError):
    """Nothing was paid and nothing will be: our own side declined before anything left (or see PaymentFailed)."""


class PaymentFailed(PaymentRefused):
    """The rail refused a payment that we sent ourselves (push); the recipient certainly did not get it."""


class PaymentUncertain(MppError):
    """A payment that we sent ourselves (push) may or may not happen. Resolve it before paying again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at before paying, and what was found.

    `code` is stable and kebab-case (`wrong-chain`, `insufficient-balance`); `message` is for people and says what to
    do.
    """

    code: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Money that one recipient gets; `amount` in base units. `memo` is what the rail will attach, as hex, if
    anything.
    """

    recipient: str
    amount: int
    memo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A challenge decoded into facts, with every check made, and nothing signed or sent.

    Amounts are base units of `currency`. `fee` is the most the payer may pay on top, in base units of `fee_currency`;
    zero when the payee sponsors it, None when it could not be asked. `balance` is what the payer holds, None when
    unknown (never zero for unknown).
    """

    challenge: Challenge
    amount: int
    currency: Currency
    transfers: tuple[Transfer, ...]
    network: str
    chain_id: int | None
    payer: str | None
    mode: Mode
    expires_at: datetime | None
    checks: tuple[Check, ...]
    fee: int | None = None
    fee_currency: Currency | None = None
    sponsored: bool = False
    balance: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recipient(self) -> str:
        """The primary recipient: who gets what the splits leave."""
        return self.transfers[0].recipient

    @property
    def refusals(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.level is Level.REFUSE)

    @property
    def payable(self) -> bool:
        return not self.refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A signed payment that has not left the machine: everything the journal needs to find it again after a crash.

    `reference` is the transaction hash where it is already fixed (not for a sponsored hand-off, whose hash the
    sponsor completes); `trace` holds what else finds the payment on the rail (memo, valid_before, nonce, from_block),
    as JSON values that hold no secret. `credential` is complete for pull and proof; for push it may be used only
    after `Payer.send`.
    """

    quote: Quote
    credential: Credential
    reference: str | None
    trace: Mapping[str, Any]
    raw: bytes = field(default=b"", repr=False)


class OutcomeState(StrEnum):
    """What the rail says of a payment whose answer was lost."""

    SETTLED = "settled"
    NEVER_HAPPENED = "never-happened"
    STILL_OPEN = "still-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a payment. `amount` is what was taken of it, in base units; None for all of it."""

    state: OutcomeState
    reference: str | None = None
    message: str = ""
    amount: int | None = None


class Payer(Protocol):
    """Pays one method and intent for one account."""

    @property
    def method(self) -> str: ...

    @property
    def intent(self) -> str: ...

    async def quote(self, challenge: Challenge) -> Quote:
        """Decodes and checks the challenge. No side effects. Raises ParseError when it is not of this rail's shape."""
        ...

    async def prepare(self, quote: Quote) -> Prepared:
        """Signs. Nothing leaves the machine (reading the chain is allowed). Raises PaymentRefused when the quote has
        a refusal or the facts have changed for the worse since.
        """
        ...

    async def send(self, prepared: Prepared) -> Credential:
        """Push: broadcasts and waits for inclusion. Pull and proof: gives the credential back. Call it after
        journaling.

        Raises PaymentFailed when the rail certainly did not take a pushed payment, PaymentUncertain when that is not
        known.
        """
        ...

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """Asks the rail what became of a payment whose outcome is unknown. Never pays."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a payment is asked for: the origin, and the URL without user, password and fragment."""

    origin: str
    url: str


@runtime_checkable
class Situated(Protocol):
    """A payer whose payments belong to a place, such as a channel with one server."""

    def at(self, place: Place) -> Payer:
        """The payer for what is asked for at `place`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a prepared payment ended. `left` False: it certainly never left the machine. `served`: the server delivered.

    `status` and `problem` are the server's answer where there was one; `hurried` leaves no time to ask the rail.
    """

    left: bool
    served: bool = False
    receipt: Receipt | None = None
    problem: Problem | None = None
    status: int | None = None
    hurried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a payer makes of an ending. `outcome` None leaves it to `Payer.resolve`; `doubts` are for people; `again`
    says that the same request, asked and paid once more, has a good chance.
    """

    outcome: Outcome | None = None
    doubts: tuple[str, ...] = ()
    again: bool = False


@runtime_checkable
class Concluding(Protocol):
    """A payer that keeps account of its own and must hear how each payment that it prepared ended."""

    async def concluded(self, prepared: Prepared, ending: Ending) -> Conclusion:
        """Called once for each prepared payment, before the journal says how it ended. Never pays."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One more step of a payment that goes on while it is being served, in base units.

    `amount` is what is promised on top; `total` what is promised to this payee in all from then on, and `held` what
    the rail will hold for it, of which `locks` is new. `trace` is what the journal has to remember from then on.
    """

    amount: int
    total: int
    held: int
    locks: int = 0
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How such a payment stands: promised in all, held by the rail (base units), and whether the payee has what we
    promised last.
    """

    total: int
    held: int
    taken: bool = True
    doubts: tuple[str, ...] = ()


class Allowance(Protocol):
    """Whoever answers for what a payment costs while it goes on."""

    async def check(self, step: Step) -> None:
        """Called before anything of a step is signed or locked; stops it by raising."""
        ...

    async def book(self, step: Step) -> None:
        """Called once the rail has on record what it signs, and before it leaves; may still stop it by raising."""
        ...


class Ongoing(Protocol):
    """A payment whose answer is charged for as it comes. One step at a time."""

    @property
    def shown(self) -> int:
        """Up to where, in all, whoever approved the payment was told that it may go."""
        ...

    @property
    def standing(self) -> Standing:
        """How it stands."""
        ...

    @property
    def challenges(self) -> frozenset[str]:
        """The ids of the challenges that it has answered."""
        ...

    async def pay_on(self, asked: str, allowance: Allowance, *, once_more: bool = False) -> Standing:
        """Gives what the payee asked for, in its own words `asked`, to the payee, beside the answer.

        `once_more` is for a payee that goes on waiting after it was answered. Raises PaymentRefused: then nothing
        more is to be had; and what `allowance` raises.
        """
        ...

    async def told(self, said: str) -> tuple[Receipt | None, tuple[str, ...]]:
        """Takes a receipt out of the answer as far as it can be true: the receipt, and what is doubtful about it."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A payer whose payments may go on while they are served."""

    def ongoing(self, prepared: Prepared) -> Ongoing | None:
        """The rest of a payment whose credential has left; None when it cannot go on. Call it before `concluded`."""
        ...


class ClaimStore(Protocol):
    """Remembers what may be used once. A claim never expires by itself: forgetting one would let money be taken
    twice.
    """

    async def claim(self, key: str) -> bool:
        """True exactly once for a key, however many ask at the same time and from however many processes."""
        ...

    async def release(self, key: str) -> None:
        """Gives a claim back; only for work that certainly never reached the rail."""
        ...


class Payee(Protocol):
    """Charges one method and intent."""

    @property
    def method(self) -> str: ...

    @property
    def intent(self) -> str: ...

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The `request` object of a challenge for `amount` base units. `options` are the rail's own (splits, memo,
        fee payer…).

        Raises ValueError for a request that no honest client could fulfil.
        """
        ...

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        """Verifies the payload against `credential.challenge` (already authenticated by the gate) and settles it.

        Raises a `PaymentProblem` (verification-failed, invalid-payload, payment-insufficient…); claims before
        anything is broadcast, and releases only what certainly never went out.
        """
        ...


def refuse_unless_payable(quote: Quote) -> None:
    """Raises PaymentRefused with every refusal of the quote."""
    refusals: Sequence[Check] = quote.refusals
    if refusals:
        raise PaymentRefused("; ".join(check.message for check in refusals), code=refusals[0].code)
