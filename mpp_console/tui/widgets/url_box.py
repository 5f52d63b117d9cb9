"""A box for a URL that knows a command line when one is pasted, and shows nothing that a terminal would obey."""

from __future__ import annotations

from urllib.parse import quote

from textual import events
from textual.message import Message
from textual.widgets import Input

from mpp_console.protocol import inert
from mpp_console.tui.view import app_of

__all__ = ["UrlBox", "one_line"]


class UrlBox(Input):
    """A URL on one line; a command that is pasted into it is handed to whoever listens, all its lines."""

    class Pasted(Message):
        """A command was pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def on_mount(self) -> None:
        self.placeholder = app_of(self).view.lens.placeholder(str(self.placeholder))

    def _on_paste(self, event: events.Paste) -> None:
        from mpp_console.services.pasted_requests import is_command

        event.prevent_default()
        event.stop()
        if is_command(event.text):
            self.post_message(self.Pasted(event.text))
        elif lines := event.text.split("\n"):
            self.insert_text_at_cursor(one_line(lines[0].strip()))


def one_line(url: str) -> str:
    """The URL with every character that cannot be seen written as %XX: it means the same, and can be drawn."""
    return "".join(
        each if each.isprintable() or inert(each) == each else quote(each, errors="surrogatepass") for each in url
    )
