"""`pay` for an answer that is charged for as it comes: its bytes as they come, what it costs beside them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpp_console.cli.live_stream import LiveStream, stream_text
from mpp_console.protocol import Currency
from mpp_console.services.models import Money, StreamView
from tests.cli.conftest import Run, Served, environment, one, runner, start_serving, stop_serving

COIN = Currency(id="coin", symbol="COIN", decimals=2)


def view(events: int, rate: float | None = None) -> StreamView:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=COIN)

    return StreamView(spent=money(3), voucher=money(7), held=money(100), events=events, rate=rate)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = start_serving(tmp_path_factory.mktemp("shop") / "home")
    yield running
    stop_serving(running)


@pytest.fixture
def run(shop: Served) -> Run:
    return runner(shop.home)


def test_the_words_and_what_they_cost(shop: Served, run: Run) -> None:
    said = run("pay", f"{shop.url}/session/stream?tokens=6")
    assert said.stdout.count("event: message\n") == 6
    assert "payment-" not in said.stdout
    assert "paid 0.000300 pathUSD" in said.stderr
    assert "stream   6 events · " in said.stderr


def test_the_same_as_json_and_into_a_file(shop: Served, run: Run, tmp_path: Path) -> None:
    facts = one(run("pay", f"{shop.url}/session/stream?tokens=4", "--json"))
    assert facts["paid"]
    assert facts["stream"]["events"] == 4
    assert facts["stream"]["amount_base_units"] == facts["operation"]["amount_base_units"] == "200"
    assert int(facts["stream"]["voucher_base_units"]) <= int(facts["stream"]["deposit_base_units"])
    target = tmp_path / "words"
    assert run("pay", f"{shop.url}/session/stream?tokens=4", "-o", str(target)).stdout == ""
    assert target.read_text().count("event: message\n") == 4
    assert one(run("pay", f"{shop.url}/free", "--json"))["stream"] is None


def test_no_more_than_is_allowed(shop: Served, run: Run) -> None:
    said = run("pay", f"{shop.url}/session/stream?tokens=9", "--max-amount", "0.00016", code=4)
    assert said.stdout.count("event: message\n") == 3
    assert "paid 0.000150 pathUSD" in said.stderr
    assert "more than the 0.00016 you allow" in said.stderr


def test_a_line_that_is_written_over_while_the_words_go_elsewhere(shop: Served) -> None:
    controller, terminal = pty.openpty()
    url = f"{shop.url}/session/stream?tokens=40"
    process = subprocess.Popen(
        [sys.executable, "-m", "mpp_console", "pay", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment(shop.home),
        start_new_session=True,
    )
    os.close(terminal)
    words, _ = process.communicate(timeout=60)
    seen = b""
    try:
        while chunk := os.read(controller, 65536):
            seen += chunk
    except OSError:
        pass  # the other end of the terminal is closed
    os.close(controller)
    assert words.count(b"event: message\n") == 40
    assert b" pathUSD \xc2\xb7 voucher 0." in seen
    assert b"\r" in seen.split(b"paid ")[0]


def test_one_line_says_it_all() -> None:
    assert stream_text(view(1)) == "1 event · 0.03 COIN · voucher 0.07 of 1.00 COIN"
    assert stream_text(view(12_345, 4.06)) == "12 345 events · 4.1/s · 0.03 COIN · voucher 0.07 of 1.00 COIN"


class Growing:
    """A task whose answer grows."""

    def __init__(self) -> None:
        self.content = b""
        self.stream: StreamView | None = None

    @property
    def event_count(self) -> int:
        return self.content.count(b"\n\n")

    def body(self, start: int = 0) -> bytes:
        return self.content[start:]


def test_whole_lines_are_printed_as_they_come(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    task = Growing()
    live = LiveStream(task, body=True)  # type: ignore[arg-type]
    told = []
    for piece in ("data: ä", "\n", "\ndata: b\n\nda", "ta: c\n\n"):
        task.content += piece.encode()
        live.look()
        told.append(capfdbinary.readouterr().out.decode())
    assert told == ["", "", "data: ä\n\ndata: b\n\n", "data: c\n\n"]
    assert live.printed == len(task.content)
