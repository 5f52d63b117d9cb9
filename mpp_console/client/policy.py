"""The spending policy: whether a payment may happen, needs somebody's word, or must not happen.

Pure: it sees the facts of one payment and a ledger of the past, and reads no clock, file or network. `Payments` asks
it twice, once for the review and once inside the journal's transaction, where concurrent payments are already counted.

Currencies are named by their id without regard to case; amounts are base units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mpp_console.client.journal import Ledger
from mpp_console.client.origin import Origin
from mpp_console.methods.base import Check, Level
from mpp_console.protocol import Currency, format_units

__all__ = ["Action", "AutoAllow", "OriginCap", "PaymentFacts", "SpendingPolicy", "Verdict"]

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
"""Budgets roll: they look back from now, so that none of them can be spent twice around midnight."""


class Action(StrEnum):
    ALLOW = "allow"
    CONFIRM = "confirm"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the policy says, with every rule that was looked at."""

    action: Action
    reasons: tuple[Check, ...]

    @property
    def refusals(self) -> tuple[Check, ...]:
        return tuple(check for check in self.reasons if check.level is Level.REFUSE)

    @property
    def summary(self) -> str:
        """One sentence for people: the refusals, else why confirmation is needed, else that it is allowed."""
        wanted = Level.REFUSE if self.action is Action.REFUSE else Level.WARN
        return (
            "; ".join(check.message for check in self.reasons if check.level is wanted) or "within the spending policy"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts:
    """All that the policy may know of a payment. `recipients` are everybody who gets money, splits included.

    A payment that goes on while it is being served is judged again for every step: `amount` is then the step, and
    `already` what the same payment has taken before, and what the ledger counts of it.
    """

    origin: Origin
    method: str
    intent: str
    amount: int
    already: int = 0
    currency: Currency
    recipients: tuple[str, ...]
    network: str
    chain_id: int | None
    loopback: bool
    now: datetime

    @property
    def whole(self) -> int:
        """What the payment will have taken in all."""
        return self.already + self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginCap:
    """What one origin may take of one currency: per payment, in a rolling day, in rolling 30 days. None is no limit."""

    origin: Origin
    currency_id: str
    per_payment: int | None = None
    per_day: int | None = None
    per_month: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoAllow:
    """Somebody's word, given ahead: pay this origin without asking, `per_payment` at most, `total` since
    `granted_at`, until `expires_at`.

    It spares the question and nothing else: caps, budgets and lists still refuse.
    """

    origin: Origin
    currency_id: str
    per_payment: int
    total: int
    granted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingPolicy:
    """Limits on what may be paid. As it stands, nothing is capped and every payment is confirmed.

    `per_payment`, `per_day` and `per_month` hold base units by currency id. With `only_listed_currencies` a currency
    that has no cap of any kind is refused. An allow list of None allows everybody not denied; an empty one allows
    nobody. A payment above `confirm_above` needs confirmation; a currency without a threshold always does unless
    `confirm_by_default` is off.
    """

    per_payment: Mapping[str, int] = field(default_factory=dict)
    per_day: Mapping[str, int] = field(default_factory=dict)
    per_month: Mapping[str, int] = field(default_factory=dict)
    only_listed_currencies: bool = False
    origin_caps: tuple[OriginCap, ...] = ()
    allow_origins: frozenset[Origin] | None = None
    deny_origins: frozenset[Origin] = frozenset()
    allow_recipients: frozenset[str] | None = None
    deny_recipients: frozenset[str] = frozenset()
    confirm_above: Mapping[str, int] = field(default_factory=dict)
    confirm_by_default: bool = True
    auto_allow: tuple[AutoAllow, ...] = ()

    def decide(self, facts: PaymentFacts, ledger: Ledger) -> Verdict:
        """Judges one payment, or a step of one, that is not in the ledger yet. Pure: equal arguments, equal verdict."""
        limits = [
            *self._origins(facts),
            *self._recipients(facts),
            *self._currency(facts),
            *_caps(facts, ledger, self._global_caps(facts)),
            *_caps(facts, ledger, self._caps_of_origin(facts)),
        ]
        if any(check.level is Level.REFUSE for check in limits):
            return Verdict(action=Action.REFUSE, reasons=tuple(limits))
        question = self._question(facts, ledger)
        action = Action.ALLOW if question.level is Level.OK else Action.CONFIRM
        return Verdict(action=action, reasons=(*limits, question))

    def _origins(self, facts: PaymentFacts) -> Iterable[Check]:
        if facts.origin in self.deny_origins:
            yield _refuse("origin-denied", f"your policy denies {facts.origin}")
        elif self.allow_origins is not None and facts.origin not in self.allow_origins:
            yield _refuse("origin-not-allowed", f"{facts.origin} is not on your list of allowed origins")

    def _recipients(self, facts: PaymentFacts) -> Iterable[Check]:
        denied = {_recipient_key(recipient) for recipient in self.deny_recipients}
        allowed = None if self.allow_recipients is None else {_recipient_key(item) for item in self.allow_recipients}
        for recipient in facts.recipients:
            key = _recipient_key(recipient)
            if key in denied:
                yield _refuse("recipient-denied", f"your policy denies the recipient {recipient}")
            elif allowed is not None and key not in allowed:
                yield _refuse("recipient-not-allowed", f"{recipient} is not on your list of allowed recipients")

    def _currency(self, facts: PaymentFacts) -> Iterable[Check]:
        tables = (self.per_payment, self.per_day, self.per_month)
        capped = any(_limit(table, facts.currency) is not None for table in tables) or bool(self._caps_of_origin(facts))
        if self.only_listed_currencies and not capped:
            yield _refuse(
                "currency-not-listed", f"your policy sets no limit for {facts.currency.symbol}, so it is not spent"
            )

    def _global_caps(self, facts: PaymentFacts) -> list[_Cap]:
        currency = facts.currency
        return [
            _Cap(
                code="cap-per-payment",
                what="a payment",
                limit=_limit(self.per_payment, currency),
                window=None,
                origin=None,
            ),
            _Cap(code="budget-day", what="a day", limit=_limit(self.per_day, currency), window=DAY, origin=None),
            _Cap(
                code="budget-month", what="30 days", limit=_limit(self.per_month, currency), window=MONTH, origin=None
            ),
        ]

    def _caps_of_origin(self, facts: PaymentFacts) -> list[_Cap]:
        caps = []
        for cap in self.origin_caps:
            if cap.origin != facts.origin or not _same_currency(cap.currency_id, facts.currency):
                continue
            origin = str(cap.origin)
            caps += [
                _Cap(
                    code="origin-cap-per-payment",
                    what=f"a payment to {origin}",
                    limit=cap.per_payment,
                    window=None,
                    origin=origin,
                ),
                _Cap(code="origin-budget-day", what=f"a day to {origin}", limit=cap.per_day, window=DAY, origin=origin),
                _Cap(
                    code="origin-budget-month",
                    what=f"30 days to {origin}",
                    limit=cap.per_month,
                    window=MONTH,
                    origin=origin,
                ),
            ]
        return caps

    def _question(self, facts: PaymentFacts, ledger: Ledger) -> Check:
        """Whether somebody must be asked: WARN says yes and why, OK says no and why not."""
        amount = _money(facts.whole, facts.currency)
        threshold = _limit(self.confirm_above, facts.currency)
        if threshold is not None and facts.whole <= threshold:
            return _ok(
                "below-confirmation", f"{amount} needs no confirmation (up to {_money(threshold, facts.currency)})"
            )
        if threshold is None and not self.confirm_by_default:
            return _ok("no-confirmation", "your policy asks for no confirmation")
        failed = None
        for rule in self.auto_allow:
            if rule.origin == facts.origin and _same_currency(rule.currency_id, facts.currency):
                failed = _grant_failure(rule, facts, ledger)
                if failed is None:
                    return _ok("auto-allowed", f"you allowed {facts.origin} until {rule.expires_at:%Y-%m-%d %H:%M} UTC")
        if failed is not None:
            return Check(code="auto-allow-exceeded", level=Level.WARN, message=failed)
        if threshold is None:
            return Check(code="confirm", level=Level.WARN, message=f"paying {amount} needs your confirmation")
        above = f"{amount} is above {_money(threshold, facts.currency)} and needs your confirmation"
        return Check(code="confirm-above", level=Level.WARN, message=above)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cap:
    """One limit: of a single payment when `window` is None, else of everything begun in the window."""

    code: str
    what: str
    limit: int | None
    window: timedelta | None
    origin: str | None


def _caps(facts: PaymentFacts, ledger: Ledger, caps: Iterable[_Cap]) -> Iterable[Check]:
    for cap in caps:
        if cap.limit is None:
            continue
        limit = _money(cap.limit, facts.currency)
        if cap.window is None:
            spent = facts.already
        else:
            spent = ledger.spent(facts.currency.id, facts.now - cap.window, cap.origin)
        if spent + facts.amount <= cap.limit:
            yield _ok(cap.code, f"within {limit} for {cap.what}")
        elif cap.window is None:
            yield _refuse(
                cap.code, f"{_money(facts.whole, facts.currency)} is above your limit of {limit} for {cap.what}"
            )
        else:
            already = f"{_money(spent, facts.currency)} of your budget of {limit} for {cap.what} is spent"
            yield _refuse(cap.code, f"{already}, so {_money(facts.amount, facts.currency)} does not fit")


def _grant_failure(rule: AutoAllow, facts: PaymentFacts, ledger: Ledger) -> str | None:
    """Why a grant for this origin and currency does not cover this payment; None when it does."""
    if not rule.granted_at <= facts.now < rule.expires_at:
        return f"your standing permission for {facts.origin} has run out"
    if facts.whole > rule.per_payment:
        return (
            f"your standing permission for {facts.origin} covers {_money(rule.per_payment, facts.currency)} a payment"
        )
    spent = ledger.spent(facts.currency.id, rule.granted_at, str(facts.origin))
    if spent + facts.amount > rule.total:
        return f"your standing permission for {facts.origin} covers {_money(rule.total, facts.currency)} in all"
    return None


def _ok(code: str, message: str) -> Check:
    return Check(code=code, level=Level.OK, message=message)


def _refuse(code: str, message: str) -> Check:
    return Check(code=code, level=Level.REFUSE, message=message)


def _money(amount: int, currency: Currency) -> str:
    return f"{format_units(amount, currency.decimals)} {currency.symbol}"


def _same_currency(currency_id: str, currency: Currency) -> bool:
    return currency_id.casefold() == currency.id.casefold()


def _limit(table: Mapping[str, int], currency: Currency) -> int | None:
    return next((limit for currency_id, limit in table.items() if _same_currency(currency_id, currency)), None)


def _recipient_key(recipient: str) -> str:
    """Hex addresses differ in case by checksum only; other rails' recipients are taken as they are."""
    return recipient.lower() if recipient[:2].lower() == "0x" else recipient
