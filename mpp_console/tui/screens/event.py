"""One server-sent event in full."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.event_stream import StreamEvent
from mpp_console.tui.body_layout import size_text
from mpp_console.tui.screens.dialogs import ReadingDialog
from mpp_console.tui.view import View, app_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.response_body import BodyView

__all__ = ["EventDialog"]


class EventDialog(ReadingDialog):
    """The data of an event, as JSON when it is some."""

    def __init__(self, event: StreamEvent) -> None:
        super().__init__()
        self._event = event

    def compose(self) -> ComposeResult:
        event = self._event
        with (
            Vertical(id="event"),
            Pane(title=f"Event {event.number} · {inert(event.event, limit=60)}", id="event-pane"),
        ):
            yield BodyView(app_of(self).view.lens, empty="The event has no data.", id="event-data")

    def on_mount(self) -> None:
        event, lens = self._event, app_of(self).view.lens
        said = [size_text(event.size), lens.moment(event.at)]
        if event.last_id:
            said.append(f"id {inert(event.last_id, limit=60)}")
        self.query_one("#event-pane", Pane).frame(hint=Content(lens.plain(" · ".join([*said, "esc closes"]))))
        self.query_one(BodyView).show(event.data.encode("utf-8", "replace"), "text/plain", "utf-8")
        self.watch(self.app, "view", self._look)

    def _look(self, view: View) -> None:
        self.query_one(BodyView).look(view.lens)
