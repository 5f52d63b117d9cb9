"""What the actions that work everywhere do. Each asks the services and opens what shows the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import PayRequest, Stage
from mpp_console.tui.arming import LET_GO_SECONDS
from mpp_console.tui.view import Unavailable, View, begin

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.payments import PaymentTask
    from mpp_console.tui.events import EventLog
    from mpp_console.tui.screens.tour import Tour

__all__ = ["Flows"]

_TWICE_SECONDS = 1.5


class Flows(App[int]):
    """Handlers of the actions of scope APP; the app gives them the console and ways to tell."""

    services: Console | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    log_entries: EventLog
    view: View
    tour: Tour | None = None
    """The tour that is on, if one is."""

    _testing = False
    _interrupted_at = float("-inf")
    _review_closed_at = float("-inf")

    if TYPE_CHECKING:

        def drain(self) -> None: ...
        def refresh_view(self) -> None: ...
        def say(self, text: str, *, warn: bool = False, error: bool = False) -> None: ...
        def tell(self, error: MppError) -> None: ...
        async def attempt(self, work: Awaitable[object]) -> None: ...

    # Modes

    async def do_mode_wallet(self) -> None:
        await self.switch_mode("wallet")

    async def do_mode_sessions(self) -> None:
        await self.switch_mode("sessions")

    async def do_mode_receipts(self) -> None:
        await self.switch_mode("receipts")

    async def do_mode_inspect(self) -> None:
        await self.switch_mode("inspect")

    async def do_mode_server(self) -> None:
        await self.switch_mode("server")

    # Money

    def do_test_one(self) -> None:
        if self._testing:
            raise Unavailable("A test payment is on its way.")
        self._testing = True
        task = self._services.payments.test()
        begin(self, partial(self._await_test, task), group="test", what="test payment")

    async def _await_test(self, task: PaymentTask) -> None:
        try:
            result = await task.result()
        finally:
            self._testing = False
        self.refresh_view()
        if result.stage is not Stage.DONE or result.receipt_id is None:
            message = result.error.message if result.error else f"the test payment ended as {result.stage}"
            self.say(message, error=True)
            self.log_entries.add(self.clock(), "error", inert(message))
            return
        show = getattr(self.screen, "show_receipt", None)
        if show is not None:
            # The list hears of the receipt by the pump; draining it now puts the row there before it is looked for.
            self.drain()
            await show(result.receipt_id)

    async def do_test_all(self) -> None:
        from mpp_console.tui.screens.dialogs import OutcomesDialog

        await self.push_screen(OutcomesDialog(self._services.payments.test_all()))

    def do_fund(self) -> None:
        begin(self, self._fund, group="fund", what="funding", exclusive=True)

    async def _fund(self) -> None:
        self.say("Asked the faucet for test money.")
        await self.attempt(self._services.fund())
        self.refresh_view()

    async def pay(self, url: str, *, method: str = "GET") -> None:
        """Asks a URL for its price and opens the review sheet. The key that leads here is enter, which never
        approves.
        """
        url = url.strip()
        if not url:
            raise Unavailable("Type a URL first.")
        await self.pay_request(PayRequest(url=url if "://" in url else f"https://{url}", method=method))

    async def pay_request(self, request: PayRequest) -> None:
        """The same for a whole request: headers, body, which offer."""
        from mpp_console.tui.review import ReviewSheet

        if self.monotonic() - self._review_closed_at < LET_GO_SECONDS:
            # Enter, held down: it opened the sheet, declined on it, and would now open it again and again.
            return
        task = self._services.payments.start(request)
        await self.push_screen(ReviewSheet(task, opened_by="enter"), self._review_closed)

    def _review_closed(self, _nothing: None) -> None:
        self._review_closed_at = self.monotonic()

    def do_refresh(self) -> None:
        begin(self, self._refresh, group="refresh", what="balances", exclusive=True)

    async def _refresh(self) -> None:
        await self.attempt(self._services.balances())
        self.refresh_view()
        reread = getattr(self.screen, "reread", None)
        if reread is not None:
            reread()

    # Looking

    def do_privacy(self) -> None:
        self.view = replace(self.view, lens=replace(self.view.lens, privacy=not self.view.lens.privacy))

    async def do_log(self) -> None:
        from mpp_console.tui.screens.dialogs import LogDialog

        await self.push_screen(LogDialog())

    async def do_help(self) -> None:
        from mpp_console.tui.screens.dialogs import HelpDialog

        await self.push_screen(HelpDialog())

    def do_palette(self) -> None:
        self.action_command_palette()

    def do_theme(self) -> None:
        self.search_themes()

    def do_tour(self) -> None:
        """Begins the tour, or begins it anew."""
        from mpp_console.tui.screens.tour import Tour

        if self.tour is not None:
            self.tour.leave()
        self.tour = Tour(self._services)
        self.tour.begin(self)

    def do_maximize(self) -> None:
        from mpp_console.tui.widgets.pane import Pane

        focused = self.screen.focused
        pane = next((node for node in focused.ancestors_with_self if isinstance(node, Pane)), None) if focused else None
        if pane is None:
            raise Unavailable("No pane is focused.")
        if self.screen.maximized is not None:
            self.screen.minimize()
        else:
            self.screen.maximize(pane, container=False)

    def do_focus_next(self) -> None:
        self.screen.focus_next()

    def do_focus_previous(self) -> None:
        self.screen.focus_previous()

    # Leaving

    def do_back(self) -> None:
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.screen.focused is not None and not hasattr(self.screen.focused, "do_list_open"):
            # Out of an input, back to the list.
            self.screen.set_focus(None)
            self.screen.focus_next("Feed")
        elif self.tour is not None:
            self.tour.leave()

    async def do_leave(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            await self._ask_to_quit(self._at_stake())

    async def do_quit(self) -> None:
        if reasons := self._at_stake():
            await self._ask_to_quit(reasons)
        else:
            self.exit(0)

    async def do_copy(self) -> None:
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.say("Sent to the clipboard: the selected text")
            return
        now, before = self.monotonic(), self._interrupted_at
        self._interrupted_at = now
        if now - before <= _TWICE_SECONDS:
            await self.do_quit()
        else:
            self.say("Press ctrl+c again to quit.")

    def _at_stake(self) -> list[str]:
        """What quitting now would cut short."""
        state = self.view.state
        reasons = []
        if state and state.in_flight:
            noun = "A payment is" if state.in_flight == 1 else f"{state.in_flight} payments are"
            reasons.append(f"{noun} in flight. What left is journaled and never paid twice.")
        if state and state.server.running:
            reasons.append(f"The local server is running at {state.server.url}.")
        return reasons

    async def _ask_to_quit(self, reasons: list[str]) -> None:
        from mpp_console.tui.screens.dialogs import QuitDialog

        if isinstance(self.screen, QuitDialog):
            self.exit(0)
            return
        await self.push_screen(QuitDialog(reasons), self._answered)

    def _answered(self, quit_now: bool | None) -> None:
        if quit_now:
            self.exit(0)

    @property
    def _services(self) -> Console:
        if self.services is None:
            raise Unavailable("The console is still opening.")
        return self.services
