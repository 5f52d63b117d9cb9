"""What a person does with keys at the local server: routes of one's own, faults, the port, and requests in full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static, TabbedContent, TextArea

from mpp_console.services.models import Money, RequestDetail, RouteDraft
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.display import Lens
from mpp_console.tui.feed import Feed
from mpp_console.tui.screens.exchange import ExchangeDialog
from mpp_console.tui.screens.faults import FaultsDialog
from mpp_console.tui.screens.form import FormDialog
from mpp_console.tui.screens.route import RouteDialog
from mpp_console.tui.screens.server import ServerScreen, curl_of
from mpp_console.tui.widgets.exchange import ExchangePane
from mpp_console.tui.widgets.exchange_facts import answer_facts, overview_facts, payment_facts, request_facts
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick
from mpp_console.tui.widgets.server_tiles import ServerTiles, Tile
from tests.tui.drawing import seeded_app, settle
from tests.tui.scenes.server import WEATHER, own
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.server import TAKEN
from tests.tui.seeds import ALPHA, MAINNET, NOW, PATH, PAYEE, URL, requests

HOSTILE = "\x1b[31mred\x1b[0m [b]bold[/b] \u202eevil\u202c"


@asynccontextmanager
async def server_mode(
    console: SeededConsole | None = None, *, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any], SeededConsole]]:
    seeded = console or SeededConsole()
    app = seeded_app(seeded)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "5")
        yield app, pilot, seeded


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await settle(pilot)


def toasts(app: ConsoleApp) -> list[str]:
    return [note.message for note in app._notifications]


def rows(app: ConsoleApp) -> list[str]:
    feed = app.screen.query_one("#routes", Feed)
    return [row.id for index in range(len(feed.rows)) if (row := feed.rows.get(index)) is not None]


def line(app: ConsoleApp, number: int) -> str:
    return app.screen.query_one("#routes", Feed).render_line(number).text


def status(app: ConsoleApp) -> str:
    return str(app.screen.query_one("#server-status", Pane).border_title)


def field(app: ConsoleApp, name: str) -> Input:
    return app.screen.query_one(f"#route-{name}", Input)


def troubles(app: ConsoleApp) -> dict[str, str]:
    shown = {box.id or "": str(box.render()) for box in app.screen.query(".trouble").results(Static) if box.display}
    return {name.removeprefix("trouble-"): text for name, text in shown.items()}


# Routes --------------------------------------------------


async def test_a_new_route_is_saved_selected_and_told() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "n")
        assert isinstance(app.screen, RouteDialog)
        field(app, "path").value = "/weather"
        field(app, "price").value = "0.02"
        app.screen.query_one("#route-currency", Pick).choose("AlphaUSD")
        app.screen.query_one("#route-method", Pick).choose("POST")
        app.screen.query_one("#route-body", TextArea).text = '{"sun": 1}'
        await press(pilot, "enter")
        assert isinstance(app.screen, ServerScreen)
        (draft,) = console.server.drafts
        assert draft == RouteDraft(
            method="POST", path="/weather", price="0.02", currency="AlphaUSD", body='{"sun": 1}', description=""
        )
        assert rows(app)[0] == "POST /weather"
        selected = app.screen.query_one("#routes", Feed).selected
        assert selected is not None
        assert selected.id == "POST /weather"
        assert "Saved POST /weather. It is served now." in toasts(app)


async def test_what_is_wrong_is_told_beside_its_field_and_judged_anew() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "n")
        field(app, "path").value = "weather"
        field(app, "price").value = "0.0000001"
        field(app, "status").value = "x"
        field(app, "expires_in").value = "0"
        app.screen.query_one("#route-body", TextArea).text = "{"
        assert troubles(app) == {}, "nothing is wrong before somebody is done"
        await press(pilot, "enter")
        assert isinstance(app.screen, RouteDialog)
        told = troubles(app)
        assert set(told) == {"path", "price", "status", "body", "expires_in"}
        assert "starts with a slash · for example /weather" in told["path"]
        assert "this currency has 6" in told["price"]
        assert "whole number" in told["status"]
        assert app.screen.focused is field(app, "path") or app.screen.focused is field(app, "status")
        field(app, "path").value = "/weather"
        await settle(pilot)
        assert set(troubles(app)) == {"price", "status", "body", "expires_in"}
        assert console.server.drafts == []
        await press(pilot, "escape")
        assert isinstance(app.screen, ServerScreen)


async def test_a_path_that_is_there_already_is_refused() -> None:
    async with server_mode(own()) as (app, pilot, console):
        for path in ("/charge", "/weather/{town}"):
            await press(pilot, "n")
            field(app, "path").value = path
            await press(pilot, "enter")
            assert "is there already" in troubles(app)["path"]
            await press(pilot, "escape")
        assert len(console.server.drafts) == 2


async def test_enter_in_the_body_is_a_line_and_ctrl_s_saves() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "n", *"/x")
        field(app, "content_type").value = "text/plain"
        body = app.screen.query_one("#route-body", TextArea)
        body.text = ""
        body.focus()
        await press(pilot, "a", "enter", "b")
        assert isinstance(app.screen, RouteDialog)
        await press(pilot, "ctrl+s")
        assert console.server.drafts[0].body == "a\nb"


async def test_the_form_shows_the_command_that_serves_the_same() -> None:
    async with server_mode() as (app, pilot, _):
        await press(pilot, "n", *"/x")
        note = str(app.screen.query_one("#route-note", Static).render())
        assert note == "mpp-console serve --route 'GET /x=0.01'"


async def test_editing_begins_with_what_is_there() -> None:
    async with server_mode(own()) as (app, pilot, console):
        await press(pilot, "e")
        assert field(app, "path").value == "/weather/{city}"
        assert field(app, "price").value == "0.02"
        field(app, "price").value = "free"
        await press(pilot, "enter")
        assert console.server.drafts[0].price == "free"
        assert "free" in line(app, 0)


async def test_removing_is_undone() -> None:
    async with server_mode(own()) as (app, pilot, console):
        await press(pilot, "d")
        assert "GET /weather/{city}" not in rows(app)
        assert "Removed GET /weather/{city}. u brings it back." in toasts(app)
        await press(pilot, "u")
        assert rows(app)[0] == "GET /weather/{city}"
        assert console.server.drafts[0] == WEATHER
        await press(pilot, "u")
        assert "no route was changed yet" in toasts(app)[-1]


@pytest.mark.parametrize(("key", "done"), [("e", "edited"), ("d", "removed")])
async def test_routes_of_the_demo_stay_as_they_are(key: str, done: str) -> None:
    async with server_mode() as (app, pilot, _):
        await press(pilot, key)
        assert isinstance(app.screen, ServerScreen)
        assert toasts(app) == [f"/free belongs to the demo and cannot be {done}; n makes one of your own."]


async def test_own_routes_are_there_while_the_server_is_off() -> None:
    console = SeededConsole(empty=True)
    console.server.drafts = [WEATHER]
    async with server_mode(console) as (app, pilot, _):
        assert rows(app) == ["GET /weather/{city}"]
        await press(pilot, "e")
        assert isinstance(app.screen, RouteDialog)
        await press(pilot, "escape", "y")
        assert "The server is off" in toasts(app)[-1]


async def test_a_parameter_is_filled_in_where_a_url_is_needed() -> None:
    async with server_mode(own()) as (_app, pilot, console):
        route = console.server.view().routes[0]
        assert curl_of(URL, route) == f"curl -i {URL}/weather/city"
        await press(pilot, "enter")
        assert console.payments.tasks[-1].request.url == f"{URL}/weather/city"


@pytest.mark.parametrize("key", ["s", "n", "e", "d", "u", "P", "x"])
async def test_elsewhere_every_key_says_why_not(key: str) -> None:
    async with server_mode(SeededConsole(profile=MAINNET)) as (app, pilot, _):
        await press(pilot, key)
        assert isinstance(app.screen, ServerScreen)
        assert toasts(app) == ["the test server runs in the sandbox only"]


# Faults --------------------------------------------------


async def test_faults_are_switched_for_a_route_and_shown_on_it() -> None:
    async with server_mode(size=(200, 50)) as (app, pilot, console):
        await press(pilot, "j", "x")
        assert isinstance(app.screen, FaultsDialog)
        await press(pilot, "enter", "j", "j", "j", "j", "space")
        assert console.server.switched == {"GET /charge": {"expired", "slow"}}
        assert "! 1 faulty" in str(app.screen.query_one("#faults", Pane).border_title)
        await press(pilot, "escape")
        assert "! expired + slow" in line(app, 1)
        assert "! " not in line(app, 0)
        assert "! faults on 1 route" in status(app)
        await press(pilot, "x", "enter", "escape")
        assert console.server.switched["GET /charge"] == {"slow"}


async def test_a_fault_is_marked_where_there_is_no_room_for_its_name() -> None:
    async with server_mode(size=(60, 20)) as (app, pilot, _):
        assert not line(app, 0).startswith(" !")
        await press(pilot, "x", "enter", "escape")
        assert line(app, 0).startswith(" !")
        assert "! faults on 1 route" in status(app)


async def test_faults_of_every_route_and_all_off() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "x")
        await press(pilot, "enter")
        app.screen.query_one("#faults-scope", Pick).choose("all")
        await settle(pilot)
        await press(pilot, "j", "enter")
        assert console.server.switched == {"GET /free": {"expired"}, None: {"wrong-amount"}}
        app.screen.query_one("#faults-scope", Pick).choose("one")
        await settle(pilot)
        feed = app.screen.query_one("#faults-feed", Feed)
        shown = [feed.render_line(y).text.split("  ")[0].strip() for y in (0, 1, 2)]
        assert shown == ["● on", "● for all", "○ off"]
        await pilot.click("#faults-off")
        await settle(pilot)
        assert not any(console.server.switched.values())
        await press(pilot, "escape")
        assert "faults" not in status(app)


# The port --------------------------------------------------


async def test_a_port_is_chosen_and_a_taken_one_is_told_in_the_form() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "P")
        assert isinstance(app.screen, FormDialog)
        box = app.screen.query_one("#port", Input)
        for typed, said in (("x", "whole number"), ("-1", "whole number"), (str(TAKEN), "is taken by another program")):
            box.value = typed
            await press(pilot, "enter")
            assert said in str(app.screen.query_one("#form-note", Static).render())
        assert "0 for any free one" in str(app.screen.query_one("#form-note", Static).render())
        assert console.server.port == 0
        box.value = "4100"
        await press(pilot, "enter")
        assert isinstance(app.screen, ServerScreen)
        assert console.server.port == 4100
        assert "The server is at http://127.0.0.1:4100." in toasts(app)


# Requests --------------------------------------------------


async def test_a_request_is_read_beside_the_lists() -> None:
    async with server_mode() as (app, pilot, console):
        pane = app.screen.query_one(ExchangePane)
        assert pane.detail is not None
        assert pane.detail.row == console.server.log[-1]
        await press(pilot, "tab", "k", "k")
        assert pane.detail.row == console.server.log[-3]
        await press(pilot, "enter")
        assert pane in (app.screen.focused.ancestors if app.screen.focused else ())


async def test_a_request_is_read_on_a_screen_of_its_own_where_there_is_no_room() -> None:
    async with server_mode(size=(80, 24)) as (app, pilot, console):
        await press(pilot, "tab", "enter")
        assert isinstance(app.screen, ExchangeDialog)
        detail = app.screen.query_one(ExchangePane).detail
        assert detail is not None
        assert detail.row == console.server.log[-1]
        assert app.screen.query_one(TabbedContent).tab_count == 4
        await press(pilot, "escape")
        assert isinstance(app.screen, ServerScreen)


async def test_a_receipt_takes_the_place_of_the_request_until_another_is_chosen() -> None:
    async with server_mode() as (app, pilot, console):
        await press(pilot, "t")
        assert not app.screen.query_one(ExchangePane).display
        assert app.screen.query_one("#server-detail").display
        await press(pilot, "tab", "k")
        assert app.screen.query_one(ExchangePane).display
        assert not app.screen.query_one("#server-detail").display
        assert console.receipts.rows


def text_of(detail: RequestDetail, lens: Lens) -> str:
    parts = (overview_facts, request_facts, payment_facts, answer_facts)
    facts = [fact for part in parts for fact in part(detail, lens)]
    return "\n".join(f"{fact.label} {fact.content.plain}" for fact in facts)


def test_a_request_in_full_says_everything() -> None:
    console = SeededConsole()
    paid = next(row for row in console.server.log if row.outcome == "paid")
    said = text_of(console.server.request(paid), Lens(now=NOW))
    told = ("gate", "handler", "station=harbour", "authorization (hidden)", "source did:pkh", "receipt", "outlook")
    for part in (*told, "payload.signature (hidden)"):
        assert part in said
    asked = next(row for row in console.server.log if row.outcome == "challenged")
    said = text_of(console.server.request(asked), Lens(now=NOW))
    assert "request.amount 10000" in said
    assert "Payment Required" in said


def test_privacy_masks_what_a_request_says() -> None:
    console = SeededConsole()
    for row in console.server.log:
        said = text_of(console.server.request(row), Lens(now=NOW, privacy=True))
        for secret in ("0.010000", "0.050000", "10000", PAYEE, "station=harbour", row.payer or "0.010000"):
            assert secret not in said


def test_of_an_older_request_it_says_that_it_is_not_kept() -> None:
    said = text_of(RequestDetail(row=requests()[0]), Lens(now=NOW))
    assert said.count("not kept") == 3


def test_what_a_client_sent_is_inert() -> None:
    from dataclasses import replace

    detail = replace(
        SeededConsole().server.request(requests()[-1]),
        query=HOSTILE,
        request_headers=((HOSTILE, HOSTILE),),
        request_body=f"{HOSTILE}\n{HOSTILE}",
        answer_headers=((HOSTILE, HOSTILE),),
        answer_body=HOSTILE,
        challenges=({HOSTILE: {HOSTILE: HOSTILE}},),
    )
    said = text_of(detail, Lens(now=NOW))
    assert not {"\x1b", "\u202e", "\u202c"} & set(said)
    assert "[b]bold[/b]" in said


# Tiles --------------------------------------------------


async def test_tiles_say_how_it_is_doing() -> None:
    async with server_mode() as (app, _, _console):
        said = [" ".join(str(box.render()) for box in tile.query(Static)) for tile in app.screen.query(Tile)]
        assert "0.270000 pathUSD" in said[0]
        assert said[1] == "92.3 % 12 delivered · 1 failed"
        assert said[2] == "0.4 a second 26 in all"
        assert said[3] == "p50 4 ms   p95 53 ms slowest 77 ms"


@pytest.mark.parametrize(
    ("size", "shown", "beside"),
    [
        ((60, 20), False, False),
        ((80, 24), False, False),
        ((120, 24), False, False),
        ((120, 36), True, False),
        ((200, 50), True, True),
    ],
)
async def test_tiles_are_where_there_is_room(size: tuple[int, int], shown: bool, beside: bool) -> None:
    async with server_mode(size=size) as (app, _, _console):
        tiles = app.screen.query_one(ServerTiles)
        assert tiles.display == shown
        if shown:
            assert (tiles.region.x > 0) == beside
        counts = str(app.screen.query_one("#server-counts").render())
        assert ("92.3 %" in counts) == (not shown)


@pytest.mark.parametrize(
    ("currencies", "below"),
    [(1, "since the start"), (2, "+ 0.020000 AlphaUSD"), (3, "+ 0.020000 AlphaUSD and 1 more")],
)
async def test_revenue_in_several_currencies_names_each_with_its_sum(currencies: int, below: str) -> None:
    async with server_mode() as (app, pilot, _):
        state, all_of = app.view.state, (PATH, ALPHA, replace(ALPHA, symbol="BetaUSD"))
        assert state is not None
        earned = tuple(
            Money(amount=10_000 * number, currency=currency) for number, currency in enumerate(all_of[:currencies], 1)
        )
        app.screen.query_one(ServerTiles).look(replace(state.server, revenue=earned), app.view.lens)
        await pilot.pause()
        texts = [str(line.render()) for line in app.screen.query(Tile).first().query(Static)]
        assert texts[:2] == ["0.010000 pathUSD", below]


async def test_tiles_mask_amounts_in_privacy() -> None:
    async with server_mode() as (app, pilot, _):
        await press(pilot, "asterisk")
        revenue = app.screen.query(Tile).first()
        assert "0.27" not in str(revenue.query(Static).first().render())
        assert isinstance(app.screen, ServerScreen)
        assert not app.screen.query(Button)
