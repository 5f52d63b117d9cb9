"""Lets a rail verify and settle one credential, once.

The claim on the challenge id is what makes fifty copies of a credential one delivery. It is taken before the rail is
asked and given back only when the rail refused for certain; when nobody knows whether money moved, retries hear
exactly that.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import Final

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
        except PaymentProblem as problem:
            if problem.fresh_challenge:
                # Refused for certain: the same credential may still become good (a push that is not mined yet).
                await self._store.release(_claim_key(challenge_id))
            else:
                await self._mark_uncertain(challenge_id)
            raise
        except Exception as error:
            _log.exception("a rail failed while it verified a payment")
            await self._mark_uncertain(challenge_id)
            raise InternalPayment(
                "The payment could not be processed. Do not pay again before asking the operator."
            ) from error

    async def _claim(self, challenge_id: str) -> None:
        if await self._store.claim(_claim_key(challenge_id)):
            return
        if await self._store.get(_uncertain_key(challenge_id)) is not None:
            raise OutcomeUncertain(
                "Whether this payment settled is not known. Do not pay again before asking the operator."
            )
        raise CredentialReplayed("This challenge was already used.")

    async def _mark_uncertain(self, challenge_id: str) -> None:
        # The claim alone already stops a second delivery; the mark only makes the answer to a retry kinder.
        with contextlib.suppress(StoreError):
            await self._store.put(_uncertain_key(challenge_id), b"", UNCERTAIN_TTL)


def _claim_key(challenge_id: str) -> str:
    return f"challenge:{challenge_id}"


def _uncertain_key(challenge_id: str) -> str:
    return f"uncertain:{challenge_id}"
