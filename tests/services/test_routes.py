"""Routes of one's own: what may be typed, what is kept, how they are served at once, and faults switched on them."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import Currency, MppError
from mpp_console.sandbox.demo import Fault
from mpp_console.server.routes import Route
from mpp_console.services import Console
from mpp_console.services.errors import ServerUnavailable, UsageError
from mpp_console.services.events import CommandLogged, Notice, RequestServed, ServerChanged
from mpp_console.services.models import PayRequest, PayResult, RouteDraft, RouteView, Stage
from mpp_console.services.own_routes import NoSuchRoute, NothingToUndo
from mpp_console.services.routes import (
    DEMO_KEYS,
    RouteInvalid,
    RoutesUnreadable,
    find_troubles,
    parse_fault,
    parse_route,
    shape_of,
)
from mpp_console.services.server_models import ALL_FAULTS, RequestDetail
from tests.services.conftest import Devnet, Heard, OpenConsole

PATH = Currency(id="0x20C0000000000000000000000000000000000000", symbol="pathUSD", decimals=6)
ALPHA = Currency(id="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", decimals=2)
CURRENCIES = {"": PATH, "pathusd": PATH, PATH.id.lower(): PATH, "alphausd": ALPHA}
WEATHER = RouteDraft(path="/weather/{city}", price="0.02", description="a forecast")


def wrong(draft: RouteDraft, taken: tuple[str, ...] = ()) -> list[str]:
    return [trouble.field for trouble in find_troubles(draft, CURRENCIES, taken)]


@pytest.mark.parametrize(
    "path", ["/", "/weather", "/weather/", "/a/{b}/c", "/files/{rest:path}", "/a-b._~!$&'()*+,;=:@", "/" + "a" * 199]
)
def test_a_path_that_can_be_served(path: str) -> None:
    assert wrong(RouteDraft(path=path)) == []
    Route(method="GET", path=path)


@pytest.mark.parametrize(
    "path",
    [
        "", "weather", "/a b", "/a?b=1", "/a#b", "//", "/a//b", "/a/../b", "/./a", "/{a", "/a}", "/{}", "/{1a}",
        "/x{a}",
        "/{a:int}", "/{a:path}/b", "/{a}/{a}", "/ä", "/\x1b[31m", "/a%20b", "/" + "a" * 200,
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_served_is_told(path: str) -> None:
    assert wrong(RouteDraft(path=path)) == ["path"]


@given(st.text(max_size=40).map(lambda text: f"/{text}"))
def test_what_is_taken_for_a_path_can_be_routed(path: str) -> None:
    if wrong(RouteDraft(path=path)) == []:
        assert path.isascii()
        assert path.isprintable()
        Route(method="GET", path=path)


@pytest.mark.parametrize(
    ("price", "currency", "field"),
    [
        ("0.02", "", None), ("0", "", None), ("free", "", None), ("1", "AlphaUSD", None), ("0.12", "ALPHAUSD", None),
        ("0.000001", PATH.id.lower(), None), ("0.0000001", "", "price"), ("0.123", "AlphaUSD", "price"),
        ("-1", "", "price"), ("1e3", "", "price"), ("1,5", "", "price"), ("", "", "price"), (".5", "", "price"),
        ("9" * 40, "", "price"), ("1", "EUR", "currency"), ("free", "EUR", "currency"),
    ],
)  # fmt: skip
def test_a_price_has_the_decimals_of_its_currency(price: str, currency: str, field: str | None) -> None:
    assert wrong(RouteDraft(path="/x", price=price, currency=currency)) == ([field] if field else [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "get"}, "method"), ({"method": "HEAD"}, "method"), ({"status": 404}, "status"),
        ({"status": 199}, "status"), ({"status": 204}, "body"), ({"status": 204, "body": ""}, None),
        ({"content_type": "json"}, "content_type"), ({"content_type": "text/plain; charset=utf-8", "body": "x"}, None),
        ({"content_type": "a/b\r\nX: y"}, "content_type"), ({"body": "{broken"}, "body"),
        ({"body": "[" * 90_000}, "body"),
        ({"body": "hello", "content_type": "text/plain"}, None), ({"body": ""}, None),
        ({"content_type": "application/problem+json", "body": "no"}, "body"),
        ({"expires_in": 0}, "expires_in"), ({"expires_in": 86_401}, "expires_in"),
        ({"description": "a\nb"}, "description"),
        ({"description": "a" * 151}, "description"), ({"mode": "push", "sponsored": True}, "mode"),
        ({"mode": "pull", "sponsored": True}, None),
    ],
)  # fmt: skip
def test_each_field_is_judged(changes: dict[str, object], field: str | None) -> None:
    draft = msgspec.structs.replace(RouteDraft(path="/x"), **changes)
    assert wrong(draft) == ([field] if field else [])


def test_everything_wrong_is_told_at_once() -> None:
    draft = RouteDraft(path="x", price="no", status=500, expires_in=0)
    assert wrong(draft) == ["path", "price", "status", "expires_in"]


def test_the_place_of_an_error_in_the_body_is_named() -> None:
    (trouble,) = find_troubles(RouteDraft(path="/x", body='{\n  "a": }'), CURRENCIES, ())
    assert "line 2, column 8" in trouble.message


@pytest.mark.parametrize(
    ("key", "clashes"),
    [
        ("GET /charge", True), ("GET /openapi.json", True), ("GET /llms.txt", True), ("POST /charge", False),
        ("GET /a/{x}", True), ("GET /a/x", False), ("GET /a/{x:path}", False), ("GET /faults/slow", False),
    ],
)  # fmt: skip
def test_two_routes_of_one_shape_clash(key: str, clashes: bool) -> None:
    method, _, path = key.partition(" ")
    draft = RouteDraft(method=method, path=path)
    assert bool(find_troubles(draft, CURRENCIES, (*DEMO_KEYS, "GET /a/{other}"))) == clashes
    assert shape_of("GET /a/{x}") == shape_of("GET /a/{y}") != shape_of("GET /a/{y:path}")


@pytest.mark.parametrize(
    ("text", "key", "price", "currency"),
    [
        ("GET /weather=0.02", "GET /weather", "0.02", ""),
        ("/news=0.1 AlphaUSD", "GET /news", "0.1", "AlphaUSD"),
        ("post /notes=free", "POST /notes", "free", ""),
        (" GET  /a=b=1 ", "GET /a=b", "1", ""),
    ],
)
def test_a_route_in_words(text: str, key: str, price: str, currency: str) -> None:
    draft = parse_route(text)
    assert (draft.key, draft.price, draft.currency) == (key, price, currency)
    assert parse_route(draft.text) == draft


@pytest.mark.parametrize("text", ["", "/weather", "GET /a b=1", "=1", "/a=", "/a=1 2 3"])
def test_what_is_no_route_in_words(text: str) -> None:
    with pytest.raises(UsageError):
        parse_route(text)


def test_a_fault_in_words() -> None:
    assert parse_fault("slow") == (None, "slow")
    assert parse_fault("/charge=lost") == ("GET /charge", "lost")
    assert parse_fault("post /echo=replay") == ("POST /echo", "replay")
    with pytest.raises(UsageError, match="no fault"):
        parse_fault("GET /charge=fast")


def test_people_are_told_of_every_fault_that_there_is() -> None:
    assert [fault.name for fault in ALL_FAULTS] == [fault.value for fault in Fault]


# With a server ----------------------------------------------------------------------------------------------------


def route(console: Console, key: str) -> RouteView:
    return next(route for route in console.server.view().routes if route.key == key)


async def pay(console: Console, path: str, method: str = "GET") -> PayResult:
    task = console.payments.start(PayRequest(url=f"{console.server.view().url}{path}", method=method))
    await task.review()
    task.approve()
    return await task.result()


async def test_the_names_of_the_demos_routes_are_known_beforehand(console: Console) -> None:
    view = await console.server.start()
    assert {route.key for route in view.routes} == set(DEMO_KEYS)


async def test_a_new_route_is_served_at_once_and_paid(console: Console) -> None:
    await console.server.start()
    heard = Heard(console)
    view = await console.server.add_route(WEATHER)
    first = view.routes[0]
    assert (first.key, first.own, first.amount, first.note) == ("GET /weather/{city}", True, 20_000, "a forecast")
    assert first.sample == "/weather/city"
    assert heard.of(ServerChanged)
    assert "--route 'GET /weather/{city}=0.02'" in heard.of(CommandLogged)[-1].command
    result = await pay(console, "/weather/oslo")
    assert (result.stage, result.body) == (Stage.DONE, b'{"ok": true}')
    assert (route(console, WEATHER.key).hits, route(console, WEATHER.key).revenue) == (2, 20_000)
    assert [money.text for money in console.server.view().revenue] == ["0.020000 pathUSD"]


async def test_editing_keeps_the_counts_and_the_faults(console: Console) -> None:
    await console.server.start()
    await console.server.add_route(WEATHER)
    await pay(console, "/weather/oslo")
    console.server.set_faults(WEATHER.key, {"slow"})
    await console.server.edit_route(WEATHER.key, msgspec.structs.replace(WEATHER, price="0.03"))
    edited = route(console, WEATHER.key)
    assert (edited.amount, edited.hits, edited.faults) == (30_000, 2, ("slow",))
    await console.server.edit_route(WEATHER.key, msgspec.structs.replace(WEATHER, path="/sky"))
    assert (route(console, "GET /sky").hits, route(console, "GET /sky").faults) == (0, ("slow",))
    assert console.server.draft("GET /sky").price == "0.02"


async def test_removing_can_be_undone_again_and_again(console: Console) -> None:
    await console.server.start()
    await console.server.add_route(WEATHER)
    await console.server.add_route(RouteDraft(path="/news"))
    await console.server.remove_route(WEATHER.key)
    async with httpx.AsyncClient(base_url=console.server.view().url or "") as client:
        assert (await client.get("/weather/oslo")).status_code == 404
        assert await console.server.undo_route() == "GET /weather/{city} was removed"
        assert (await client.get("/weather/oslo")).status_code == 402
    assert await console.server.undo_route() == "GET /news was added"
    assert await console.server.undo_route() == "GET /weather/{city} was added"
    assert not any(route.own for route in console.server.view().routes)
    with pytest.raises(NothingToUndo):
        await console.server.undo_route()


async def test_routes_are_kept_for_their_owner_only(open_console: OpenConsole, tmp_path: Path) -> None:
    first: Console = await open_console()
    await first.server.add_route(WEATHER)
    await first.close()
    kept = tmp_path / "home/data/sandbox/routes.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["routes"][0]["path"] == "/weather/{city}"
    second: Console = await open_console()
    assert [route.key for route in (await second.server.load()).routes] == [WEATHER.key]
    assert (await second.server.start()).routes[0].key == WEATHER.key


async def test_a_route_of_this_run_is_not_kept(open_console: OpenConsole) -> None:
    first: Console = await open_console()
    view = await first.server.start(routes=[parse_route("GET /weather=0.02")], faults=[("GET /weather", "slow")])
    assert (view.routes[0].key, view.routes[0].faults) == ("GET /weather", ("slow",))
    with pytest.raises(NoSuchRoute):
        await first.server.remove_route("GET /weather")
    await first.close()
    second: Console = await open_console()
    assert (await second.server.load()).routes == ()


async def test_what_is_wrong_is_refused_with_its_fields_and_not_kept(console: Console) -> None:
    await console.server.start()
    with pytest.raises(RouteInvalid) as caught:
        await console.server.add_route(RouteDraft(path="/charge", price="0.0000001"))
    assert [trouble.field for trouble in caught.value.troubles] == ["path", "price"]
    assert caught.value.hint
    await console.server.add_route(WEATHER)
    assert console.server.check_route(WEATHER, WEATHER.key) == ()
    assert console.server.check_route(WEATHER)[0].message == "GET /weather/{city} is there already"
    with pytest.raises(NoSuchRoute):
        await console.server.edit_route("GET /charge", WEATHER)


async def test_a_file_that_is_none_of_ours_is_told_and_left_alone(open_console: OpenConsole, tmp_path: Path) -> None:
    console: Console = await open_console()
    file = tmp_path / "home/data/sandbox/routes.json"
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_text('{"routes": [{"path": 5}]}')
    for call in (console.server.start(), console.server.load(), console.server.add_route(WEATHER)):
        with pytest.raises(RoutesUnreadable, match=r"routes\.json"):
            await call
    assert "5" in file.read_text()


async def test_one_bad_route_in_the_file_does_not_stop_the_others(open_console: OpenConsole, tmp_path: Path) -> None:
    console: Console = await open_console()
    heard = Heard(console)
    file = tmp_path / "home/data/sandbox/routes.json"
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_text('{"routes": [{"path": "/good"}, {"path": "/charge"}, {"path": "/bad", "price": "much"}]}')
    view = await console.server.start()
    assert [route.key for route in view.routes if route.own] == ["GET /good"]
    (notice,) = (event for event in heard.of(Notice) if "GET /bad" in event.text)
    assert "price" in notice.text


async def test_faults_are_switched_while_it_runs(console: Console) -> None:
    await console.server.start()
    heard = Heard(console)
    console.server.set_faults("GET /charge", {"no-receipt"})
    assert (route(console, "GET /charge").faults, route(console, "GET /free").faults) == (("no-receipt",), ())
    assert console.server.view().faulty == 1
    result = await pay(console, "/charge")
    assert (result.paid, result.receipt) == (True, None)
    assert heard.of(RequestServed)[-1].row.message == "fault: no-receipt"
    console.server.set_faults(None, {"server-error"})
    assert route(console, "GET /charge").faults == ("server-error", "no-receipt")
    assert console.server.view().faults == ("server-error",)
    assert (await pay(console, "/pull-only")).status == 500
    console.server.set_faults(None, ())
    console.server.set_faults("GET /charge", ())
    assert (await pay(console, "/charge")).receipt is not None
    assert console.server.view().faulty == 0


async def test_a_lost_answer_is_cleared_up_by_the_chain(console: Console) -> None:
    await console.server.start()
    console.server.set_faults("GET /charge", {"lost"})
    result = await pay(console, "/charge")
    assert (result.stage, result.paid, result.status, result.receipt) == (Stage.FAILED, True, None, None)
    assert result.operation is not None
    assert result.operation.state == "settled"
    (row,) = (row for row in console.server.requests() if row.outcome == "paid")
    assert (row.message, row.reference) == ("fault: lost", result.operation.reference)


async def test_faults_that_are_not_there_are_refused(console: Console) -> None:
    with pytest.raises(UsageError, match="no fault"):
        console.server.set_faults(None, {"fast"})
    with pytest.raises(UsageError, match="no route"):
        console.server.set_faults("GET /nowhere", {"slow"})
    with pytest.raises(UsageError, match="no route"):
        await console.server.start(faults=[("GET /nowhere", "slow")])
    assert not console.server.view().running


async def test_a_switched_fault_is_what_a_test_of_every_route_expects(console: Console) -> None:
    await console.server.start()
    await console.server.add_route(WEATHER)
    for key, fault in (("GET /charge", "no-receipt"), ("GET /pull-only", "replay"), (WEATHER.key, "server-error")):
        console.server.set_faults(key, {fault})
    outcomes = {outcome.route.key: outcome async for outcome in console.payments.test_all()}
    assert {key for key, outcome in outcomes.items() if not outcome.ok} == set()
    assert outcomes[WEATHER.key].status == 500
    assert outcomes["GET /pull-only"].expected.startswith("refuses the payment as used before")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_port_is_kept_and_moves_a_running_server(open_console: OpenConsole) -> None:
    first: Console = await open_console()
    before = (await first.server.start()).url
    port = free_port()
    view = await first.server.set_port(port)
    assert (view.url, view.port) == (f"http://127.0.0.1:{port}", port)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{view.url}/free")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{before}/free")
    await first.close()
    second: Console = await open_console()
    assert (await second.server.start()).url == view.url
    assert (await second.server.set_port(0)).url == view.url, "any port is fine, so it stays"


async def test_a_taken_port_leaves_the_server_where_it_is(console: Console) -> None:
    view = await console.server.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MppError, match="taken") as caught:
            await console.server.set_port(taken.getsockname()[1])
    assert "0 for any free one" in str(caught.value.hint)
    after = console.server.view()
    assert (after.running, after.url, after.port) == (True, view.url, 0)
    with pytest.raises(UsageError, match="no port"):
        await console.server.set_port(70_000)


async def test_a_request_in_full_has_its_secrets_masked(console: Console) -> None:
    await console.server.start()
    result = await pay(console, "/charge?station=ridge&api_key=s3cret")
    paid, asked = console.server.requests()[:2]
    detail = console.server.request(paid)
    assert (detail.kept, detail.query) == (True, "station=ridge & api_key=(hidden)")
    headers = dict(detail.request_headers)
    assert headers["authorization"] == "(hidden)"
    assert dict(detail.answer_headers)["payment-receipt"] == "(hidden)"
    assert detail.credential is not None
    assert detail.credential["challenge"]["id"] == paid.challenge_id
    assert detail.credential["payload"] == {"type": "transaction", "signature": "(hidden)"}
    assert detail.receipt is not None
    assert detail.receipt["reference"] == paid.reference == (result.receipt.reference if result.receipt else "")
    assert json.loads(detail.answer_body)["station"] == "ridge"
    assert detail.answer_size == len(detail.answer_body.encode())
    assert [timing.leg for timing in detail.timings] == ["gate", "handler", "total"]
    unpaid = console.server.request(asked)
    assert unpaid.challenges[0]["request"]["amount"] == "10000"
    assert unpaid.problem is not None
    assert unpaid.problem.slug == "payment-required"
    assert [timing.leg for timing in unpaid.timings] == ["total"]
    assert "s3cret" not in repr(detail) + repr(unpaid)


async def test_of_an_older_request_only_the_row_is_left(console: Console) -> None:
    await console.server.start()
    async with httpx.AsyncClient(base_url=console.server.view().url or "") as client:
        for _ in range(201):
            await client.get("/free")
    rows = console.server.requests()
    assert console.server.request(rows[0]).kept
    assert console.server.request(rows[-1]) == RequestDetail(row=rows[-1])


async def test_elsewhere_nothing_of_it_can_be_done(open_console: OpenConsole, devnet: Devnet) -> None:
    console: Console = await open_console("devnet", settings=devnet.settings)
    for call in (console.server.add_route(WEATHER), console.server.set_port(0), console.server.undo_route()):
        with pytest.raises(ServerUnavailable, match="play money"):
            await call
    assert (await console.server.load()).routes == ()
