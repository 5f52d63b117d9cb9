"""The spending policy of a profile, put together from the settings and from what the person has allowed since.

Amounts become base units here. Allowances (pay this origin without asking, within bounds) are kept in a small file, so
that they hold for every process of the profile until they run out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mpp_console.client.origin import Origin
from mpp_console.client.policy import AutoAllow, OriginCap, SpendingPolicy
from mpp_console.protocol import Currency, MppError, format_timestamp, format_units, parse_timestamp, parse_units
from mpp_console.services.errors import SettingsError
from mpp_console.services.models import PolicyView
from mpp_console.services.settings import OriginLimits, PolicySettings, SessionSettings

if TYPE_CHECKING:
    from mpp_console.methods.tempo.networks import Network

__all__ = ["Allowances", "allowance", "check_currencies", "find_currency", "policy_lines", "spending_policy"]


def check_currencies(settings: PolicySettings | SessionSettings, networks: Iterable[Network]) -> None:
    """Raises SettingsError for a currency that no network of the settings lists: a misspelt limit must not vanish."""
    known = {
        name.casefold(): token.symbol
        for network in networks
        for token in network.tokens
        for name in (token.symbol, token.address)
    }
    if isinstance(settings, SessionSettings):
        place, tables = "sessions", (settings.maximum, settings.opening, settings.top_up)
        named = [name for table in tables for name in table]
    else:
        place = "policy"
        limits = (settings.per_payment, settings.per_day, settings.per_month, settings.confirm_above)
        named = [name for table in limits for name in table] + [origin.currency for origin in settings.origins]
    for name in named:
        if name.casefold() not in known:
            listed = ", ".join(sorted(set(known.values())))
            raise SettingsError(f"{place}: no network has a currency {name!r}", hint=f"known: {listed}")


def find_currency(network: Network, name: str) -> Currency:
    """A currency of the network by symbol (any case) or address. Raises SettingsError with those there are."""
    wanted = name.casefold()
    for token in network.tokens:
        if wanted in {token.symbol.casefold(), token.address.casefold()}:
            return token.currency
    known = ", ".join(token.symbol for token in network.tokens)
    raise SettingsError(f"{network.name} has no currency {name!r}", hint=f"known here: {known}; or give an address")


def spending_policy(settings: PolicySettings, network: Network, allowed: tuple[AutoAllow, ...] = ()) -> SpendingPolicy:
    """What may be spent. Currencies of other networks are left out: one file serves several (see `check_currencies`).

    Raises SettingsError for an origin or amount that does not hold.
    """
    confirm = network.kind != "sandbox" if settings.confirm is None else settings.confirm
    return SpendingPolicy(
        per_payment=_amounts(settings.per_payment, network),
        per_day=_amounts(settings.per_day, network),
        per_month=_amounts(settings.per_month, network),
        confirm_above=_amounts(settings.confirm_above, network),
        confirm_by_default=confirm,
        only_listed_currencies=settings.only_listed_currencies,
        origin_caps=tuple(cap for limits in settings.origins for cap in _origin_caps(limits, network)),
        allow_origins=None if settings.allow_origins is None else _origins(settings.allow_origins),
        deny_origins=_origins(settings.deny_origins),
        allow_recipients=None if settings.allow_recipients is None else frozenset(settings.allow_recipients),
        deny_recipients=frozenset(settings.deny_recipients),
        auto_allow=allowed,
    )


def policy_lines(policy: SpendingPolicy, network: Network) -> PolicyView:
    """The same for people, one rule a line."""
    lines: list[tuple[str, str]] = []
    for title, table in (
        ("per payment", policy.per_payment),
        ("per day", policy.per_day),
        ("per 30 days", policy.per_month),
        ("no question up to", policy.confirm_above),
    ):
        lines += [(title, _money(amount, network.currency(currency_id))) for currency_id, amount in table.items()]
    lines.append(("otherwise", "asks before paying" if policy.confirm_by_default else "pays without asking"))
    lines += [("limited origin", _cap_text(cap, network)) for cap in policy.origin_caps]
    lines += [("allowed origin", str(origin)) for origin in sorted(policy.allow_origins or (), key=str)]
    lines += [("denied origin", str(origin)) for origin in sorted(policy.deny_origins, key=str)]
    lines += [("allowed recipient", recipient) for recipient in sorted(policy.allow_recipients or ())]
    lines += [("denied recipient", recipient) for recipient in sorted(policy.deny_recipients)]
    for rule in policy.auto_allow:
        currency = network.currency(rule.currency_id)
        bounds = f"{_money(rule.per_payment, currency)} a payment, {_money(rule.total, currency)} in all"
        lines.append(("no question", f"{rule.origin}: {bounds}, until {rule.expires_at:%Y-%m-%d %H:%M} UTC"))
    return PolicyView(lines=tuple(lines))


class Allowances:
    """Permissions given on a review sheet, kept in `path`. Blocking and small; call it from a worker thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, now: datetime) -> tuple[AutoAllow, ...]:
        """Those that have not run out. A file that cannot be read allows nothing."""
        try:
            rows = msgspec.json.decode(self._path.read_bytes(), type=list[dict[str, str]])
            rules = tuple(_from_row(row) for row in rows)
        except (OSError, msgspec.DecodeError, MppError, KeyError, ValueError):
            return ()
        return tuple(rule for rule in rules if rule.expires_at > now)

    def add(self, rule: AutoAllow, now: datetime) -> tuple[AutoAllow, ...]:
        """Adds one, in place of an older one for the same origin and currency; gives all."""
        from mpp_console.wallet.files import private_folder, write_private

        key = (rule.origin, rule.currency_id.casefold())
        kept = [old for old in self.load(now) if (old.origin, old.currency_id.casefold()) != key]
        rules = (*kept, rule)
        private_folder(self._path.parent)
        write_private(self._path, msgspec.json.encode([_to_row(rule) for rule in rules]), replace=True)
        return rules


