"""The one gate for spending: reviews a demand, asks who must be asked, reserves within the budget, signs.

Every payment of every transport passes here. It writes no HTTP and reads no wire; what it needs comes in as arguments.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from mpp_console.client.errors import (
    ChallengeExpired,
    EarlierPaymentOpen,
    InsecureOrigin,
    NoUsableOffer,
    PaymentDeclined,
    PolicyRefused,
)
from mpp_console.client.events import ChallengeReceived, Observer, PaymentDeclinedEvent, PaymentEvent, Reviewed
from mpp_console.client.journal import KIND_PAYMENT, Clock, Journal, Ledger, Operation, OperationDraft
from mpp_console.client.metering import is_streaming
from mpp_console.client.offers import Ranking, Situation, accept_payment, quote_offers, rank
from mpp_console.client.outcomes import Outcomes, uninterrupted
from mpp_console.client.pending import PendingPayment
from mpp_console.client.policy import Action, SpendingPolicy, Verdict
from mpp_console.client.review import Approval, Approver, Demand, Review, facts_of, reject_unattended
from mpp_console.client.sessions.owners import is_alive
from mpp_console.methods.base import Payer, Place, Quote, Situated
from mpp_console.protocol import OperationState

__all__ = ["Payments"]

T = TypeVar("T")


def _random_id() -> str:
    return secrets.token_hex(16)


def _ignore(event: PaymentEvent) -> None:
    """The observer when nobody watches."""


class _NeedsWordError(Exception):
    """Inside the journal's transaction the policy wants a confirmation that nobody gave yet."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.summary)
        self.verdict = verdict


