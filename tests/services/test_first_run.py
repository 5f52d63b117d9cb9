"""The tour is due once: in the sandbox, with nothing in the history, and not after it was taken or skipped."""

from __future__ import annotations

from pathlib import Path

from mpp_console.services import Console
from mpp_console.services.models import Stage
from tests.services.conftest import Devnet, OpenConsole


async def test_due_until_it_was_taken(open_console: OpenConsole, tmp_path: Path) -> None:
    console: Console = await open_console()
    assert await console.first_run.tour_due()
    await console.first_run.toured()
    await console.first_run.toured()
    assert not await console.first_run.tour_due()
    mark = tmp_path / "home" / "data" / "toured"
    assert mark.stat().st_mode & 0o777 == 0o600
    again: Console = await open_console()
    assert not await again.first_run.tour_due()


async def test_not_due_for_who_has_paid_before(console: Console) -> None:
    assert (await console.payments.test().result()).stage is Stage.DONE
    assert not await console.first_run.tour_due()


async def test_not_due_outside_the_sandbox(open_console: OpenConsole, devnet: Devnet) -> None:
    console: Console = await open_console("devnet", settings=devnet.settings)
    assert not await console.first_run.tour_due()


async def test_a_folder_that_cannot_be_written_to_ends_nothing(console: Console, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "data").write_text("in the way")
    await console.first_run.toured()
