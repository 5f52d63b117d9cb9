"""The paying halves of rails for one account of the wallet, its key fetched only when something is really signed.

Quotes, reviews and dry runs therefore never ask for a passphrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from mpp_console.methods.base import (
    Conclusion,
    Ending,
    Ongoing,
    Outcome,
    PaymentRefused,
    Place,
    Prepared,
    Quote,
    refuse_unless_payable,
)
from mpp_console.protocol import Challenge, Credential

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.session_payer import SessionPayer
    from mpp_console.services.engine import Engine
    from mpp_console.wallet.account_models import Account

__all__ = ["AccountPayer", "AccountSessionPayer"]


class AccountPayer:
    """`tempo/charge` from an account, or from none: then it quotes and refuses to sign."""

    def __init__(self, engine: Engine, account: Account | None, chain: Chain) -> None:
        from mpp_console.methods.tempo.payer import TempoChargePayer

        self._engine = engine
        self._account = account
        self._options: dict[str, Any] = {
            "chain": chain,
            "network": engine.network,
            "clock": engine.clock,
            "random_bytes": engine.random_bytes,
            "allow_unknown_tokens": engine.settings.policy_of(engine.profile.name).allow_unknown_tokens,
        }
        address = None if account is None else account.address
        self._watching = TempoChargePayer(signer=None, address=address, **self._options)

    @property
    def method(self) -> str:
        return self._watching.method

    @property
    def intent(self) -> str:
        return self._watching.intent

    async def quote(self, challenge: Challenge) -> Quote:
        """See `Payer.quote`. Needs no key."""
        return await self._watching.quote(challenge)

    async def prepare(self, quote: Quote) -> Prepared:
        """See `Payer.prepare`. Opens the account's key, in a worker thread, which may ask for a passphrase."""
        from mpp_console.methods.tempo.payer import TempoChargePayer

        refuse_unless_payable(quote)
        account = _require(self._account)
        if account.kind == "watch":
            return await self._watching.prepare(quote)
        signer = await self._engine.opened.get(account.address)
        return await TempoChargePayer(signer=signer, **self._options).prepare(quote)

    async def send(self, prepared: Prepared) -> Credential:
        """See `Payer.send`."""
        return await self._watching.send(prepared)

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """See `Payer.resolve`. Needs no key."""
        return await self._watching.resolve(trace, reference)


class AccountSessionPayer:
    """`tempo/session` from an account, or from none. One for each account: it remembers which channels it holds."""

    def __init__(self, engine: Engine, account: Account | None, watching: SessionPayer) -> None:
        self._engine = engine
        self._account = account
        self._watching = watching

    @property
    def method(self) -> str:
        return self._watching.method

    @property
    def intent(self) -> str:
        return self._watching.intent

    def at(self, place: Place) -> AccountSessionPayer:
        """See `Situated`."""
        situated = copy(self)
        situated._watching = self._watching.at(place)
        return situated

    async def quote(self, challenge: Challenge) -> Quote:
        """See `Payer.quote`. Needs no key."""
        return await self._watching.quote(challenge)

    async def prepare(self, quote: Quote) -> Prepared:
        """See `Payer.prepare`. Opens the account's key before it waits for the channel, which nobody else can use
        while somebody thinks of a passphrase.
        """
        refuse_unless_payable(quote)
        account = _require(self._account)
        if account.kind == "watch":
            return await self._watching.prepare(quote)
        signer = await self._engine.opened.get(account.address)
        return await self._watching.with_key(signer).prepare(quote)

    async def send(self, prepared: Prepared) -> Credential:
        """See `Payer.send`."""
        return await self._watching.send(prepared)

    async def concluded(self, prepared: Prepared, ending: Ending) -> Conclusion:
        """See `Concluding`. Needs no key."""
        return await self._watching.concluded(prepared, ending)

    def ongoing(self, prepared: Prepared) -> Ongoing | None:
        """See `Metered`. The key that signed the first voucher signs on."""
        return self._watching.ongoing(prepared)

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """See `Payer.resolve`. Needs no key."""
        return await self._watching.resolve(trace, reference)


def _require(account: Account | None) -> Account:
    if account is None:
        raise PaymentRefused(
            "there is no account to pay from", code="no-account", hint="mpp-console accounts create main"
        )
    return account
