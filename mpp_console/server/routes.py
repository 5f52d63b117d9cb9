"""Which routes of an application cost what: one table for the middleware that charges and the document that tells
prices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mpp_console.protocol import DiscoveryOffer, PaidOperation
from mpp_console.server.offers import Offer
from mpp_console.server.sessions import SESSION_INTENT

__all__ = ["Route", "RouteTable"]

_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(:path)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path pattern with its offers; any one of them pays. Without offers the route is free.

    `path` may hold `{name}` for one segment and `{name:path}` for the rest, as Starlette's paths do. A GET route also
    stands for HEAD. `discoverable` False keeps it out of the discovery document. Raises ValueError for a pattern that
    cannot match.
    """

    method: str
    path: str
    offers: tuple[Offer, ...] = ()
    summary: str = ""
    discoverable: bool = True
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or self.method != self.method.upper():
            raise ValueError(f"A route needs an upper-case method and a path that starts with a slash: {self}")
        object.__setattr__(self, "pattern", _compile(self.path))

    def matches(self, method: str, path: str) -> bool:
        """Whether a request belongs here. `path` is decoded and without query, as the application's own router sees
        it."""
        if method != self.method and not (method == "HEAD" and self.method == "GET"):
            return False
        return self.pattern.fullmatch(path) is not None


class RouteTable:
    """Routes in order; the first that matches decides."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def match(self, method: str, path: str) -> Route | None:
        """The route of a request, None when the table does not know it (it is then free)."""
        return next((route for route in self._routes if route.matches(method, path)), None)

    def session_offers(self, path: str) -> tuple[Offer, ...]:
        """The session offers at a path, whatever HTTP method they are for: vouchers come by POST to a resource that is
        read by GET (tempo session draft, "Voucher Submission Transport").
        """
        found = (route for route in self._routes if route.pattern.fullmatch(path) is not None)
        return tuple(offer for route in found for offer in route.offers if offer.intent == SESSION_INTENT)

    def operations(self) -> list[PaidOperation]:
        """The routes as the discovery document lists them."""
        return [_operation(route) for route in self._routes if route.discoverable]


def _compile(path: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for match in _PARAMETER.finditer(path):
        pattern += re.escape(path[end : match.start()]) + (".*" if match[2] else "[^/]+")
        end = match.end()
    rest = path[end:]
    if "{" in rest or "}" in rest:
        raise ValueError(f"A parameter of a path is written {{name}} or {{name:path}}: {path}")
    return re.compile(pattern + re.escape(rest), re.DOTALL)


def _operation(route: Route) -> PaidOperation:
    offers = tuple(
        DiscoveryOffer(
            method=offer.method,
            intent=offer.intent,
            amount=offer.amount,
            currency=offer.currency_id,
            description=offer.description,
        )
        for offer in route.offers
    )
    path = _PARAMETER.sub(r"{\1}", route.path)
    return PaidOperation(path=path, http_method=route.method, offers=offers, summary=route.summary)