class Payments:
    """Pays demands with the given rails, within the policy, by the journal.

    `payers` and `policy` may be functions, for a wallet whose account and limits change while it runs. `approve` is
    asked before anything is signed, where the policy wants it. `patience` is how many seconds the rail has to say
    what became of a payment while a caller waits for it. Ids come from `new_id` and must not repeat.
    `trusted_realms` may ask for proofs of identity from any origin; others only from their own host. `alive` says of a
    process's name (`sessions.owners`) whether it may still act.
    """

    def __init__(
        self,
        *,
        payers: Sequence[Payer] | Callable[[], Sequence[Payer]],
        policy: SpendingPolicy | Callable[[], SpendingPolicy],
        journal: Journal,
        clock: Clock,
        new_id: Callable[[], str] = _random_id,
        approve: Approver = reject_unattended,
        observe: Observer = _ignore,
        patience: float = 5.0,
        trusted_realms: frozenset[str] = frozenset(),
        alive: Callable[[str], bool] = is_alive,
    ) -> None:
        self._payers = _given(payers)
        self._policy = _given(policy)
        self._journal = journal
        self._clock = clock
        self._approve = approve
        self._observe = observe
        self._patience = patience
        self._trusted_realms = trusted_realms
        self._alive = alive
        self._in_flight: set[str] = set()
        self.new_id = new_id

    @property
    def accept_payment(self) -> str:
        """What the rails pay, as an `Accept-Payment` value; empty without rails."""
        return accept_payment(self._payers())

    async def review(self, demand: Demand, *, observe: Observer = _ignore) -> Review:
        """Says what would be paid and why. Nothing is signed, sent or written.

        Raises InsecureOrigin, and NoUsableOffer with the reason for every offer.
        """
        if not demand.origin.is_secure:
            raise InsecureOrigin(demand.origin)
        place = Place(origin=str(demand.origin), url=demand.url)
        payers = [payer.at(place) if isinstance(payer, Situated) else payer for payer in self._payers()]
        candidates = await quote_offers(demand.challenges, payers)
        now, policy = self._clock(), self._policy()
        situation = Situation(
            origin=demand.origin,
            now=now,
            terms=demand.terms,
            body=demand.body,
            trusted_realms=self._trusted_realms,
        )

        def read(ledger: Ledger) -> Ranking:
            def judge(quote: Quote) -> Verdict:
                return policy.decide(facts_of(demand, quote, self._clock()), ledger)

            return rank(candidates, judge=judge, situation=situation, malformed=demand.malformed)

        ranking = await self._journal.consult(read)
        chosen = ranking.chosen
        if chosen is None or chosen.quote is None or chosen.verdict is None:
            raise NoUsableOffer(ranking)
        review = Review(
            id=self.new_id(), at=now, demand=demand, ranking=ranking, quote=chosen.quote, verdict=chosen.verdict
        )
        self._outcomes(observe).notify(ChallengeReceived(review_id=review.id, at=now, review=review))
        return review

    async def authorise(
        self, review: Review, *, approve: Approver | None = None, observe: Observer = _ignore
    ) -> PendingPayment:
        """Asks if need be, reserves the amount, and signs: the payment may then be released.

        Raises PaymentDeclined, ChallengeExpired, PolicyRefused, PaymentAbandoned; DuplicateOperation when this review
        was paid already; EarlierPaymentOpen when the caller repeats a request whose payment is not resolved.
        """
        outcomes = self._outcomes(observe)
        await self._refuse_repetition(review.demand)
        approved = False
        if review.verdict.action is Action.CONFIRM or review.demand.terms.always_confirm:
            await self._ask(review, approve, outcomes)
            approved = True
        try:
            operation = await self._reserve(review, outcomes, approved=approved)
        except _NeedsWordError as late:
            # Other payments used up what was allowed without asking while this one was on its way here.
            review = replace(review, verdict=late.verdict)
            await self._ask(review, approve, outcomes)
            approved = True
            operation = await self._reserve(review, outcomes, approved=True)
        outcomes.notify(Reviewed(review_id=review.id, at=self._clock(), automatic=not approved))
        return await self._signed(review, operation, outcomes, approved=approved)

    async def resolve(self, operation_id: str) -> Operation:
        """Asks the rail what became of one operation. Never pays. Raises UnknownOperation."""
        operation = await self._journal.get(operation_id)
        if operation.is_final or self._is_under_way(operation) or operation.kind != KIND_PAYMENT:
            return operation
        return await self._resolve(operation)

    async def recover(self) -> list[Operation]:
        """Resolves what earlier runs left open: call it at the start, and again while anything stays `unknown`.

        Returns the rows as they are now. Payments that this object has under way are left alone, and those whose
        answers another process goes on paying for. If another process
        is between reserving and sending, its payment is refused here and stops there, before anything leaves.
        """
        unresolved = await self._journal.unresolved()
        mine = [row for row in unresolved if row.kind == KIND_PAYMENT and not self._is_under_way(row)]
        return [await self._resolve(operation) for operation in mine]

    def _is_under_way(self, operation: Operation) -> bool:
        """Whether somebody works on it: this object, or whichever process reads an answer that it goes on paying."""
        return operation.id in self._in_flight or is_streaming(operation, self._clock(), self._alive)

    async def _resolve(self, operation: Operation) -> Operation:
        outcomes = self._outcomes(_ignore)
        if operation.state is OperationState.PREPARED:
            return await outcomes.refuse(operation, "the program stopped before the payment left")
        return await outcomes.resolve(operation, self._payers())

    async def _refuse_repetition(self, demand: Demand) -> None:
        """An idempotency key says that two requests are one. While the first may have been paid, the second is not."""
        if demand.idempotency_key is None:
            return
        origin = str(demand.origin)
        for row in await self._journal.unresolved():
            if (row.idempotency_key, row.origin) == (demand.idempotency_key, origin):
                current = await self.resolve(row.id)
                if not current.is_final:
                    raise EarlierPaymentOpen(current)

    async def _ask(self, review: Review, approve: Approver | None, outcomes: Outcomes) -> None:
        approver = self._approve if approve is None else approve
        if await approver(review) is Approval.ONCE:
            return
        outcomes.notify(PaymentDeclinedEvent(review_id=review.id, at=self._clock()))
        if approver is reject_unattended:
            why = f"nobody was there to confirm it: {review.verdict.summary}"
            raise PaymentDeclined(why, review=review, hint="raise the amount that your policy pays without asking")
        raise PaymentDeclined("the payment was declined", review=review)

    async def _reserve(self, review: Review, outcomes: Outcomes, *, approved: bool) -> Operation:
        """Writes the row if the policy still allows it, in one transaction with all other payments."""
        if review.challenge.is_expired(self._clock()):
            raise ChallengeExpired  # people take their time, and nothing is signed for a challenge that is over
        policy, facts = self._policy(), facts_of(review.demand, review.quote, self._clock())

        def authorise(ledger: Ledger) -> None:
            verdict = policy.decide(facts, ledger)
            if verdict.action is Action.REFUSE:
                raise PolicyRefused(verdict)
            if verdict.action is Action.CONFIRM and not approved:
                raise _NeedsWordError(verdict)

        async def undo(operation: Operation) -> None:
            await outcomes.refuse(operation, "it was cancelled before anything was signed")

        return await uninterrupted(self._journal.begin(_draft(review), authorise), undo)

    async def _signed(
        self, review: Review, operation: Operation, outcomes: Outcomes, *, approved: bool
    ) -> PendingPayment:
        chosen = review.ranking.chosen
        assert chosen is not None  # noqa: S101 - a review exists only for a chosen offer
        assert chosen.payer is not None  # noqa: S101 - and an offer is usable only with a payer
        self._in_flight.add(operation.id)
        pending = PendingPayment(
            review=review,
            operation=operation,
            payer=chosen.payer,
            journal=self._journal,
            outcomes=outcomes,
            clock=self._clock,
            policy=self._policy,
            approved=approved,
            ended=self._in_flight.discard,
        )
        try:
            await pending.sign()
        except BaseException:
            pending.close()
            raise
        return pending

    def _outcomes(self, observe: Observer) -> Outcomes:
        observers = (self._observe, observe)
        return Outcomes(journal=self._journal, clock=self._clock, patience=self._patience, observers=observers)


def _draft(review: Review) -> OperationDraft:
    quote, demand = review.quote, review.demand
    return OperationDraft(
        id=review.id,
        origin=str(demand.origin),
        url=demand.url,
        http_method=demand.http_method,
        method=quote.challenge.method,
        intent=quote.challenge.intent,
        amount=quote.amount,
        currency=quote.currency,
        recipient=quote.recipient,
        payer=quote.payer,
        network=quote.network,
        chain_id=quote.chain_id,
        challenge_id=quote.challenge.id,
        mode=quote.mode,
        idempotency_key=demand.idempotency_key,
    )


def _given(value: T | Callable[[], T]) -> Callable[[], T]:
    return value if callable(value) else lambda: value
