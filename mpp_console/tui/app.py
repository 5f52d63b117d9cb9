"""The application: it wires themes, modes, actions and the console together, and does nothing else.

The first frame is drawn before the console is opened, and nothing heavy may be imported before it.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.reactive import var
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.signal import Signal

from mpp_console.protocol import MppError
from mpp_console.services.events import ConsoleEvent, Notice
from mpp_console.services.models import ErrorView
from mpp_console.tui import modes, signals
from mpp_console.tui.actions import Action, Scope, action, bindings
from mpp_console.tui.display import Lens
from mpp_console.tui.events import EventLog
from mpp_console.tui.flows import Flows
from mpp_console.tui.habits import Habits, check_settings
from mpp_console.tui.memory import collect_seldom, keep_what_is_loaded
from mpp_console.tui.modes import STYLES
from mpp_console.tui.pump import DRAIN_SECONDS, EventPump
from mpp_console.tui.themes import THEMES
from mpp_console.tui.view import Unavailable, View, begin

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.driver import Driver

    from mpp_console.services import Console
    from mpp_console.tui.screens.base import ModeScreen

__all__ = ["ConsoleApp", "PlainBar", "check_settings", "run", "run_demo"]


def _actions() -> type[Provider]:
    from mpp_console.tui.palette import ActionProvider

    return ActionProvider


def _receipts() -> type[Provider]:
    from mpp_console.tui.palette import ReceiptProvider

    return ReceiptProvider


def _urls() -> type[Provider]:
    from mpp_console.tui.palette import UrlProvider

    return UrlProvider


class ConsoleApp(Flows):
    """The console over whatever `open_console` gives. `profile` names it until it is open; clocks are for tests to
    own.
    """

    TITLE = "mpp console"
    CSS_PATH: ClassVar[list[str | PurePath]] = list(STYLES)
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "sessions": modes.sessions,
        "receipts": modes.receipts,
        "inspect": modes.inspect,
        "server": modes.server,
    }
    DEFAULT_MODE = "wallet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.APP)]
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_actions, _receipts, _urls}  # type: ignore[assignment]
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [  # type: ignore[misc]
        (0, "-narrow"),
        (80, "-normal"),
        (120, "-wide"),
        (160, "-xwide"),
    ]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (30, "-tall")]  # type: ignore[misc]
    PAUSE_GC_ON_SCROLL = True

    view: var[View] = var(View(lens=Lens(now=datetime.now(UTC)), profile_name=""))

    def __init__(
        self,
        open_console: Callable[[], Awaitable[Console]],
        *,
        profile: str = "sandbox",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        theme: str = "",
        habits: Habits | None = None,
    ) -> None:
        super().__init__()
        self.habits = habits or Habits()
        self.mode_screens: dict[str, ModeScreen] = {}
        self._open_console = open_console
        self.clock = clock
        self.monotonic = monotonic
        self.services: Console | None = None
        self.batches: Signal[tuple[ConsoleEvent, ...]] = Signal(self, "events")
        self.log_entries = EventLog()
        self._pump: EventPump[ConsoleEvent] = EventPump(self._publish)
        self._questions: set[asyncio.Future[str | None]] = set()
        for own in THEMES:
            self.register_theme(own)
        wanted = self.habits.settings
        plain = wanted.ascii if wanted.ascii is not None else os.environ.get("TERM") == "linux"
        lens = Lens(now=clock(), ascii=plain, privacy=wanted.privacy)
        self.set_reactive(ConsoleApp.view, View(lens=lens, profile_name=profile))
        self.set_class(plain, "-ascii")
        self.take_settings()
        self.theme = theme or self.habits.theme(colours=_colours(self.console.color_system))

    # Opening and closing

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if found.__name__ != "LinuxDriver":  # another system's, or one that somebody has asked for
            return found
        from mpp_console.tui.driver import TerminalDriver

        return TerminalDriver

    def get_default_screen(self) -> Screen[None]:
        return modes.wallet()

    def on_mount(self) -> None:
        # The first mode is the default screen, and becomes a mode only now: from Python 3.12 on Textual runs tasks
        # eagerly, and mounts a mode's screen before it is on the stack that its inputs look at.
        self.add_mode(self.DEFAULT_MODE, modes.wallet)
        self.set_interval(DRAIN_SECONDS, self._pump.drain)
        self.set_interval(1.0, self.refresh_view)
        if not self.is_headless:
            self.set_interval(1.0, self._leave_without_terminal)
        # After the first paint, so that somebody sees the console before it is ready.
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        begin(self, self._open, group="console", what="opening")
        begin(self, self._restore, group="window", what="showing the last mode")

    async def _restore(self) -> None:
        """Shows the mode that was left last."""
        if self.habits.notice:
            self.say(self.habits.notice, warn=True)
        mode = self.habits.of(self.view.profile_name).mode
        if mode in self.MODES and self.current_mode == self.DEFAULT_MODE and len(self.screen_stack) == 1:
            await self.switch_mode(mode)

    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leaves, and notes how the modes looked while they are still there."""
        memory = {mode: screen.memory() for mode, screen in self.mode_screens.items() if screen.is_attached}
        if memory:
            self.habits.leave(self.view.profile_name, self.current_mode, memory)
        super().exit(result, return_code, message)

    async def _open(self) -> None:
        try:
            console = await self._open_console()
            self.services = console
            console.events.subscribe(self._pump.put)
            await console.start()
        except MppError as error:
            failure = ErrorView(code=error.code, message=str(error), hint=error.hint or "")
            self.view = replace(self.view, failure=failure)
            self.tell(error)
            return
        self.refresh_view()
        if await console.first_run.tour_due():
            self.do_tour()
        await console.warm()
        if not self.is_headless:
            keep_what_is_loaded()

    def ask_passphrase(self, question: str) -> str:
        """Asks somebody, on a screen above whatever is there. For a worker thread, which waits for the answer.

        Raises MppError when nobody answers.
        """
        ask: Callable[[str], Any] = self._answer  # mypy cannot tell a coroutine's result from its awaitable here
        answer: str | None = self.call_from_thread(ask, question)
        if answer is None:
            raise MppError("no passphrase was given", code="no-passphrase", hint="Nothing was signed; try again.")
        return answer

    async def _answer(self, question: str) -> str | None:
        from mpp_console.tui.screens.passphrase import PassphraseDialog

        answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._questions.add(answered)

        def take(answer: str | None) -> None:
            if not answered.done():
                answered.set_result(answer)

        await self.push_screen(PassphraseDialog(question), take)
        try:
            return await answered
        finally:
            self._questions.discard(answered)

    def _leave_without_terminal(self) -> None:
        """Ends when the terminal is gone: not every one sends a hangup signal, and the driver would read for ever."""
        if signals.hung_up():
            self.exit(signals.HUNG_UP)

    async def on_unmount(self) -> None:
        with suppress(MppError):
            # Nobody is there to be told, and a convenience is no reason to end with an error.
            self.habits.save_window()
        # A thread that still waits for an answer would keep the program from ending.
        for question in self._questions:
            if not question.done():
                question.set_result(None)
        if self.services is not None:
            await self.services.close()

    # What everybody draws from

    def refresh_view(self) -> None:
        """Takes a new look at the console and at the clock."""
        if self._is_over:
            return
        state = self.services.snapshot() if self.services is not None and self.view.failure is None else None
        lens = replace(self.view.lens, now=self.clock())
        self.view = replace(self.view, lens=lens, state=state, dropped=self._pump.dropped)

    def drain(self) -> None:
        """Draws what has happened without waiting for the pump's next tick."""
        self._pump.drain()

    @property
    def waiting_events(self) -> int:
        """How many events wait for the pump's next tick."""
        return len(self._pump)

    @property
    def _is_over(self) -> bool:
        """Whether nothing can be drawn any more: events and ticks come until the services have closed."""
        return not self.screen_stack

    def _publish(self, batch: tuple[ConsoleEvent, ...]) -> None:
        for event in batch:
            self.log_entries.hear(event)
            if isinstance(event, Notice) and event.level != "info":
                self.toast(event.text, "error" if event.level == "error" else "warning")
        if self._is_over:
            return
        self.refresh_view()
        self.batches.publish(batch)

    # Actions

    async def action_do(self, name: str) -> None:
        """Carries an action out, by the focused widget, its screen or the app, whichever knows how; or says why not."""
        await self.attempt(self._carry_out(action(name)))

    async def _carry_out(self, entry: Action) -> None:
        if reason := self.reason(entry):
            raise Unavailable(reason)
        for node in self._reach():
            handler = getattr(node, entry.handler, None)
            if handler is not None:
                outcome = handler()
                if inspect.isawaitable(outcome):
                    outcome = await outcome
                if outcome is not False:
                    return

    def reason(self, entry: Action) -> str | None:
        """Why an action cannot be carried out now, or not by what has the focus; None when it can."""
        lacks = getattr(self.screen.focused, "lacks", None) if entry.scope is Scope.LIST else None
        return entry.blocked(self.view.state) or (lacks(entry.id) if lacks is not None else None)

    def _reach(self) -> Iterator[DOMNode]:
        start = self.screen.focused or self.screen
        yield from start.ancestors_with_self


