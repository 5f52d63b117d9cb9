"""Mode 5: the local paid server, its routes and what they earn, and every request as it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.events import ConsoleEvent, RequestServed
from mpp_console.services.models import RequestRow, RouteView, ServerView
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import GOOD, MUTED, UNKNOWN, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.lists import REQUESTS, ROUTES, RouteRow, request_cells, route_cells
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of
from mpp_console.tui.widgets.facts import Fact, Facts
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane

__all__ = ["ServerScreen", "curl_of"]


def _running(server: ServerView, lens: Lens) -> Content:
    if not server.running:
        return Content.styled(lens.plain("○ off"), MUTED)
    since = f" for {lens.age(server.started_at)}" if server.started_at else ""
    return Content.styled(lens.plain(f"● running{since}"), GOOD)


def curl_of(url: str, route: RouteView) -> str:
    """The command that asks a route for its price; without payment it answers 402."""
    body = " -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json'" if route.method in {"POST", "PUT"} else ""
    method = "" if route.method == "GET" or body else f" -X {route.method}"
    return f"curl -i{method}{body} {url.rstrip('/')}{route.path}"


class ServerScreen(ModeScreen):
    MODE = "server"
    SCOPE = Scope.SERVER
    AUTO_FOCUS = "#routes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.SERVER)]

    def body(self) -> ComposeResult:
        lens = app_of(self).view.lens
        routes: Feed[RouteRow] = Feed(
            ROUTES,
            route_cells,
            lens,
            empty="The server is off. Press s to start it; t starts it and pays it once.",
            follow=False,
            id="routes",
        )
        requests: Feed[RequestRow] = Feed(
            REQUESTS,
            request_cells,
            lens,
            empty="No requests yet. Press t, or Y on a route to copy its curl.",
            id="requests",
        )
        with Vertical(id="server"):
            with Pane(title="Server", hint="s start / stop", id="server-status"), Horizontal():
                yield Facts(id="server-where")
                yield Facts(id="server-counts")
            with Horizontal(id="server-lists"):
                with Vertical(id="server-left"):
                    yield FeedPane(routes, title="Routes", hint="enter pays the route after review", id="routes-pane")
                    yield FeedPane(requests, title="Requests", hint="enter opens", id="requests-pane")
                yield ReceiptPane(id="server-detail")

    @property
    def routes(self) -> Feed[RouteRow]:
        return self.query_one("#routes", Feed)

    @property
    def requests(self) -> Feed[RequestRow]:
        return self.query_one("#requests", Feed)

    @property
    def detail(self) -> ReceiptPane:
        return self.query_one("#server-detail", ReceiptPane)

    def opened(self) -> None:
        rows: Rows[RequestRow] = Rows()
        rows.append(reversed(console_of(self).server.requests()))
        self.requests.show(rows)

    def look(self, view: View) -> None:
        lens = view.lens
        self.routes.look(lens)
        self.requests.look(lens)
        self.detail.look(lens)
        if view.state is None:
            return
        server = view.state.server
        routes = [RouteRow(route) for route in server.routes] if server.running else []
        if [row.route for row in routes] != [row.route for row in self._route_rows()]:
            self.routes.replace(routes)
        self._show_status(server, lens)

    def _route_rows(self) -> list[RouteRow]:
        rows = self.routes.rows
        return [row for index in range(len(rows)) if (row := rows.get(index)) is not None]

    def _show_status(self, server: ServerView, lens: Lens) -> None:
        self.query_one("#server-status", Pane).frame(badge=_running(server, lens))
        nothing = lens.plain(UNKNOWN)
        where = [
            Fact("url", Content.styled(inert(server.url or nothing), "bold" if server.running else MUTED)),
            Fact("node", Content.styled(inert(server.rpc_url or nothing), MUTED)),
        ]
        if server.unavailable:
            where = [Fact("off", inert(server.unavailable)), Fact("", "")]
        counts = [
            Fact("requests", f"{server.requests:,}".replace(",", " ")),
            Fact(
                "revenue",
                Content.styled(
                    lens.sum(server.revenue) if server.revenue else nothing,
                    "bold $success" if server.revenue else MUTED,
                ),
            ),
        ]
        self.query_one("#server-where", Facts).show(where)
        self.query_one("#server-counts", Facts).show(counts)

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        self.requests.append(event.row for event in events if isinstance(event, RequestServed))

    # What was pressed

    def do_server_toggle(self) -> None:
        begin(self, self._toggle, group="server", what="server", exclusive=True)

    async def _toggle(self) -> None:
        server = console_of(self).server
        await app_of(self).attempt(server.stop() if server.view().running else server.start())
        app_of(self).refresh_view()

    def do_server_copy(self) -> None:
        url, route = self._selected()
        app_of(self).copy_text(url.rstrip("/") + route.path, "URL")

    def do_server_curl(self) -> None:
        url, route = self._selected()
        app_of(self).copy_text(curl_of(url, route), "curl command")

    def _selected(self) -> tuple[str, RouteView]:
        server = console_of(self).server.view()
        row = self.routes.selected
        if not server.running or server.url is None:
            raise Unavailable("The server is off. Press s to start it.")
        if row is None:
            raise Unavailable("No route is selected.")
        return server.url, row.route

    @on(Feed.Moved, "#routes")
    def _route_moved(self, event: Feed.Moved) -> None:
        server = console_of(self).server.view() if app_of(self).services else None
        hint = Content("")
        if event.row is not None and server and server.url:
            hint = Content.assemble(("Y ", "bold $primary"), curl_of(server.url, event.row.route))
        self.query_one("#routes-pane", FeedPane).rest(hint)

    @on(Feed.Opened, "#routes")
    async def _route_opened(self, _event: Feed.Opened) -> None:
        await app_of(self).attempt(self._pay_selected())

    async def _pay_selected(self) -> None:
        url, route = self._selected()
        await app_of(self).pay(url.rstrip("/") + route.path, method=route.method)

    @on(Feed.Moved, "#requests")
    def _request_moved(self, event: Feed.Moved) -> None:
        self.detail.show(event.row)

    @on(Feed.Opened, "#requests")
    async def _request_opened(self, event: Feed.Opened) -> None:
        from mpp_console.tui.screens.dialogs import ReceiptDialog

        if event.row is not None and not self.detail.display:
            await self.app.push_screen(ReceiptDialog(event.row))

    async def show_receipt(self, receipt_id: str) -> None:
        self.requests.follow()
        if not self.detail.display:
            await super().show_receipt(receipt_id)
            return
        detail = await console_of(self).receipts.get(receipt_id)
        # Following moved the cursor, and what that shows must not come after this.
        self.call_after_refresh(self.detail.show, detail)
