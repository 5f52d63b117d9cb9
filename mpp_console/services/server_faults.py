"""The faults that are switched on for the local server, in memory only: a new start is an honest server."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from mpp_console.services.errors import UsageError
from mpp_console.services.server_models import ALL_FAULTS

if TYPE_CHECKING:
    from mpp_console.sandbox.demo import DemoApi

__all__ = ["SwitchedFaults", "in_menu_order"]

_NONE: frozenset[str] = frozenset()


class SwitchedFaults:
    """Names of faults, for every route or for one. What is switched here is served after `use_in`."""

    def __init__(self) -> None:
        self._everywhere = _NONE
        self._by_route: dict[str, frozenset[str]] = {}

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Those that every route has."""
        return in_menu_order(self._everywhere)

    def of(self, key: str) -> tuple[str, ...]:
        """Those that were switched on for this route alone."""
        return in_menu_order(self._by_route.get(key, _NONE))

    def on(self, key: str | None) -> tuple[str, ...]:
        """All that a request of this route meets."""
        return in_menu_order(self._everywhere | self._by_route.get(key or "", _NONE))

    def turn_on(self, faults: Iterable[tuple[str | None, str]], known: Collection[str]) -> None:
        """Adds to those that are on. Raises UsageError for a route that is not among the `known` ones."""
        for key, name in faults:
            if key is None:
                self._everywhere |= {name}
            elif key in known:
                self._by_route[key] = self._by_route.get(key, _NONE) | {name}
            else:
                raise UsageError(f"there is no route {key}", hint="name it as the table does: 'GET /charge=slow'")

    def switch(self, key: str | None, names: Collection[str], known: Collection[str]) -> None:
        """Switches on exactly these. Raises UsageError for a fault or a route that is not there."""
        unknown = sorted(set(names) - {fault.name for fault in ALL_FAULTS})
        if unknown:
            raise UsageError(f"there is no fault `{unknown[0]}`")
        if key is not None and key not in known:
            raise UsageError(f"there is no route {key}")
        if key is None:
            self._everywhere = frozenset(names)
        else:
            self._by_route = {name: on for name, on in {**self._by_route, key: frozenset(names)}.items() if on}

    def move(self, before: str, after: str) -> bool:
        """A route is called otherwise now, and its faults go with it. True when it had any."""
        if after == before or before not in self._by_route:
            return False
        self._by_route[after] = self._by_route.pop(before)
        return True

    def use_in(self, api: DemoApi) -> None:
        """Serves what is switched on now."""
        from mpp_console.sandbox.demo import Fault

        by_route = {key: frozenset(Fault(name) for name in names) for key, names in self._by_route.items()}
        api.use_faults(by_route, frozenset(Fault(name) for name in self._everywhere))


def in_menu_order(names: Iterable[str]) -> tuple[str, ...]:
    """Faults in the order in which the menu lists them."""
    wanted = set(names)
    return tuple(fault.name for fault in ALL_FAULTS if fault.name in wanted)
