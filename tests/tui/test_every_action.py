"""Every action that does something leaves a line in the event log, with the command that does the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mpp_console.services import Console
from mpp_console.services.models import RouteDraft
from mpp_console.services.paths import Paths
from mpp_console.services.settings import Settings
from mpp_console.tui.actions import ACTIONS, Danger
from mpp_console.tui.events import EventLog
from tests.services.conftest import Heard

PATH = "/sky"
KEY = f"GET {PATH}"
ADDRESS = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"

Do = Callable[[Console], Awaitable[object]]


async def _faults(console: Console) -> None:
    console.server.set_faults(KEY, {"slow"})


async def _all_routes(console: Console) -> None:
    async for _ in console.payments.test_all():
        break


DOING: dict[str, tuple[Do, ...]] = {
    "server.new": (lambda console: console.server.add_route(RouteDraft(path=PATH)),),
    "server.edit": (lambda console: console.server.edit_route(KEY, RouteDraft(path=PATH, price="0.02")),),
    "server.faults": (_faults,),
    "server.remove": (lambda console: console.server.remove_route(KEY),),
    "server.undo": (lambda console: console.server.undo_route(),),
    "server.port": (lambda console: console.server.set_port(0),),
    "server.toggle": (lambda console: console.server.start(0), lambda console: console.server.stop()),
    "account.create": (lambda console: console.accounts.create("other"),),
    "account.watch": (lambda console: console.accounts.watch("eyes", ADDRESS),),
    "account.rename": (lambda console: console.accounts.rename("eyes", "ears"),),
    "account.default": (lambda console: console.accounts.set_default("other"),),
    "account.delete": (lambda console: console.accounts.delete("ears", confirm="ears"),),
    "account.undo": (lambda console: console.accounts.restore("ears"),),
    "fund": (lambda console: console.fund(),),
}
"""What the screens ask of the services, in an order in which it can be done."""

ELSEWHERE = {
    "test.one": "tests/services/test_payments.py",
    "test.all": "tests/services/test_payments.py",
    "account.import": "as account.create, from a key",
    "sessions.import": "tests/services/test_sessions.py",
    "response.save": "tests/tui/test_response.py",
}
NO_COMMAND = {
    "receipts.undo": "saved filters are the console's own",
    "response.stop": "reads no more of an answer, as ctrl+c does",
}


def test_every_action_that_does_something_is_walked() -> None:
    """What spends goes through a task, whose command is shown on its review sheet and logged as it starts."""
    local = {entry.id for entry in ACTIONS if entry.danger is Danger.LOCAL}
    assert local == DOING.keys() | ELSEWHERE.keys() | NO_COMMAND.keys()
    assert all(entry.review for entry in ACTIONS if entry.danger >= Danger.SPEND)


async def test_what_it_does_is_in_the_log_with_its_command(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with await Console.open("sandbox", settings=Settings(), paths=Paths.under(tmp_path)) as console:
        await console.start()
        log, heard = EventLog(), Heard(console)
        for name, steps in DOING.items():
            for number, step in enumerate(steps):
                heard.events.clear()
                before = len(log)
                await step(console)
                for event in heard.events:
                    log.hear(event)
                lines = [entry for entry in log if entry.level == "action"][before:]
                assert lines, f"{name} (step {number + 1}) left no line"
                assert lines[-1].command.startswith("mpp-console "), name
                log = EventLog()
