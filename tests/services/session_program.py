"""Run as a process: a console of its own in a home that others use too, which pays one URL by session.

    python -m tests.services.session_program HOME URL [MOMENT]

With a MOMENT (`signed` or `sent`: how far the payer is) it is killed there, as by a power cut.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from mpp_console.services import Console
from mpp_console.services.events import ConsoleEvent, PaymentProgress
from mpp_console.services.models import PayRequest
from mpp_console.services.paths import Paths
from mpp_console.services.settings import Settings


async def main(home: Path, url: str, moment: str) -> int:
    async with await Console.open(paths=Paths.under(home), settings=Settings()) as console:

        def on_event(event: ConsoleEvent) -> None:
            if isinstance(event, PaymentProgress) and event.stage.value == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        console.events.subscribe(on_event)
        result = await console.payments.start(PayRequest(url=url, mode="auto")).result()
        return 0 if result.paid else 1


if __name__ == "__main__":
    place, where, *when = sys.argv[1:]
    sys.exit(asyncio.run(main(Path(place), where, when[0] if when else "")))
