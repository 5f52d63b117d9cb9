"""Scenes of the receipts mode."""

from __future__ import annotations

from mpp_console.protocol import MppError
from mpp_console.services.models import ExportProgress
from tests.tui.scenes.scene import Scene, empty
from tests.tui.seeded import SeededConsole

MODE = Scene(keys=("3",))
"""The mode as it is entered; drawn at every size."""


def unreadable() -> SeededConsole:
    console = SeededConsole()
    console.receipts.failure = MppError(
        "the history file is locked by another program", code="locked", hint="Close the other program."
    )
    return console


def without_node() -> SeededConsole:
    console = SeededConsole()
    console.receipts.chain_failure = MppError(
        "the node at http://127.0.0.1:4100 does not answer", code="rpc", hint="Is the network up?"
    )
    return console


def exporting() -> SeededConsole:
    console = SeededConsole()
    console.receipts.stopped = ExportProgress(rows=301_500, total=431_000, bytes=124_218_000)
    return console


FILTER = ("3", "slash", *"dir:sent am")
CHAIN = ("3", "right", "right", "right")
MARKED = ("3", *"kkkk", "space", "space", "k", "k", "k", "k", "v", "k", "k")

SCENES: dict[str, Scene] = {
    "receipts-empty": Scene(console=empty, keys=("3",)),
    "receipts-unreadable": Scene(console=unreadable, keys=("3",)),
    "receipts-wire": Scene(keys=("3", "right")),
    "receipts-raw": Scene(keys=("3", "right", "right")),
    "receipts-chain": Scene(keys=CHAIN),
    "receipts-chain-failed": Scene(console=without_node, keys=CHAIN),
    "receipts-filter": Scene(keys=FILTER),
    "receipts-filter-wrong": Scene(keys=("3", "slash", *"amount>much")),
    "receipts-filtered": Scene(keys=("3", "slash", *"origin:api", "enter")),
    "receipts-filtered-empty": Scene(keys=("3", "slash", *"dir:in api", "enter")),
    "receipts-moved": Scene(keys=("3", "k", "k", "t")),
    "receipts-marked": Scene(keys=MARKED),
    "receipts-order": Scene(keys=("3", "o")),
    "receipts-ordered": Scene(keys=("3", "o", "a")),
    "receipts-saved": Scene(keys=("3", "slash", *"amount>0.02", "enter", "F")),
    "receipts-copy": Scene(keys=("3", "y")),
    "receipts-copy-as": Scene(keys=("3", "Y")),
    "receipts-export": Scene(keys=(*MARKED, "x")),
    "receipts-exporting": Scene(console=exporting, keys=("3", "x", "enter")),
    "receipts-exported": Scene(keys=("3", "x", "enter")),
    "receipts-privacy": Scene(keys=("3", "asterisk")),
}
