"""Acts on channels: what each would do, found out by a dry run against the chain, and then done, one by one.

One that fails does not keep the others from being tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mpp_console.protocol import WITHDRAW_CUSHION, ChannelState, MppError, format_units, parse_units
from mpp_console.services.errors import UsageError
from mpp_console.services.models import (
    ErrorView,
    Money,
    SessionAct,
    SessionOutcome,
    SessionReview,
    SessionReviewRow,
    SessionRow,
    Stage,
)
from mpp_console.services.session_views import Lens, session_row
from mpp_console.services.views import error_view, explorer_url

if TYPE_CHECKING:
    from mpp_console.client.sessions.lifecycle import CloseResult, SessionManager
    from mpp_console.methods.tempo.client_channel import ClientChannel
    from mpp_console.methods.tempo.keys import Signer
    from mpp_console.methods.tempo.transaction import Call
    from mpp_console.services.engine import Engine
    from mpp_console.services.session_parts import SessionParts
    from mpp_console.services.session_tasks import SessionTask

__all__ = ["SessionActs", "Wish", "duration", "refuse"]

AT_ONCE: Final = 4
"""How many channels of a bulk act are under way at the same time: a server that hangs must not hold up all others."""

_NOT_BEGUN: Final = ErrorView(code="not-begun", message="it was not begun: the console is closing", hint="do it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for. `amount` as typed, for a top up; not `cooperative` leaves the server out of a close, and
    `url` is where to ask it, with the secrets that no book keeps.
    """

    act: SessionAct
    amount: str | None = None
    cooperative: bool = True
    url: str | None = field(default=None, repr=False)

    @property
    def asks_server(self) -> bool:
        return self.act == "close" and self.cooperative


