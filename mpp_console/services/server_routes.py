"""What the local server serves: the demo's routes, those of one's own, and the faults that are switched on for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mpp_console.protocol import inert
from mpp_console.services.models import RouteDraft, RouteTrouble
from mpp_console.services.own_routes import OwnRoutes
from mpp_console.services.routes import DEMO_KEYS, RouteInvalid, own_route
from mpp_console.services.server_faults import SwitchedFaults, in_menu_order
from mpp_console.services.server_tally import ServerTally, route_view

if TYPE_CHECKING:
    from mpp_console.history import RequestRecord
    from mpp_console.sandbox.demo import DemoApi
    from mpp_console.services.engine import Engine

__all__ = ["ServerRoutes"]


class ServerRoutes:
    """Changes reach the running server, the file and the views together; `changed` is called after each.

    Whoever changes anything here holds the service's lock: no two changes go on at a time.
    """

    def __init__(self, engine: Engine, tally: ServerTally, changed: Callable[[], None]) -> None:
        self.own = OwnRoutes(engine)
        self.faults = SwitchedFaults()
        self.api: DemoApi | None = None
        """What answers; None while the server does not run."""
        self._engine = engine
        self._tally = tally
        self._changed = changed

    # Changing --------------------------------------------------------------------------------------------------------

    async def prepare(self, routes: Sequence[RouteDraft], faults: Sequence[tuple[str | None, str]]) -> None:
        """Before a start: takes routes for this run only, and faults. Raises RouteInvalid, RoutesUnreadable, UsageError
        for a fault of a route that is not there.
        """
        await self.own.load()
        self.own.pass_through(routes, DEMO_KEYS)
        self.faults.turn_on(faults, self._known())

    def serve(self, api: DemoApi) -> None:
        """From now on this one answers, with the routes of one's own and the faults. Raises RouteInvalid."""
        self.api = api
        self._serve_own(self.own.kept)
        self.faults.use_in(api)

    async def add(self, draft: RouteDraft) -> None:
        """Raises RouteInvalid, FileTrouble, RoutesUnreadable."""
        await self.own.load()
        self._check(draft)
        await self._use(self.own.added(draft), f"{draft.key} was added")
        self.log(routes=[draft])

    async def edit(self, key: str, draft: RouteDraft) -> None:
        """Raises as `add`, and NoSuchRoute."""
        await self.own.load()
        self.own.get(key)
        self._check(draft, key)
        await self._use(self.own.edited(key, draft), f"{key} was edited")
        if self.faults.move(key, draft.key):
            self._apply_faults()
            self.look_again()
        self.log(routes=[draft])

    async def remove(self, key: str) -> None:
        """Raises NoSuchRoute, FileTrouble, RoutesUnreadable."""
        await self.own.load()
        await self._use(self.own.removed(key), f"{key} was removed")
        self._log_kept(f"route removed: {key}")

    async def undo(self) -> str:
        """Takes the latest change back, and tells which. Raises NothingToUndo."""
        what, before = self.own.undone()
        await self._use(before, what, undoing=True)
        self._log_kept(f"undone: {what}")
        return what

    def switch(self, key: str | None, names: Collection[str]) -> None:
        """Switches on exactly these faults. Raises UsageError."""
        self.faults.switch(key, names, self._known())
        self._apply_faults()
        self.log(faults=[(key, name) for name in in_menu_order(names)])
        self.look_again()
        self._changed()

    # Looking ---------------------------------------------------------------------------------------------------------

    def troubles(self, draft: RouteDraft, replacing: str | None = None) -> tuple[RouteTrouble, ...]:
        """What is wrong with a draft; `replacing` is the key of the edited route."""
        return self.own.troubles(draft, DEMO_KEYS, replacing)

    def key_of(self, method: str, path: str) -> str | None:
        """The route that a request belongs to."""
        return self.api.key_of(method, path) if self.api is not None else f"{method} {path}"

    def judged(self, record: RequestRecord) -> RequestRecord:
        """A request that met faults says so: whoever reads the history later must not take it for an honest answer."""
        faults = self.faults.on(self.key_of(record.method, record.path))
        if not faults:
            return record
        told = f"fault: {', '.join(faults)}"
        return replace(record, message=f"{told}; {record.message}" if record.message else told)

    def look_again(self) -> None:
        """Makes the views of the routes anew."""
        api, faults = self.api, self.faults
        fresh = self.own.views(DEMO_KEYS) if api is None else tuple(route_view(told) for told in api.routes())
        self._tally.show(replace(each, faults=faults.on(each.key), switched=faults.of(each.key)) for each in fresh)

    def tell_unserved(self) -> None:
        """A notice for each route of one's own that is kept and cannot be served."""
        served = {route.key for route in self._tally.routes}
        for draft in self.own.all():
            if draft.key not in served:
                trouble = next(iter(self.troubles(draft, draft.key)), None)
                why = f": {trouble.field}: {trouble.message}" if trouble else ""
                self._engine.notice("warn", f"the route {inert(draft.key, limit=80)} cannot be served{why}")

    def log(
        self, *words: str, routes: Iterable[RouteDraft] = (), faults: Iterable[tuple[str | None, str]] = ()
    ) -> None:
        """Writes the command that does the same to the event log."""
        options = list(words)
        for draft in routes:
            options += ["--route", draft.text]
        for key, name in faults:
            options += ["--fault", name if key is None else f"{key}={name}"]
        self._engine.log_command("serve", *options)

    def _log_kept(self, what: str) -> None:
        """Writes down what no option does: a server that is started in a shell has the routes that are kept now."""
        self._engine.log_command("serve", what=inert(what, limit=200))

    # -----------------------------------------------------------------------------------------------------------------

    def _known(self) -> frozenset[str]:
        return frozenset({*DEMO_KEYS, *(draft.key for draft in self.own.all())})

    def _check(self, draft: RouteDraft, replacing: str | None = None) -> None:
        if troubles := self.troubles(draft, replacing):
            raise RouteInvalid(troubles)

    async def _use(self, kept: tuple[RouteDraft, ...], what: str, *, undoing: bool = False) -> None:
        """Serves these, then writes them down; what cannot be served is not kept, what cannot be kept not served."""
        before = self.own.kept
        self._serve_own(kept)
        try:
            await self.own.keep(kept, what=what, undoing=undoing)
        except BaseException:
            self._serve_own(before)
            raise
        self.look_again()
        self._changed()

    def _serve_own(self, kept: tuple[RouteDraft, ...]) -> None:
        if self.api is None:
            return
        good = self.own.servable(self.own.all(kept), DEMO_KEYS)
        try:
            self.api.use_routes(own_route(draft, self._engine.network) for draft in good)
        except ValueError as error:
            raise RouteInvalid([RouteTrouble(field="", message=str(error))]) from error

    def _apply_faults(self) -> None:
        if self.api is not None:
            self.faults.use_in(self.api)
