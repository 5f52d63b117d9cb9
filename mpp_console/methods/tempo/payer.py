"""The paying half of Tempo charges: quote, sign, send, and find out afterwards.

Holds one account and one chain. The order is always quote, prepare, (journal,) send; only a pushed payment is sent
from here, all others leave as credentials in the hands of the client.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mpp_console.methods.base import (
    Clock,
    Mode,
    Outcome,
    PaymentRefused,
    Prepared,
    Quote,
    refuse_unless_payable,
)
from mpp_console.protocol import Challenge, Credential, Currency, format_account_did, inert

from .calls import (
    Gas,
    build_calls,
    build_transaction,
    choose_mode,
    decode_charge,
    planned_transfers,
    random_valid_after,
    valid_before,
)
from .chain import Block, Chain, ChainError
from .keys import Signer, to_checksum
from .networks import Network
from .proofs import sign_proof
from .push import push
from .quote import judge, judge_time
from .resolve import TraceKind, resolve_charge
from .schema import INTENT, METHOD, ChargeRequest
from .survey import Survey, Surveyor
from .tip20 import is_token_address

if TYPE_CHECKING:
    from .transaction import TempoTransaction

__all__ = ["TempoChargePayer"]

CONFIRM_SECONDS: Final = 30.0
"""How long a pushed payment is waited for: it cannot be included any more once its 25 seconds are over."""

_MAX_TEXT: Final = 500
_UNKNOWN_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What signing needs beyond the quote, read from the chain right before."""

    request: ChargeRequest
    block: Block
    dies_at: int


