"""Scenes of the dialogs and of what is everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Ground
from textual.filter import LineFilter
from textual.pilot import Pilot

from mpp_console.services.settings import ConsoleSettings
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.habits import Habits
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.scenes.scene import Scene
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import NOW, receipt_row


@dataclass(frozen=True)
class Arriving(Scene):
    """Some receipts arrive when all keys are pressed."""

    async def reach(self, pilot: Pilot[Any]) -> None:
        await super().reach(pilot)
        console = cast("SeededConsole", cast("ConsoleApp", pilot.app).services)
        for number in range(3):
            console.record(receipt_row(200 + number, NOW))
        await settle(pilot)


@dataclass(frozen=True)
class Ascii(Scene):
    """A terminal that has nothing but ASCII."""

    def app(self) -> ConsoleApp:
        habits = Habits(settings=ConsoleSettings(ascii=True))
        return seeded_app(self.console(), theme=self.theme, monotonic=Ticker(), habits=habits)


class _Rounding(LineFilter):
    """Shows colours as a terminal of sixteen does."""

    def apply(self, segments: list[Segment], background: Ground) -> list[Segment]:
        return [Segment(text, style and _rounded(style), control) for text, style, control in segments]


def _rounded(style: Style) -> Style:
    return Style.from_color(_nearest(style.color), _nearest(style.bgcolor)) + style.without_color


def _nearest(color: Color | None) -> Color | None:
    return color and Color.from_triplet(color.downgrade(ColorSystem.STANDARD).get_truecolor())


@dataclass(frozen=True)
class Sixteen(Scene):
    """A terminal of sixteen colours."""

    theme: str = "console-16"

    def app(self) -> ConsoleApp:
        app = super().app()
        app._filters.append(_Rounding())
        return app


SCENES: dict[str, Scene] = {
    "events": Scene(keys=("t", "plus", "E")),
    "help": Scene(keys=("question_mark",)),
    "help-panel": Scene(keys=("3", "f1")),
    "quit": Scene(keys=("ctrl+q",)),
    "palette": Scene(keys=("ctrl+p",)),
    "palette-receipts": Scene(keys=("ctrl+p", *"split")),
    "palette-url": Scene(keys=("ctrl+p", *"api.example.com", "slash", *"paid")),
    "settings": Scene(keys=("f2",)),
    "settings-preview": Scene(keys=("f2", "right")),
    "jump": Scene(keys=("ctrl+o",)),
    "jump-in-a-dialog": Scene(keys=("ctrl+q", "ctrl+o")),
    "order": Scene(keys=("3", "o")),
    "marked": Scene(keys=("3", "k", "k", "k", "space", "space", "k", "k", "k", "k", "v", "k", "k")),
    "paused": Arriving(keys=("3", "p")),
    "absolute-time": Scene(keys=("3", "ctrl+t")),
    "ascii": Ascii(keys=("3", "k", "space")),
    "ascii-settings": Ascii(keys=("f2",)),
    "sixteen-colours": Sixteen(keys=("3", "k", "k", "space")),
}
