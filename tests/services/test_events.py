"""The bus: in order, and a failing subscriber hurts nobody."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from mpp_console.services.events import ConsoleEvent, EventBus, Notice

NOTICE = Notice(level="info", text="x", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_everybody_hears_in_order_even_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = EventBus(), list[str]()

    def fails(event: ConsoleEvent) -> None:
        heard.append("fails")
        raise RuntimeError("no")

    bus.subscribe(fails)
    bus.subscribe(lambda _: heard.append("hears"))
    with caplog.at_level(logging.ERROR):
        bus.publish(NOTICE)
    assert heard == ["fails", "hears"]
    assert "Notice" in caplog.text


def test_leaving_is_possible_at_any_moment() -> None:
    bus, heard = EventBus(), list[int]()
    leave = bus.subscribe(lambda _: heard.append(1))

    def leaver(event: ConsoleEvent) -> None:
        leave()
        leave()

    bus.subscribe(leaver)
    bus.publish(NOTICE)
    bus.publish(NOTICE)
    assert heard == [1]


def test_who_joins_while_told_hears_from_the_next_on() -> None:
    bus, heard = EventBus(), list[int]()

    def joins(event: ConsoleEvent) -> None:
        bus.subscribe(lambda _: heard.append(1))

    bus.subscribe(joins)
    bus.publish(NOTICE)
    assert heard == []
    bus.publish(NOTICE)
    assert heard == [1]
