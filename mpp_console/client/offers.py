"""Which of the offered challenges to pay, and for each of the others why not.

`quote_offers` asks the rails (they may read a chain); `rank` is pure. Nothing here signs, sends or writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from mpp_console.client.origin import Origin
from mpp_console.client.policy import Action, Verdict
from mpp_console.methods.base import Mode, Payer, Quote
from mpp_console.protocol import Challenge, FormatError, MppError, ParseError, digest_matches, format_units, inert

__all__ = ["Candidate", "RankedOffer", "Ranking", "Situation", "Terms", "accept_payment", "quote_offers", "rank"]

QUOTE_LIMIT = 16
"""Offers of one answer that are quoted. Each may cost several calls to a chain, and servers offer two or three."""

REASON_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the caller wants of one request, on top of the policy.

    `max_amount` is in whole units of whatever currency an offer asks for. `offer` picks one by its position in the
    answer, from 0. `methods` (`tempo` or `tempo/charge`) and `currencies` (symbol or id) are preferences, best
    first; what they do not name may still be paid. `always_confirm` asks even where the policy would not.
    """

    max_amount: Decimal | None = None
    offer: int | None = None
    methods: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    always_confirm: bool = False

    def __post_init__(self) -> None:
        if self.max_amount is not None and not (self.max_amount.is_finite() and self.max_amount >= 0):
            raise FormatError("the most to be paid must be a plain number, zero or more", code="bad-max-amount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is the same for all offers of one answer.

    `body` is what was sent, for challenges bound to it. `trusted_realms` may ask for proofs wherever they are served
    from.
    """

    origin: Origin
    now: datetime
    terms: Terms = field(default_factory=Terms)
    body: bytes = b""
    trusted_realms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A challenge with the account that could pay it. `failure` says why there is no quote."""

    challenge: Challenge
    payer: Payer | None = field(default=None, repr=False, compare=False)
    quote: Quote | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedOffer:
    """One offer with the reason why it is taken or not. `position` counts in the server's order, from 0.

    `usable` means that it could be paid if the caller asked for it. `verdict` is the policy's, once the offer got
    that far.
    """

    position: int
    challenge: Challenge
    quote: Quote | None
    reason: str
    usable: bool
    verdict: Verdict | None = None
    payer: Payer | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Every offer in the server's order, and the one to pay. `malformed` says of challenges that cannot be read why."""

    chosen: RankedOffer | None
    offers: tuple[RankedOffer, ...]
    malformed: tuple[str, ...] = ()


def accept_payment(payers: Iterable[Payer]) -> str:
    """The `Accept-Payment` value that says what these rails pay (core spec, "Client Payment Preferences")."""
    return ", ".join(dict.fromkeys(f"{payer.method}/{payer.intent}" for payer in payers))


async def quote_offers(challenges: Sequence[Challenge], payers: Sequence[Payer]) -> tuple[Candidate, ...]:
    """Asks the rails what each challenge means. Whatever is wrong with one becomes its `failure`."""
    quoted = await asyncio.gather(*(_quote(challenge, payers) for challenge in challenges[:QUOTE_LIMIT]))
    late = f"only the first {QUOTE_LIMIT} offers of an answer are looked at"
    return (*quoted, *(Candidate(challenge=challenge, failure=late) for challenge in challenges[QUOTE_LIMIT:]))


async def _quote(challenge: Challenge, payers: Sequence[Payer]) -> Candidate:
    """The first account that can pay, else the first that could read the challenge: it knows best what is wrong."""
    first: Candidate | None = None
    for payer in payers:
        if (payer.method, payer.intent) != (challenge.method, challenge.intent):
            continue
        try:
            quote = await payer.quote(challenge)
        except ParseError as error:
            candidate = Candidate(challenge=challenge, failure=f"the request cannot be read: {_shown(error.message)}")
        except MppError as error:
            candidate = Candidate(challenge=challenge, failure=f"it could not be quoted: {_shown(error.message)}")
        else:
            candidate = Candidate(challenge=challenge, payer=payer, quote=quote)
            if quote.payable:
                return candidate
        if first is None or (first.quote is None and candidate.quote is not None):
            first = candidate
    return first or Candidate(challenge=challenge, failure=f"no account here pays {_shown(challenge.key)}")


def rank(
    candidates: Sequence[Candidate],
    *,
    judge: Callable[[Quote], Verdict],
    situation: Situation,
    malformed: tuple[str, ...] = (),
) -> Ranking:
    """Picks the offer to pay. Pure. `judge` is the spending policy.

    Among those that may be paid, in this order: the caller's preferences, what needs no confirmation, what is known to
    be covered, the cheaper of one currency, what costs no network fee, the server's order.
    """
    terms = situation.terms
    options = [_examine(position, candidate, judge, situation) for position, candidate in enumerate(candidates)]
    usable = [option for option in options if option.usable]
    wanted = usable if terms.offer is None else [option for option in usable if option.position == terms.offer]
    if not wanted:
        reasons = {option.position: f"you asked for offer {(terms.offer or 0) + 1} only" for option in usable}
        return Ranking(chosen=None, offers=_with(options, reasons), malformed=malformed)
    chosen, reasons = _choose(wanted, terms)
    for option in usable:
        if option not in wanted:
            reasons[option.position] = f"you chose offer {chosen.position + 1}"
    offers = _with(options, reasons)
    return Ranking(chosen=offers[chosen.position], offers=offers, malformed=malformed)


def _with(options: Sequence[RankedOffer], reasons: dict[int, str]) -> tuple[RankedOffer, ...]:
    return tuple(replace(option, reason=reasons.get(option.position, option.reason)) for option in options)


def _examine(
    position: int, candidate: Candidate, judge: Callable[[Quote], Verdict], situation: Situation
) -> RankedOffer:
    """One offer by itself, without looking at the others."""
    quote = candidate.quote
    verdict = None
    reason = _flaw(candidate.challenge, situation)
    if reason is None:
        reason = candidate.failure if quote is None else _objection(quote, situation)
    if reason is None and quote is not None:
        verdict = judge(quote)
        if verdict.action is Action.REFUSE:
            reason = verdict.summary
    return RankedOffer(
        position=position,
        challenge=candidate.challenge,
        quote=quote,
        reason=_shown(reason or "it can be paid"),
        usable=reason is None,
        verdict=verdict,
        payer=candidate.payer,
    )


def _flaw(challenge: Challenge, situation: Situation) -> str | None:
    """What is wrong with the challenge whoever pays."""
    if challenge.is_expired(situation.now):
        return f"the challenge expired at {challenge.expires}"
    if challenge.digest is not None and not digest_matches(challenge.digest, situation.body):
        return "the challenge is for another request body than the one that was sent"
    return None


def _objection(quote: Quote, situation: Situation) -> str | None:
    """Why this quote must not be paid, policy aside."""
    most = situation.terms.max_amount
    if quote.refusals:
        return "; ".join(check.message for check in quote.refusals)
    if quote.balance is not None and quote.balance < quote.amount:
        return f"it costs {_money(quote, quote.amount)} and the account holds {_money(quote, quote.balance)}"
    if quote.mode is Mode.PROOF and not _proves_here_only(quote.challenge.realm, situation):
        return f"it wants a proof of who you are that is valid for {quote.challenge.realm}, not for {situation.origin}"
    if most is not None and quote.amount > Fraction(most) * 10**quote.currency.decimals:
        return f"it costs {_money(quote, quote.amount)}, more than the {most} you allow"
    return None


def _proves_here_only(realm: str, situation: Situation) -> bool:
    """Whether a proof for `realm` is of use to this origin alone.

    A server could pass on the challenge of another one and become us there. Test servers on this machine name their
    realm as they like.
    """
    origin = situation.origin
    if origin.is_loopback or realm in situation.trusted_realms:
        return True
    try:
        named = Origin.parse(realm if "://" in realm else f"{origin.scheme}://{realm}")
    except ParseError:
        return False
    return named.host == origin.host


# Each criterion gives a value that is smaller for the better offer, and what to tell the worse one.
_Criterion = tuple[Callable[[RankedOffer], float], str]


def _choose(options: Sequence[RankedOffer], terms: Terms) -> tuple[RankedOffer, dict[int, str]]:
    """The best of the usable offers, with the reason for each. Prices compare within one currency only, so the
    cheapest of each currency is found first, and those then meet each other."""
    groups: dict[tuple[str, str], list[RankedOffer]] = {}
    for option in options:
        quote = _quote_of(option)
        groups.setdefault((quote.currency.id.casefold(), quote.network), []).append(option)
    reasons: dict[int, str] = {}
    finalists = [_best(group, _criteria(terms, priced=True), reasons) for group in groups.values()]
    chosen = _best(finalists, _criteria(terms, priced=False), reasons)
    alone = len(options) == 1
    reasons[chosen.position] = "the only offer that can be paid" if alone else "the best of the offers that can be paid"
    return chosen, reasons


def _best(options: Sequence[RankedOffer], criteria: Sequence[_Criterion], reasons: dict[int, str]) -> RankedOffer:
    best = min(options, key=lambda option: tuple(value(option) for value, _ in criteria))
    for option in options:
        if option is not best:
            why = next(text for value, text in criteria if value(option) > value(best))
            reasons[option.position] = f"{why} offer {best.position + 1}"
    return best


def _criteria(terms: Terms, *, priced: bool) -> list[_Criterion]:
    price: list[_Criterion] = []
    if priced:
        price.append((lambda option: _quote_of(option).amount, "dearer in the same currency than"))
    return [
        (lambda option: _preference(option, terms), "you prefer the method or currency of"),
        (_needs_word, "it needs your confirmation, unlike"),
        (lambda option: float(_quote_of(option).balance is None), "its balance could not be read, unlike that of"),
        *price,
        (_costs_fee, "you would pay a network fee, unlike with"),
        (lambda option: option.position, "the server prefers"),
    ]


def _preference(option: RankedOffer, terms: Terms) -> float:
    """Methods first, currencies second; anything unnamed comes after everything named."""
    currency = _quote_of(option).currency
    method = _index(terms.methods, {option.challenge.method, option.challenge.key})
    names = {currency.id.casefold(), currency.symbol.casefold()}
    return method * (len(terms.currencies) + 1) + _index([name.casefold() for name in terms.currencies], names)


def _index(wanted: Sequence[str], names: set[str]) -> int:
    return next((index for index, name in enumerate(wanted) if name in names), len(wanted))


def _needs_word(option: RankedOffer) -> float:
    return float(option.verdict is None or option.verdict.action is not Action.ALLOW)


def _costs_fee(option: RankedOffer) -> float:
    quote = _quote_of(option)
    return float(not quote.sponsored and quote.fee != 0)


def _quote_of(option: RankedOffer) -> Quote:
    assert option.quote is not None, "only usable offers are compared, and they have a quote"  # noqa: S101
    return option.quote


def _money(quote: Quote, amount: int) -> str:
    return f"{format_units(amount, quote.currency.decimals)} {quote.currency.symbol}"


def _shown(text: str) -> str:
    """Reasons quote servers (realms, methods, parse errors), so they are made harmless to a terminal."""
    return inert(text, limit=REASON_LIMIT)
