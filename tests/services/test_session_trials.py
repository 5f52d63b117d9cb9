"""What the console meets at the session routes of the demo, with each fault, and whether that is what they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpp_console.protocol import Currency
from mpp_console.services import Console, payments
from mpp_console.services.models import RouteOutcome, RouteView
from mpp_console.services.server_models import ALL_FAULTS, FAULTS, SESSION_FAULTS, faults_for

PATHS = ("/session", "/session/stream")


def test_faults_of_channels_are_for_routes_that_channels_pay() -> None:
    dollar = Currency(id="usd", symbol="USD", decimals=2)
    route = RouteView(method="GET", path="/a", rail="tempo", intent="charge", amount=1, currency=dollar, note="")
    assert faults_for(route) == faults_for(None) == FAULTS
    assert faults_for(replace(route, intent="session")) == FAULTS + SESSION_FAULTS


@pytest.mark.parametrize("fault", [None, *(fault.name for fault in ALL_FAULTS if fault.name != "slow")])
async def test_session_routes_do_what_they_are_meant_to(
    console: Console, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "TRIAL_SECONDS", 1.0)
    await console.server.start()
    assert (await tried(console, "/session")).ok, "a channel is there before anything goes wrong"
    for path in PATHS:
        console.server.set_faults(f"GET {path}", [] if fault is None else [fault])
    for path in PATHS:
        outcome = await tried(console, path)
        assert outcome.ok, (path, outcome)


async def test_all_faults_at_once_are_met_in_their_order(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payments, "TRIAL_SECONDS", 1.0)
    await console.server.start()
    console.server.set_faults("GET /session", [fault.name for fault in ALL_FAULTS])
    outcome = await tried(console, "/session")
    assert outcome.ok
    assert outcome.expected.startswith("is not paid: its challenge is over")


async def tried(console: Console, path: str) -> RouteOutcome:
    route = next(route for route in console.server.view().routes if route.path == path)
    return await console.payments.test_route(route)
