"""An answer: its status, header fields and body, what was paid for it and how long that took. A body that is still
coming grows while one looks; leaving the screen stops neither it nor the payment.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, TabbedContent, TabPane

from mpp_console.protocol import inert
from mpp_console.services.commands import pay_command
from mpp_console.services.event_stream import EVENT_STREAM, StreamEvent
from mpp_console.services.events import BodyArrived, ConsoleEvent, PaymentProgress
from mpp_console.services.models import PayResult
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.body_layout import kind_of, media_type, readable, size_text
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.feed import Feed, FeedHeading
from mpp_console.tui.response_facts import body_sign, header_facts, payment_facts, rate_text, status_sign
from mpp_console.tui.view import Unavailable, View, app_of, begin
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.keybar import KeyBar
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.response_body import BodyView
from mpp_console.tui.widgets.response_timing import Waterfall
from mpp_console.tui.widgets.topbar import MODES, TopBar

if TYPE_CHECKING:
    from mpp_console.services.payments import PaymentTask

__all__ = ["ResponseScreen"]

WIDE = 120
"""Columns from which on payment and timing stand beside the body instead of in a tab."""
CLIPBOARD_LIMIT = 256 * 1024
"""Characters that are sent to the clipboard; terminals drop what is longer without a word."""

EVENTS = (
    Column(title="#", width=4, keep=6, right=True),
    Column(title="TIME", width=8, keep=5),
    Column(title="EVENT", width=10, keep=8),
    Column(title="DATA", width=20, grow=1, keep=9),
    Column(title="SIZE", width=8, keep=3, right=True),
)


def event_cells(event: StreamEvent, lens: Lens) -> Sequence[Cell]:
    data = lens.plain("••••••") if lens.privacy else inert(event.data, limit=400)
    return (
        (str(event.number), MUTED),
        (lens.clock(event.at), MUTED),
        (inert(event.event, limit=40), "$primary"),
        (data, ""),
        (size_text(event.size), MUTED),
    )


class ResponseScreen(Screen[None]):
    """Shows the answer of one task, of which at least the head is here."""

    SCOPE = Scope.RESPONSE
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.RESPONSE)]
    AUTO_FOCUS = "#answer-body, #answer-events"

    def __init__(self, task: PaymentTask) -> None:
        super().__init__()
        head = task.head()
        assert head is not None  # noqa: S101 - whoever opens it has looked
        self._task_shown = task
        self._head: PayResult = head
        self._media, self._charset = media_type(head.headers)
        self._stream = self._media == EVENT_STREAM

    @property
    def payment(self) -> PaymentTask:
        """What it shows the answer of."""
        return self._task_shown

    def compose(self) -> ComposeResult:
        lens, mode = app_of(self).view.lens, self.app.current_mode
        yield TopBar(mode if mode in MODES else "wallet")
        with Horizontal(id="response"):
            with Pane(title="Response", id="answer"):
                yield Static("", id="answer-url", markup=False)
                with TabbedContent(id="answer-tabs"):
                    with TabPane("Events" if self._stream else "Body", id="tab-body"):
                        yield from self._body_parts(lens)
                    with TabPane("Headers", id="tab-headers"), VerticalScroll():
                        yield Facts(id="headers-facts")
                    with TabPane("Payment", id="tab-payment"), VerticalScroll():
                        yield Facts(id="payment-facts")
                        yield Waterfall(lens, id="payment-waterfall")
            with Vertical(id="answer-side"):
                with Pane(title="Payment", id="side-payment"), VerticalScroll():
                    yield Facts(id="side-facts")
                with Pane(title="Round trip", id="side-timing"):
                    yield Waterfall(lens, id="side-waterfall")
        yield KeyBar(Scope.RESPONSE, Scope.APP)

    def _body_parts(self, lens: Lens) -> ComposeResult:
        if self._stream:
            heading = FeedHeading(EVENTS)
            heading.id = "event-heading"
            yield heading
            yield Feed(
                EVENTS, event_cells, lens, empty="No event yet. They appear here as they come.", id="answer-events"
            )
        else:
            yield BodyView(lens, id="answer-body")

    def on_mount(self) -> None:
        app_of(self).batches.subscribe(self, self._hear)
        self.watch(self.app, "view", self._look)
        self._grow()
        if self._task_shown.stream is not None:
            self.set_interval(1.0, self._tick)
        begin(self, self._follow, group="review", what="answer")

    def on_resize(self, event: events.Resize) -> None:
        tabs, wide = self.query_one("#answer-tabs", TabbedContent), event.size.width >= WIDE
        if wide:
            tabs.hide_tab("tab-payment")
        else:
            tabs.show_tab("tab-payment")

    async def _follow(self) -> None:
        await self._task_shown.result()
        self._grow()

    def _tick(self) -> None:
        """The rate falls while nothing comes."""
        if self._task_shown.reading:
            self._draw(app_of(self).view.lens)

    def _hear(self, batch: Sequence[ConsoleEvent]) -> None:
        mine = [event for event in batch if isinstance(event, BodyArrived | PaymentProgress)]
        if any(event.task_id == self._task_shown.id for event in mine):
            self._grow()

    def _look(self, view: View) -> None:
        if self._stream:
            self.query_one(Feed).look(view.lens)
        else:
            self.query_one(BodyView).look(view.lens)
        self._draw(view.lens)

    async def show_receipt(self, receipt_id: str) -> None:
        """Brings a receipt before the person's eyes."""
        from mpp_console.tui.screens.dialogs import ReceiptDialog

        await self.app.push_screen(ReceiptDialog(receipt_id))

    # Drawing

    def _grow(self) -> None:
        """Takes up what has come since the last look."""
        task = self._task_shown
        self._head = task.head() or self._head
        if self._stream:
            feed = self.query_one(Feed)
            feed.append(task.events(self._last_number))
        elif task.reading:
            self.query_one(BodyView).show(task.body(), self._media, self._charset, whole=False)
        else:
            self.query_one(BodyView).show(self._body, self._media, self._charset)
        self._draw(app_of(self).view.lens)

    @property
    def _last_number(self) -> int:
        rows = self.query_one(Feed).rows
        last = rows.get(len(rows) - 1) if len(rows) else None
        return last.number if isinstance(last, StreamEvent) else 0

    @property
    def _body(self) -> bytes:
        """What there is of the body: of a refusal the paying flow has read it, of all else the task."""
        return self._head.body or self._task_shown.body()

    @property
    def _body_size(self) -> int:
        return max(self._task_shown.size, len(self._head.body))

    def _draw(self, lens: Lens) -> None:
        result, task = self._head, self._task_shown
        url = inert(result.url, limit=2_000)
        shown = Content.assemble((f"{inert(result.http_method, limit=12)} ", MUTED), (url, "bold"))
        self.query_one("#answer-url", Static).update(shown)
        status = status_sign(result)
        badge = Content.styled(lens.plain(f"{status.glyph} {status.word}"), status.tone)
        self.query_one("#answer", Pane).frame(badge=badge, hint=self._hint(lens))
        facts = payment_facts(result, lens, reading=task.reading, stream=task.stream)
        self.query_one("#side-facts", Facts).show(facts)
        self.query_one("#payment-facts", Facts).show(facts)
        self.query_one("#headers-facts", Facts).show(header_facts(result.headers, lens, size=self._body_size))
        timings = task.timings()
        self.query_one("#side-waterfall", Waterfall).show(timings, lens)
        self.query_one("#payment-waterfall", Waterfall).show(timings, lens)
        sign = lens.stage(result.stage)
        self.query_one("#side-payment", Pane).frame(badge=sign.content)

    def _hint(self, lens: Lens) -> Content:
        task = self._task_shown
        sign = body_sign(self._head, reading=task.reading, stream=self._stream)
        parts = [inert(self._media, limit=40) or "no media type", size_text(self._body_size)]
        if self._stream:
            parts.append("1 event" if task.event_count == 1 else f"{task.event_count:,} events".replace(",", " "))
            if task.stream is not None and (rate := rate_text(task.stream)):
                parts.append(rate)
        said = lens.plain(" · ".join(parts) + " · ")
        return Content.assemble(said, (lens.plain(f"{sign.glyph} {sign.word}"), sign.tone))

    # What was pressed

    async def do_response_save(self) -> None:
        from mpp_console.services.saved_bodies import body_name
        from mpp_console.tui.screens.form import Field, FormDialog

        body = self._body
        if not body:
            raise Unavailable("The body is empty: there is nothing to save.")
        field = Field(id="save-path", label="file", value=body_name(self._head.url, self._media))
        text = f"{size_text(len(body))} as they came. A name without a folder is kept in the folder you started from."
        save = FormDialog(
            "Save the body", [field], lambda typed: self._save(typed["save-path"], body), button="Save", text=text
        )
        await self.app.push_screen(save)

    async def _save(self, where: str, body: bytes) -> None:
        from mpp_console.services.saved_bodies import save_body

        path = await save_body(where, body)
        app = app_of(self)
        command = pay_command(app.view.called, self._task_shown.request)
        app.log_entries.add(app.clock(), "action", f"body saved: {path}", f"{command} -o {shlex.quote(str(path))}")
        app.say(f"Saved {size_text(len(body))} to {path}")

    def do_response_copy(self) -> None:
        if self._stream and (row := self.query_one(Feed).selected) is not None:
            app_of(self).copy_text(row.data, f"the data of event {row.number}")
            return
        body = self._body
        if not body:
            raise Unavailable("The body is empty: there is nothing to copy.")
        if kind_of(self._media, body) == "binary":
            raise Unavailable("The body is no text. Save it instead.")
        if len(body) > CLIPBOARD_LIMIT:
            raise Unavailable(f"{size_text(len(body))} are too many for a clipboard. Save them instead.")
        app_of(self).copy_text(readable(body, self._charset), "the body")

    def do_response_command(self) -> None:
        app_of(self).copy_text(pay_command(app_of(self).view.called, self._task_shown.request), "command")

    def do_response_curl(self) -> None:
        from mpp_console.services.inspect_text import curl_command

        app_of(self).copy_text(curl_command(self._task_shown.request), "curl command")

    async def do_response_again(self) -> None:
        await app_of(self).pay(self._task_shown.request, opened_by="R")

    async def do_response_edit(self) -> None:
        from mpp_console.tui.screens.request import RequestForm

        await self.app.push_screen(RequestForm(self._task_shown.request))

    async def do_response_receipt(self) -> None:
        if self._head.receipt_id is None:
            free = self._head.operation is None
            raise Unavailable(
                "Nothing was paid, so there is no receipt." if free else "There is no receipt of this payment."
            )
        await self.show_receipt(self._head.receipt_id)

    def do_response_stop(self) -> None:
        if not self._task_shown.stop():
            raise Unavailable("The body has ended: there is nothing to stop.")

    @on(Feed.Opened, "#answer-events")
    async def _open_event(self, event: Feed.Opened) -> None:
        from mpp_console.tui.screens.event import EventDialog

        # Enter pressed twice in a hurry opens one dialog, not two above one another.
        if isinstance(event.row, StreamEvent) and self.app.screen is self:
            await self.app.push_screen(EventDialog(event.row))
