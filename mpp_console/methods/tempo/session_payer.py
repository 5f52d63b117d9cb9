"""The paying half of Tempo sessions: one payment from quote to conclusion, and what follows while it is served.

Holds one account, one chain and a channel book. One process at a time signs for a channel: the turn on it is taken
here, and given back when the payment is concluded. What is planned, written and signed is `session_quoting`'s and
`session_preparing`'s business; nothing that a server says about the chain is believed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from mpp_console.methods.base import (
    Check,
    Clock,
    Conclusion,
    Ending,
    Outcome,
    PaymentRefused,
    Place,
    Prepared,
    Quote,
    Step,
    refuse_unless_payable,
)
from mpp_console.protocol import Challenge, Credential

from .chain import Chain, ChainError
from .client_channel import ChannelBook, ClientChannel, Lease
from .keys import Signer, to_checksum
from .networks import Network
from .quote import judge_time
from .session_account import Account
from .session_plan import DEFAULT_DEPOSITS, DepositPolicy, PlanKind
from .session_planner import Planner, scope_of
from .session_ports import Held, Leases, Management
from .session_preparing import Preparer, Signing
from .session_quoting import Quoter, request_of
from .session_schema import METHOD, SESSION_INTENT
from .session_stream import StreamPayer
from .session_topup import top_up
from .session_trace import SessionTrace

__all__ = ["SessionPayer"]


@dataclass(slots=True)
class _Turn:
    """A payment that is under way and holds the turn on its channel. `asked`: its top up may have left."""

    held: Held
    signing: Signing
    asked: bool = False


class SessionPayer:
    """Pays `tempo/session` challenges from one account.

    `signer` None watches only: it quotes, for `address` if there is one. `trusted_escrows` are escrows besides the
    chain's own reserve that the owner vouches for. Without `management` a channel is never topped up by itself.
    `deposits` may be a function of the token's address.
    `delegate` signs the vouchers of the channels that are opened here, in place of the payer, who still signs whatever
    locks money.
    """

    method: Final = METHOD
    intent: Final = SESSION_INTENT

    def __init__(
        self,
        *,
        signer: Signer | None,
        chain: Chain,
        network: Network,
        clock: Clock,
        book: ChannelBook,
        leases: Leases,
        management: Management | None = None,
        address: str | None = None,
        deposits: DepositPolicy | Callable[[str], DepositPolicy] = DEFAULT_DEPOSITS,
        trusted_escrows: frozenset[str] = frozenset(),
        delegate: Signer | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        address = address if signer is None else signer.address
        self._signer = signer
        self._address = None if address is None else to_checksum(address)
        self._network = network
        self._clock = clock
        self._book = book
        self._leases = leases
        self._management = management
        self._random_bytes = random_bytes
        self._sleep = sleep
        self._account = Account(book=book, chain=chain, clock=clock)
        self._turns: dict[str, _Turn] = {}
        delegated = None if delegate is None else delegate.address
        self._planner = Planner(
            network=network,
            chain=chain,
            book=book,
            account=self._account,
            clock=clock,
            deposits=deposits,
            delegate=delegated,
        )
        self._quoter = Quoter(
            network=network,
            chain=chain,
            planner=self._planner,
            clock=clock,
            address=self._address,
            delegate=delegated,
            trusted=frozenset(escrow.lower() for escrow in trusted_escrows),
        )
        self._preparer = Preparer(
            chain=chain,
            book=book,
            planner=self._planner,
            clock=clock,
            delegate=delegate,
            random_bytes=random_bytes,
        )

    @property
    def address(self) -> str | None:
        """The paying account, checksummed."""
        return self._address

    def at(self, place: Place) -> SessionPayer:
        """This payer for what is asked for at `place`; it shares everything else with this one."""
        situated = copy(self)
        planner = replace(self._planner, place=place)
        situated._planner = planner
        situated._quoter = replace(self._quoter, planner=planner)
        situated._preparer = replace(self._preparer, planner=planner)
        return situated

    def with_key(self, signer: Signer) -> SessionPayer:
        """This payer, able to sign; it shares everything else with this one. Raises PaymentRefused for a key of
        another account than the one it quotes for.
        """
        if signer.address != self._address:
            raise PaymentRefused("The key belongs to another account.", code="foreign-key")
        able = copy(self)
        able._signer = signer
        return able

    async def quote(self, challenge: Challenge) -> Quote:
        """Decodes and checks a challenge and plans the payment; signs and writes nothing. Raises ParseError.

        A voucher on an open channel asks the chain nothing.
        """
        return await self._quoter.quote(challenge)

    async def prepare(self, quote: Quote) -> Prepared:
        """Waits for its turn on the channel, plans anew, writes the channel's row, signs. Raises PaymentRefused.

        Never locks more than was quoted. The turn is held until `concluded`.
        """
        refuse_unless_payable(quote)
        signer = self._signer
        if signer is None:
            raise PaymentRefused(
                "This account is watched only: its key is not here, so it cannot pay.",
                code="watch-only",
                hint="Choose an account with a key.",
            )
        if quote.payer != signer.address or quote.network != self._network.name:
            raise PaymentRefused(
                "The quote was made for another account or network. Ask for a new one.", code="foreign-quote"
            )
        request = request_of(quote.challenge)
        held = await self._leases.hold(scope_of(request, signer.address))
        ref = self._random_bytes(16).hex()
        try:
            plan = await self._preparer.replan(quote, request, held.lease)
            _require_time(quote.challenge, self._clock())
            signing = Signing(request=request, plan=plan, lease=held.lease, signer=signer, ref=ref)
            prepared = await self._preparer.sign(quote, signing)
        except ChainError as error:
            await held.release()
            raise PaymentRefused(error.message, code=error.code, hint=error.hint) from error
        except BaseException:
            await held.release()
            raise
        self._turns[ref] = _Turn(held, signing)
        return prepared

    # -- send and afterwards

    async def send(self, prepared: Prepared) -> Credential:
        """Tops the channel up first where that was planned; gives the credential. Raises PaymentRefused: then the
        voucher has not left, and the book says what is known of the top up.
        """
        trace = SessionTrace.read(prepared.trace)
        if trace.plan == PlanKind.TOP_UP:
            turn = self._turns.get(trace.ref)
            if self._management is None or turn is None:
                raise PaymentRefused("The channel has to be topped up, and nothing here can ask the server to.")
            turn.asked = True
            await self._top_up(prepared, trace, turn.held.lease)
        return prepared.credential

    async def concluded(self, prepared: Prepared, ending: Ending) -> Conclusion:
        """Writes what the ending says of the channel, and gives the turn on it to the next."""
        trace = SessionTrace.read(prepared.trace)
        turn = self._turns.pop(trace.ref, None)
        if turn is None:
            return await self._account.conclude(trace, ending)
        try:
            if trace.plan == PlanKind.TOP_UP and not ending.left and not turn.asked:
                await self._account.forget_top_up(trace.channel_id, turn.held.lease)
            return await self._account.conclude(trace, ending)
        finally:
            await turn.held.release()

    def ongoing(self, prepared: Prepared) -> StreamPayer | None:
        """See `methods.base.Metered`."""
        trace = SessionTrace.read(prepared.trace)
        turn = self._turns.get(trace.ref)
        if turn is None or self._management is None:
            return None
        signing = turn.signing
        return StreamPayer(
            prepared,
            request=signing.request,
            book=self._book,
            account=self._account,
            management=self._management,
            hold=lambda: self._leases.hold(scope_of(signing.request, signing.signer.address)),
            advance=partial(self._advance, signing),
            voucher=lambda row: self._preparer.voucher_payload(row, row.signed, signing.signer),
            clock=self._clock,
            url=self._planner.place.url,
        )

    async def _advance(
        self,
        first: Signing,
        channel: ClientChannel,
        target: int,
        *,
        challenge: Challenge,
        lease: Lease,
        check: Callable[[Step], Awaitable[None]],
    ) -> Step:
        """See `session_stream.Advance`. Raises PaymentRefused, ChainError."""
        request = first.request
        plan = await self._planner.further(request, channel, target)
        if isinstance(plan, Check):
            raise PaymentRefused(plan.message, code=plan.code)
        quote = await self._quoter.quote_plan(request, challenge, plan)
        refuse_unless_payable(quote)
        amount, held = target - channel.signed, channel.deposit + plan.locks
        step = Step(amount=amount, total=target, held=held, locks=plan.locks)
        await check(step)
        signing = replace(first, plan=plan, lease=lease)
        if plan.kind is PlanKind.TOP_UP:
            await self._top_up_alone(quote, signing, channel)
            signing = replace(signing, plan=replace(plan, kind=PlanKind.VOUCHER))
        await self._preparer.advance(quote, signing)
        return step

    async def _top_up_alone(self, quote: Quote, signing: Signing, channel: ClientChannel) -> None:
        """A top up that raises no voucher yet, so that one that fails promises nothing."""
        assert self._management is not None  # noqa: S101 - without it no payment goes on
        still = replace(signing.plan, cumulative=channel.signed)
        prepared = await self._preparer.advance(
            quote, replace(signing, plan=still, ref=channel.voucher_ref or signing.ref)
        )
        await self._top_up(prepared, SessionTrace.read(prepared.trace), signing.lease)

    async def _top_up(self, prepared: Prepared, trace: SessionTrace, lease: Lease) -> None:
        """Asks where the payment is asked for: the row's URL has lost its secrets, and may be of another request."""
        assert self._management is not None  # noqa: S101 - asked before anything is signed
        url, sleep = self._planner.place.url, self._sleep
        await top_up(prepared, trace, self._management, self._account, lease, url=url, sleep=sleep)

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """What became of a payment by session, from the book and the chain. Never pays."""
        return await self._account.resolve(trace)


def _require_time(challenge: Challenge, now: datetime) -> None:
    for check in judge_time(challenge, now):
        if check.level == "refuse":
            raise PaymentRefused(check.message, code=check.code)
