"""The charging half of Tempo sessions: what a gate asks of it, for channels of the reserve (v2) and of the escrow
contract that older clients know (v1).

Puts the parts of one payee together and reads challenges; the gate has authenticated them. It writes nothing itself:
credentials are carried out by `session_actions`, the chain's word is had by `session_observing`, and what the payee
does on its own by `session_closing` (tempo session draft, "Verification Procedure", "Server-Side Accounting").
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from mpp_console.methods.base import ClaimStore, Clock
from mpp_console.protocol import Credential, InvalidPayload, ParseError, Receipt

from .chain import Chain
from .channels import RESERVE, ZERO_ADDRESS
from .keys import Signer, parse_address, to_checksum
from .networks import Network
from .session_actions import Attempt, Kind, SessionActions, SessionOutcome
from .session_checks import read_request, read_source
from .session_closing import SessionSettlement
from .session_escrow import Escrow
from .session_escrows import Escrows
from .session_metering import ChannelMeter
from .session_observing import ChannelLocks, Observer
from .session_offers import SessionTerms, build_session_offer
from .session_payloads import decode_session_payload
from .session_record import ChannelRecord, ChannelStore
from .session_schema import METHOD, SESSION_INTENT, SessionRequest, Snapshot, decode_session_request
from .session_snapshot import snapshot_of
from .settle import Settlement
from .sponsor import SponsorPolicy

__all__ = ["TempoSessionPayee"]


class TempoSessionPayee:
    """Charges `tempo/session` in `token` to `recipient` on one network.

    `signer` is the recipient's key, or its operator's, which the challenges then name: it closes and settles, and pays
    the fees of that in `fee_token`. v1 knows no operator: `own_key`, the recipient's, closes its channels (it is
    `signer` where that is the recipient); without it, or on a network without a contract, none is offered. `sponsor`
    makes sponsored offers possible. A deposit under `min_deposit` opens no channel (draft, "Denial of Service").
    Sums are base units.
    """

    method: Final = METHOD
    intent: Final = SESSION_INTENT

    def __init__(
        self,
        *,
        chain: Chain,
        network: Network,
        recipient: str,
        signer: Signer,
        store: ChannelStore,
        clock: Clock,
        token: str | None = None,
        fee_token: str | None = None,
        escrow: str = RESERVE,
        legacy_escrow: str | None = None,
        own_key: Signer | None = None,
        sponsor: SponsorPolicy | None = None,
        unit_type: str | None = "request",
        suggested_deposit: int | None = None,
        min_voucher_delta: int | None = None,
        min_deposit: int = 0,
        confirm_seconds: float = 20.0,
        recovery_seconds: float = 15.0,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._network = network
        self._recipient = parse_address(recipient)
        self._store = store
        self._clock = clock
        charged = parse_address(token or network.default_token)
        self._terms = SessionTerms(
            chain_id=network.chain_id,
            recipient=self._recipient,
            token=charged,
            operator=ZERO_ADDRESS if signer.address == self._recipient else signer.address,
            unit_type=unit_type,
            suggested_deposit=suggested_deposit,
            min_voucher_delta=min_voucher_delta,
        )
        reserve = Escrow(
            chain=chain,
            address=to_checksum(escrow),
            chain_id=network.chain_id,
            signer=signer,
            fee_token=parse_address(fee_token) if fee_token else charged,
            settlement=Settlement(
                chain=chain,
                network=network,
                sponsor=sponsor,
                confirm_seconds=confirm_seconds,
                recovery_seconds=recovery_seconds,
                sleep=sleep,
            ),
            sleep=sleep,
            random_bytes=random_bytes,
        )
        self._escrows = Escrows.of_recipient(
            reserve, self._recipient, legacy=legacy_escrow or network.legacy_escrow, own_key=own_key
        )
        lock = ChannelLocks()
        self._observer = Observer(escrows=self._escrows, store=store, clock=clock, lock=lock)
        self.settlement: Final = SessionSettlement(
            escrow_of=self._escrows.of, store=store, clock=clock, lock=lock, refresh=self._observer.observed
        )
        self._actions = SessionActions(
            escrows=self._escrows,
            store=store,
            observer=self._observer,
            settlement=self.settlement,
            lock=lock,
            clock=clock,
            min_deposit=min_deposit,
        )

    @property
    def network(self) -> Network:
        return self._network

    @property
    def recipient(self) -> str:
        return self._recipient

    @property
    def channels(self) -> ChannelStore:
        return self._store

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The request of a challenge: `amount` base units for one unit. Options: `unit_type`, `suggested_deposit`,
        `min_voucher_delta`, `fee_payer`, `protocol` ("v1" for older clients). Raises ImpossibleOffer for what no honest
        client could fulfil.
        """
        return build_session_offer(self._terms, self._escrows, amount, options)

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        """One unit as content, for callers that know nothing of channels; vouchers need no claims."""
        request = self._asked(credential, now)
        return (await self.handle(credential, kind="content", cost=request.amount, now=now)).receipt

    async def handle(
        self, credential: Credential, *, kind: Kind, cost: int, now: datetime, units: int = 1
    ) -> SessionOutcome:
        """Does what the credential asks for, and for content charges `cost` base units for `units`, durably, before
        this returns. Raises a PaymentProblem; an accepted voucher stays accepted also when it does not cover the cost.
        """
        request = self._asked(credential, now)
        try:
            payload = decode_session_payload(credential.payload)
        except ParseError as error:
            raise InvalidPayload(error.message, code=error.code) from error
        attempt = Attempt(
            request=request,
            credential=credential,
            source=read_source(credential, request),
            kind=kind,
            cost=cost if kind == "content" else 0,
            units=units if kind == "content" else 0,
            now=now,
        )
        return await self._actions.perform(payload, attempt)

    def meter(self, credential: Credential) -> ChannelMeter:
        """Charges the channel of an accepted credential further, while its answer is delivered. Raises ParseError for a
        credential that `handle` would not have accepted.
        """
        payload = decode_session_payload(credential.payload)
        request = decode_session_request(credential.challenge.request)
        return ChannelMeter(
            store=self._store,
            channel_id=payload.channel_id,
            clock=self._clock,
            fresh=self._observer.fresh,
            min_delta=request.min_voucher_delta,
        )

    async def snapshot(self, channel_id: str, request: Mapping[str, Any], *, cost: int) -> Snapshot | None:
        """What is known of a channel that could pay `request`, `cost` base units next; None when it could not. See
        `snapshot_of`.

        Raises ParseError for a request that is none of ours.
        """
        asked = decode_session_request(request)
        kept = await self._store.get(channel_id.lower())
        return None if kept is None else snapshot_of(kept.record, asked, cost=cost)

    async def recover(self) -> tuple[ChannelRecord, ...]:
        """Asks the chain about every channel that was being opened, closed, topped up or settled when the last process
        ended. Gives those that stand differently now; run it before serving. Raises InternalPayment when the chain
        cannot be asked.
        """
        return await self._observer.recover()

    def _asked(self, credential: Credential, now: datetime) -> SessionRequest:
        return read_request(credential, chain_id=self._network.chain_id, escrows=self._escrows.addresses, now=now)
