"""The routes that a person made, with their way back: what is kept, what is only for this run, and what was before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mpp_console.protocol import parse_units
from mpp_console.services.errors import UsageError
from mpp_console.services.models import RouteDraft, RouteTrouble, RouteView
from mpp_console.services.routes import ROUTES_LIMIT, Book, RouteBook, RouteInvalid, currencies_of, find_troubles
from mpp_console.services.server_models import FREE

if TYPE_CHECKING:
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.services.engine import Engine

__all__ = ["NoSuchRoute", "NothingToUndo", "OwnRoutes"]

FILE = "routes.json"
_UNDOABLE = 50


class NoSuchRoute(UsageError):
    """There is no route of one's own by that name."""

    default_code = "no-such-route"


class NothingToUndo(UsageError):
    """Nothing was changed in this run."""

    default_code = "nothing-to-undo"


class OwnRoutes:
    """Reads its file once. Changing is in two steps, so that what cannot be served is never kept: one of `added`,
    `edited`, `removed` and `undone` gives the routes as they would be, `keep` makes it so.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._book: Book | None = None
        self._file = RouteBook(engine.paths.folder / FILE)
        self._passing: tuple[RouteDraft, ...] = ()
        self._before: list[tuple[str, tuple[RouteDraft, ...]]] = []

    async def load(self) -> None:
        """Reads the file, once. Raises RoutesUnreadable and FileTrouble."""
        if self._book is None:
            book = await asyncio.to_thread(self._file.load)
            self._book = self._book or book

    @property
    def loaded(self) -> bool:
        return self._book is not None

    @property
    def port(self) -> int | None:
        """The port that was chosen here; None when none was."""
        return self._book.port if self._book else None

    @property
    def kept(self) -> tuple[RouteDraft, ...]:
        return self._book.routes if self._book else ()

    def all(self, kept: tuple[RouteDraft, ...] | None = None) -> tuple[RouteDraft, ...]:
        """The kept ones (or these in their place), and after them the ones for this run."""
        return (*(self.kept if kept is None else kept), *self._passing)

    def servable(self, drafts: Iterable[RouteDraft], built_in: Iterable[str]) -> tuple[RouteDraft, ...]:
        """Those that have no troubles. A file may be edited by hand, and one bad route must not stop the others."""
        good: list[RouteDraft] = []
        currencies = currencies_of(self._engine.network)
        built_in = tuple(built_in)
        for draft in drafts:
            if not find_troubles(draft, currencies, (*built_in, *(each.key for each in good))):
                good.append(draft)
        return tuple(good)

    def troubles(
        self, draft: RouteDraft, built_in: Iterable[str], replacing: str | None = None
    ) -> tuple[RouteTrouble, ...]:
        others = [each.key for each in self.all() if each.key != replacing]
        return find_troubles(draft, currencies_of(self._engine.network), (*built_in, *others))

    def pass_through(self, drafts: Iterable[RouteDraft], built_in: Iterable[str]) -> None:
        """Takes routes for this run only. Raises RouteInvalid for the first that cannot be."""
        for draft in drafts:
            if troubles := self.troubles(draft, built_in):
                raise RouteInvalid(troubles)
            self._passing = (*self._passing, draft)

    def get(self, key: str) -> RouteDraft:
        """Raises NoSuchRoute."""
        found = next((draft for draft in self.kept if draft.key == key), None)
        if found is None:
            raise NoSuchRoute(
                f"{key} is no route that is kept here", hint="a route of the demo and one of --route stay as they are"
            )
        return found

    def added(self, draft: RouteDraft) -> tuple[RouteDraft, ...]:
        if len(self.kept) >= ROUTES_LIMIT:
            raise UsageError(f"there are {ROUTES_LIMIT} routes already", hint="remove one first")
        return (*self.kept, draft)

    def edited(self, key: str, draft: RouteDraft) -> tuple[RouteDraft, ...]:
        self.get(key)
        return tuple(draft if each.key == key else each for each in self.kept)

    def removed(self, key: str) -> tuple[RouteDraft, ...]:
        self.get(key)
        return tuple(each for each in self.kept if each.key != key)

    def undone(self) -> tuple[str, tuple[RouteDraft, ...]]:
        """What would be undone, and the routes as they were before. Raises NothingToUndo."""
        if not self._before:
            raise NothingToUndo("no route was changed yet")
        return self._before[-1]

    async def keep(self, routes: tuple[RouteDraft, ...], *, what: str = "", undoing: bool = False) -> None:
        """Writes them down. `what` names the change for `undone`."""
        before = self.kept
        await self._write(Book(port=self.port, routes=routes))
        if undoing:
            self._before.pop()
        else:
            self._before = [*self._before, (what, before)][-_UNDOABLE:]

    async def keep_port(self, port: int) -> None:
        await self._write(Book(port=port, routes=self.kept))

    async def _write(self, book: Book) -> None:
        await asyncio.to_thread(self._file.save, book)
        self._book = book

    def views(self, built_in: Iterable[str]) -> tuple[RouteView, ...]:
        """The routes for a screen while no server runs."""
        network: Network = self._engine.network
        return tuple(_view(draft, network) for draft in self.servable(self.all(), built_in))


def _view(draft: RouteDraft, network: Network) -> RouteView:
    currency = currencies_of(network)[draft.currency.lower()]
    free = draft.price == FREE
    return RouteView(
        method=draft.method,
        path=draft.path,
        rail="" if free else "tempo",
        intent="" if free else "charge",
        amount=0 if free else parse_units(draft.price, currency.decimals),
        currency=currency,
        note=draft.description,
        own=True,
    )
