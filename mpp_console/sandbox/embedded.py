"""An ASGI application served on loopback inside the running event loop, quietly, and stopped within a deadline.

uvicorn's own `run` wants the process to itself: signal handlers, logging, exit codes. None of that is for a program
with a screen, so the socket is opened here and uvicorn only serves it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from mpp_console.protocol import MppError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["CUT", "EmbeddedServer", "PortTaken", "ServerFailed"]

STOP_SECONDS: Final = 2.0
"""How long requests under way may take to end after `stop`; then they are cut off."""
_BACKLOG: Final = 2_048
CUT: Final = "mpp_console.cut"
"""The ASGI extension (a callable without arguments) that closes a request's connection at once."""


class PortTaken(MppError):
    """Another program listens on the port that was asked for."""

    default_code = "port-taken"


class ServerFailed(MppError):
    """The server could not start listening."""

    default_code = "server-failed"


class EmbeddedServer:
    """Serves `app` (any ASGI application) from `start` until `stop`. `port` 0 lets the system choose one.

    Only loopback addresses are served: what is embedded here is for this machine. Answers are dated by `clock`, so that
    a server of a made-up present agrees with whoever asks there; without one by the machine's.
    """

    def __init__(
        self, app: Any, *, host: str = "127.0.0.1", port: int = 0, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._app = app
        self._clock = clock
        self._host = host
        self._port = port
        self._task: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`; the port that was asked for while it does not run."""
        return f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1]) if self._socket is not None else self._port

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def start(self) -> str:
        """Listens and gives the URL. Starting twice is harmless. Raises PortTaken or ServerFailed."""
        if self.running:
            return self.url
        server_class, config_class = await asyncio.to_thread(_uvicorn)
        self._socket = self._listen()
        config = config_class(
            self._cuttable(self._app),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="auto",
            ws="websockets-sansio",
            server_header=False,
            date_header=self._clock is None,
            timeout_graceful_shutdown=int(STOP_SECONDS),
        )
        started = asyncio.Event()
        self._server = server_class(config, started)
        self._task = asyncio.create_task(self._serve(self._server, self._socket), name=f"serve {self.url}")
        await self._until_listening(started)
        if self._task.done():
            error = self._task.exception() if not self._task.cancelled() else None
            await self.stop()
            if isinstance(error, ServerFailed):
                raise error
            raise ServerFailed("the server ended while it was starting") from error
        return self.url

    async def stop(self) -> None:
        """Stops listening, lets requests under way end, cuts off those that do not. Stopping twice is harmless."""
        task, server, listener = self._task, self._server, self._socket
        self._task = self._server = self._socket = None
        if task is not None and server is not None:
            server.should_exit = True
            done, _ = await asyncio.wait({task}, timeout=STOP_SECONDS + 1)
            if not done:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if listener is not None:
            listener.close()

    async def __aenter__(self) -> EmbeddedServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _listen(self) -> socket.socket:
        # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that say they are TCP;
        # with it every answer in two writes waits 40 ms for an acknowledgement.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"port {self._port} is taken by another program", hint="Choose another port, or 0 for any free one."
                ) from error
            hint = None
            if error.errno == errno.EACCES:
                hint = "Ports below 1024 are the system's: choose one from 1024 on, or 0 for any free one."
            reason = error.strerror or error
            raise ServerFailed(f"cannot listen on {self._host}:{self._port}: {reason}", hint=hint) from error
        listener.setblocking(False)
        return listener

    def _cuttable(self, app: Any) -> Any:
        """The application with an extension that closes a request's connection at once, as a network might."""

        async def served(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope.get("client"):
                extensions = {**scope.get("extensions", {}), CUT: lambda: self._cut(tuple(scope["client"]))}
                scope = {**scope, "extensions": extensions}
            await app(scope, receive, self._dated(send))

        return served

    def _dated(self, send: Any) -> Any:
        """What is sent, its head dated by the clock that the server was given."""
        if (clock := self._clock) is None:
            return send

        async def dated(message: Any) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(clock().astimezone(UTC), usegmt=True).encode()
                message = {**message, "headers": [(b"date", date), *message.get("headers", ())]}
            await send(message)

        return dated

    def _cut(self, peer: tuple[str, int]) -> None:
        for connection in tuple(self._server.server_state.connections) if self._server is not None else ():
            transport = getattr(connection, "transport", None)
            if transport is not None and transport.get_extra_info("peername") == peer:
                transport.abort()

    async def _until_listening(self, started: asyncio.Event) -> None:
        """Returns when the server listens, or when it has ended instead."""
        waiting = asyncio.ensure_future(started.wait())
        running = self._task
        try:
            await asyncio.wait({waiting} | ({running} if running is not None else set()), return_when="FIRST_COMPLETED")
        finally:
            waiting.cancel()

    async def _serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        try:
            await server.serve(sockets=[listener])
        except SystemExit as error:
            # uvicorn ends the process when an application refuses to start; the process is not its own here.
            raise ServerFailed("the application refused to start") from error


def _uvicorn() -> tuple[Callable[[uvicorn.Config, asyncio.Event], uvicorn.Server], type[uvicorn.Config]]:
    """uvicorn takes a while to import, and must leave the process's signals alone."""
    import uvicorn

    class Server(uvicorn.Server):
        def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
            super().__init__(config)
            self._listening = listening

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self._listening.set()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server, uvicorn.Config
