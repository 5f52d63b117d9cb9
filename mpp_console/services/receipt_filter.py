"""The language in which people filter receipts: text to `ReceiptFilter` and back, and whether a row passes. Pure.

    origin:api status:settled amount>=0.5 since:7d !method:card "two words"

Words are parted by blanks and must all hold. `key:value` restricts a field, `amount` compares, any other word is
searched for. `!` or `-` before a word inverts it. Quotes keep blanks together and take every other meaning away;
within them a backslash keeps a quote or a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from mpp_console.protocol import inert
from mpp_console.services.errors import FilterError
from mpp_console.services.receipt_models import AmountBound, AmountOp, ReceiptFilter, ReceiptRow

__all__ = ["KEYS", "SETTLED", "STATUSES", "filter_text", "parse_filter", "passes"]

SETTLED: Final = ("success", "none")
"""What receipts of payments that went through say: the server's receipt is always `success`, a payment that settled
without one is kept as `none`.
"""

STATUSES: Final = ("settled", *SETTLED)

_DIRECTIONS: Final[dict[str, Literal["sent", "received"]]] = {
    "sent": "sent", "out": "sent", "received": "received", "in": "received",
}  # fmt: skip
_ALIASES: Final = {"dir": "direction", "ref": "reference"}
_TEXT_KEYS: Final = frozenset({"origin", "method", "intent", "currency", "network", "reference"})
_TIME_KEYS: Final = frozenset({"since", "until"})
KEYS: Final = ("origin", "dir", "status", "amount", "currency", "method", "intent", "network", "ref", "since", "until")
"""What a word may restrict, in the order in which a person is told."""

_KNOWN = f"known: {' '.join(KEYS)}; other words are searched for"
_OPERATOR = re.compile(r"<=|>=|[:<>=]")
_PORT = re.compile(r"[0-9]{1,5}(?:[/?#].*)?", re.DOTALL)
_AMOUNT = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,255})?")
_AGO = re.compile(r"([0-9]{1,5})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_UNQUOTED = re.compile(r'[^\s"\\]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """One word, without its quotes. `bare` counts the characters before the first quote, which alone can mean more
    than themselves.
    """

    text: str
    bare: int
    raw: str

    @property
    def shown(self) -> str:
        return inert(self.raw, limit=60)


def parse_filter(text: str, now: datetime | None = None) -> ReceiptFilter:
    """What a person typed, as a filter. `now` is what `since:7d` counts back from.

    Raises FilterError, which names the word that is not understood and says what is allowed.
    """
    moment = now or datetime.now(UTC)
    found = ReceiptFilter()
    for word in _split(text):
        if word.bare and word.text[0] in "!-" and len(word.text) > 1:
            positive = replace(word, text=word.text[1:], bare=word.bare - 1)
            found = replace(found, without=(*found.without, _with(ReceiptFilter(), positive, moment)))
        else:
            found = _with(found, word, moment)
    return found


def filter_text(filter: ReceiptFilter) -> str:  # noqa: A002
    """The filter as text that `parse_filter` reads back; times are absolute.

    Raises FilterError for what no text says: a `without` of more than one term.
    """
    words = [*_terms(filter)]
    for left_out in filter.without:
        terms = [*_terms(left_out)]
        if len(terms) != 1 or left_out.without:
            raise FilterError("this filter leaves out a combination, which cannot be written as text")
        words.append(f"!{terms[0]}")
    return " ".join(words)


def passes(filter: ReceiptFilter, row: ReceiptRow) -> bool:  # noqa: A002
    """Whether a row passes, as the history would say; for rows that just arrived."""
    lowered = [_lower(text) for text in _searched(row)]
    return (
        filter.direction in (None, row.direction)
        and all(any(_lower(word) in text for text in lowered) for word in filter.words)
        and (filter.origin is None or _origin_passes(filter.origin, row.origin))
        and (filter.method is None or _method_passes(filter.method, row))
        and filter.intent in (None, row.intent)
        and filter.network in (None, row.network)
        and (filter.reference is None or _lower(filter.reference) in _lower(row.reference))
        and (filter.status is None or row.status in statuses_of(filter.status))
        and (filter.currency is None or _currency_passes(filter.currency, row))
        and (filter.since is None or row.at >= filter.since)
        and (filter.until is None or row.at < filter.until)
        and all(_amount_passes(bound, row) for bound in filter.amounts)
        and not any(passes(left_out, row) for left_out in filter.without)
    )


def statuses_of(status: str) -> tuple[str, ...]:
    """The statuses in the history that the word stands for."""
    return SETTLED if status == "settled" else (status,)


# Reading ------------------------------------------------------------------------------------------------------------


def _split(text: str) -> Iterator[_Word]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        letters: list[str] = []
        start, bare, quoted = place, -1, False
        while place < len(text) and (quoted or not text[place].isspace()):
            letter = text[place]
            if letter == '"':
                bare = len(letters) if bare < 0 else bare
                quoted = not quoted
            elif quoted and letter == "\\" and text[place + 1 : place + 2] in ('"', "\\"):
                place += 1
                letters.append(text[place])
            else:
                letters.append(letter)
            place += 1
        raw, word = text[start:place], "".join(letters)
        if quoted:
            raise FilterError(f"{inert(raw, limit=60)}: the quote is not closed", hint='end it with "')
        if not word:
            raise FilterError(f"{inert(raw, limit=60)}: there is nothing to search for between the quotes")
        yield _Word(text=word, bare=len(word) if bare < 0 else bare, raw=raw)


def _with(found: ReceiptFilter, word: _Word, now: datetime) -> ReceiptFilter:
    """`found`, restricted by one word more."""
    match = _OPERATOR.search(word.text, 0, word.bare)
    if match is None or not _is_name(word.text[: match.start()]):
        return replace(found, words=(*found.words, word.text))
    name, operator, value = word.text[: match.start()], match[0], word.text[match.end() :]
    if name not in KEYS and name not in _ALIASES.values() and _is_address(operator, value):
        return replace(found, words=(*found.words, word.text))
    key = _ALIASES.get(name, name)
    if key != "amount" and key not in _TEXT_KEYS | _TIME_KEYS | {"direction", "status"}:
        raise FilterError(f"{word.shown}: {name!r} is nothing to filter by", hint=_KNOWN)
    if not value:
        raise FilterError(f"{word.shown}: {name} needs a value", hint=_EXAMPLES[key])
    if key == "amount":
        return replace(found, amounts=(*found.amounts, _bound(word, operator, value)))
    if operator != ":":
        raise FilterError(f"{word.shown}: only amount is compared with {operator}", hint=_EXAMPLES[key])
    if getattr(found, key) is not None:
        raise FilterError(f"{word.shown}: {name} is given twice", hint="keep one; ! before a word leaves rows out")
    return replace(found, **{key: _value(word, key, value, now)})


def _is_name(text: str) -> bool:
    return text.isascii() and text.isalpha()


def _is_address(operator: str, value: str) -> bool:
    """Whether a word with a colon is an URL or a host with its port, hence a word."""
    return operator == ":" and (value.startswith("//") or _PORT.fullmatch(value) is not None)


_EXAMPLES: Final = {
    "origin": "as in origin:api or origin:https://api.example",
    "direction": "dir:sent (or out), dir:received (or in)",
    "status": "status:settled (whatever was paid), status:success (with a receipt), status:none (without one)",
    "amount": "as in amount>1, amount>=0.5, amount<2, amount<=2, amount=1",
    "currency": "as in currency:pathUSD, or the address of a token",
    "method": "as in method:tempo, or with an intent: method:tempo/session",
    "intent": "as in intent:charge",
    "network": "as in network:sandbox",
    "reference": "as in ref:0x8f3c; a part is enough",
    "since": "write 2026-01-31, 2026-01-31T12:00:00Z, 24h or 7d",
    "until": "write 2026-01-31, 2026-01-31T12:00:00Z, 24h or 7d",
}


def _value(word: _Word, key: str, value: str, now: datetime) -> Any:
    if key == "direction":
        if value not in _DIRECTIONS:
            raise FilterError(f"{word.shown}: a direction is sent or received", hint=_EXAMPLES[key])
        return _DIRECTIONS[value]
    if key == "status":
        if value not in STATUSES:
            why = "receipts are of payments that settled; open ones: `mpp-console receipts recover`"
            raise FilterError(f"{word.shown}: {why}", hint=_EXAMPLES[key])
        return value
    return _moment(word, value, now) if key in _TIME_KEYS else value


def _bound(word: _Word, operator: str, value: str) -> AmountBound:
    if _AMOUNT.fullmatch(value) is None:
        raise FilterError(f"{word.shown}: {inert(value, limit=40)!r} is not an amount", hint=_EXAMPLES["amount"])
    op: AmountOp = "=" if operator in ":=" else operator  # type: ignore[assignment]  # one of _OPERATOR
    return AmountBound(op=op, value=Decimal(value))


def _moment(word: _Word, text: str, now: datetime) -> datetime:
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FilterError(f"{word.shown}: {inert(text, limit=40)!r} is no time", hint=_EXAMPLES["since"]) from None


# Writing ------------------------------------------------------------------------------------------------------------


def _terms(filter: ReceiptFilter) -> Iterator[str]:  # noqa: A002
    for field in fields(filter):
        value = getattr(filter, field.name)
        name = {"direction": "dir", "reference": "ref"}.get(field.name, field.name)
        if field.name in {"words", "without"}:
            continue
        if field.name == "amounts":
            yield from (f"amount{bound.op}{bound.value:f}" for bound in value)
        elif value is not None:
            yield f"{name}:{_time_text(value) if isinstance(value, datetime) else _quoted(value)}"
    for word in filter.words:
        yield word if _is_plain(word) else _in_quotes(word)


def _is_plain(word: str) -> bool:
    try:
        return parse_filter(word) == ReceiptFilter(words=(word,))
    except FilterError:
        return False


def _quoted(value: str) -> str:
    return value if _UNQUOTED.fullmatch(value) else _in_quotes(value)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _time_text(moment: datetime) -> str:
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return text[:10] if text.endswith("T00:00:00") else f"{text}Z"


# Passing ------------------------------------------------------------------------------------------------------------


def _lower(text: str) -> str:
    """ASCII letters only, as SQLite compares."""
    return text.translate(_ASCII_LOWER)


_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _searched(row: ReceiptRow) -> Iterator[str]:
    yield from (row.origin, row.url, row.reference, row.method, row.intent, row.status, row.network, row.id)
    for text in (row.operation_id, row.challenge_id, row.external_id, row.payer, row.recipient):
        yield text or ""
    if row.currency is not None:
        yield row.currency.symbol


def _origin_passes(wanted: str, origin: str) -> bool:
    return wanted == origin if "://" in wanted else _lower(wanted) in _lower(origin)


def _method_passes(wanted: str, row: ReceiptRow) -> bool:
    method, _, intent = wanted.partition("/")
    return method == row.method and intent in ("", row.intent)


def _currency_passes(wanted: str, row: ReceiptRow) -> bool:
    currency = row.currency
    return currency is not None and _lower(wanted) in (_lower(currency.symbol), _lower(currency.id))


def _amount_passes(bound: AmountBound, row: ReceiptRow) -> bool:
    if row.amount is None or row.currency is None:
        return False
    # Integers on both sides: a Decimal's context would round amounts of more than 28 digits.
    numerator, denominator = bound.value.as_integer_ratio()
    left: int = row.amount * denominator
    right: int = numerator * 10**row.currency.decimals
    match bound.op:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "=":
            return left == right