class TempoChargePayer:
    """Pays `tempo/charge` challenges from one account.

    `signer` None watches only: it quotes, for `address` if there is one, and refuses to sign. `mode` insists on pull
    or push. `client_id` is told to payees in the memo, as a fingerprint. Quotes refuse tokens that the network's
    table does not list unless `allow_unknown_tokens`.
    """

    method: Final = METHOD
    intent: Final = INTENT

    def __init__(
        self,
        *,
        signer: Signer | None,
        chain: Chain,
        network: Network,
        clock: Clock,
        address: str | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        client_id: str | None = None,
        mode: Mode | None = None,
        allow_unknown_tokens: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if signer is not None:
            address = signer.address
        self._signer = signer
        self._address = None if address is None else to_checksum(address)
        self._chain = chain
        self._network = network
        self._clock = clock
        self._random_bytes = random_bytes
        self._client_id = client_id
        self._mode = mode
        self._allow_unknown = allow_unknown_tokens
        self._sleep = sleep

    @property
    def address(self) -> str | None:
        """The paying account, checksummed."""
        return self._address

    @property
    def network(self) -> Network:
        return self._network

    # -- quote

    async def quote(self, challenge: Challenge) -> Quote:
        """Decodes and checks a challenge; reads the chain, signs nothing. Raises ParseError for a malformed request."""
        request = decode_charge(challenge)
        now, mode = self._clock(), choose_mode(request, self._mode)
        transfers = planned_transfers(request, challenge, mode, self._client_id)
        checks = judge(
            request,
            challenge,
            network=self._network,
            payer=self._address,
            mode=mode,
            now=now,
            allow_unknown_tokens=self._allow_unknown,
        )
        survey = Survey(checks=(), token=self._network.token(request.currency))
        strange = not is_token_address(request.currency) or not self._allow_unknown
        foreign = request.chain_id != self._network.chain_id or (survey.token is None and strange)
        if mode is not Mode.PROOF and not foreign:
            payable = not any(check.level == "refuse" for check in checks)
            surveyor = Surveyor(chain=self._chain, network=self._network, payer=self._address)
            survey = await surveyor.survey(request, transfers, challenge, now, with_plan=payable)
        plan, token = survey.plan, survey.token
        return Quote(
            challenge=challenge,
            amount=request.amount,
            currency=token.currency if token is not None else _unknown(request.currency),
            transfers=transfers,
            network=self._network.name,
            chain_id=request.chain_id,
            payer=self._address,
            mode=mode,
            expires_at=challenge.expires_at,
            checks=(*checks, *survey.checks),
            fee=0 if mode is Mode.PROOF or request.fee_payer else plan.amount if plan is not None else None,
            fee_currency=plan.token.currency if plan is not None and plan.token is not None else None,
            sponsored=request.fee_payer and mode is not Mode.PROOF,
            balance=survey.balance,
            details=self._details(request, challenge, survey),
        )

    def _details(self, request: ChargeRequest, challenge: Challenge, survey: Survey) -> Mapping[str, Any]:
        details: dict[str, Any] = {
            "realm": inert(challenge.realm, limit=_MAX_TEXT),
            "mainnet": self._network.kind == "mainnet",
            "explicit_memo": request.memo is not None,
            "supported_modes": [str(mode) for mode in request.supported_modes or ()],
        }
        for name, text in (("external_id", request.external_id), ("description", request.description)):
            if text is not None:
                details[name] = inert(text, limit=_MAX_TEXT)
        if survey.plan is not None:
            gas = survey.plan.gas
            details["gas"] = gas.limit
            details["max_fee_per_gas"] = gas.max_fee_per_gas
            details["max_priority_fee_per_gas"] = gas.max_priority_fee_per_gas
        return details

    # -- prepare

    async def prepare(self, quote: Quote) -> Prepared:
        """Signs what was quoted. Raises PaymentRefused; the quote's fee is never exceeded."""
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
        request = decode_charge(quote.challenge)
        if quote.mode is Mode.PROOF:
            self._require_time(quote.challenge)
            return self._prove(quote, request, signer)
        draft = await self._draft(quote, request)
        return self._sign(quote, draft, signer)

    def _require_time(self, challenge: Challenge) -> None:
        for check in judge_time(challenge, self._clock()):
            if check.level == "refuse":
                raise PaymentRefused(check.message, code=check.code)

    async def _draft(self, quote: Quote, request: ChargeRequest) -> _Draft:
        if "gas" not in quote.details:
            raise PaymentRefused("The cost of this payment is not known. Ask for a new quote.", code="no-fee-plan")
        try:
            block = await self._chain.block()
        except ChainError as error:
            raise PaymentRefused(error.message, code=error.code, hint=error.hint) from error
        # Looked at after the last wait: whoever approved may have taken minutes.
        self._require_time(quote.challenge)
        dies_at = valid_before(self._clock(), quote.challenge.expires_at)
        if block.timestamp >= dies_at:
            raise PaymentRefused("This machine's clock is behind the chain's. Set the clock.", code="clock-behind")
        if block.base_fee > quote.details["max_fee_per_gas"]:
            raise PaymentRefused("Fees have risen since this was quoted. Ask for a new quote.", code="fee-rose")
        return _Draft(request=request, block=block, dies_at=dies_at)

    def _sign(self, quote: Quote, draft: _Draft, signer: Signer) -> Prepared:
        tx = build_transaction(
            chain_id=self._network.chain_id,
            calls=build_calls(draft.request.currency, quote.transfers),
            gas=Gas(
                limit=quote.details["gas"],
                max_fee_per_gas=quote.details["max_fee_per_gas"],
                max_priority_fee_per_gas=quote.details["max_priority_fee_per_gas"],
            ),
            valid_before=draft.dies_at,
            valid_after=min(random_valid_after(self._random_bytes, self._clock()), draft.dies_at - 1),
            fee_token=quote.fee_currency.id if quote.fee_currency is not None else None,
            sponsored=quote.sponsored,
        ).sign(signer)
        raw = tx.encode_handoff() if quote.sponsored else tx.encode()
        tx_hash = None if quote.sponsored else tx.hash()
        payload = (
            {"type": "hash", "hash": tx_hash}
            if quote.mode is Mode.PUSH
            else {"type": "transaction", "signature": "0x" + raw.hex()}
        )
        return Prepared(
            quote=quote,
            credential=self._credential(quote, payload, signer),
            reference=tx_hash,
            trace=self._trace(quote, draft, tx, tx_hash),
            raw=raw,
        )

    def _prove(self, quote: Quote, request: ChargeRequest, signer: Signer) -> Prepared:
        payload = {"type": "proof", "signature": sign_proof(signer, quote.challenge, request.chain_id)}
        return Prepared(
            quote=quote,
            credential=self._credential(quote, payload, signer),
            reference=None,
            trace={"kind": TraceKind.PROOF, "chain_id": request.chain_id, "payer": signer.address},
        )

    def _credential(self, quote: Quote, payload: Mapping[str, Any], signer: Signer) -> Credential:
        source = format_account_did(quote.chain_id or self._network.chain_id, signer.address)
        return Credential(challenge=quote.challenge, payload=payload, source=source)

    def _trace(self, quote: Quote, draft: _Draft, tx: TempoTransaction, tx_hash: str | None) -> Mapping[str, Any]:
        kind = TraceKind.SPONSORED if quote.sponsored else TraceKind.PUSH if quote.mode is Mode.PUSH else TraceKind.PULL
        primary = quote.transfers[0]
        return {
            "kind": str(kind),
            "chain_id": tx.chain_id,
            "hash": tx_hash,
            "payer": quote.payer,
            "token": draft.request.currency,
            "recipient": primary.recipient,
            "amount": str(primary.amount),
            "memo": primary.memo,
            "valid_before": tx.valid_before,
            "valid_after": tx.valid_after,
            "from_block": draft.block.number,
        }

    # -- send and resolve

    async def send(self, prepared: Prepared) -> Credential:
        """Pushes a push payment and waits for it; gives the credential in any case.

        Raises PaymentFailed or PaymentUncertain, which judge this call: after a crash, when an earlier one may have got
        through, ask `resolve` first. Sending the same bytes again pays nothing twice.
        """
        if prepared.quote.mode is Mode.PUSH and prepared.reference is not None:
            await push(self._chain, prepared.raw, prepared.reference, timeout=CONFIRM_SECONDS, sleep=self._sleep)
        return prepared.credential

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """What became of a payment, by its hash, else by its memo. Never pays; a silent chain leaves the outcome
        open.
        """
        return await resolve_charge(self._chain, trace, reference)


def _unknown(address: str) -> Currency:
    # All TIP-20 tokens have six decimals; the short address stands where nobody vouches for a symbol.
    return Currency(id=address, symbol=f"{address[:6]}…{address[-4:]}", decimals=_UNKNOWN_DECIMALS)