class SessionActs:
    """Reviews and carries out."""

    def __init__(self, engine: Engine, parts: SessionParts) -> None:
        self._engine = engine
        self._parts = parts

    # -- the dry run

    async def review(self, wish: Wish, channels: Sequence[ClientChannel], lens: Lens) -> tuple[SessionReviewRow, ...]:
        """What the act would do to each, by the chain as it is now. Signs nothing."""
        manager = await self._parts.manager({})
        seen = {row.before.channel_id: row for row in await manager.sync([row.channel_id for row in channels])}
        rows = []
        for channel in channels:
            known = seen.get(channel.channel_id)
            current = channel if known is None else known.after
            if known is not None and known.trouble:
                error = ErrorView(
                    code="chain", kind="network", message=f"the chain could not be asked: {known.trouble}"
                )
                rows.append(SessionReviewRow(row=session_row(current, lens), way="", error=error))
            else:
                rows.append(await self._review_one(wish, current, lens))
        return tuple(rows)

    async def _review_one(self, wish: Wish, channel: ClientChannel, lens: Lens) -> SessionReviewRow:
        row = session_row(channel, lens)
        try:
            facts = await self._top_up(wish, channel) if wish.act == "topup" else await self._close(wish, channel, row)
            if (away := await self._without_key(channel)) is not None:
                facts["error"] = facts.get("error") or away
        except MppError as error:
            facts = {"way": "", "error": error_view(error)}
        # A row that the chain gave back names no server, and no voucher that its payee may still bring.
        return SessionReviewRow(row=row, vouchers_lost=not channel.origin, **facts)

    async def _top_up(self, wish: Wish, channel: ClientChannel) -> dict[str, Any]:
        from mpp_console.client.sessions.transactions import top_up_calls

        amount = self.amount_of(wish, channel)
        money = f"{format_units(amount, channel.currency.decimals)} {channel.currency.symbol}"
        way = f"adds {money} to the deposit" if amount else "adds nothing"
        if channel.close_requested_at:
            way += ", and takes the requested close back"
        if (why := _no_top_up(channel, amount)) is not None:
            return {"way": way, "locks": amount, "error": why}
        if (why := self._parts.refusal(channel, amount)) is not None:
            return {"way": way, "locks": amount, "error": why}
        fee = await self._fee(channel, top_up_calls(channel, amount), locks=amount)
        return {"way": way, "locks": amount, "fee": fee}

    def amount_of(self, wish: Wish, channel: ClientChannel) -> int:
        """What a top up adds. Raises UsageError and ParseError."""
        if wish.amount is not None:
            return parse_units(wish.amount, channel.currency.decimals)
        usual = self._parts.deposits(channel.token).top_up
        if usual is None:
            raise UsageError("how much to add was not said", hint="give an amount")
        return usual

    async def _close(self, wish: Wish, channel: ClientChannel, row: SessionRow) -> dict[str, Any]:
        from mpp_console.client.sessions.transactions import request_close_calls, withdrawal_calls

        if (blocked := _not_closable(wish, row)) is not None:
            return blocked
        returns = channel.left
        if row.state is ChannelState.FINALIZABLE:
            fee = await self._fee(channel, withdrawal_calls(channel))
            return {"way": "withdraws the rest", "returns": returns, "fee": fee}
        if row.state is ChannelState.CLOSING:
            return {"way": f"waits: {_until(row)}", "returns": returns}
        grace = f"the rest comes back after {duration(_grace())}"
        asks = wish.asks_server and channel.state is ChannelState.ACTIVE
        if asks and wish.url is not None and not _is_of_server(wish.url, channel):
            why = "that URL is of another server than the channel"
            return {"way": "nothing", "error": _usage("foreign-url", why, f"the channel is of {channel.origin}")}
        if asks and (wish.url or channel.askable_url):
            planned = await (await self._parts.manager({})).to_sign(channel.channel_id)
            return {
                "way": f"asks the server, else the chain: {grace}",
                "signs": planned.cumulative,
                "returns": returns,
                "fee": await self._fee_if_any(channel, request_close_calls(channel)),
            }
        fee = await self._fee(channel, request_close_calls(channel))
        way = f"asks the chain: {grace}"
        if asks and channel.url:
            way += (
                ". The server is not asked: its URL held a secret, which is not kept. To have it close at once, give "
                "the URL again: mpp-console sessions close --url URL"
            )
        return {"way": way, "returns": returns, "fee": fee}

    async def _fee(self, channel: ClientChannel, calls: tuple[Call, ...], *, locks: int = 0) -> Money | None:
        """The most that the network takes. Raises ChannelTransactionFailed when the chain would refuse it."""
        from mpp_console.client.sessions.transactions import present, price_calls

        engine = self._engine
        chain = await engine.chain.get()
        now = await present(chain, engine.clock)
        plan = await price_calls(channel, calls, chain=chain, network=engine.network, now=now, locks=locks)
        return None if plan.token is None else Money(amount=plan.amount, currency=plan.token.currency)

    async def _fee_if_any(self, channel: ClientChannel, calls: tuple[Call, ...]) -> Money | None:
        """The fee of what is only tried when the server does not do it."""
        try:
            return await self._fee(channel, calls)
        except MppError:
            return None

    async def _without_key(self, channel: ClientChannel) -> ErrorView | None:
        """Why nothing can be signed for it; None when it can."""
        try:
            account = await self._engine.require_account(channel.payer)
        except MppError:
            account = None
        if account is not None and account.kind != "watch":
            return None
        why = f"the key of {channel.payer} is not here"
        return ErrorView(code="watch-only", kind="usage", message=why, hint="import the account that opened it")

    # -- doing it

    async def carry_out(
        self, task: SessionTask, wish: Wish, channels: Mapping[str, ClientChannel], lens: Lens
    ) -> Stage:
        """Does what was reviewed and approved; gives how it ended. What becomes of each is told to the task."""
        review = task.current_review
        assert review is not None  # noqa: S101 - nobody can approve without one
        wanted = [channels[row.row.id] for row in review.rows if row.error is None]
        keys = await self._keys(wanted)
        signers = {address: key for address, key in keys.items() if not isinstance(key, MppError)}
        manager = await self._parts.manager(signers, task.leaving)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(channel: ClientChannel) -> None:
            key = keys[channel.payer]
            async with gate:
                if task.stopping:
                    task.note(_failed(session_row(channel, lens), _NOT_BEGUN))
                elif isinstance(key, MppError):
                    task.note(_failed(session_row(channel, lens), error_view(key)))
                else:
                    task.note(await self._one(manager, wish, channel, lens))

        refuse(task, review)
        await asyncio.gather(*(one(channel) for channel in wanted))
        return self._end(task)

    async def _keys(self, channels: Sequence[ClientChannel]) -> dict[str, Signer | MppError]:
        """Opens each account's key once, which may ask for a passphrase."""
        found: dict[str, Signer | MppError] = {}
        for payer in dict.fromkeys(channel.payer for channel in channels):
            try:
                found[payer] = await self._engine.opened.get(payer)
            except MppError as error:
                found[payer] = error
        return found

    async def _one(self, manager: SessionManager, wish: Wish, channel: ClientChannel, lens: Lens) -> SessionOutcome:
        try:
            if wish.act == "topup":
                amount = self.amount_of(wish, channel)
                after = await manager.top_up(channel.channel_id, amount)
                return SessionOutcome(row=session_row(after, lens), ok=True, how="topped-up")
            if wish.act == "withdraw":
                done = await manager.withdraw(channel.channel_id)
            else:
                done = await manager.close(channel.channel_id, cooperative=wish.asks_server, url=wish.url)
        except MppError as error:
            return _failed(await self._now(channel, lens), error_view(error))
        return self._closed(done, lens)

    def _closed(self, done: CloseResult, lens: Lens) -> SessionOutcome:
        ok = done.how.value != "refused"
        network = self._engine.network
        message = "" if done.how.value == "cooperative" else done.message or ("" if ok else "it was not closed")
        return SessionOutcome(
            row=session_row(done.channel, lens),
            ok=ok,
            how=done.how.value,
            message=message,
            refunded=done.refunded,
            remaining=done.remaining,
            reference=done.tx_hash,
            explorer_url=explorer_url(done.tx_hash, network.name, network),
            error=None if ok else ErrorView(code="close-refused", kind="payment", message=message),
        )

    async def _now(self, channel: ClientChannel, lens: Lens) -> SessionRow:
        """The row as the book has it; as it was before where the book cannot say."""
        try:
            book = await self._parts.book.get()
            return session_row(await book.get(channel.channel_id) or channel, lens)
        except MppError:
            return session_row(channel, lens)

    def _end(self, task: SessionTask) -> Stage:
        bad = [outcome for outcome in task.outcomes if not outcome.ok]
        if not bad:
            return Stage.DONE
        if len(task.outcomes) == 1:
            task.failure = bad[0].error
        else:
            kind = bad[0].error.kind if bad[0].error is not None else "payment"
            text = f"{len(bad)} of {len(task.outcomes)} channels: {bad[0].message}"
            task.failure = ErrorView(code="some-failed", kind=kind, message=text)
        unknown = any(outcome.how == "unknown" for outcome in bad)
        return Stage.UNKNOWN if unknown else Stage.FAILED


