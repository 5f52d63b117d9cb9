"""Routes of one's own for the local server: read from words, judged, and kept in the profile's folder.

Judging is pure and finds everything at once, so that a form can say it beside each field. The file is JSON, for its
owner only, replaced whole; `RouteBook` blocks on the disk, so call it from a worker thread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from mpp_console.protocol import Currency, MppError, inert, parse_units
from mpp_console.services.errors import UsageError
from mpp_console.services.server_models import ALL_FAULTS, FREE, METHODS, RouteDraft, RouteTrouble

if TYPE_CHECKING:
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.sandbox.demo import OwnRoute

__all__ = [
    "DEMO_KEYS",
    "Book",
    "RouteBook",
    "RouteInvalid",
    "RoutesUnreadable",
    "find_troubles",
    "own_route",
    "parse_fault",
    "parse_route",
    "shape_of",
]

PATH_LIMIT: Final = 200
BODY_LIMIT: Final = 64 * 1024
DESCRIPTION_LIMIT: Final = 150
LONGEST_EXPIRY: Final = 86_400
ROUTES_LIMIT: Final = 100
_PLAIN = (
    "free", "charge", "sponsored", "split", "push-only", "pull-only", "zero", "two-offers", "slow", "stream", "session",
    "session/stream", "session/sponsored", "session/v1", "session/ws",
)  # fmt: skip
_TRAPS = ("expired", "wrong-amount", "bad-recipient", "server-error", "no-receipt")
DEMO_KEYS: Final = ("POST /echo", *(f"GET /{name}" for name in _PLAIN), *(f"GET /faults/{name}" for name in _TRAPS))
"""Every route that the demo may have: known before the demo is loaded, and never taken over."""
_SIZE_LIMIT: Final = 16 * 1024 * 1024
_RESERVED: Final = frozenset({"GET /openapi.json", "GET /llms.txt"})
"""What the server answers about itself."""

_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;\s*[\x21-\x3a\x3c-\x7e]+)*")
_NO_BODY: Final = frozenset({204, 205})


class RouteInvalid(UsageError):
    """A route that cannot be served. `troubles` has one entry for each field that is wrong."""

    default_code = "route-invalid"

    def __init__(self, troubles: Iterable[RouteTrouble]) -> None:
        self.troubles = tuple(troubles)
        first = self.troubles[0]
        place = f"{first.field}: " if first.field else ""
        super().__init__(f"{place}{first.message}", hint=first.hint or None)


class RoutesUnreadable(UsageError):
    """The file with the routes is none that this program wrote; it is left alone."""

    default_code = "routes-unreadable"


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept: the chosen port (None: the one of the settings) and the routes, in the order in which they were
    made.
    """

    port: int | None = None
    routes: tuple[RouteDraft, ...] = ()


