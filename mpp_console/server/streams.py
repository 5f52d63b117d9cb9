"""Sells a stream piece by piece: each piece is charged, durably, before it leaves, and when the vouchers run out the
stream waits for another one.

Knows no transport: a `Wire` sends what has to be sent (`asgi_streams` has one for server-sent events). Nothing polls;
a voucher that another request brings wakes the stream through the channel's store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from types import TracebackType
from typing import Final, Protocol, Self

from mpp_console.methods.tempo.session_metering import Shortfall, Taken
from mpp_console.protocol import MppError, PaymentProblem, Receipt
from mpp_console.server.pump import pumped

__all__ = [
    "DEFAULT_STREAM_LIMITS",
    "Meter",
    "MeteredStream",
    "StreamLimits",
    "StreamOver",
    "UpstreamTooSlow",
    "Wire",
    "base_units",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How long a stream may wait, in seconds, and how much goes at once.

    `voucher_seconds`: for a voucher, then it ends. `upstream_seconds`: for whoever makes what is sold, between two
    pieces. `beat_seconds`: a sign of life when nothing else was sent for so long. `bulk`: pieces of a relayed stream
    that are charged in one write of the store, and read ahead before they are paid. `ask`: units that a voucher is
    asked for at once.
    """

    voucher_seconds: float = 60.0
    upstream_seconds: float = 120.0
    beat_seconds: float = 15.0
    bulk: int = 64
    ask: int = 1


DEFAULT_STREAM_LIMITS: Final = StreamLimits()


class StreamOver(Exception):
    """The stream ends here, in good order: no voucher came, or the channel pays no more. The stream catches it."""


class UpstreamTooSlow(MppError):
    """Whoever makes what is sold took too long. What was charged was delivered; the answer breaks off."""

    default_code = "upstream-too-slow"


class Meter(Protocol):
    """Charges a channel while something is delivered; see `session_metering.ChannelMeter`."""

    async def take(
        self, cost: int, *, count: int = 1, units: int = 1, wish: int | None = None
    ) -> Taken | Shortfall: ...
    async def wait(self, shortfall: Shortfall, seconds: float) -> bool: ...
    async def receipt(self, *, challenge_id: str, units: int) -> Receipt: ...


class Wire(Protocol):
    """How a stream reaches its client. Whatever it raises ends the stream."""

    async def start(self) -> None: ...
    async def message(self, *values: str) -> None: ...
    async def need_voucher(self, facts: Mapping[str, str]) -> None: ...
    async def receipt(self, receipt: Receipt) -> None: ...
    async def beat(self) -> None: ...
    async def end(self) -> None: ...
    async def left(self) -> None:
        """Returns when the client has gone."""
        ...


def base_units(price: int | Decimal) -> int:
    """A price in whole base units: a fraction is rounded up, so that nothing is ever given away. Raises ValueError for
    what is not more than nothing.
    """
    units = int(price.to_integral_value(ROUND_CEILING)) if isinstance(price, Decimal) else price
    if units < 1:
        raise ValueError(f"A piece of a stream costs at least one base unit, not {price}.")
    return units