def refuse(task: SessionTask, review: SessionReview) -> None:
    """The outcome of every channel that the dry run found nothing can be done to."""
    for refused in review.rows:
        if refused.error is not None:
            task.note(_failed(refused.row, refused.error))


def duration(seconds: int) -> str:
    """`16 minutes`, `45 seconds`; rounded up."""
    if seconds < 120:
        return f"{seconds} seconds" if seconds != 1 else "1 second"
    return f"{-(-seconds // 60)} minutes"


def _grace() -> int:
    from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS

    return GRACE_SECONDS + WITHDRAW_CUSHION


def _until(row: SessionRow) -> str:
    return (
        "the grace period runs"
        if row.closes_at is None
        else f"the rest can be withdrawn at {row.closes_at:%H:%M:%S} UTC"
    )


def _not_closable(wish: Wish, row: SessionRow) -> dict[str, Any] | None:
    """Why nothing can be closed or withdrawn; None when it can."""
    match row.state:
        case ChannelState.FINALIZED:
            return {"way": "nothing: it is closed already"}
        case ChannelState.OPENING | ChannelState.UNKNOWN:
            why = "the chain does not show it, and its opening may still come"
            return {"way": "nothing yet", "error": _usage("not-open", why)}
        case ChannelState.CLOSING | ChannelState.FINALIZABLE:
            return None
    if wish.act != "withdraw":
        return None
    why = "no close of it was requested"
    return {"way": "nothing to withdraw", "error": _usage("not-closing", why, "close it first")}


def _is_of_server(url: str, channel: ClientChannel) -> bool:
    from mpp_console.client.origin import Origin

    return str(Origin.parse(url)) == channel.origin


def _no_top_up(channel: ClientChannel, amount: int) -> ErrorView | None:
    if channel.state not in (ChannelState.ACTIVE, ChannelState.CLOSING, ChannelState.ORPHANED):
        return _usage("not-open", f"it is {channel.state}: nothing can be added to it")
    if not amount and not channel.close_requested_at:
        return _usage("nothing-to-do", "nothing would be added, and no close was requested")
    if not amount and channel.protocol == "v1":
        why = "version 1 takes a close back only with a top up of something"
        return _usage("nothing-added", why, "add the least there is: --amount 0.000001")
    return None


def _usage(code: str, message: str, hint: str = "") -> ErrorView:
    return ErrorView(code=code, kind="usage", message=message, hint=hint)


def _failed(row: SessionRow, error: ErrorView) -> SessionOutcome:
    how = "unknown" if error.code == "unconfirmed" else "failed"
    return SessionOutcome(row=row, ok=False, how=how, message=error.message, error=error)
