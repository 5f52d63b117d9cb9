"""Mode 5: the local paid server, its routes and what they earn, every request as it is answered, how it is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from mpp_console.protocol import MppError, inert
from mpp_console.services.events import ConsoleEvent, RequestServed
from mpp_console.services.models import ReceiptDetail, RequestRow, RouteView, ServerView
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import GOOD, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.channels import channels_line
from mpp_console.tui.screens.lists import REQUESTS, ROUTES, RouteRow, request_cells, route_cells
from mpp_console.tui.view import Unavailable, View, after_paint, app_of, begin, console_of, key_text
from mpp_console.tui.widgets.exchange import ExchangePane
from mpp_console.tui.widgets.facts import Fact, Facts
from mpp_console.tui.widgets.keybar import link
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.server_tiles import ServerTiles, stats_line

__all__ = ["ServerScreen", "curl_of"]


def _running(server: ServerView, lens: Lens) -> Content:
    if not server.running:
        return Content.styled(lens.plain("○ off"), MUTED)
    since = f" for {lens.age(server.started_at)}" if server.started_at else ""
    running = Content.styled(lens.plain(f"● running{since}"), GOOD)
    if not server.faulty:
        return running
    where = "every route" if server.faults else "1 route" if server.faulty == 1 else f"{server.faulty} routes"
    return Content.assemble((lens.plain(f"! faults on {where}"), f"bold {WARN}"), (lens.plain(" · "), MUTED), running)


def curl_of(url: str, route: RouteView) -> str:
    """The command that asks a route for its price; without payment it answers 402."""
    body = " -d '{\"hello\":\"world\"}' -H 'Content-Type: application/json'" if route.method in {"POST", "PUT"} else ""
    method = "" if route.method == "GET" or body else f" -X {quote(route.method)}"
    return f"curl -i{method}{body} {quote(url.rstrip('/') + route.sample)}"


_ROUTES_HINT = "enter pays the route after review"


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
            empty="The server is off. Press s to start it; t starts it and pays it once. n makes a route of your own.",
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
            yield ServerTiles(id="server-tiles")
            with Vertical(id="server-main"):
                with Pane(title="Server", hint="s start / stop", id="server-status"), Horizontal():
                    yield Facts(id="server-where")
                    yield Facts(id="server-counts")
                with Horizontal(id="server-lists"):
                    with Vertical(id="server-left"):
                        yield FeedPane(routes, title="Routes", hint=_ROUTES_HINT, id="routes-pane")
                        yield FeedPane(requests, title="Requests", hint="enter opens", id="requests-pane")
                    with Vertical(id="server-right"):
                        yield ExchangePane(id="server-exchange")
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

    @property
    def exchange(self) -> ExchangePane:
        return self.query_one("#server-exchange", ExchangePane)

    def on_mount(self) -> None:
        self.detail.display = False
        super().on_mount()

    def opened(self) -> None:
        begin(self, self._load, group="routes", what="your routes")
        rows: Rows[RequestRow] = Rows()
        rows.append(reversed(console_of(self).server.requests()))
        self.requests.show(rows)

    async def _load(self) -> None:
        await console_of(self).server.load()
        app_of(self).refresh_view()

    def look(self, view: View) -> None:
        lens = view.lens
        self.routes.look(lens)
        self.requests.look(lens)
        self.detail.look(lens)
        self.exchange.look(lens)
        if view.state is None:
            return
        server = view.state.server
        self.query_one(ServerTiles).look(server, lens)
        # What is off has no routes but one's own, which can be edited all the same.
        routes = [RouteRow(route) for route in server.routes if server.running or route.own]
        if [row.route for row in routes] != [row.route for row in self._route_rows()]:
            self.routes.replace(routes)
        self._show_status(server, lens)

    def on_resize(self, _event: events.Resize) -> None:
        if app_of(self).view.state is not None:
            self.look(app_of(self).view)

    def _route_rows(self) -> list[RouteRow]:
        rows = self.routes.rows
        return [row for index in range(len(rows)) if (row := rows.get(index)) is not None]

    def _show_status(self, server: ServerView, lens: Lens) -> None:
        self.query_one("#server-status", Pane).frame(badge=_running(server, lens), hint=self._status_hint(server, lens))
        nothing = lens.plain(UNKNOWN)
        port = "any free port" if not server.port else f"port {server.port}"
        url = inert(server.url) if server.url else f"{nothing}  {port} (P)"
        where = [
            Fact("url", Content.styled(url, "bold" if server.running else MUTED)),
            Fact("node", Content.styled(inert(server.rpc_url or nothing), MUTED)),
        ]
        if server.unavailable:
            where = [Fact("off", inert(server.unavailable)), Fact("", "")]
        revenue = lens.sum(server.revenue) if server.revenue else nothing
        count = f"{server.requests:,}".replace(",", " ")
        counts = [
            Fact("revenue", Content.styled(revenue, "bold $success" if server.revenue else MUTED)),
            Fact("requests", Content.assemble(count, "  ", stats_line(server, lens)) if server.requests else count),
        ]
        width, height = self.app.size
        if width >= 160 or (width >= 120 and height >= 30):
            # The tiles say the rest.
            counts = [
                Fact("chain", Content.styled(str(server.chain_id or nothing), MUTED)),
                Fact("paid to", Content.styled(lens.address(server.recipient) if server.recipient else nothing, MUTED)),
            ]
        self.query_one("#server-where", Facts).set_class(server.unavailable is not None, "-alone")
        self.query_one("#server-where", Facts).show(where)
        self.query_one("#server-counts", Facts).display = server.unavailable is None
        self.query_one("#server-counts", Facts).show(counts)

    def _status_hint(self, server: ServerView, lens: Lens) -> Content:
        """The key that starts it, and what its channels come to once there are any."""
        hint = Content(f"{key_text(self, 'server.toggle')} start / stop")
        if not server.channels.rows:
            return hint
        key = Content.styled(key_text(self, "server.channels"), link("server.channels", "bold $primary"))
        said = Content.assemble(key, (" channels: ", MUTED), channels_line(server.channels, lens))
        return Content.styled(lens.plain(" · "), MUTED).join([hint, said])

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
        app_of(self).copy_text(url.rstrip("/") + route.sample, "URL")

    def do_server_curl(self) -> None:
        url, route = self._selected()
        app_of(self).copy_text(curl_of(url, route), "curl command")

    def do_server_new(self) -> None:
        from mpp_console.tui.screens.route import RouteDialog

        self.app.push_screen(RouteDialog(console_of(self).server.currencies), self._route_saved)

    def do_server_edit(self) -> None:
        from mpp_console.tui.screens.route import RouteDialog

        server, key = console_of(self).server, self._own("edited")
        dialog = RouteDialog(server.currencies, server.draft(key), replacing=key)
        self.app.push_screen(dialog, self._route_saved)

    def _route_saved(self, key: str | None) -> None:
        if key is not None:
            app_of(self).refresh_view()
            self.routes.select(key)
            self.routes.focus()
            state = "It is served now." if console_of(self).server.view().running else "s starts the server."
            app_of(self).say(f"Saved {key}. {state}")

    def do_server_remove(self) -> None:
        key = self._own("removed")
        begin(self, lambda: self._remove(key), group="server", what="removing a route")

    async def _remove(self, key: str) -> None:
        await console_of(self).server.remove_route(key)
        app_of(self).refresh_view()
        app_of(self).say(f"Removed {key}. u brings it back.")

    def do_server_undo(self) -> None:
        begin(self, self._undo, group="server", what="undoing")

    async def _undo(self) -> None:
        what = await console_of(self).server.undo_route()
        app_of(self).refresh_view()
        app_of(self).say(f"Taken back: {what}.")

    def do_server_faults(self) -> None:
        from mpp_console.tui.screens.faults import FaultsDialog

        row = self.routes.selected
        self.app.push_screen(FaultsDialog(row.route.key if row is not None else None))

    def do_server_channels(self) -> None:
        from mpp_console.tui.screens.channels import ChannelsDialog

        self.app.push_screen(ChannelsDialog())

    def do_server_port(self) -> None:
        from mpp_console.tui.screens.form import Field, FormDialog

        view = console_of(self).server.view()
        field = Field(id="port", label="port", value=str(view.port), placeholder="0")
        text = "Of 127.0.0.1. 0 takes any free one at each start. It is kept; a running server moves there at once."
        self.app.push_screen(FormDialog("Port of the server", [field], self._use_port, button="Use it", text=text))

    async def _use_port(self, typed: Mapping[str, str]) -> None:
        text = typed["port"].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 5):
            raise MppError("a port is a whole number, 0 to 65535.", code="usage")
        view = await console_of(self).server.set_port(int(text))
        app_of(self).refresh_view()
        at = f"The server is at {view.url}." if view.running else "It is used at the next start."
        app_of(self).say(at)

    def _own(self, done: str) -> str:
        """The selected route's key, when it is one of one's own that can be `done`."""
        row = self.routes.selected
        if row is None:
            raise Unavailable("No route is selected.")
        if not row.route.own:
            raise Unavailable(f"{row.route.path} belongs to the demo and cannot be {done}; n makes one of your own.")
        return row.route.key

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
            route = event.row.route
            # Its column is the first that a narrow list does without.
            rail = f" · {inert(route.rail, limit=12)}/{inert(route.intent, limit=12)}" if route.rail else ""
            hint = Content.assemble(
                ("Y ", "bold $primary"),
                inert(curl_of(server.url, route), limit=400),
                (app_of(self).view.lens.plain(rail), MUTED),
            )
        self.query_one("#routes-pane", FeedPane).rest(hint)

    @on(Feed.Opened, "#routes")
    async def _route_opened(self, _event: Feed.Opened) -> None:
        await app_of(self).attempt(self._pay_selected())

    async def _pay_selected(self) -> None:
        url, route = self._selected()
        await app_of(self).pay(url.rstrip("/") + route.sample, method=route.method)

    @on(Feed.Moved, "#requests")
    def _request_moved(self, event: Feed.Moved) -> None:
        self.detail.display = False
        self.exchange.display = True
        # While the console opens there are no rows; afterwards a detail comes from memory.
        row = event.row if app_of(self).services is not None else None
        self.exchange.show(console_of(self).server.request(row) if isinstance(row, RequestRow) else None)

    @on(Feed.Opened, "#requests")
    async def _request_opened(self, event: Feed.Opened) -> None:
        if not isinstance(event.row, RequestRow):
            return
        if self.query_one("#server-right").display:
            self.exchange.focus_content()
            return
        from mpp_console.tui.screens.exchange import ExchangeDialog

        await self.app.push_screen(ExchangeDialog(console_of(self).server.request(event.row)))

    async def show_receipt(self, receipt_id: str) -> None:
        self.requests.follow()
        if not self.query_one("#server-right").display:
            await super().show_receipt(receipt_id)
            return
        detail = await console_of(self).receipts.get(receipt_id)
        # Following moved the cursor, and what that shows must not come after this.
        after_paint(self, self._show_detail, detail)

    def _show_detail(self, detail: ReceiptDetail) -> None:
        self.exchange.display = False
        self.detail.display = True
        self.detail.show(detail)
