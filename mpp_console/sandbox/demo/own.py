"""Routes that a person adds to the demo: a price and one fixed answer each, served by the same gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mpp_console.methods.base import Mode, Payee
from mpp_console.methods.tempo.networks import Network
from mpp_console.sandbox.demo.catalogue import DemoRoute, Entry
from mpp_console.server.offers import DEFAULT_EXPIRY, Offer
from mpp_console.server.routes import Route

__all__ = ["OwnRoute", "fixed_answer", "own_entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRoute:
    """`amount` is in base units of the token at `currency`; None is free, 0 asks for a proof of the account.

    `path` may hold `{name}` and `{name:path}`. `modes` empty takes what the payee takes. `expires_in` is the life of
    each challenge, which pays once.
    """

    method: str
    path: str
    amount: int | None
    currency: str
    description: str = ""
    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    expires_in: timedelta = DEFAULT_EXPIRY
    modes: tuple[Mode, ...] = ()
    sponsored: bool = False


def own_entries(routes: Iterable[OwnRoute], payee: Payee, network: Network) -> tuple[Entry, ...]:
    """The routes for the gate, the more literal path first, so that `/a/b` is found before `/a/{name}`.

    Raises ValueError (the rail's own, which says why) for a route that cannot be offered, UnknownToken for a currency
    that the network does not know.
    """
    return tuple(_entry(route, payee, network) for route in sorted(routes, key=lambda route: specificity(route.path)))


def specificity(path: str) -> tuple[int, ...]:
    """Sorts paths: at the first segment in which two differ, text comes before `{name}`, and that before the rest."""
    return tuple(
        2 if segment.endswith(":path}") else 1 if segment.startswith("{") else 0 for segment in path.split("/")
    )


def fixed_answer(route: OwnRoute) -> Any:
    """The endpoint that gives the route's answer."""

    async def answer(request: Request) -> Response:
        return Response(route.body, status_code=route.status, headers={"Content-Type": route.content_type})

    return answer


def _entry(route: OwnRoute, payee: Payee, network: Network) -> Entry:
    currency = network.currency(route.currency)
    offers: tuple[Offer, ...] = ()
    if route.amount is not None:
        options: dict[str, Any] = {"currency": route.currency}
        if route.modes and route.amount:
            options["supported_modes"] = [str(mode) for mode in route.modes]
        if route.sponsored and route.amount:
            options["fee_payer"] = True
        offer = Offer(
            payee=payee,
            amount=route.amount,
            options=options,
            description=route.description or None,
            expires_in=route.expires_in,
        )
        offers = (offer,)
    return Entry(
        route=Route(method=route.method, path=route.path, offers=offers, summary=route.description),
        told=DemoRoute(
            method=route.method,
            path=route.path,
            rail=offers[0].method if offers else "",
            intent=offers[0].intent if offers else "",
            amount=route.amount or 0,
            currency=currency,
            note=route.description,
            own=True,
        ),
    )
