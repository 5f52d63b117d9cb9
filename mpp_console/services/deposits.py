"""How much may be locked in channels, and for whom: the settings' limits in base units. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from mpp_console.protocol import MppError, format_units, parse_units
from mpp_console.services.errors import SettingsError
from mpp_console.services.models import ErrorView
from mpp_console.services.settings import SessionSettings

if TYPE_CHECKING:
    from mpp_console.client.policy import SpendingPolicy
    from mpp_console.methods.tempo.client_channel import ClientChannel
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.methods.tempo.session_plan import DepositPolicy

__all__ = ["deposit_lines", "deposit_policy", "listed_refusal"]

_NOWHERE = "https://unknown.invalid"
"""Stands for the origin of a channel whose server nobody knows: on no list of allowed origins."""


def deposit_policy(settings: SessionSettings, network: Network, token: str) -> DepositPolicy:
    """The limits for one token (its address). Raises SettingsError for an amount with too many digits."""
    from mpp_console.methods.tempo.session_plan import DEFAULT_DEPOSITS, DepositPolicy

    maximum = _amount(settings.maximum, network, token)
    return DepositPolicy(
        maximum=DEFAULT_DEPOSITS.maximum if maximum is None else maximum,
        opening=_amount(settings.opening, network, token),
        top_up=_amount(settings.top_up, network, token),
        share=Fraction(settings.balance_share, 100),
    )


def deposit_lines(settings: SessionSettings, network: Network) -> tuple[tuple[str, str], ...]:
    """What the settings say of deposits, for people, one rule a line; nothing where they leave it at the defaults."""
    titles = (("locked for one payee", "maximum"), ("locked at first", "opening"), ("added at a time", "top_up"))
    return tuple(
        (title, f"{format_units(amount, token.decimals)} {token.symbol}")
        for title, name in titles
        for token in network.tokens
        if (amount := _amount(getattr(settings, name), network, token.address)) is not None
    )


def listed_refusal(policy: SpendingPolicy, channel: ClientChannel, now: datetime) -> ErrorView | None:
    """Why the lists of the spending policy (origins, recipients, currencies) leave a channel's payee out."""
    from mpp_console.client.origin import Origin
    from mpp_console.client.policy import PaymentFacts

    origin = Origin.parse(channel.origin or _NOWHERE)
    facts = PaymentFacts(
        origin=origin,
        method="tempo",
        intent="session",
        amount=0,
        currency=channel.currency,
        recipients=(channel.payee,),
        network=channel.network,
        chain_id=channel.chain_id,
        loopback=origin.is_loopback,
        now=now,
    )
    refusals = policy.decide(facts, _NothingSpent()).refusals
    if not refusals:
        return None
    return ErrorView(code=refusals[0].code, kind="payment", message=refusals[0].message)


class _NothingSpent:
    """A ledger for a question that is not about sums."""

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        return 0


def _amount(table: Mapping[str, str], network: Network, token: str) -> int | None:
    known = network.token(token)
    names = {token.casefold(), *(() if known is None else (known.symbol.casefold(),))}
    for name, amount in table.items():
        if name.casefold() in names:
            decimals = 6 if known is None else known.decimals
            try:
                return parse_units(amount, decimals)
            except MppError as error:
                raise SettingsError(f"sessions: {amount} {name}: {error}", hint=error.hint) from error
    return None
