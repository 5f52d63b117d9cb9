"""The routes of the demo and their prices: one table from which the gate, the screens and the discovery document
read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from mpp_console.methods.base import Payee
from mpp_console.methods.tempo.keys import to_checksum
from mpp_console.methods.tempo.networks import Network, Token
from mpp_console.protocol import Currency
from mpp_console.sandbox.demo.faults import ALREADY_OVER, BrokenRecipient, DearerThanOffered
from mpp_console.server.offers import DEFAULT_EXPIRY, Offer
from mpp_console.server.routes import Route

__all__ = ["PARTNER", "DemoRoute", "Entry", "catalogue"]

PRICE: Final = 10_000
"""A cent, in the base units of a currency with six decimals: what a call of an API may well cost."""
PARTNER_SHARE: Final = 2_500
PARTNER: Final = to_checksum("0x" + hashlib.sha256(b"demo partner").hexdigest()[:40])
"""Gets the split of /split. Nobody holds its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRoute:
    """What a person is told about a route. `amount` in base units of `currency`; `fault` names what goes wrong.

    `rail` and `intent` are empty for a free route. `own` tells a route that a person made from those of the demo.
    """

    method: str
    path: str
    rail: str
    intent: str
    amount: int
    currency: Currency
    note: str
    fault: str | None = None
    own: bool = False

    @property
    def key(self) -> str:
        """What switches and counters know it by: `GET /charge`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A route for the gate beside the same route for people."""

    route: Route
    told: DemoRoute = field(repr=False)

    @property
    def key(self) -> str:
        return self.told.key


def catalogue(payee: Payee, network: Network, *, sponsored: bool) -> tuple[Entry, ...]:
    """Every route of the demo on this network. `sponsored` says whether the payee can pay fees for others."""
    shop = _Shop(payee, network)
    entries = [
        shop.free("/free", "costs nothing"),
        shop.charge("/charge", "a plain charge: pull or push"),
        shop.charge("/echo", "a charge bound to the request body", http_method="POST"),
        shop.charge(
            "/split", "a part goes to a partner", {"splits": [{"recipient": PARTNER, "amount": PARTNER_SHARE}]}
        ),
        shop.charge("/push-only", "the client must broadcast", {"supported_modes": ["push"]}),
        shop.charge("/pull-only", "the server must broadcast", {"supported_modes": ["pull"]}),
        shop.charge("/zero", "proves an account, moves no money", amount=0),
        shop.two_offers("/two-offers", "two currencies to choose from"),
        shop.charge("/slow", "answers after a while"),
        shop.charge("/stream", "a few readings as they happen, for one charge"),
        shop.fault("expired", "the challenge is over when it is issued", expires_in=ALREADY_OVER),
        shop.fault("wrong-amount", "more is wanted than was offered", DearerThanOffered(payee), pull_only=True),
        shop.fault("bad-recipient", "the recipient's checksum is broken", BrokenRecipient(payee)),
        shop.fault("server-error", "takes the payment, then answers 500"),
        shop.fault("no-receipt", "answers 200 without a receipt"),
    ]
    if sponsored:
        entries.insert(3, shop.charge("/sponsored", "the server pays the network fee", {"fee_payer": True}))
    return tuple(entries)


class _Shop:
    """Makes entries for one payee and one network's default currency."""

    def __init__(self, payee: Payee, network: Network) -> None:
        self._payee = payee
        self._network = network
        self._currency = network.currency(network.default_token)

    def free(self, path: str, note: str) -> Entry:
        told = DemoRoute(method="GET", path=path, rail="", intent="", amount=0, currency=self._currency, note=note)
        return Entry(route=Route(method="GET", path=path, summary=note), told=told)

    def charge(
        self,
        path: str,
        note: str,
        options: Mapping[str, Any] | None = None,
        *,
        amount: int = PRICE,
        http_method: str = "GET",
    ) -> Entry:
        offer = Offer(payee=self._payee, amount=amount, options=options or {}, description=f"demo {path}: {note}")
        return self._entry(http_method, path, note, (offer,))

    def two_offers(self, path: str, note: str) -> Entry:
        offers = tuple(
            Offer(
                payee=self._payee,
                amount=PRICE,
                options={"currency": token.address},
                description=f"demo {path}: {note} ({token.symbol})",
            )
            for token in self._two_tokens()
        )
        return self._entry("GET", path, note, offers)

    def fault(
        self,
        name: str,
        note: str,
        payee: Payee | None = None,
        *,
        pull_only: bool = False,
        expires_in: timedelta = DEFAULT_EXPIRY,
    ) -> Entry:
        offer = Offer(
            payee=payee or self._payee,
            amount=PRICE,
            options={"supported_modes": ["pull"]} if pull_only else {},
            description=f"demo fault: {note}",
            expires_in=expires_in,
        )
        return self._entry("GET", f"/faults/{name}", note, (offer,), fault=name)

    def _two_tokens(self) -> tuple[Token, ...]:
        default = [token for token in self._network.tokens if token.address == self._network.default_token]
        others = [token for token in self._network.tokens if token.address != self._network.default_token]
        return (*default, *others)[:2]

    def _entry(
        self, http_method: str, path: str, note: str, offers: tuple[Offer, ...], *, fault: str | None = None
    ) -> Entry:
        return Entry(
            # A price list is no place for traps: routes that fail on purpose stay out of the discovery document.
            route=Route(method=http_method, path=path, offers=offers, summary=note, discoverable=fault is None),
            told=DemoRoute(
                method=http_method,
                path=path,
                rail=offers[0].method,
                intent=offers[0].intent,
                amount=offers[0].amount,
                currency=self._currency,
                note=note,
                fault=fault,
            ),
        )
