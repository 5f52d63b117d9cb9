"""Run as a process: pays once in the sandbox and is killed, as by a power cut, at the moment that it is told.

    python -m tests.services.crash HOME MOMENT

MOMENT is `signed` or `sent` (how far the payer was) or `served` (the server's answer has left, the payer has not read
it).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from mpp_console.services import Console
from mpp_console.services.events import ConsoleEvent, PaymentProgress, RequestServed
from mpp_console.services.paths import Paths
from mpp_console.services.settings import Settings


def is_the_moment(event: ConsoleEvent, moment: str) -> bool:
    match event:
        case PaymentProgress():
            return event.stage.value == moment
        case RequestServed():
            return moment == "served" and event.row.outcome == "paid"
        case _:
            return False


async def main(home: Path, moment: str) -> None:
    console = await Console.open(paths=Paths.under(home), settings=Settings())

    def on_event(event: ConsoleEvent) -> None:
        if is_the_moment(event, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    console.events.subscribe(on_event)
    await console.payments.test().result()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
