"""`Accept-Payment`: which methods and intents a client can pay with, and how gladly.

A client formats it, a server parses it and ranks its offers (core draft §"Client Payment Preferences"). Qualities are
thousandths inside, so that nothing rounds. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from .errors import FormatError, LimitError, ParseError
from .headers import ACCEPT_PAYMENT_LIMIT

__all__ = ["AcceptPayment", "PaymentRange", "parse_accept_payment"]

T = TypeVar("T")

# core §"ABNF Collected":
#   payment-range = payment-token [ weight ]
#   payment-token = payment-method-or-wildcard "/" intent-or-wildcard
#   payment-method-or-wildcard = payment-method-id / "*"      intent-or-wildcard = intent-token / "*"
# RFC 9110 §12.4.2: weight = OWS ";" OWS "q=" qvalue
#   qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
# A method may have the characters of deployed method names, as in a challenge.
_RANGE: Final = re.compile(
    r"[ \t]*+(\*|[a-z][a-z0-9:_-]*+)/(\*|[A-Za-z0-9-]++)"
    r"(?:[ \t]*+;[ \t]*+[qQ]=(0(?:\.[0-9]{0,3}+)?+|1(?:\.0{0,3}+)?+))?+[ \t]*+(?:,|\Z)"
)
_GAP: Final = re.compile(r"[ \t,]*+")
_NAMES: Final = (re.compile(r"\*|[a-z][a-z0-9:_-]*+"), re.compile(r"\*|[A-Za-z0-9-]++"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRange:
    """One entry. `method` and `intent` may be `*`; `weight` is the quality in thousandths, 0 for "do not use"."""

    method: str
    intent: str
    weight: int = 1000

    def __post_init__(self) -> None:
        if _NAMES[0].fullmatch(self.method) is None or _NAMES[1].fullmatch(self.intent) is None:
            raise FormatError("a payment range is a method and an intent, or * for either", code="bad-range")
        if not 0 <= self.weight <= 1000:
            raise FormatError("a quality lies between 0 and 1", code="bad-range")

    @property
    def specificity(self) -> int:
        """How many of the two names are given rather than `*`."""
        return (self.method != "*") + (self.intent != "*")

    def matches(self, method: str, intent: str) -> bool:
        return self.method in ("*", method) and self.intent in ("*", intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPayment:
    """The preferences of a client, in the order in which it gave them."""

    ranges: tuple[PaymentRange, ...]

    @classmethod
    def parse(cls, value: str | bytes) -> AcceptPayment:
        """The preferences in a field value. Raises ParseError; a server may then ignore the field."""
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if len(text) > ACCEPT_PAYMENT_LIMIT:
            raise LimitError(f"the preferences have {len(text)} characters; at most {ACCEPT_PAYMENT_LIMIT} are read")
        ranges = []
        position = _gap(text, 0)
        while position < len(text):
            match = _RANGE.match(text, position)
            if match is None:
                raise ParseError("an entry is not of the form method/intent;q=0.5", code="bad-range", position=position)
            ranges.append(PaymentRange(method=match[1], intent=match[2], weight=_weight(match[3])))
            position = _gap(text, match.end())
        if not ranges:
            raise ParseError("the preferences are empty", code="bad-range", position=0)
        return cls(ranges=tuple(ranges))

    @classmethod
    def of(cls, keys: Iterable[tuple[str, str]]) -> AcceptPayment:
        """Equal preference for every (method, intent) pair. Raises FormatError."""
        return cls(ranges=tuple(PaymentRange(method=method, intent=intent) for method, intent in keys))

    def format(self) -> str:
        """The field value; a quality of 1 is left out, as it is the default."""
        return ", ".join(_format_range(entry) for entry in self.ranges)

    def quality(self, method: str, intent: str) -> float:
        """From 0 (not acceptable) to 1. The most specific matching entry decides, among equals the highest."""
        return self._weight_of(method, intent) / 1000

    def rank(self, offers: Sequence[T], key: Callable[[T], tuple[str, str]]) -> list[T]:
        """The acceptable offers, best first, equal ones in the server's order.

        When none is acceptable they all come back unchanged, as if the field were absent: the client then learns what
        there is.
        """
        weights = [self._weight_of(*key(offer)) for offer in offers]
        order = sorted((i for i, weight in enumerate(weights) if weight), key=lambda i: -weights[i])
        return [offers[i] for i in order] or list(offers)

    def _weight_of(self, method: str, intent: str) -> int:
        matching = [(entry.specificity, entry.weight) for entry in self.ranges if entry.matches(method, intent)]
        return max(matching)[1] if matching else 0


def parse_accept_payment(value: str | bytes) -> AcceptPayment:
    """The same as `AcceptPayment.parse`."""
    return AcceptPayment.parse(value)


def _gap(text: str, position: int) -> int:
    match = _GAP.match(text, position)
    return match.end() if match else position


def _weight(text: str | None) -> int:
    if text is None:
        return 1000
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000 + int(fraction.ljust(3, "0"))


def _format_range(entry: PaymentRange) -> str:
    name = f"{entry.method}/{entry.intent}"
    if entry.weight == 1000:
        return name
    return f"{name};q=0.{entry.weight:03d}".rstrip("0").rstrip(".") if entry.weight else f"{name};q=0"
