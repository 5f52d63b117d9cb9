"""Opens a console over the demo state, in a folder that vanishes with it.

Clock, ids and random bytes are fixed: the clock starts at the demo's own present and goes on with the machine's
monotonic one, or stands still for who passes one that does.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from mpp_console.services.paths import HOME_VARIABLE, Paths

if TYPE_CHECKING:
    from mpp_console.services import Console

__all__ = ["BADGE", "OPTION", "DemoClock", "demo_home", "open_demo", "start_server"]

BADGE: Final = "DEMO"
"""What every screen shows where the profile's word stands."""

OPTION: Final = "--demo"
"""What opens it on the command line."""


_NO_KEYRING: Final = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
"""A key that somebody imports into the demo must vanish with it."""


class DemoClock:
    """Wall time of the demo, from its present on as fast as `monotonic` (seconds) goes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        from mpp_console.services.demo.seeds import NOW

        self._began = NOW
        self._monotonic = monotonic
        self._start = monotonic()

    def __call__(self) -> datetime:
        return self._began + timedelta(seconds=self._monotonic() - self._start)


class FixedBytes:
    """Bytes that look random and are the same on every run. For the demo only: whoever reads this knows them all."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._draws = itertools.count()

    def __call__(self, size: int) -> bytes:
        seed = f"{self._purpose}/{next(self._draws)}/"
        blocks = (sha256(f"{seed}{block}".encode()).digest() for block in itertools.count())
        return b"".join(itertools.islice(blocks, -(-size // 32)))[:size]


@contextmanager
def demo_home() -> Iterator[Path]:
    """A new private folder, where everything in this process that looks for its home finds it; removed at the end.

    A signal that would end the process on the spot ends it by SystemExit meanwhile, so that nothing is left over.
    """
    folder = Path(tempfile.mkdtemp(prefix="mpp-console-demo-"))
    own = {HOME_VARIABLE: str(folder), **_NO_KEYRING}
    before = {name: os.environ.get(name) for name in own}
    try:
        with _ending_cleanly():
            os.environ.update(own)
            yield folder
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


async def open_demo(
    home: Path,
    *,
    clock: Callable[[], datetime] | None = None,
    passphrase: Callable[[str], str] | None = None,
) -> Console:
    """The console over the demo state in `home`, which is filled first when it is empty. Nothing is started."""
    from mpp_console.services import Console
    from mpp_console.services.once import load
    from mpp_console.services.settings import load_settings

    await load("mpp_console.services.demo.past")
    from mpp_console.services.demo.past import write_past

    paths = Paths.under(home)
    if not paths.profile("sandbox").history.exists():
        await write_past(paths, FixedBytes("past"))
    ids = FixedBytes("ids")
    return await Console.open(
        "sandbox",
        settings=load_settings(paths.settings),
        paths=paths,
        clock=clock or DemoClock(),
        new_id=lambda: ids(16).hex(),
        random_bytes=FixedBytes("present"),
        passphrase=passphrase,
        badge=BADGE,
        option=OPTION,
    )


async def start_server(console: Console) -> None:
    """Starts the demo's server on the port that its receipts name, or on any free one where that is taken."""
    from mpp_console.services.demo.seeds import PORT, requests
    from mpp_console.services.once import load

    await load("mpp_console.sandbox.embedded")
    from mpp_console.sandbox.embedded import PortTaken

    try:
        await console.server.start(PORT)
    except PortTaken:
        await console.server.start(0)
    console.server.recall(requests())


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    replaced = []
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not on every system
        with suppress(ValueError):  # signals belong to the main thread
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, end)
                replaced.append(number)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)
