"""A box for a URL that knows a command line when one is pasted."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Input

__all__ = ["UrlBox"]


class UrlBox(Input):
    """A URL on one line; a command that is pasted into it is handed to whoever listens, all its lines."""

    class Pasted(Message):
        """A command was pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def _on_paste(self, event: events.Paste) -> None:
        from mpp_console.services.pasted_requests import is_command

        if is_command(event.text):
            event.prevent_default()
            event.stop()
            self.post_message(self.Pasted(event.text))