def allowance(
    *, origin: Origin, currency: Currency, per_payment: str, total: str, now: datetime, lasts: timedelta
) -> AutoAllow:
    """A permission from what a person typed. Raises ParseError for an amount that is none."""
    return AutoAllow(
        origin=origin,
        currency_id=currency.id,
        per_payment=parse_units(per_payment, currency.decimals),
        total=parse_units(total, currency.decimals),
        granted_at=now,
        expires_at=now + lasts,
    )


def _to_row(rule: AutoAllow) -> dict[str, str]:
    return {
        "origin": str(rule.origin),
        "currency": rule.currency_id,
        "per_payment": str(rule.per_payment),
        "total": str(rule.total),
        "granted_at": format_timestamp(rule.granted_at),
        "expires_at": format_timestamp(rule.expires_at),
    }


def _from_row(row: Mapping[str, str]) -> AutoAllow:
    return AutoAllow(
        origin=Origin.parse(row["origin"]),
        currency_id=row["currency"],
        per_payment=int(row["per_payment"]),
        total=int(row["total"]),
        granted_at=parse_timestamp(row["granted_at"]),
        expires_at=parse_timestamp(row["expires_at"]),
    )


def _amounts(table: Mapping[str, str], network: Network) -> dict[str, int]:
    found = {}
    for name, amount in table.items():
        currency = _listed(name, network)
        if currency is not None:
            found[currency.id] = _units(amount, currency)
    return found


def _listed(name: str, network: Network) -> Currency | None:
    try:
        return find_currency(network, name)
    except SettingsError:
        return None


def _units(amount: str, currency: Currency) -> int:
    try:
        return parse_units(amount, currency.decimals)
    except MppError as error:
        raise SettingsError(f"policy: {amount} {currency.symbol}: {error}", hint=error.hint) from error


def _origin_caps(limits: OriginLimits, network: Network) -> Iterable[OriginCap]:
    currency = _listed(limits.currency, network)
    if currency is None:
        return
    amounts = {
        name: _units(amount, currency)
        for name in ("per_payment", "per_day", "per_month")
        if (amount := getattr(limits, name)) is not None
    }
    (origin,) = _origins((limits.origin,))
    yield OriginCap(origin=origin, currency_id=currency.id, **amounts)


def _origins(texts: Iterable[str]) -> frozenset[Origin]:
    try:
        return frozenset(Origin.parse(text) for text in texts)
    except MppError as error:
        raise SettingsError(f"policy: {error}", hint='write an origin as "https://api.example"') from error


def _money(amount: int, currency: Currency) -> str:
    return f"{format_units(amount, currency.decimals)} {currency.symbol}"


def _cap_text(cap: OriginCap, network: Network) -> str:
    currency = network.currency(cap.currency_id)
    limits = (("a payment", cap.per_payment), ("a day", cap.per_day), ("30 days", cap.per_month))
    return f"{cap.origin}: " + ", ".join(f"{_money(limit, currency)} {what}" for what, limit in limits if limit)
