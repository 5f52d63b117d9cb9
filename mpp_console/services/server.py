"""The local paid server: the demo API in this process, charging in the sandbox's play money."""

from __future__ import annotations

from mpp_console.services.models import RequestRow, ServerView

__all__ = ["ServerService"]


class ServerService:
    """Published as `ServerChanged`, `RequestServed` and `ReceiptRecorded`."""

    async def start(self, port: int = 0) -> ServerView:
        """Listens on 127.0.0.1; port 0 takes any free one. Already running: gives its view. Raises PortTaken,
        ServerUnavailable.
        """
        raise NotImplementedError

    async def stop(self) -> ServerView:
        raise NotImplementedError

    def view(self) -> ServerView:
        """From memory; never waits."""
        raise NotImplementedError

    def requests(self) -> tuple[RequestRow, ...]:
        """The latest requests of this run (at most a thousand), newest first, from memory."""
        raise NotImplementedError
