"""What the actions that work everywhere do. Each asks the services and opens what shows the answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mpp_console.services.models import PayRequest, Stage
from mpp_console.tui.arming import LET_GO_SECONDS
from mpp_console.tui.leaving import Leaving
from mpp_console.tui.view import Unavailable, begin

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.payments import PaymentTask

__all__ = ["Flows"]

_WATCHED_SECONDS = 3600.0
"""How long a body may rest on a screen before it is given up: whoever looks at it can stop it."""


class Flows(Leaving):
    """Handlers of the actions that change mode, move money or read it anew."""

    _testing = False
    _review_closed_at = float("-inf")

    if TYPE_CHECKING:

        def drain(self) -> None: ...
        def refresh_view(self) -> None: ...

    # Modes

    async def do_mode_wallet(self) -> None:
        await self._go("wallet")

    async def do_mode_sessions(self) -> None:
        await self._go("sessions")

    async def do_mode_receipts(self) -> None:
        await self._go("receipts")

    async def do_mode_inspect(self) -> None:
        await self._go("inspect")

    async def do_mode_server(self) -> None:
        await self._go("server")

    async def _go(self, mode: str) -> None:
        """Shows a mode; what was only read above another is closed, so that it is not in the way later."""
        if len(self.screen_stack) > 1:
            from mpp_console.tui.screens.dialogs import ReadingDialog

            while isinstance(self.screen, ReadingDialog):
                self.pop_screen()
        await self.switch_mode(mode)

    async def go_to_receipt(self, receipt_id: str) -> None:
        """Shows a receipt among the receipts."""
        await self.switch_mode("receipts")
        await getattr(self.screen, "show_receipt")(receipt_id)  # noqa: B009 - every mode's screen has it

    async def go_inspect(self, url: str) -> None:
        """Inspects a URL in its mode. Nothing is spent."""
        await self.switch_mode("inspect")
        await getattr(self.screen, "show_url")(url if "://" in url else f"https://{url}")  # noqa: B009 - this screen's

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

    async def pay(self, wanted: str | PayRequest, *, method: str = "GET", opened_by: str = "enter") -> None:
        """Asks for the price of a URL, of a pasted command or of a request, and opens the review sheet. The key that
        leads here, `opened_by`, never approves. What of a command cannot be taken over is shown in the form first.
        """
        from mpp_console.tui.review import ReviewSheet

        if opened_by == "enter" and self.monotonic() - self._review_closed_at < LET_GO_SECONDS:
            # Enter, held down: it opened the sheet, declined on it, and would now open it again and again.
            return
        request = wanted if isinstance(wanted, PayRequest) else await self._typed(wanted, method)
        if request is None:
            return
        task = self._services.payments.start(replace(request, idle_timeout=_WATCHED_SECONDS))
        await self.push_screen(ReviewSheet(task, opened_by=opened_by), self._review_closed)

    async def _typed(self, text: str, method: str) -> PayRequest | None:
        from mpp_console.services.pasted_requests import is_command, take_apart
        from mpp_console.tui.screens.request import RequestForm

        if not text.strip():
            raise Unavailable("Type a URL first.")
        taken = take_apart(text)
        if taken.left_out:
            await self.push_screen(RequestForm(taken.request, taken.left_out))
            return None
        return taken.request if is_command(text) else replace(taken.request, method=method)

    async def show_response(self, task: PaymentTask) -> None:
        """Opens the answer of a task, in place of one that is open. Raises Unavailable while there is none."""
        from mpp_console.tui.screens.response import ResponseScreen

        if task.head() is None:
            raise Unavailable("There is no answer yet.")
        if isinstance(self.screen, ResponseScreen):
            await self.switch_screen(ResponseScreen(task))
        else:
            await self.push_screen(ResponseScreen(task))

    async def show_last_response(self) -> None:
        """Opens the latest answer of this run. Raises Unavailable when there is none."""
        answered = [task for task in self._services.payments.tasks if task.head() is not None]
        if not answered:
            raise Unavailable("Nothing was answered yet. Press n to pay a URL.")
        await self.show_response(answered[-1])

    async def open_request(self, pasted: str | None = None) -> None:
        """Opens the form of a request with all its parts, filled from a pasted command if there is one."""
        from mpp_console.tui.screens.request import RequestForm

        await self.push_screen(RequestForm(pasted=pasted))

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

    def do_tour(self) -> None:
        """Begins the tour, or begins it anew."""
        from mpp_console.tui.screens.tour import Tour

        if self.tour is not None:
            self.tour.leave()
        self.tour = Tour(self._services)
        self.tour.begin(self)

    @property
    def _services(self) -> Console:
        if self.services is None:
            raise Unavailable("The console is still opening.")
        return self.services