class PlainBar(ScrollBarRender):
    """A scrollbar of coloured blanks, for terminals without block characters."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def _draw_bars(*, plain: bool) -> None:
    """Textual takes the look of scrollbars from the class, so it is chosen for the whole program."""
    if plain:
        ScrollBar.renderer = PlainBar


def _colours(system: str | None) -> int:
    """How many colours a terminal has, as far as Rich found out. None is one that has been told to show none."""
    return {"standard": 16, "windows": 16}.get(system or "", 1 << 24)


def _run(app: ConsoleApp) -> int:
    _draw_bars(plain=app.view.lens.ascii)
    collect_seldom()
    with signals.put_back():
        return app.run() or app.return_code or 0


def run(profile: str = "sandbox", *, account: str | None = None, rpc_url: str | None = None) -> int:
    """Opens the console on a profile and stays until somebody leaves; gives the exit code.

    Raises SettingsError, before anything is drawn, for settings that do not hold.
    """
    from mpp_console.services.paths import Paths

    habits = Habits.read(Paths.find())

    async def open_console() -> Console:
        from mpp_console.services import Console

        return await Console.open(profile, account=account, rpc_url=rpc_url, passphrase=app.ask_passphrase)

    app = ConsoleApp(open_console, profile=profile, habits=habits)
    return _run(app)


def run_demo(home: Path) -> int:
    """The same over the demo state, which is made in `home`; its server starts as soon as the console is open."""
    from mpp_console.services.demo.opening import BADGE, DemoClock, open_demo, start_server

    clock = DemoClock()

    async def open_console() -> Console:
        console = await open_demo(home, clock=clock, passphrase=app.ask_passphrase)
        begin(app, partial(start_server, console), group="server", what="the demo's server")
        return console

    app = ConsoleApp(open_console, profile=BADGE.lower(), clock=clock)
    return _run(app)
