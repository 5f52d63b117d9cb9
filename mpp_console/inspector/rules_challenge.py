"""Rules about single challenges whatever their rail: ids, realm, expiry, digest, texts, the charge intent's shared
fields. Pure functions over a `Case` and an offer, and the table that names them.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from mpp_console.inspector.reading import Case, OfferReading
from mpp_console.inspector.rule import Hit, Rule, each_offer
from mpp_console.protocol import (
    ACCEPT_PAYMENT,
    PAYMENT_AUTHORIZATION,
    ParseError,
    compute_challenge_id,
    digest_matches,
    inert,
    parse_accept_payment,
    parse_base_units,
    parse_timestamp,
)
from mpp_console.protocol import FindingLevel as L
from mpp_console.protocol.challenge_rules import PARAMETERS

__all__ = ["CHALLENGE_RULES"]

FAR: Final = timedelta(hours=1)
VERY_FAR: Final = timedelta(days=1)
NEAR: Final = timedelta(seconds=30)
"""A signed payment lives 25 seconds; less time than that is no time to decide in."""

_INTENTS: Final = frozenset({"charge", "session", "subscription"})
"""The intents that the published drafts define."""

_CANONICAL_AMOUNT: Final = re.compile(r"0|[1-9][0-9]*")
_SMALL_DECIMAL: Final = re.compile(r"0?\.[0-9]+")
_PRICE: Final = re.compile(
    r"(?:[$€£]\s?([0-9][0-9,]*(?:\.[0-9]+)?))|(?:\b([0-9][0-9,]*(?:\.[0-9]+)?)\s?(?:USD|USDC|pathUSD|AlphaUSD|BetaUSD|"
    r"ThetaUSD|USDC\.e|dollars?|EUR|€)\b)",
    re.IGNORECASE,
)


def _unique_ids(case: Case) -> list[Hit] | None:
    if not case.offers:
        return None
    counts = Counter(offer.id for offer in case.offers if offer.id)
    return [Hit(f"two challenges of one answer have the id {name}") for name, count in counts.items() if count > 1]


def _expired(case: Case, offer: OfferReading) -> list[Hit] | None:
    try:
        expires = parse_timestamp(offer.params["expires"])
    except (KeyError, ParseError):
        return None
    left = expires - case.evidence.now
    if left <= timedelta(0):
        level = L.FAIL if case.evidence.live else L.INFO
        return [Hit(f"the challenge expired at {offer.params['expires']}, before it could be paid", level)]
    if left < NEAR:
        return [Hit(f"the challenge lives {left.total_seconds():.0f} s, too short to decide and pay", L.WARN)]
    return []


def _far(case: Case, offer: OfferReading) -> list[Hit] | None:
    try:
        left = parse_timestamp(offer.params["expires"]) - case.evidence.now
    except (KeyError, ParseError):
        return None
    if left <= timedelta(0):
        return None
    if left > VERY_FAR:
        return [Hit(f"the challenge lives {left.days} days; prices and keys change in that time")]
    return [Hit("the challenge lives more than an hour", L.INFO)] if left > FAR else []


def _realm(case: Case, offer: OfferReading) -> list[str] | None:
    host, realm = case.evidence.inquiry.host, offer.params.get("realm", "").lower()
    if not host or not realm:
        return None
    name = realm.partition(":")[0] if realm.count(":") == 1 else realm.strip("[]")
    same = name == host or _same_address(name, host)
    parent = "." in name and host.endswith(f".{name}")
    return [] if same or parent else [f"the realm is {offer.params['realm']}, the host is {host}"]


def _same_address(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return False


def _binding(case: Case, offer: OfferReading) -> list[str] | None:
    secret, challenge = case.evidence.secret, offer.challenge
    if secret is None or challenge is None:
        return None
    expected = compute_challenge_id(
        secret.reveal(),
        realm=challenge.realm,
        method=challenge.method,
        intent=challenge.intent,
        request_b64=challenge.request_b64,
        expires=challenge.expires,
        digest=challenge.digest,
        opaque_b64=challenge.opaque_b64,
        header=challenge.header,
    )
    if expected == challenge.id:
        return []
    return ["the id is not the HMAC of the challenge under the given secret: the secret is another, or a field was "
            "changed on the way"]  # fmt: skip


def _digest(case: Case, offer: OfferReading) -> list[Hit] | None:
    inquiry, digest = case.evidence.inquiry, offer.params.get("digest")
    if not case.evidence.live:
        return None
    if digest is None:
        if not inquiry.body:
            return None
        return [Hit("the request has a body and the challenge does not bind it, so that another body can be paid for")]
    if digest_matches(digest, inquiry.body):
        return []
    return [Hit("the digest is not that of the body that was sent; no client can pay this challenge", L.FAIL)]


def _intent(case: Case, offer: OfferReading) -> list[str] | None:
    if not offer.intent:
        return None
    return [] if offer.intent in _INTENTS else [f"no published draft defines the intent {offer.intent}"]


def _names(case: Case, offer: OfferReading) -> list[Hit] | None:
    unknown = [name for name in dict.fromkeys(offer.names) if name not in PARAMETERS]
    line = case.lines[offer.line - 1]
    hits = []
    for name in unknown:
        place = offer.places[name]
        if line[place : place + len(name)] != name:
            hits.append(Hit(f"the additional parameter {name[:40]} is not written in lower case", position=place))
        else:
            hits.append(Hit(f"clients ignore the parameter {name[:40]}", L.INFO, position=place))
    return hits if offer.names else None


def _scheme(case: Case, offer: OfferReading) -> list[str]:
    return [] if offer.scheme == "Payment" else [f"the scheme is written {offer.scheme}; some clients look for Payment"]


def _credential_field(case: Case, offer: OfferReading) -> list[str] | None:
    header = offer.params.get("header")
    if header is None or header.lower() != PAYMENT_AUTHORIZATION.lower():
        return None
    return ["the credential goes into Payment-Authorization, which not every client knows"]


def _texts(offer: OfferReading) -> list[tuple[str, str]]:
    texts = [("description", offer.params["description"])] if "description" in offer.params else []
    for name in ("description", "externalId"):
        value = (offer.request or {}).get(name)
        if isinstance(value, str):
            texts.append((f"request.{name}", value))
    return texts


def _hidden_text(case: Case, offer: OfferReading) -> list[str] | None:
    texts = _texts(offer)
    if not texts:
        return None
    return [
        f"the {name} holds control, bidirectional or invisible characters, which can make it read as something else"
        for name, text in texts
        if inert(text, keep_newlines=True) != text
    ]


def _price_told(case: Case, offer: OfferReading) -> list[Hit] | None:
    """Only for Tempo tokens, whose decimals are known; a number with a currency beside it counts as a price."""
    amount = _amount(offer)
    if offer.method != "tempo" or offer.intent != "charge" or amount is None:
        return None
    wanted = Decimal(amount).scaleb(-6)
    told = [price for _, text in _texts(offer) for price in _prices(text)]
    if not told:
        return None
    if wanted in told:
        return []
    text = f"the description speaks of {_plain(told[0])}, the request asks for {_plain(wanted)}"
    if amount == 0 and any(told):
        text += ": the price was rounded to zero base units"
    return [Hit(text)]


def _prices(text: str) -> Iterable[Decimal]:
    for match in _PRICE.finditer(text[:2000]):
        try:
            yield Decimal((match[1] or match[2]).replace(",", "")[:60])
        except InvalidOperation:
            continue


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _amount(offer: OfferReading) -> int | None:
    value = (offer.request or {}).get("amount")
    try:
        return parse_base_units(value) if isinstance(value, str) else None
    except ParseError:
        return None


def _amount_form(case: Case, offer: OfferReading) -> list[str] | None:
    if offer.request is None or offer.intent != "charge":
        return None
    value = offer.request.get("amount")
    if value is None:
        return ["the request has no amount"]
    if not isinstance(value, str):
        return ["the amount is not a text of digits; numbers lose digits beyond 2^53"]
    if _CANONICAL_AMOUNT.fullmatch(value):
        return []
    if _SMALL_DECIMAL.fullmatch(value):
        return [f"the amount {value} rounds to zero base units: amounts are whole numbers of the smallest unit"]
    return [f"the amount {value!r} is not a whole number of base units, written with digits only"]


def _amount_zero(case: Case, offer: OfferReading) -> list[str] | None:
    amount = _amount(offer)
    if amount is None or offer.intent != "charge":
        return None
    if amount:
        return []
    return ["the amount is zero: the client proves an account and pays nothing; if a price was meant, it was rounded "
            "away"]  # fmt: skip


def _currency(case: Case, offer: OfferReading) -> list[str] | None:
    if offer.request is None or offer.intent != "charge":
        return None
    value = offer.request.get("currency")
    return [] if isinstance(value, str) and value else ["the request names no currency"]


def _expiry_twice(case: Case, offer: OfferReading) -> list[str] | None:
    if offer.request is None or offer.intent != "charge":
        return None
    return ["the request object repeats the expiry"] if "expires" in offer.request else []


def _accepted(case: Case) -> list[Hit] | None:
    values = case.evidence.inquiry.values(ACCEPT_PAYMENT)
    if not values or not case.offers:
        return None
    try:
        wishes = parse_accept_payment(", ".join(values))
    except ParseError:
        return None
    qualities = [wishes.quality(offer.method, offer.intent) for offer in case.offers]
    if not any(qualities):
        return []
    unwanted = [offer for offer, quality in zip(case.offers, qualities, strict=True) if not quality]
    hits = [Hit("the offer is none of those that Accept-Payment asked for", offer=offer.number) for offer in unwanted]
    wanted = [quality for quality in qualities if quality]
    if wanted != sorted(wanted, reverse=True):
        hits.append(Hit("the offers are not in the order of Accept-Payment"))
    return hits


CHALLENGE_RULES: Final = (
    Rule(id="duplicate-id", level=L.FAIL, check=_unique_ids, good="every challenge has an id of its own",
         spec="core §Required Parameters", fix="derive the id from all parameters of the challenge"),
    Rule(id="expired-challenge", level=L.FAIL, check=each_offer(_expired), good="there is time left to pay",
         spec="core §Optional Parameters", fix="let challenges live for minutes, and check the server's clock"),
    Rule(id="far-expires", level=L.WARN, check=each_offer(_far), good="the challenge expires within the hour",
         spec="core §Amount Verification", fix="let challenges live for about five minutes"),
    Rule(id="realm-not-host", level=L.WARN, check=each_offer(_realm), good="the realm is the host",
         spec="core §Required Parameters; RFC 9110 §11.5", fix="use the public host name as realm; behind a proxy, set "
         "it rather than deriving it"),
    Rule(id="id-binding", level=L.FAIL, check=each_offer(_binding), good="the id is the HMAC of the challenge",
         spec="core §Challenge Binding", fix="compute the id over the very texts that are sent"),
    Rule(id="digest", level=L.WARN, check=each_offer(_digest), good="the challenge is bound to the request body",
         spec="core §Request Body Digest Binding", fix="send digest=\"sha-256=:…:\" of the request body"),
    Rule(id="unknown-intent", level=L.WARN, check=each_offer(_intent), good="the intent is a published one",
         spec="core §Required Parameters", fix="use charge, session or subscription"),
    Rule(id="parameter-names", level=L.FAIL, check=each_offer(_names), good="every parameter is a known one",
         spec="core §Custom Parameters", fix="write parameters in lower case"),
    Rule(id="scheme-case", level=L.INFO, check=each_offer(_scheme), good="the scheme is written Payment",
         spec="RFC 9110 §11.1", fix="write Payment"),
    Rule(id="payment-authorization", level=L.INFO, check=each_offer(_credential_field), good="",
         spec="core §Credentials (Authorization)", fix="leave header away unless Authorization is taken"),
    Rule(id="hidden-text", level=L.WARN, check=each_offer(_hidden_text), good="the texts hold visible characters only",
         spec="core §Human-Readable Text", fix="strip control, bidirectional and zero-width characters"),
    Rule(id="description-amount", level=L.WARN, check=each_offer(_price_told), good="the text tells the true price",
         spec="core §Amount Verification", fix="make the description from the amount that is charged"),
    Rule(id="malformed-amount", level=L.FAIL, check=each_offer(_amount_form), good="the amount is a whole number",
         spec="charge intent §Required Fields", fix="write base units as digits in a text; round a price up, never to "
         "zero"),
    Rule(id="zero-amount", level=L.INFO, check=each_offer(_amount_zero), good="the amount is above zero",
         spec="tempo charge §Proof Payload", fix="charge at least one base unit where money is meant"),
    Rule(id="no-currency", level=L.FAIL, check=each_offer(_currency), good="the currency is named",
         spec="charge intent §Required Fields", fix="name the currency"),
    Rule(id="expiry-in-request", level=L.FAIL, check=each_offer(_expiry_twice), good="the expiry is told once",
         spec="charge intent §Optional Fields", fix="keep expires out of the request object"),
    Rule(id="accept-payment", level=L.WARN, check=_accepted, good="the offers follow Accept-Payment",
         spec="core §Client Payment Preferences", fix="filter and order challenges by the client's preferences"),
)  # fmt: skip
