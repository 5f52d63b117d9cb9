"""The seeded local server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.services.events import (
    CommandLogged,
    ServerChanged,
)
from mpp_console.services.models import (
    Money,
    RequestRow,
    ServerView,
)
from tests.tui.seeds import (
    NOW,
    PATH,
    PAYEE,
    URL,
    requests,
    routes,
)

if TYPE_CHECKING:
    from tests.tui.seeded.console import SeededConsole


class SeededServer:
    def __init__(self, console: SeededConsole, *, running: bool) -> None:
        self._console = console
        self.running = running
        self.log = requests() if running else []
        self.offered = routes()

    async def start(self, port: int = 0) -> ServerView:
        self.running = True
        return self._changed("mpp-console serve")

    async def stop(self) -> ServerView:
        self.running = False
        return self._changed("")

    def view(self) -> ServerView:
        revenue = sum(route.revenue for route in self.offered)
        return ServerView(
            running=self.running,
            url=URL if self.running else None,
            rpc_url="http://127.0.0.1:4100" if self.running else None,
            chain_id=1337,
            recipient=PAYEE,
            routes=self.offered,
            requests=26 if self.log else 0,
            revenue=(Money(amount=revenue, currency=PATH),) if self.log else (),
            started_at=NOW - timedelta(minutes=12) if self.running else None,
            unavailable=self._console.unavailable,
        )

    def requests(self) -> tuple[RequestRow, ...]:
        return tuple(reversed(self.log))

    def _changed(self, command: str) -> ServerView:
        view = self.view()
        self._console.events.publish(ServerChanged(view=view))
        if command:
            self._console.events.publish(CommandLogged(command=command, at=NOW))
        return view
