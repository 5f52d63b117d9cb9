"""What the local server answered since it started: the latest requests, and the counts of each route. In memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mpp_console.services.models import Money, RequestRow, RouteView
from mpp_console.services.server_stats import ServerMeter

if TYPE_CHECKING:
    from mpp_console.sandbox.demo import DemoRoute

__all__ = ["ServerTally", "route_view"]

KEPT_REQUESTS: Final = 1000


class ServerTally:
    """Counts what it is given; nothing here waits."""

    def __init__(self) -> None:
        self.routes: tuple[RouteView, ...] = ()
        self.served = 0
        self.meter = ServerMeter()
        self._requests: deque[RequestRow] = deque(maxlen=KEPT_REQUESTS)
        self._earned: dict[str, Money] = {}

    @property
    def requests(self) -> tuple[RequestRow, ...]:
        """Newest first."""
        return tuple(reversed(self._requests))

    @property
    def revenue(self) -> tuple[Money, ...]:
        return tuple(self._earned.values())

    def take(self, row: RequestRow, key: str | None) -> None:
        """Counts an answered request; `key` is the route it belongs to."""
        self._requests.append(row)
        self.meter.take(row)
        self.served += 1
        paid = row.amount if row.outcome == "paid" and row.amount else 0
        if paid and row.currency is not None:
            before = self._earned.get(row.currency.id)
            self._earned[row.currency.id] = Money(amount=paid + (before.amount if before else 0), currency=row.currency)
        for number, route in enumerate(self.routes):
            if route.key == key:
                earned = paid if row.currency == route.currency else 0
                counted = replace(route, hits=route.hits + 1, revenue=route.revenue + earned)
                self.routes = (*self.routes[:number], counted, *self.routes[number + 1 :])
                return

    def begin(self) -> None:
        """A server has started: the sums and the routes' counts begin anew."""
        self._earned = {}
        self.routes = ()

    def show(self, routes: Iterable[RouteView]) -> None:
        """Takes the routes as they are now; those that stay keep their counts."""
        before = {route.key: route for route in self.routes}
        self.routes = tuple(_counted(route, before.get(route.key)) for route in routes)


def _counted(route: RouteView, before: RouteView | None) -> RouteView:
    if before is None:
        return route
    revenue = before.revenue if before.currency == route.currency else 0
    return replace(route, hits=before.hits, revenue=revenue)


def route_view(told: DemoRoute) -> RouteView:
    """A served route as the screens see it, with nothing counted yet."""
    return RouteView(
        method=told.method,
        path=told.path,
        rail=told.rail,
        intent=told.intent,
        amount=told.amount,
        currency=told.currency,
        note=told.note,
        fault=told.fault,
        own=told.own,
    )