class MeteredStream:
    """One stream that is being sold, as an async context manager.

    `price` is what one unit costs, in base units; `prepaid` what the request itself was charged for already. `units`
    counts those delivered, `charged` the base units taken, the prepaid ones included.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        meter: Meter,
        price: int,
        challenge_id: str,
        prepaid: int = 0,
        limits: StreamLimits = DEFAULT_STREAM_LIMITS,
        ended: Callable[[MeteredStream], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wire = wire
        self._meter = meter
        self.price = base_units(price)
        self.challenge_id = challenge_id
        self._credit = prepaid
        self._limits = limits
        self._ended = ended
        self._sleep = sleep
        self._upstream = asyncio.timeout(None)
        self._tasks: list[asyncio.Task[None]] = []
        self._seller: asyncio.Task[object] | None = None
        self._gone = False
        self._closing = False
        self._quiet = True
        self.units = 0
        self.charged = prepaid
        self.receipt: Receipt | None = None

    async def charge(self, price: int | Decimal | None = None, units: int = 1) -> None:
        """Charges for what is sent next, `price` base units in all for `units`; the price of one unit by default.

        Waits until it is covered, and is on disk when it returns. Raises StreamOver when that never happens.
        """
        cost = self.price * units if price is None else base_units(price)
        async with self._inside():
            credit = min(self._credit, cost)
            self._credit -= credit
            if cost > credit:
                await self._take(cost - credit, units=units)
            self.units += units

    async def send(self, *values: str) -> None:
        """Sends pieces that were charged for."""
        async with self._inside():
            self._quiet = False
            await self._wire.message(*values)

    async def deliver(self, *values: str) -> None:
        """Charges one unit for each piece and sends it: all in one write of the store, as far as the vouchers reach."""
        async with self._inside():
            await self._deliver(values)

    async def relay(self, source: AsyncIterable[str]) -> None:
        """Sells everything that `source` makes, one unit a piece; what is ready together is charged together.

        Raises UpstreamTooSlow when it makes nothing for too long, and whatever it raises itself.
        """
        async with self._inside(), pumped(source, self._limits.bulk, self._limits.upstream_seconds) as batches:
            try:
                async for batch in batches:
                    await self._deliver(batch)
            except TimeoutError as error:
                raise self._too_slow() from error

    # -- as a context manager

    async def __aenter__(self) -> Self:
        self._seller = asyncio.current_task()
        await self._wire.start()
        await self._upstream.__aenter__()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._beat())]
        self._upstream_may_take(self._limits.upstream_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        trouble = error
        self._closing = True
        if self._gone and not isinstance(error, asyncio.CancelledError):
            # The client left in the very last moment: our own cancelling is still to come.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        try:
            await self._upstream.__aexit__(kind, error, trace)
        except TimeoutError:
            trouble = self._too_slow()
        await self._stop_tasks()
        try:
            if self._gone:
                return self._uncancelled() and isinstance(trouble, asyncio.CancelledError | None)
            if isinstance(trouble, asyncio.CancelledError):
                return False
            await self._say_receipt()
            if trouble is not None and not isinstance(trouble, StreamOver):
                # Without an end, so that the client takes it for broken off.
                if trouble is not error:
                    raise trouble from error
                return False
            await self._wire.end()
            return trouble is not None
        finally:
            if self._ended is not None:
                await self._ended(self)

    async def _say_receipt(self) -> None:
        self.receipt = await self._meter.receipt(challenge_id=self.challenge_id, units=self.units)
        await self._wire.receipt(self.receipt)

    def _uncancelled(self) -> bool:
        """Whether the cancelling was ours alone, because the client had left."""
        return self._seller is not None and self._seller.uncancel() == 0

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        # Their troubles are those of a client that has gone, and told nobody.
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- charging

    async def _deliver(self, values: Sequence[str]) -> None:
        left = list(values)
        while left:
            count = min(self._credit // self.price, len(left))
            if count:
                self._credit -= count * self.price
            else:
                count = await self._take(self.price, count=len(left))
            self.units += count
            self._quiet = False
            await self._wire.message(*left[:count])
            del left[:count]

    async def _take(self, cost: int, *, count: int = 1, units: int = 1) -> int:
        """How often `cost` was charged; at least once. Raises StreamOver."""
        try:
            while True:
                taken = await self._meter.take(cost, count=count, units=units, wish=min(count, self._limits.ask))
                if isinstance(taken, Taken):
                    self.charged += taken.count * cost
                    return taken.count
                await self._ask(taken)
        except PaymentProblem as problem:
            raise StreamOver(problem.message) from problem

    async def _ask(self, shortfall: Shortfall) -> None:
        record = shortfall.record
        self._quiet = False
        await self._wire.need_voucher(
            {
                "channelId": record.channel_id,
                "requiredCumulative": str(shortfall.required),
                "acceptedCumulative": str(record.accepted),
                "deposit": str(record.deposit),
            }
        )
        if not await self._meter.wait(shortfall, self._limits.voucher_seconds):
            raise StreamOver("No voucher came in time.")

    # -- time

    @contextlib.asynccontextmanager
    async def _inside(self) -> AsyncIterator[None]:
        """A call of ours: what it waits for is not the upstream's time."""
        self._upstream_may_take(None)
        try:
            yield
        finally:
            self._upstream_may_take(self._limits.upstream_seconds)

    def _upstream_may_take(self, seconds: float | None) -> None:
        if not self._upstream.expired():
            until = None if seconds is None else asyncio.get_running_loop().time() + seconds
            self._upstream.reschedule(until)

    def _too_slow(self) -> UpstreamTooSlow:
        return UpstreamTooSlow(
            f"Nothing to sell came for {self._limits.upstream_seconds:g} s.",
            hint="Raise StreamLimits.upstream_seconds, or look after the upstream.",
        )

    async def _watch(self) -> None:
        """Stops the selling as soon as the client has gone."""
        await self._wire.left()
        if self._seller is not None and not self._closing:
            self._gone = True
            self._seller.cancel()

    async def _beat(self) -> None:
        while True:
            self._quiet = True
            await self._sleep(self._limits.beat_seconds)
            if self._quiet:
                await self._wire.beat()
