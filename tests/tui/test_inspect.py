"""The inspector at work: what is typed or pasted is recognised, decoded, judged and shown, and nothing is spent."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from mpp_console.protocol import FindingLevel, Secret, format_challenge
from mpp_console.services.inspect import Inspection
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.inspect import InspectScreen
from mpp_console.tui.screens.inspect_dialogs import PasteDialog, SaveDialog, SecretDialog
from mpp_console.tui.widgets.inspect_bar import InspectBar, UrlInput
from mpp_console.tui.widgets.inspect_tabs import TABS
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.scenes.inspect import CURL, credential
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.inspect import BROKEN, SEARCH, SECRET, answer, challenge
from tests.tui.seeds import NOW, PAYEE, STRANGER
from tests.tui.test_console import sandbox
from tests.tui.test_console import until as patiently

RECEIPT = json.dumps({"status": "success", "method": "tempo", "timestamp": "2026-03-14T12:00:00Z", "reference": "0xab"})


@asynccontextmanager
async def inspector(
    console: SeededConsole | None = None,
    *,
    size: tuple[int, int] = (120, 36),
    clock: Callable[[], datetime] = lambda: NOW,
    url: str = "",
) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any], InspectScreen]]:
    app = seeded_app(console or SeededConsole(), clock=clock, monotonic=Ticker())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("4")
        await settle(pilot)
        assert isinstance(app.screen, InspectScreen)
        screen = app.screen
        if url:
            await screen.show_url(url)
            await settle(pilot)
        yield app, pilot, screen


def drawn(app: ConsoleApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def paste(pilot: Pilot[Any], text: str) -> None:
    focused = pilot.app.screen.focused
    assert focused is not None
    focused.post_message(events.Paste(text))
    await settle(pilot)


# Asking --------------------------------------------------------------------------------------------------------------


async def test_a_typed_url_is_inspected_and_remembered() -> None:
    console = SeededConsole()
    async with inspector(console) as (app, pilot, screen):
        await press(pilot, "slash")
        assert isinstance(app.screen.focused, UrlInput)
        screen.bar.box.value = SEARCH
        await press(pilot, "enter")
        text = drawn(app)
        assert "402 Payment Required" in text
        assert "best  offer 1, 0.250000 pathUSD on sandbox" in text
        assert "✓ unpaid request · nothing was spent" in text
        assert [request.url for request, _ in console.inspector.asked] == [SEARCH]
        assert console.inspector.urls.kept[0].url == SEARCH
        assert console.payments.tasks == []
        # The focus is out of the bar, so that the keys of the modes work again.
        await press(pilot, "3")
        assert type(app.screen).__name__ == "ReceiptsScreen"


async def test_a_url_without_scheme_gets_one() -> None:
    console = SeededConsole()
    async with inspector(console, url="api.example.com/v1/search?q=tempo") as (_, _, screen):
        assert console.inspector.asked[0][0].url == SEARCH
        assert screen.bar.box.value == SEARCH


async def test_the_bar_recalls_and_completes_earlier_urls() -> None:
    async with inspector() as (_, pilot, screen):
        box = screen.bar.box
        await press(pilot, "slash")
        box.value = "ht"
        await settle(pilot)
        assert box._suggestion == SEARCH
        await press(pilot, "up")
        assert box.value == SEARCH
        await press(pilot, "up", "up")
        assert box.value == f"{STRANGER}/v1/echo"
        assert screen.bar.method == "POST"
        await press(pilot, "down", "down")
        assert box.value == "ht"


async def test_the_method_is_chosen() -> None:
    console = SeededConsole()
    async with inspector(console) as (_, pilot, screen):
        screen.query_one("#inspect-method").focus()
        await press(pilot, "down", "down", "up", "space")
        assert screen.bar.method == "PUT"
        screen.bar.box.focus()
        screen.bar.box.value = SEARCH
        await press(pilot, "enter")
        assert console.inspector.asked[0][0].method == "PUT"


async def test_the_switches_are_off_until_they_are_switched_on() -> None:
    console = SeededConsole()
    async with inspector(console, url=SEARCH) as (app, pilot, screen):
        request, inspection = console.inspector.asked[0]
        assert [*wishes(inspection), request.follow_redirects] == [False] * 4
        await press(pilot, "M", "A", "D", "L")
        assert "ask twice on" in drawn(app)
        assert len(console.inspector.asked) == 1
        await press(pilot, "R")
        request, inspection = console.inspector.asked[1]
        assert [*wishes(inspection), request.follow_redirects] == [True] * 4
        assert "malformed-credential" in [row.finding.id for row in rows(screen, "#inspect-found")]
        await press(pilot, "M", "A", "D", "L", "R")
        assert console.inspector.asked[2][1] == console.inspector.asked[0][1]


async def test_an_answer_that_never_comes_is_given_up_and_what_was_there_returns() -> None:
    console = SeededConsole()
    async with inspector(console, url=SEARCH) as (app, pilot, screen):
        console.inspector.waiting = asyncio.Event()
        await screen.show_url(f"{STRANGER}/slow")
        await pilot.pause()
        await pilot.pause(0.05)
        assert "asking GET https://api.example.com/slow" in drawn(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "402 Payment Required" in drawn(app)


async def test_no_connection_says_so_and_what_to_do() -> None:
    console = SeededConsole()
    async with inspector(console, url="http://127.0.0.1:9/x?token=s3cret") as (app, pilot, _):
        assert "no connection to http://127.0.0.1:9/x" in drawn(app)
        assert "R tries again" in drawn(app)
        assert any("no connection" in entry.text for entry in app.log_entries)
        console.inspector.answers["http://127.0.0.1:9/x?token=s3cret"] = answer(format_challenge(challenge()))
        await press(pilot, "R")
        assert "402 Payment Required" in drawn(app)
        assert "s3cret" not in repr(console.inspector.urls.kept)


# Pasting -------------------------------------------------------------------------------------------------------------


async def test_what_is_typed_is_recognised_while_it_is_typed() -> None:
    async with inspector() as (app, pilot, screen):
        await press(pilot, "slash")
        for text, told in (
            (CURL.replace("\\\n", ""), "a curl command: POST https://api.example.com"),
            (f"WWW-Authenticate: {format_challenge(challenge())}", "a challenge"),
            (RECEIPT, "a receipt of tempo: 0xab"),
        ):
            screen.bar.box.value = text
            await settle(pilot)
            assert told in drawn(app)
        screen.bar.box.value = "https://api.example.com"
        await settle(pilot)
        assert "malformed probe off" in drawn(app)


async def test_a_pasted_credential_shows_neither_its_proof_nor_itself() -> None:
    console = SeededConsole()
    text = credential()
    async with inspector(console) as (app, pilot, screen):
        await press(pilot, "slash")
        screen.bar.box.value = text
        await press(pilot, "enter")
        assert "a credential for tempo/charge, its proof masked" in drawn(app)
        everything = ""
        for tab in TABS:
            screen.tabs.active = tab
            await settle(pilot)
            everything += drawn(app)
        assert "5e5e5e" not in everything
        assert text[-24:] not in everything
        assert screen.bar.box.value == ""
        assert console.inspector.asked == []
        assert "5e5e5e" not in repr(console.inspector.urls.kept)


async def test_several_lines_open_the_paste_box() -> None:
    console = SeededConsole()
    async with inspector(console) as (app, pilot, _):
        await press(pilot, "slash")
        await paste(pilot, CURL)
        assert isinstance(app.screen, PasteDialog)
        await until(pilot, lambda: "unpaid request: a curl command: POST" in drawn(app))
        await press(pilot, "ctrl+r")
        request, _ = console.inspector.asked[0]
        assert (request.method, request.body) == ("POST", b'{"limit": 20}')
        assert dict(request.headers)["Accept"] == "application/json"
        assert "with 2 header fields and a body of 13 bytes" in drawn(app)


@pytest.mark.parametrize("key", ["V", "v"])
async def test_the_paste_box_says_what_it_was_given(key: str) -> None:
    async with inspector(url=SEARCH) as (app, pilot, screen):
        # In a list too, where the key would mark a range.
        screen.tabs.active = "findings"
        await settle(pilot)
        assert isinstance(app.screen.focused, Feed)
        await press(pilot, key)
        assert isinstance(app.screen, PasteDialog)
        for text, told in (
            ("hello there", "! this is no URL"),
            (f"HTTP/1.1 402 Payment Required\nWWW-Authenticate: {BROKEN}\n\n", "✓ a response with status 402"),
        ):
            app.screen.query_one(TextArea).text = text
            await until(pilot, partial(shows, app, told))
        await press(pilot, "tab", "enter")
        assert "pasted  a response with status 402" in drawn(app)


async def test_an_invisible_character_that_was_pasted_is_judged_though_it_is_not_drawn() -> None:
    line = format_challenge(challenge(description="cheap\u202e thing"))
    text = f"HTTP/1.1 402 Payment Required\nWWW-Authenticate: {line.replace(chr(92) + 'u202e', chr(0x202E))}\n"
    async with inspector() as (app, pilot, screen):
        await press(pilot, "V")
        await paste(pilot, text)
        assert "\u202e" not in drawn(app)
        assert isinstance(app.screen, PasteDialog)
        assert app.screen.box.given == text
        await press(pilot, "ctrl+r")
        screen.tabs.active = "findings"
        await settle(pilot)
        assert "hidden-text" in [row.finding.id for row in rows(screen, "#inspect-found")]


async def test_a_long_text_is_taken_whole_though_only_its_beginning_is_shown() -> None:
    async with inspector() as (app, pilot, _):
        await press(pilot, "V")
        body = "x" * 60_000
        await paste(pilot, f"HTTP/1.1 402 Payment Required\nCache-Control: no-store\n\n{body}")
        dialog = app.screen
        assert isinstance(dialog, PasteDialog)
        assert dialog.box.read_only
        assert len(dialog.box.text) < 21_000
        await until(pilot, lambda: "60 0" in drawn(app))
        await press(pilot, "ctrl+r")
        assert "no-challenge" in drawn(app)


async def test_what_nobody_recognises_is_told_and_asks_nobody() -> None:
    console = SeededConsole()
    async with inspector(console, url="what is this") as (app, _, _):
        assert "this is no URL" in drawn(app)
        assert console.inspector.asked == []


# Reading -------------------------------------------------------------------------------------------------------------


async def test_the_keys_turn_the_tabs_and_the_content_has_the_focus() -> None:
    async with inspector(url=SEARCH) as (app, pilot, screen):
        seen = []
        for _ in TABS:
            seen.append(screen.tabs.active)
            focused = app.screen.focused
            assert focused is not None
            assert screen.tabs in focused.ancestors_with_self
            await press(pilot, "right")
        assert tuple(seen) == TABS
        await press(pilot, "left")
        assert screen.tabs.active == TABS[-1]


async def test_every_field_of_an_offer_is_there() -> None:
    async with inspector(url=SEARCH, size=(160, 60)) as (app, pilot, screen):
        screen.tabs.active = "challenges"
        await settle(pilot)
        text = drawn(app)
        for told in ("0.250000 pathUSD", "250000 base units, 6 decimals", PAYEE, "sandbox (chain 1337)", "4:32 left",
                     "the server pays it", "not checked", '"feePayer": true'):  # fmt: skip
            assert told in text, told
        await press(pilot, "j")
        text = drawn(app)
        for told in ("0.040000 AlphaUSD", "0xababab", "moderato (chain 42431)", "at most 0.001240 AlphaUSD"):
            assert told in text, told
        await press(pilot, "G")
        text = drawn(app)
        assert "no strict parser takes this challenge" in text
        line, mark = caret_of(text)
        assert line[mark:].lstrip().startswith("now")


def shows(app: ConsoleApp, told: str) -> bool:
    return told in drawn(app)


def caret_of(text: str) -> tuple[str, int]:
    """The line above the mark, and where the mark is."""
    lines = text.split("\n")
    place = next(number for number, line in enumerate(lines) if line.rstrip("│ ▁▂▃▄▅▆▇█").endswith(" ^"))
    return lines[place - 1], lines[place].index("^")


async def test_the_countdown_runs_and_ends_in_expired() -> None:
    now = NOW

    def clock() -> datetime:
        return now

    async with inspector(url=SEARCH, clock=clock) as (app, pilot, screen):
        screen.tabs.active = "challenges"
        await settle(pilot)
        assert "4:32 left" in drawn(app)
        now = NOW + timedelta(seconds=12)
        app.refresh_view()
        await settle(pilot)
        assert "4:20 left" in drawn(app)
        now = NOW + timedelta(minutes=6)
        app.refresh_view()
        await settle(pilot)
        assert "✗ expired 1 min ago" in drawn(app)
        assert [row.state[0] for row in rows(screen, "#inspect-offers")][:2] == ["✗ expired"] * 2
        screen.tabs.active = "summary"
        await settle(pilot)
        assert "best  offer" not in drawn(app)


async def test_the_secret_is_masked_kept_in_memory_and_checks_the_ids() -> None:
    console = SeededConsole()
    async with inspector(console, url=SEARCH) as (app, pilot, screen):
        for secret, verdict in ((SECRET.decode(), "✓ the id is the HMAC"), ("another", "✗ the id is not the HMAC")):
            await press(pilot, "H")
            assert isinstance(app.screen, SecretDialog)
            app.screen.query_one(Input).value = secret
            await settle(pilot)
            assert secret not in drawn(app)
            await press(pilot, "enter", "R")
            assert console.inspector.asked[-1][1].secret == Secret(secret.encode())
            screen.tabs.active = "challenges"
            await settle(pilot)
            assert verdict in drawn(app)
        await press(pilot, "H", "enter", "R")
        assert console.inspector.asked[-1][1].secret is None
        screen.tabs.active = "challenges"
        await settle(pilot)
        assert "not checked" in drawn(app)


async def test_the_secret_checks_a_pasted_challenge_at_once() -> None:
    console = SeededConsole()
    async with inspector(console, url=f"WWW-Authenticate: {format_challenge(challenge())}") as (app, pilot, screen):
        await press(pilot, "H")
        app.screen.query_one(Input).value = SECRET.decode()
        await press(pilot, "enter")
        screen.tabs.active = "challenges"
        await settle(pilot)
        assert "✓ the id is the HMAC" in drawn(app)
        assert console.inspector.asked == []


async def test_findings_come_gravest_first_and_are_narrowed() -> None:
    async with inspector(url=SEARCH) as (app, pilot, screen):
        await press(pilot, "F")
        assert screen.tabs.active == "findings"
        assert {row.finding.level.value for row in rows(screen, "#inspect-found")} == {"fail", "warn", "info"}
        await press(pilot, "F")
        assert {row.finding.level.value for row in rows(screen, "#inspect-found")} == {"fail", "warn"}
        await press(pilot, "F")
        levels = [row.finding.level.value for row in rows(screen, "#inspect-found")]
        assert set(levels) == {"fail"}
        await press(pilot, "escape")
        levels = [row.finding.level.value for row in rows(screen, "#inspect-found")]
        order = ["fail", "warn", "info", "pass"]
        assert levels == sorted(levels, key=order.index)
        assert set(levels) == set(order)
        await press(pilot, "j")
        chosen = screen.tabs.finding
        assert chosen is not None
        assert chosen.finding.id == "cacheable-challenge"
        assert "send Cache-Control: no-store" in drawn(app)


async def test_the_other_tabs_tell_of_the_answer() -> None:
    async with inspector(url=SEARCH, size=(120, 70)) as (app, pilot, screen):
        expected = {
            "headers": ("a 402 says no-store", "fits into a 4 KB proxy buffer", "x-request-id", "what is offered"),
            "body": ('"detail": "A search costs 0.25 pathUSD"', "JSON, 183 B"),
            "problem": ("payment-required", "A search costs 0.25 pathUSD", "balance"),
            "timeline": ("connect", "TLS", "wait for the head", "18.9 ms"),
        }
        for tab, texts in expected.items():
            screen.tabs.active = tab
            await settle(pilot)
            for told in texts:
                assert told in drawn(app), (tab, told)


@pytest.mark.parametrize("body", [b"[" * 30_000, b"\xff\xfe\x00binary", b"plain\ntext", b'"' + b"x" * 30_000 + b'"'])
async def test_no_body_stops_it(body: bytes) -> None:
    console = SeededConsole()
    console.inspector.answers[SEARCH] = answer(format_challenge(challenge()), body=body)
    async with inspector(console, url=SEARCH) as (app, pilot, screen):
        screen.tabs.active = "body"
        await settle(pilot)
        assert "text" in drawn(app)


async def test_privacy_hides_amounts_and_addresses_everywhere() -> None:
    async with inspector(url=SEARCH, size=(160, 60)) as (app, pilot, screen):
        await press(pilot, "asterisk")
        screen.bar.box.value = ""
        for tab in TABS:
            screen.tabs.active = tab
            await settle(pilot)
            for key in ("g", "j", "j", "j") if tab in ("challenges", "findings") else ("g",):
                text = drawn(app)
                for told in ("0.25", "250000", "260000", "40000", PAYEE[:10], PAYEE[-6:], "eyJhbW91bnQ", "0xab"):
                    assert told not in text, (tab, told)
                await press(pilot, key)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_it_keeps_its_place_at_every_size(size: tuple[int, int]) -> None:
    async with inspector(url=SEARCH, size=size) as (app, pilot, screen):
        for tab in TABS:
            screen.tabs.active = tab
            await settle(pilot)
            assert all(len(line) <= size[0] for line in drawn(app).split("\n"))
            assert "nothing was spent" in drawn(app)
        screen.tabs.active = "challenges"
        await settle(pilot)
        await press(pilot, "j")
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        offer = screen.tabs.offer
        assert offer is not None
        assert offer.number == 2


async def test_ascii_terminals_get_ascii() -> None:
    async with inspector(url=SEARCH) as (app, pilot, screen):
        app.view = replace(app.view, lens=replace(app.view.lens, ascii=True))
        for tab in TABS:
            screen.tabs.active = tab
            await settle(pilot)
            for line in drawn(app).split("\n")[2:-1]:
                inner = line.strip("│╭╮╰╯─ ")
                assert not set(inner) & set("✓✗●○◐▼·—←→↑↓"), (tab, inner)


SEQUENCES = "\x1b[31mred\x1b]8;;http://evil\x07link\x1b]8;;\x07\x9b2J\u202eback\u200b\x00"
MARKUP = "[@click=app.do('quit')]press[/] [bold red]loud[/] [/nothing] [link=http://evil]x[/link] $error"
HOSTILE = f"{SEQUENCES}{MARKUP}"


def assert_inert(app: ConsoleApp) -> None:
    strips = app.screen._compositor.render_strips()
    for strip in strips:
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", strip.text)
        for segment in strip:
            meta = segment.style.meta if segment.style else {}
            assert "@click" not in meta
            assert not (segment.style and segment.style.link)


async def test_what_a_server_says_is_drawn_as_text_in_every_tab_and_written_as_text_to_every_file(
    tmp_path: Path,
) -> None:
    console = SeededConsole()
    problem = {
        "type": f"https://x/{HOSTILE}", "title": HOSTILE, "status": 402, "detail": HOSTILE, "hint": HOSTILE,
        f"more{HOSTILE}": HOSTILE, "challengeId": HOSTILE,
    }  # fmt: skip
    quoted = MARKUP.replace('"', "'")
    lines = [
        format_challenge(challenge(1, description=quoted, realm=quoted)),
        f'Payment id="{HOSTILE}", realm="{HOSTILE}", method="tempo", intent=charge {HOSTILE}',
        f'Payment id="z", realm="{HOSTILE}", method="te{HOSTILE}", intent="charge", request="e30"',
    ]
    found = answer(*lines, body=json.dumps(problem).encode(), x_evil=HOSTILE, server=HOSTILE)
    console.inspector.answers[SEARCH] = replace(
        found, reason=HOSTILE, fields=(*found.fields, (f"x-{MARKUP}", HOSTILE), ("location", HOSTILE))
    )
    async with inspector(console, url=SEARCH, size=(120, 60)) as (app, pilot, screen):
        everything = ""
        for tab in TABS:
            screen.tabs.active = tab
            await settle(pilot)
            for key in ("g", "j", "j") if tab in ("challenges", "findings") else ("g", "G"):
                assert_inert(app)
                everything += drawn(app)
                await press(pilot, key)
        assert "[bold red]loud[/]" in everything
        for name in ("report.md", "report.json"):
            await press(pilot, "x")
            app.screen.query_one(Input).value = str(tmp_path / name)
            await press(pilot, "enter")
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", (tmp_path / name).read_text())
        assert_inert(app)


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        f"https://{HOSTILE}/",
        f"curl 'https://api.example.com/{HOSTILE}' -H 'X: {HOSTILE}' -d '{HOSTILE}'",
        f"WWW-Authenticate: Payment {HOSTILE}",
        json.dumps({"type": HOSTILE, "title": HOSTILE}),
        json.dumps({"log": {"entries": [{"request": {"method": HOSTILE, "url": f"https://a.example/{HOSTILE}"}}]}}),
        json.dumps(
            {"jsonrpc": "2.0", "error": {"code": -32042, "message": HOSTILE, "data": {"challenges": [HOSTILE]}}}
        ),
        f"HTTP/1.1 402 {HOSTILE}\n{HOSTILE}: x\nServer: {HOSTILE}\n\n{HOSTILE}",
    ],
)
async def test_what_is_pasted_is_drawn_as_text(text: str) -> None:
    async with inspector() as (app, pilot, screen):
        await press(pilot, "V")
        await paste(pilot, text)
        assert_inert(app)
        await press(pilot, "ctrl+r")
        for tab in ("summary", "challenges", "body", "findings"):
            screen.tabs.active = tab
            await settle(pilot)
            assert_inert(app)


# The real thing ------------------------------------------------------------------------------------------------------


async def test_a_real_inspection_of_the_demo_api(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as (app, pilot):
        await pilot.press("5", "s")
        await patiently(pilot, lambda: app.view.state is not None and app.view.state.server.url)
        assert app.view.state is not None
        url = f"{app.view.state.server.url}/two-offers"
        await pilot.press("4")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, InspectScreen)
        await pilot.press("M", "A")
        await screen.show_url(url)
        await patiently(pilot, lambda: "402 Payment Required" in drawn(app))
        report = screen._shown.report
        assert report is not None
        assert report.counts["fail"] == 0, report.of_level(FindingLevel.FAIL)
        assert [offer.payable for offer in report.offers] == [True, True]
        assert [leg.name for leg in report.legs] == ["request", "second request", "malformed credential"]
        assert [phase.name for phase in report.legs[0].phases][-3:] == ["send", "wait", "body"]
        screen.tabs.active = "timeline"
        await settle(pilot)
        assert "wait for the head" in drawn(app)
        kept = list(tmp_path.rglob("urls.json"))
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]
        assert json.loads(kept[0].read_text()) == [{"url": url, "method": "GET"}]
        assert any(entry.command.startswith(f"mpp-console inspect {url} --twice") for entry in app.log_entries)
        screen.tabs.active = "challenges"
        await settle(pilot)
        await pilot.press("j", "enter")
        await patiently(pilot, lambda: isinstance(app.screen, ReviewSheet) and "nothing has been sent" in drawn(app))
        assert "AlphaUSD" in drawn(app)
        await pilot.press("escape")
        await screen.show_url("http://127.0.0.1:1/nobody")
        await patiently(pilot, lambda: app.screen is screen and "no connection to http://127.0.0.1:1" in drawn(app))


# Taking it elsewhere -------------------------------------------------------------------------------------------------


async def test_enter_on_an_offer_reviews_it_and_pays_nothing() -> None:
    console = SeededConsole()
    async with inspector(console) as (app, pilot, screen):
        await press(pilot, "V")
        await paste(pilot, CURL)
        await press(pilot, "ctrl+r")
        screen.tabs.active = "challenges"
        await settle(pilot)
        await press(pilot, "j", "enter")
        assert isinstance(app.screen, ReviewSheet)
        request = console.payments.tasks[0].request
        assert (request.url, request.method, request.offer) == (SEARCH, "POST", "2")
        assert request.body == b'{"limit": 20}'
        await press(pilot, "enter")
        assert console.payments.tasks[0].approvals == 0


async def test_a_pasted_offer_cannot_be_paid_and_says_why() -> None:
    console = SeededConsole()
    async with inspector(console, url=f"WWW-Authenticate: {format_challenge(challenge())}") as (app, pilot, screen):
        screen.tabs.active = "challenges"
        await settle(pilot)
        await press(pilot, "enter")
        assert app.screen is screen
        assert any("pasted" in entry.message for entry in app._notifications)
        assert console.payments.tasks == []


@pytest.mark.parametrize(
    ("key", "starts"),
    [
        ("m", "# Payment inspection"),
        ("s", '{\n  "schema"'),
        ("h", 'WWW-Authenticate: Payment id="'),
        ("f", "FAIL text-after-value"),
        ("u", SEARCH),
        ("c", f"curl -i '{SEARCH}'"),
        ("d", f"mpp-console inspect '{SEARCH}'"),
    ],
)
async def test_the_copy_menu(key: str, starts: str) -> None:
    async with inspector(url=SEARCH) as (app, pilot, _):
        await press(pilot, "y", key)
        assert app.clipboard.startswith(starts)


async def test_a_report_is_saved_once_and_never_over_another_file(tmp_path: Path) -> None:
    async with inspector(url=SEARCH) as (app, pilot, _):
        path = tmp_path / "report.json"
        await press(pilot, "x")
        assert isinstance(app.screen, SaveDialog)
        assert app.screen.query_one(Input).value == "inspect-api.example.com.md"
        app.screen.query_one(Input).value = str(path)
        await press(pilot, "enter")
        assert shows(app, "402 Payment Required")
        assert not shows(app, "No file is ever replaced")
        assert json.loads(path.read_text())["counts"]["fail"] == 5
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        before = path.read_bytes()
        await press(pilot, "x")
        app.screen.query_one(Input).value = str(path)
        await press(pilot, "enter")
        assert isinstance(app.screen, SaveDialog)
        assert "exists already" in drawn(app)
        assert path.read_bytes() == before
        app.screen.query_one(Input).value = str(tmp_path / "no" / "such.txt")
        await press(pilot, "enter")
        assert "a report is Markdown or JSON" in drawn(app)


async def test_before_anything_was_inspected_actions_say_so() -> None:
    async with inspector(SeededConsole(empty=True)) as (app, pilot, screen):
        assert "What does a URL ask for?" in drawn(app)
        await press(pilot, "R", "y", "x", "F")
        assert app.screen is screen
        assert len(app._notifications) == 4


async def test_escape_leaves_the_bar_first() -> None:
    async with inspector() as (app, pilot, screen):
        await press(pilot, "n", "x", "escape")
        assert app.screen.focused is not None
        assert screen.query_one(InspectBar) not in app.screen.focused.ancestors_with_self
        assert app.screen is screen


def wishes(inspection: Inspection) -> list[bool]:
    return [inspection.twice, inspection.probe_malformed, inspection.discovery]


def rows(screen: InspectScreen, feed: str) -> list[Any]:
    shown = screen.query_one(feed, Feed).rows
    return [shown.get(index) for index in range(len(shown))]


async def until(pilot: Pilot[Any], condition: Callable[[], object], turns: int = 400) -> None:
    for _ in range(turns):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it never came")
