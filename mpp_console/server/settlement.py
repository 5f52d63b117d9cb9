"""Lets a rail verify and settle one credential, once.

The claim on the challenge id is what makes fifty copies of a credential one delivery. It is taken before the rail is
asked, kept when the rail says yes, and given back when it says no or does not know: the rail has claims of its own on
the payment itself, and a client whose payment settles late must still get what it paid for with the same credential.
Once an outcome was unknown, nothing about that challenge is ever answered with an invitation to pay again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final, Literal

from mpp_console.methods.base import Clock
from mpp_console.protocol import (
    Credential,
    CredentialReplayed,
    InternalPayment,
    OutcomeUncertain,
    PaymentProblem,
    Receipt,
)
from mpp_console.server.offers import Offer
from mpp_console.server.sessions import Outcome, SessionPayee
from mpp_console.server.stores.base import Store, StoreError

__all__ = ["Settlement"]

_log = logging.getLogger(__name__)

UNCERTAIN_TTL: Final = timedelta(days=7)
"""How long a credential whose settlement is unknown is answered with "unknown" and never with a new challenge."""


class Settlement:
    """Claims a challenge, asks the rail, and decides what happens to the claim."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def settle(self, credential: Credential, offer: Offer) -> Receipt:
        """The receipt of a payment that is settled now. Raises a PaymentProblem; OutcomeUncertain and InternalPayment
        when money may have moved."""
        challenge_id = credential.challenge.id
        await self._claim(challenge_id)
        try:
            return await offer.payee.verify(credential, self._store, now=self._clock())
        except CredentialReplayed as problem:
            await self._store.release(_claim_key(challenge_id))
            raise await self._replayed(challenge_id, problem) from problem
        except PaymentProblem as problem:
            if not problem.fresh_challenge:
                await self._mark_uncertain(challenge_id)
            await self._store.release(_claim_key(challenge_id))
            raise
        except Exception as error:
            # A defect: nobody can say what the rail still knows of this payment, so the claim stays.
            _log.exception("a rail failed while it verified a payment")
            await self._mark_uncertain(challenge_id)
            raise InternalPayment(
                "The payment could not be processed. Do not pay again before asking the operator."
            ) from error

    async def charge(
        self, credential: Credential, offer: Offer, payee: SessionPayee, kind: Literal["content", "management"]
    ) -> Outcome:
        """What a session's payee did. Nothing is claimed: vouchers are cumulative, and the channel's record decides.
        Raises a PaymentProblem.
        """
        try:
            return await payee.handle(credential, kind=kind, cost=offer.amount, now=self._clock())
        except (PaymentProblem, StoreError):
            raise
        except Exception as error:
            _log.exception("a rail failed while it charged a session")
            raise InternalPayment(
                "The payment could not be processed. Do not pay again before asking the operator."
            ) from error

    async def _claim(self, challenge_id: str) -> None:
        if not await self._store.claim(_claim_key(challenge_id)):
            raise await self._replayed(challenge_id, CredentialReplayed())

    async def _replayed(self, challenge_id: str, problem: CredentialReplayed) -> PaymentProblem:
        if await self._store.get(_uncertain_key(challenge_id)) is None:
            return problem
        return OutcomeUncertain("Whether this payment settled is not known. Do not pay again before checking.")

    async def _mark_uncertain(self, challenge_id: str) -> None:
        # Written before the claim is given back. A store that fails leaves the claim, which is the safe side.
        await self._store.put(_uncertain_key(challenge_id), b"", UNCERTAIN_TTL)


def _claim_key(challenge_id: str) -> str:
    return f"challenge:{challenge_id}"


def _uncertain_key(challenge_id: str) -> str:
    return f"uncertain:{challenge_id}"