class RouteBook:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Book:
        """Raises RoutesUnreadable, and FileTrouble when the disk refuses."""
        from mpp_console.wallet.files import read_limited

        if not self._path.exists():
            return Book()
        try:
            return msgspec.json.decode(read_limited(self._path, _SIZE_LIMIT), type=Book)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = inert(str(error), limit=200)
            raise RoutesUnreadable(
                f"the routes in {self._path} cannot be read: {what}", hint="mend the file, or move it away"
            ) from error

    def save(self, book: Book) -> None:
        """Raises FileTrouble."""
        from mpp_console.wallet.files import private_folder, write_private

        private_folder(self._path.parent)
        write_private(self._path, msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n")


def parse_route(text: str) -> RouteDraft:
    """`[METHOD] PATH=PRICE [CURRENCY]`: `GET /weather=0.02`, `/news=0.1 AlphaUSD`, `POST /notes=free`.

    Only the form is checked. Raises UsageError.
    """
    where, equals, price = text.rpartition("=")
    words, cost = where.split(), price.split()
    if not equals or len(words) not in {1, 2} or len(cost) not in {1, 2}:
        raise UsageError(
            f"`{inert(text, limit=80)}` is no route", hint="write it as 'GET /weather=0.02', or '/weather=0.02'"
        )
    method = words[0].upper() if len(words) == 2 else "GET"
    return RouteDraft(
        method=method, path=words[-1], price=cost[0], currency=cost[1] if len(cost) == 2 else "", description=""
    )


def parse_fault(text: str) -> tuple[str | None, str]:
    """`slow` is a fault of every route, `GET /charge=slow` of one: (route key or None, fault). Raises UsageError."""
    where, _, name = text.rpartition("=")
    name = name.strip()
    if name not in {fault.name for fault in ALL_FAULTS}:
        known = ", ".join(fault.name for fault in ALL_FAULTS)
        raise UsageError(f"there is no fault `{inert(name, limit=40)}`", hint=f"known: {known}")
    words = where.split()
    if not words:
        return None, name
    return f"{words[0].upper()} {words[1]}" if len(words) == 2 else f"GET {words[0]}", name


def shape_of(key: str) -> str:
    """A route's key with the names of its parameters taken out: two of one shape answer the same requests."""
    return re.sub(r"\{[^}:]*(:path)?\}", r"{\1}", key)


def find_troubles(
    draft: RouteDraft, currencies: Mapping[str, Currency], taken: Iterable[str]
) -> tuple[RouteTrouble, ...]:
    """Everything that is wrong with a draft; nothing when it can be served.

    `currencies` by symbol and by address; the empty name is the default one. `taken` are the keys of other routes.
    """
    found: list[RouteTrouble] = []
    if draft.method not in METHODS:
        found.append(RouteTrouble(field="method", message=f"one of {', '.join(METHODS)}"))
    path = _path_trouble(draft.path)
    if path is None and draft.method in METHODS:
        path = _clash(draft, taken)
    price = _price_trouble(draft, currencies)
    found += [trouble for trouble in (path, price) if trouble is not None]
    found += _answer_troubles(draft)
    if not 1 <= draft.expires_in <= LONGEST_EXPIRY:
        found.append(RouteTrouble(field="expires_in", message=f"1 to {LONGEST_EXPIRY} seconds"))
    if len(draft.description) > DESCRIPTION_LIMIT or inert(draft.description) != draft.description:
        found.append(RouteTrouble(field="description", message=f"at most {DESCRIPTION_LIMIT} characters on one line"))
    if draft.sponsored and draft.mode == "push":
        message = "the server can pay the fee only of what it broadcasts itself"
        found.append(RouteTrouble(field="mode", message=message, hint="choose pull"))
    return tuple(found)


def own_route(draft: RouteDraft, network: Network) -> OwnRoute:
    """The route as it is served. Call it with a draft that has no troubles."""
    from mpp_console.methods.base import Mode
    from mpp_console.sandbox.demo import OwnRoute

    currency = currencies_of(network)[draft.currency.lower()]
    return OwnRoute(
        method=draft.method,
        path=draft.path,
        amount=None if draft.price == FREE else parse_units(draft.price, currency.decimals),
        currency=currency.id,
        description=draft.description,
        status=draft.status,
        content_type=draft.content_type,
        body=draft.body.encode(),
        expires_in=timedelta(seconds=draft.expires_in),
        modes=() if draft.mode == "any" else (Mode(draft.mode),),
        sponsored=draft.sponsored,
    )


def currencies_of(network: Network) -> dict[str, Currency]:
    """The currencies of a network by symbol and by address, in small letters; the empty name is the default one."""
    found = {"": network.currency(network.default_token)}
    for token in network.tokens:
        found[token.symbol.lower()] = found[token.address.lower()] = token.currency
    return found


def _path_trouble(path: str) -> RouteTrouble | None:
    segments = path.split("/")[1:]
    message, hint = "", ""
    if not path.startswith("/"):
        message, hint = "a path starts with a slash", "for example /weather"
    elif len(path) > PATH_LIMIT:
        message = f"at most {PATH_LIMIT} characters"
    elif "?" in path or "#" in path:
        message, hint = "a path without query and fragment", "every query belongs to the route"
    elif "" in segments[:-1] or {".", ".."} & set(segments):
        message = "no empty segments, no `.` and no `..`"
    else:
        message, hint = _segments_trouble(segments)
    return RouteTrouble(field="path", message=message, hint=hint) if message else None


def _segments_trouble(segments: Sequence[str]) -> tuple[str, str]:
    names: list[str] = []
    for number, segment in enumerate(segments):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is not None:
            names.append(parameter[1])
            if parameter[2] and number != len(segments) - 1:
                return "{name:path} takes the rest, so it comes last", ""
        elif "{" in segment or "}" in segment:
            return "a parameter is a whole segment", "write {name}, or {name:path} for the rest"
        elif segment and not _SEGMENT.fullmatch(segment):
            return "letters, digits and -._~!$&'()*+,;=:@ only", ""
    return ("two parameters have one name", "") if len(set(names)) < len(names) else ("", "")


def _clash(draft: RouteDraft, taken: Iterable[str]) -> RouteTrouble | None:
    for key in (*taken, *_RESERVED):
        if shape_of(key) == shape_of(draft.key):
            return RouteTrouble(field="path", message=f"{key} is there already", hint="choose another path or method")
    return None


def _price_trouble(draft: RouteDraft, currencies: Mapping[str, Currency]) -> RouteTrouble | None:
    currency = currencies.get(draft.currency.lower())
    if currency is None:
        symbols = ", ".join(dict.fromkeys(known.symbol for known in currencies.values()))
        return RouteTrouble(field="currency", message=f"not a currency of this network: {symbols}")
    if draft.price == FREE:
        return None
    try:
        amount = parse_units(draft.price, currency.decimals)
    except MppError as error:
        message = error.message if draft.price else "a price, such as 0.02"
        return RouteTrouble(field="price", message=message, hint="`free` asks for nothing")
    if amount >= 2**128:
        return RouteTrouble(field="price", message="more than the chain can hold")
    return None


def _answer_troubles(draft: RouteDraft) -> list[RouteTrouble]:
    found: list[RouteTrouble] = []
    if not 200 <= draft.status <= 299:
        hint = "faults make a paid route fail: press x on it"
        found.append(RouteTrouble(field="status", message="200 to 299: what is sold is delivered", hint=hint))
    if not _MEDIA_TYPE.fullmatch(draft.content_type) or len(draft.content_type) > 100:
        found.append(RouteTrouble(field="content_type", message="a media type, such as application/json"))
    if draft.body and draft.status in _NO_BODY:
        found.append(RouteTrouble(field="body", message=f"an answer with {draft.status} has no body"))
    elif len(draft.body.encode("utf-8", "replace")) > BODY_LIMIT:
        found.append(RouteTrouble(field="body", message=f"at most {BODY_LIMIT // 1024} KB"))
    elif draft.body and draft.content_type.partition(";")[0].strip().lower().endswith("json"):
        found += _json_trouble(draft.body)
    return found


def _json_trouble(body: str) -> list[RouteTrouble]:
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        message = f"no JSON: {error.msg.lower()} (line {error.lineno}, column {error.colno})"
        return [RouteTrouble(field="body", message=message, hint="or choose another content type")]
    except (ValueError, RecursionError):
        return [RouteTrouble(field="body", message="JSON that nobody can read back")]
    return []
