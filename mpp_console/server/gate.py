"""The gate in front of a paid resource: it asks for payment, checks what comes back and says who may pass.

Knows no framework: an adapter gives it a `GateRequest` and acts on the verdict (see `asgi`). Time, randomness, the
secret, the store and the rails come in as arguments. Nothing is written and no handler runs before a credential is
verified.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mpp_console.methods.base import Clock
from mpp_console.protocol import (
    AUTHORIZATION,
    PAYMENT_AUTHORIZATION,
    BadRequest,
    ChallengeBinder,
    Credential,
    InternalPayment,
    InvalidChallenge,
    MalformedCredential,
    ParseError,
    PaymentExpired,
    PaymentProblem,
    Receipt,
    parse_credential,
)
from mpp_console.protocol.grammar import scan
from mpp_console.protocol.headers import CREDENTIAL_LIMIT
from mpp_console.server import events
from mpp_console.server.answers import Admitted, Challenged, Managed, Replayed, Verdict
from mpp_console.server.fields import Fields
from mpp_console.server.idempotency import KeptAnswers, Ticket, key_of
from mpp_console.server.issuing import Issuer, facts_of, refused
from mpp_console.server.offers import Offer
from mpp_console.server.rates import RateLimits, Rates
from mpp_console.server.refusals import BodyTooLarge, Refusal, TooManyRequests
from mpp_console.server.requests import GateRequest
from mpp_console.server.sessions import (
    INSUFFICIENT_BALANCE,
    Outcome,
    challenge_refused,
    is_session,
    kind_of,
    takes_sessions,
)
from mpp_console.server.settlement import Settlement
from mpp_console.server.snapshots import NO_SNAPSHOTS, look_up
from mpp_console.server.stores.base import Store, StoreError
from mpp_console.server.verification import answered_offer

__all__ = ["Gate", "GateLimits"]

_log = logging.getLogger(__name__)


DEFAULT_RATES: Final = RateLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """Sizes and times that keep a gate's memory and disk bounded.

    `max_body`: bytes of a request body, which is held in memory to be digested, also for clients that have not paid.
    `max_answer`: bytes of an answer kept for retries. `answer_ttl`: how long it is kept; a client that comes back
    after a day starts a new act. `rates` None turns rate limits off.
    """

    max_body: int = 1024 * 1024
    max_answer: int = 1024 * 1024
    answer_ttl: timedelta = timedelta(hours=24)
    rates: RateLimits | None = DEFAULT_RATES


DEFAULT_LIMITS: Final = GateLimits()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _unobserved(event: events.GateEvent) -> None:
    return None


class Gate:
    """One protection space. Safe to share between all requests of a process, and between processes through its store.

    `realm` names the space, commonly the host name. `observe` gets every event, in the request's own task: it must be
    quick, and what it raises is logged and dropped.
    """

    def __init__(
        self,
        *,
        realm: str,
        binder: ChallengeBinder,
        store: Store,
        clock: Clock = _utc_now,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        limits: GateLimits = DEFAULT_LIMITS,
        observe: Callable[[events.GateEvent], None] = _unobserved,
    ) -> None:
        self.realm = realm
        self.limits = limits
        self._binder = binder
        self._clock = clock
        self._observe = observe
        self._issuer = Issuer(realm=realm, binder=binder, random_bytes=random_bytes)
        self._settlement = Settlement(store, clock)
        self._answers = KeptAnswers(store, ttl=limits.answer_ttl, max_body=limits.max_answer)
        self._challenge_rate = Rates(limits.rates.challenges) if limits.rates else None
        self._failure_rate = Rates(limits.rates.failures) if limits.rates else None
        self._management_rate = Rates(limits.rates.management) if limits.rates else None

    async def check(self, request: GateRequest, offers: Sequence[Offer], *, management: bool = False) -> Verdict:
        """Decides about one request for a route that asks for any one of `offers`.

        `management`: nothing is served here by this HTTP method, so that only a channel may be managed.

        Never raises for what a client sent; every failure of the rail or the store is an answer too. Raises ValueError
        without offers (a free route needs no gate), ChallengeTooLarge for an offer that no client could read.
        """
        if not offers:
            raise ValueError("A gate needs at least one offer; leave a free route outside of it.")
        try:
            if len(request.body) > self.limits.max_body:
                raise BodyTooLarge(self.limits.max_body)
            # Before a challenge is issued: nobody should pay for a request that cannot be served.
            key_of(request)
            carried = _payment_credentials(request, offers)
            if not carried:
                return await self._ask(request, offers)
            return await self._consider(request, offers, carried, management=management)
        except Refusal as refusal:
            return self.refuse(request, refusal)

    def refuse(self, request: GateRequest, refusal: Refusal) -> Challenged:
        """The answer to a request that is refused whatever it pays; also for an adapter that stopped reading a body."""
        if isinstance(refusal, TooManyRequests):
            fact = events.RateLimited(**self._fact(request), kind=refusal.kind, retry_after=refusal.retry_after or 0)
            self._tell(fact)
        else:
            self._tell_rejected(request, refusal.status.value, refusal.code, refusal.message, None)
        return refused(refusal)

    async def finish(self, admitted: Admitted, *, status: int, headers: Fields = (), body: bytes | None = None) -> None:
        """Takes note of what an admitted request was answered; call it also when the handler raised (status 500).

        `headers` are those that left, with the receipt; `body` None means that it was not collected (a stream). A
        store that fails here is only logged: the client has its answer.
        """
        if status >= 400:
            self._tell(
                events.DeliveryFailed(
                    **self._fact(admitted.request),
                    status=status,
                    challenge_id=admitted.challenge.id,
                    reference=admitted.receipt.reference,
                )
            )
        if admitted.ticket is None:
            return
        try:
            await self._answers.keep(admitted.ticket, status=status, headers=headers, body=body)
        except StoreError:
            _log.exception("an answer could not be kept for retries")

    def streamed(
        self,
        request: GateRequest,
        credential: Credential,
        offer: Offer,
        *,
        receipt: Receipt,
        amount: int,
        units: int,
    ) -> None:
        """Takes note of what a stream was charged while it was delivered; see `events.StreamCharged`."""
        self._tell(
            events.StreamCharged(
                **self._fact(request),
                offer=facts_of((credential.challenge,), (offer,))[0],
                payer=credential.source,
                receipt=receipt,
                amount=amount,
                units=units,
            )
        )

    async def _ask(self, request: GateRequest, offers: Sequence[Offer]) -> Challenged:
        now = self._clock()
        if self._challenge_rate is not None and (wait := self._challenge_rate.take(request.client, now)):
            raise TooManyRequests("challenges", wait)
        answer = self._issuer.payment_required(request, offers, now, await look_up(request, offers))
        self._tell(events.ChallengeIssued(**self._fact(request), offers=facts_of(answer.challenges, offers)))
        return answer

    async def _consider(
        self, request: GateRequest, offers: Sequence[Offer], carried: Sequence[tuple[str, str]], *, management: bool
    ) -> Verdict:
        if self._failure_rate is not None and (wait := self._failure_rate.wait(request.client, self._clock())):
            raise TooManyRequests("failures", wait)
        credential: Credential | None = None
        try:
            field, credential = _parse(carried)
            managed = is_session(credential) and kind_of(request, credential) == "management"
            if management and not managed:
                raise BadRequest("This resource is not served by this HTTP method.")
            if managed:
                self._limit_management(request, credential)
            # Managing a channel is idempotent by itself, and has no answer worth keeping.
            ticket = None if managed else self._answers.ticket(request, credential)
            if ticket is not None and (kept := await self._answers.recall(ticket)) is not None:
                fact = self._fact(request)
                challenge_id = credential.challenge.id
                self._tell(events.AnswerReplayed(**fact, status=kept.status, challenge_id=challenge_id))
                return Replayed(status=kept.status, headers=kept.headers, body=kept.body)
            return await self._redeem(request, offers, credential, field, ticket)
        except PaymentProblem as problem:
            return await self._reject(request, offers, problem, credential)
        except StoreError as error:
            _log.error("the payment store failed: %s", error)
            return await self._reject(request, offers, InternalPayment(), credential)

    def _limit_management(self, request: GateRequest, credential: Credential) -> None:
        # Beside the client, so that nobody can use up the tokens of somebody else's channel.
        who = f"{request.client} {str(credential.payload.get('channelId'))[:80]}"
        if self._management_rate is not None and (wait := self._management_rate.take(who, self._clock())):
            raise TooManyRequests("management", wait)

    async def _redeem(
        self, request: GateRequest, offers: Sequence[Offer], credential: Credential, field: str, ticket: Ticket | None
    ) -> Admitted | Managed:
        kind = kind_of(request, credential) if is_session(credential) else "charge"
        try:
            offer = answered_offer(
                credential.challenge,
                request=request,
                offers=offers,
                realm=self.realm,
                binder=self._binder,
                carried_in=field,
                now=self._clock(),
                kind=kind,
            )
        except (InvalidChallenge, PaymentExpired) as problem:
            raise challenge_refused(credential, problem) from problem
        if ticket is not None:
            await self._answers.reserve(ticket)
        try:
            if kind != "charge" and takes_sessions(offer.payee):
                outcome = await self._settlement.charge(credential, offer, offer.payee, kind)
                if outcome.management:
                    return self._managed(request, credential, offer, outcome)
                receipt = outcome.receipt
            else:
                receipt = await self._settlement.settle(credential, offer)
        except (PaymentProblem, StoreError):
            if ticket is not None:
                await self._answers.free(ticket)
            raise
        self._tell(
            events.PaymentVerified(
                **self._fact(request),
                offer=facts_of((credential.challenge,), (offer,))[0],
                payer=credential.source,
                receipt=receipt,
            )
        )
        return Admitted(credential=credential, receipt=receipt, offer=offer, request=request, ticket=ticket)

    def _managed(self, request: GateRequest, credential: Credential, offer: Offer, outcome: Outcome) -> Managed:
        self._tell(
            events.ChannelManaged(
                **self._fact(request),
                offer=facts_of((credential.challenge,), (offer,))[0],
                payer=credential.source,
                action=outcome.action,
                receipt=outcome.receipt,
            )
        )
        return Managed(receipt=outcome.receipt, offer=offer, action=outcome.action)

    async def _reject(
        self, request: GateRequest, offers: Sequence[Offer], problem: PaymentProblem, credential: Credential | None
    ) -> Challenged:
        now = self._clock()
        # A voucher that does not cover the next request is the ordinary course of a session, and no attempt at fraud.
        if self._failure_rate is not None and problem.status < 500 and problem.slug != INSUFFICIENT_BALANCE:
            self._failure_rate.take(request.client, now)
        challenge_id = None if credential is None else credential.challenge.id
        self._tell_rejected(request, problem.status, problem.code, problem.message, challenge_id)
        session = credential is not None and is_session(credential) and problem.fresh_challenge
        snapshots = await look_up(request, offers, credential) if session else NO_SNAPSHOTS
        return self._issuer.refusal(request, offers, now, problem, snapshots)

    def _fact(self, request: GateRequest) -> events.Circumstances:
        return {"at": self._clock(), "client": request.client, "http_method": request.method, "path": request.path}

    def _tell_rejected(
        self, request: GateRequest, status: int, code: str, reason: str, challenge_id: str | None
    ) -> None:
        fact = self._fact(request)
        self._tell(events.PaymentRejected(**fact, status=status, code=code, reason=reason, challenge_id=challenge_id))

    def _tell(self, event: events.GateEvent) -> None:
        try:
            self._observe(event)
        except Exception:
            # A payment must not fail because somebody's log did.
            _log.exception("an observer of the gate raised")


def _payment_credentials(request: GateRequest, offers: Sequence[Offer]) -> list[tuple[str, str]]:
    """Every Payment credential that the route would look at, as (header field, field value that holds it)."""
    fields = {offer.credential_header for offer in offers}
    found: list[tuple[str, str]] = []
    for field in (AUTHORIZATION, PAYMENT_AUTHORIZATION):
        for value in request.values(field) if field in fields else ():
            if len(value) > CREDENTIAL_LIMIT:
                # Too large to look into; the parser refuses it.
                found.append((field, value))
            else:
                found += [(field, value) for scheme in scan(value) if scheme.name.lower() == "payment"]
    return found


def _parse(carried: Sequence[tuple[str, str]]) -> tuple[str, Credential]:
    if len(carried) > 1:
        # Core spec, "Multiple Payment Options": several credentials SHOULD be rejected with 400.
        raise BadRequest("The request has several Payment credentials; send exactly one.")
    field, value = carried[0]
    try:
        return field, parse_credential(value)
    except ParseError as error:
        raise MalformedCredential(f"The credential cannot be read: {error.message}") from error
