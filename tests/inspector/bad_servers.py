"""One bad server for each rule, and good ones: the answers that the rules are tested against."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mpp_console.inspector.evidence import ChainFacts
from mpp_console.inspector.probe import Wishes
from mpp_console.methods.tempo.channels import Descriptor
from mpp_console.protocol import (
    PROBLEM_BASE,
    FindingLevel,
    Receipt,
    Secret,
    content_digest,
    encode_object,
)
from tests.inspector.raw_server import raw

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DATE = "Fri, 01 May 2026 12:00:00 GMT"
TOKEN = "0x20C0000000000000000000000000000000000000"
SELLER = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"
OTHER = "0x" + "ab" * 20
REQUEST: dict[str, Any] = {
    "amount": "10000",
    "currency": TOKEN,
    "recipient": SELLER,
    "methodDetails": {"chainId": 42431},
}
SECRET = b"s" * 32
ONCE, TWICE, MALFORMED = Wishes(), Wishes(twice=True), Wishes(malformed=True)
DISCOVER = Wishes(discovery=True)
NO_FACTS = ChainFacts()
FAIL, WARN, INFO = FindingLevel.FAIL, FindingLevel.WARN, FindingLevel.INFO


def line(request: Mapping[str, Any] | str | None = None, prefix: str = "Payment ", **changes: str | None) -> str:
    """A challenge as it stands on the wire. A parameter of None is left out."""
    encoded = request if isinstance(request, str) else encode_object(REQUEST if request is None else request)
    params: dict[str, str | None] = {
        "id": "id-1",
        "realm": "127.0.0.1",
        "method": "tempo",
        "intent": "charge",
        "request": encoded,
        "expires": "2026-05-01T12:05:00Z",
        **changes,
    }
    return prefix + ", ".join(f'{name}="{value}"' for name, value in params.items() if value is not None)


def asked(**changes: Any) -> dict[str, Any]:
    return {**REQUEST, **changes}


def details(**changes: Any) -> dict[str, Any]:
    return asked(methodDetails={"chainId": 42431, **changes})


def problem(slug: str = "payment-required", status: int = 402, base: str = PROBLEM_BASE, **more: Any) -> bytes:
    return json.dumps({"type": base + slug, "title": "t", "status": status, "detail": "d", **more}).encode()


ESCROW = "0x4d50500000000000000000000000000000000000"
DESCRIPTOR = {
    "payer": "0x" + "11" * 20,
    "payee": SELLER.lower(),
    "operator": "0x" + "00" * 20,
    "token": TOKEN.lower(),
    "salt": "0x" + "01" * 32,
    "authorizedSigner": "0x" + "00" * 20,
    "expiringNonceHash": "0x" + "aa" * 32,
}
SNAPSHOT = {
    "acceptedCumulative": "300",
    "chainId": 42431,
    "channelId": Descriptor.from_wire(DESCRIPTOR).channel_id(chain_id=42431),
    "deposit": "1000",
    "descriptor": DESCRIPTOR,
    "escrow": ESCROW,
    "requiredCumulative": "400",
    "settled": "100",
    "spent": "300",
}


def session(*without: str, of: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A challenge to open a session. `of` changes methodDetails, `changes` the request, `without` leaves members
    out."""
    more = {"chainId": 42431, "escrowContract": ESCROW, "sessionProtocol": "v2", **(of or {})}
    details = {name: value for name, value in more.items() if name not in without}
    parties = {"currency": TOKEN.lower(), "recipient": SELLER.lower()}
    wanted = {"unitType": "request", "suggestedDeposit": "100000", **asked(**parties, methodDetails=details), **changes}
    return line({name: value for name, value in wanted.items() if name not in without}, intent="session")


def snapshot(**changes: Any) -> str:
    return session(of={"sessionSnapshot": {**SNAPSHOT, **changes}})


PROBLEM = ("Content-Type", "application/problem+json")
NO_STORE = ("Cache-Control", "no-store")


def required(
    *lines: str,
    status: int = 402,
    fields: tuple[tuple[str, str], ...] = (),
    without: str = "",
    body: bytes | None = None,
) -> bytes:
    every = [("WWW-Authenticate", each) for each in lines or (line(),)]
    every += [field for field in (("Date", DATE), NO_STORE, PROBLEM) if field[0] != without]
    return raw(status, [*every, *fields], problem(status=status) if body is None else body)


JSON = ("Content-Type", "application/json")
PRICE = {"intent": "charge", "method": "tempo", "amount": "10000", "currency": TOKEN}
PAID = {"responses": {"402": {"description": "Payment required"}}, "x-payment-info": {"offers": [PRICE]}}


def document(
    *without: str,
    fields: tuple[tuple[str, str], ...] | None = None,
    members: Mapping[str, Any] | None = None,
    **changes: Any,
) -> bytes:
    """An answer with a discovery document, without some header fields or with others."""
    content: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/paid": {"get": PAID}},
    }
    content |= {**changes, **(members or {})}
    given = (JSON, ("Cache-Control", "max-age=300"), ("Access-Control-Allow-Origin", "*"))
    return raw(200, [field for field in fields or given if field[0] not in without], json.dumps(content).encode())


def operation(changes: Mapping[str, Any] | None = None, method: str = "get") -> bytes:
    """The same with one operation that is changed; a member of None is left out."""
    wanted = {name: value for name, value in {**PAID, **(changes or {})}.items() if value is not None}
    return document(paths={"/paid": {method: wanted}})


def priced(**changes: Any) -> bytes:
    return operation({"x-payment-info": {"offers": [{**PRICE, **changes}]}})


CLEAN = required()
FRESH = required(line(id="id-2"))
REFUSED = required(line(id="id-9"), body=problem("malformed-credential"))
RECEIPT = Receipt(method="tempo", reference="0x1", timestamp="2026-05-01T12:00:00Z").to_header().reveal()
LONG_SPLIT = {"recipient": OTHER, "amount": "1", "memo": "0x" + "0" * 64}


@dataclass(frozen=True)
class Bad:
    """A bad server and what has to be said of it."""

    id: str
    level: FindingLevel
    answers: tuple[bytes, ...]
    says: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    wishes: Wishes = ONCE
    facts: ChainFacts = NO_FACTS


def bad(name: str, level: FindingLevel, *answers: bytes, **more: Any) -> Bad:
    return Bad(name, level, answers, **more)


def one(name: str, level: FindingLevel, challenge: str, **more: Any) -> Bad:
    return Bad(name, level, (required(challenge),), **more)


def found(name: str, level: FindingLevel, answer: bytes, **more: Any) -> Bad:
    """A server whose challenge is fine and whose discovery document is `answer`."""
    return Bad(name, level, (CLEAN, answer), wishes=DISCOVER, **more)


STANDARD = base64.b64encode(json.dumps({**REQUEST, "description": "???>>>???"}).encode()).decode().rstrip("=")
assert "/" in STANDARD or "+" in STANDARD
BAD = (
    # the answer
    bad("status", INFO, raw(200, []), says="asks for no payment"),
    bad("status", INFO, raw(302, [("Location", "/other")]), says="/other"),
    bad("status", INFO, raw(401, [("WWW-Authenticate", "Basic")]), says="authentication"),
    bad("status", FAIL, required(status=401), says="401"),
    bad("status", WARN, required(status=200), says="200"),
    bad("no-challenge", FAIL, raw(402, [NO_STORE])),
    bad("no-challenge", FAIL, required("Basic realm=x")),
    bad("cacheable-challenge", FAIL, required(without="Cache-Control")),
    bad(
        "cors-not-exposed", WARN, required(fields=(("Access-Control-Allow-Origin", "*"),)), says="WWW-Authenticate and"
    ),
    bad(
        "cors-not-exposed",
        WARN,
        required(fields=(("Access-Control-Expose-Headers", "WWW-Authenticate"),)),
        says="cannot read Payment-Receipt",
    ),
    bad("several-challenges", INFO, required(f"{line()}, {line(id='id-2')}"), says="joins 2"),
    bad("several-challenges", INFO, required(line(), line(id="id-2")), says="lines of their own"),
    bad("lost-challenge", WARN, required(body=problem(challengeId="elsewhere"))),
    one("challenge-size", WARN, line(description="x" * 4200), says="4 KB"),
    one("challenge-size", WARN, line(description="x" * 8300), says="8 KB"),
    bad("header-size", WARN, required(fields=(("X-Other", "x" * 4000),)), says="4 KB"),
    bad("header-size", WARN, required(fields=(("X-Other", "x" * 9000),)), says="8 KB"),
    bad("receipt-on-error", FAIL, required(fields=(("Payment-Receipt", RECEIPT),))),
    bad("receipt-cacheable", FAIL, raw(200, [("Payment-Receipt", RECEIPT)])),
    bad("receipt-unearned", FAIL, raw(200, [("Payment-Receipt", RECEIPT), ("Cache-Control", "private")])),
    bad("receipt-unreadable", FAIL, raw(200, [("Payment-Receipt", "?"), ("Cache-Control", "private")])),
    bad("problem-missing", WARN, required(without="Content-Type", fields=(("Content-Type", "text/html; x"),))),
    bad("bad-json", FAIL, required(body=b"{")),
    bad("missing-member", WARN, required(body=b"{}")),
    bad("problem-type", WARN, required(body=problem("made-up"))),
    bad("problem-type", WARN, required(body=problem("x", base="https://other.example/"))),
    bad("problem-type", INFO, required(body=problem("invalid-challenge"))),
    bad("problem-status", WARN, required(body=problem(status=400)), says="says status 400"),
    bad("problem-status", WARN, required(body=problem("bad-request"))),
    bad("server-error", FAIL, raw(502, [("Server", "nginx")]), says="nginx"),
    bad("server-error", FAIL, raw(504, [])),
    bad("server-error", FAIL, raw(500, []), says="failed with 500"),
    bad("retry-after", WARN, raw(429, []), says="when to come back"),
    bad("retry-after", WARN, raw(429, [("Retry-After", "soon")])),
    bad(
        "clock-skew",
        WARN,
        required(without="Date", fields=(("Date", "Fri, 01 May 2026 11:50:00 GMT"),)),
        says="10 min behind",
    ),
    bad("x402-offer", INFO, required(fields=(("PAYMENT-REQUIRED", "e30="),))),
    # the grammar
    one("unterminated-quoted-string", FAIL, 'Payment id="a'),
    one("duplicate-parameter", FAIL, line() + ', id="other"'),
    one("missing-parameter", FAIL, line(id="")),
    one("token68", FAIL, "Payment abc=="),
    one("stray-text", FAIL, line() + ", =, ;"),
    one("bad-intent", FAIL, line(intent="two words")),
    one("bad-method", FAIL, line(method="t%")),
    one("method-capitals", FAIL, line(method="Tempo")),
    one("method-name", WARN, line(method="x-tempo")),
    one("bad-base64url", FAIL, line("@@@")),
    one("base64-padding", FAIL, line(base64.urlsafe_b64encode(b'{"amount":"1000"}').decode())),
    one("base64-standard", FAIL, line(STANDARD)),
    one("request-not-encoded", FAIL, line('{\\"amount\\":\\"1\\"}')),
    one("not-canonical", FAIL, line(base64.urlsafe_b64encode(b'{"b":1, "a":2}').decode().rstrip("="))),
    one("duplicate-name", FAIL, line(base64.urlsafe_b64encode(b'{"amount":"1","amount":"2"}').decode().rstrip("="))),
    one("too-large", FAIL, line("A" * 20000)),
    one("credential-header", FAIL, line(header="X-Pay")),
    one("opaque-not-flat", FAIL, line(opaque=encode_object({"a": {"b": "c"}}))),
    one("bad-expires", FAIL, line(expires="tomorrow")),
    one("no-expires", WARN, line(expires=None)),
    one("digest-form", WARN, line(digest=content_digest(b"").replace(":", ""))),
    one("realm-not-ascii", WARN, line(realm="caf\xe9")),
    one("other-scheme", INFO, f'Basic realm="x", {line()}'),
    # the challenge
    bad("duplicate-id", FAIL, required(line(), line())),
    one("expired-challenge", FAIL, line(expires="2026-05-01T11:59:59Z")),
    one("expired-challenge", WARN, line(expires="2026-05-01T12:00:10Z"), says="10 s"),
    one("far-expires", WARN, line(expires="2026-06-01T12:00:00Z"), says="31 days"),
    one("far-expires", INFO, line(expires="2026-05-01T14:00:00Z")),
    one("realm-not-host", WARN, line(realm="api.example")),
    bad("id-binding", FAIL, CLEAN, wishes=Wishes(secret=Secret(SECRET))),
    bad("digest", WARN, CLEAN, body=b"hello", says="does not bind"),
    bad("digest", FAIL, required(line(digest=content_digest(b"other"))), body=b"hello"),
    one("unknown-intent", WARN, line(intent="donate")),
    one("parameter-names", FAIL, line(Colour="red")),
    one("parameter-names", INFO, line(colour="red")),
    one("scheme-case", INFO, line(prefix="payment ")),
    one("payment-authorization", INFO, line(header="Payment-Authorization")),
    one("hidden-text", WARN, line(description="pay\\u202e me")),
    one("hidden-text", WARN, line(asked(description="a\u200bb"))),
    one(
        "description-amount",
        WARN,
        line(description="only $0.02 a call"),
        says="speaks of 0.02, the request asks for 0.01",
    ),
    one("description-amount", WARN, line(asked(amount="0"), description="0.0000001 USD"), says="rounded to zero"),
    one("malformed-amount", FAIL, line(asked(amount="0.01"))),
    one("malformed-amount", FAIL, line(asked(amount="0.0000001")), says="rounds to zero base units"),
    one("malformed-amount", FAIL, line(asked(amount=10000))),
    one("malformed-amount", FAIL, line(asked(amount="-1"))),
    one("malformed-amount", FAIL, line(asked(amount="007"))),
    one("malformed-amount", FAIL, line({"currency": "usd"}, method="stripe"), says="no amount"),
    one("zero-amount", INFO, line(asked(amount="0"))),
    one("no-currency", FAIL, line({"amount": "1"}, method="stripe")),
    one("expiry-in-request", FAIL, line(asked(expires="2026-05-01T12:05:00Z"))),
    bad(
        "accept-payment",
        WARN,
        required(line(), line(id="id-2", method="stripe")),
        headers=(("Accept-Payment", "tempo/charge"),),
    ),
    # Tempo charges
    one("malformed-address", FAIL, line(asked(recipient="0x12")), says="recipient is not an address"),
    one(
        "malformed-address",
        FAIL,
        line({name: value for name, value in REQUEST.items() if name != "recipient"}),
        says="missing",
    ),
    one("bad-checksum", FAIL, line(asked(recipient="0x52908400098527886E0F7030069857D2E4169eE7"))),
    one(
        "bad-checksum",
        FAIL,
        line(details(splits=[{"recipient": "0x52908400098527886E0F7030069857D2E4169eE7", "amount": "1"}])),
        says="splits[0]",
    ),
    one("unpayable-recipient", FAIL, line(asked(recipient="0x" + "0" * 40)), says="zero address"),
    one("unpayable-recipient", FAIL, line(asked(recipient=TOKEN)), says="is a token"),
    one("unknown-token", WARN, line(asked(currency="0x20c00000000000000000000000000000000000ff"))),
    one("unknown-token", FAIL, line(asked(currency=OTHER)), says="TIP-20"),
    one("unsupported-chain", WARN, line(details(chainId=1)), says="chain 1 is no Tempo network"),
    one("unsupported-chain", WARN, line(asked(methodDetails={})), says="names no chain"),
    one("unsupported-chain", FAIL, line(details(chainId="4217"))),
    one("unsupported-chain", INFO, line(), facts=ChainFacts(chain_id=4217)),
    one("malformed-splits", FAIL, line(details(splits=[]))),
    one("malformed-splits", FAIL, line(details(splits=[{"recipient": OTHER, "amount": "0"}])), says="of nothing"),
    one("malformed-splits", FAIL, line(details(splits=[{"recipient": OTHER, "amount": "1.5"}]))),
    one("malformed-splits", FAIL, line(details(splits=["x"]))),
    one("splits-exceed-amount", FAIL, line(details(splits=[{"recipient": OTHER, "amount": "10000"}]))),
    one("small-remainder", WARN, line(details(splits=[{"recipient": OTHER, "amount": "9999"}])), says="gets 1:"),
    one("too-many-splits", WARN, line(details(splits=[LONG_SPLIT] * 11))),
    one("malformed-memo", FAIL, line(details(memo="0x12"))),
    one("modes", FAIL, line(details(supportedModes=[]))),
    one("modes", FAIL, line(details(supportedModes=["push"], feePayer=True)), says="pays the fee"),
    one("modes", WARN, line(details(supportedModes=["pull", "throw"])), says="throw"),
    one("malformed-request", FAIL, line(details(feePayer="yes"))),
    one("malformed-request", FAIL, line(asked(methodDetails=[]))),
    one("malformed-request", FAIL, line(asked(amount="9" * 50)), says="larger"),
    one("recipient-is-payer", WARN, line(), facts=ChainFacts(payer=SELLER.lower())),
    one(
        "recipient-uninitialised",
        INFO,
        line(),
        facts=ChainFacts(chain_id=42431, initialised={(TOKEN.lower(), SELLER.lower()): False}),
    ),
    one("expires-required", WARN, line(expires=None)),
    # sessions
    one("session-escrow", FAIL, session("escrowContract"), says="missing"),
    one("session-escrow", FAIL, session(of={"escrowContract": "0x1"}), says="not an address"),
    one("session-escrow", FAIL, session(of={"escrowContract": "0x" + "00" * 20}), says="zero address"),
    one("session-escrow", WARN, session(of={"escrowContract": SELLER[:-1] + "F"}), says="checksum"),
    one("session-escrow", WARN, session(of={"escrowContract": OTHER}), says="channel reserve"),
    one("session-protocol", WARN, session("sessionProtocol"), says="v1 contract"),
    one("session-protocol", FAIL, session(of={"sessionProtocol": "v3"}), says="v3"),
    one("session-chain", FAIL, session("chainId"), says="v2 demands"),
    one("session-chain", INFO, session("chainId", of={"sessionProtocol": "v1"}), says="mainnet"),
    one("session-chain", FAIL, session(of={"chainId": "4217"})),
    one("session-chain", WARN, session(of={"chainId": 5}), says="no Tempo network"),
    one("session-chain", INFO, session(), facts=ChainFacts(chain_id=1337), says="1337"),
    one("session-price", WARN, session(amount="0"), says="nothing"),
    one("session-price", FAIL, session(amount=str(2**96)), says="96 bits"),
    one("session-unit", INFO, session("unitType"), says="missing"),
    one("session-unit", WARN, session(unitType=7)),
    one("session-deposit", FAIL, session(suggestedDeposit=5)),
    one("session-deposit", FAIL, session(suggestedDeposit=str(2**96)), says="96 bits"),
    one("session-deposit", WARN, session(suggestedDeposit="9999"), says="single unit"),
    one("session-voucher-delta", FAIL, session(of={"minVoucherDelta": 5})),
    one("session-voucher-delta", WARN, session(of={"minVoucherDelta": "100001"})),
    one("session-hex-case", INFO, session(recipient=SELLER), says="recipient"),
    one("session-request", FAIL, session(methodDetails=None), says="no object"),
    one("session-request", FAIL, session(of={"feePayer": "yes"}), says="feePayer"),
    one("session-request", FAIL, session(of={"operator": "me"}), says="operator"),
    one("session-request", FAIL, session(of={"channelId": "0x12"}), says="channelId"),
    one("session-request", WARN, session(of={"channelId": "0x" + "AB" * 32}), says="lower case"),
    one("session-snapshot", FAIL, snapshot(channelId="0x" + "12" * 32), says="not the id of the descriptor"),
    one("session-snapshot", FAIL, snapshot(channelId=None), says="32 bytes"),
    one("session-snapshot", FAIL, snapshot(descriptor=None), says="descriptor"),
    one("session-snapshot", FAIL, snapshot(chainId="1"), says="chainId"),
    one("session-snapshot", FAIL, snapshot(escrow=None), says="escrow"),
    one("session-snapshot", FAIL, snapshot(spent=3), says="spent"),
    one("session-snapshot", FAIL, snapshot(deposit="299"), says="than was deposited"),
    one("session-snapshot", FAIL, snapshot(settled="301"), says="more is settled"),
    one("session-snapshot", FAIL, snapshot(spent="301"), says="more is spent"),
    one("session-snapshot", FAIL, session(of={"sessionSnapshot": SNAPSHOT}, recipient=OTHER), says="descriptor.payee"),
    one("session-snapshot", FAIL, session(of={"sessionSnapshot": 5}), says="no object"),
    bad(
        "session-snapshot",
        FAIL,
        required(session(), fields=(("Payment-Session-Snapshot", "!!"),)),
        says="cannot be read",
    ),
    bad("session-header", FAIL, required(session(), fields=(("Payment-Session", "12"),))),
    one("malformed-address", FAIL, session(recipient="0x1"), says="recipient"),
    # the discovery document
    found("discovery-document", INFO, raw(404, []), says="404"),
    found("discovery-document", INFO, b"", says="did not answer"),
    found("discovery-document", FAIL, raw(200, [JSON], b"[]"), says="not a JSON object"),
    found("discovery-document", FAIL, raw(200, [JSON], b" " * 300_000), says="too large"),
    found("discovery-type", FAIL, document("Content-Type")),
    found("discovery-clear-text", INFO, document()),
    found("discovery-cache", WARN, document("Cache-Control"), says="nothing of caching"),
    found("discovery-cache", INFO, document(fields=(JSON, ("Cache-Control", "max-age=86400"))), says="86400"),
    found("discovery-cors", WARN, document("Access-Control-Allow-Origin")),
    found("discovery-size", WARN, document(padding="x" * 70_000)),
    found("discovery-openapi", FAIL, document(openapi="2.0"), says="2.0"),
    found("discovery-openapi", FAIL, document(info={"title": "t"}), says="info.version"),
    found("discovery-openapi", FAIL, document(paths={}), says="no operation"),
    found("discovery-service", FAIL, document(members={"x-service-info": 5}), says="no object"),
    found(
        "discovery-service", FAIL, document(members={"x-service-info": {"categories": "data"}}), says="list of words"
    ),
    found(
        "discovery-service", WARN, document(members={"x-service-info": {"categories": ["My Data"]}}), says="lower case"
    ),
    found(
        "discovery-service", WARN, document(members={"x-service-info": {"categories": list("abcdef")}}), says="6 categ"
    ),
    found("discovery-service", FAIL, document(members={"x-service-info": {"docs": []}}), says="docs"),
    found(
        "discovery-service", FAIL, document(members={"x-service-info": {"docs": {"llms": "no uri"}}}), says="docs.llms"
    ),
    found("discovery-offer", FAIL, operation({"x-payment-info": {"offers": []}}), says="no offer"),
    found("discovery-offer", FAIL, operation({"x-payment-info": []}), says="no object"),
    found("discovery-offer", FAIL, priced(intent="rent"), says="rent"),
    found("discovery-offer", FAIL, priced(method="Tempo"), says="Tempo"),
    found("discovery-offer", FAIL, priced(amount=5), says="whole number"),
    found("discovery-offer", FAIL, priced(amount="007"), says="007"),
    found("discovery-offer", FAIL, priced(currency=840), says="currency"),
    found("discovery-offer", FAIL, operation({"x-payment-info": {"intent": "charge"}}), says="amount is missing"),
    found("discovery-402", FAIL, operation({"responses": {"200": {}}}), says="declares no answer 402"),
    found("discovery-402", FAIL, operation({"x-payment-info": None}), says="no x-payment-info"),
    found("discovery-short-form", WARN, operation({"x-payment-info": PRICE})),
    found("discovery-schema", WARN, operation(method="post"), says="POST /paid"),
    found("discovery-mismatch", WARN, priced(amount="20000"), says="no such offer"),
    found("discovery-mismatch", WARN, document(paths={"/other": {"get": PAID}}), says="not in the document"),
    found("discovery-mismatch", WARN, operation({"x-payment-info": None, "responses": {}}), says="calls it free"),
    # further requests
    bad("repeated-id", FAIL, CLEAN, CLEAN, wishes=TWICE),
    bad("changing-terms", INFO, CLEAN, required(line(asked(amount="20000"), id="id-2")), wishes=TWICE),
    bad("changing-terms", INFO, CLEAN, raw(500, []), wishes=TWICE, says="500"),
    bad("malformed-credential", FAIL, CLEAN, raw(500, []), wishes=MALFORMED, says="fail with 500"),
    bad("malformed-credential", FAIL, CLEAN, raw(200, []), wishes=MALFORMED, says="route is open"),
    bad("malformed-credential", FAIL, CLEAN, raw(401, []), wishes=MALFORMED, says="in front"),
    bad("malformed-credential", FAIL, CLEAN, b"", wishes=MALFORMED, says="break off"),
    bad("malformed-credential", FAIL, CLEAN, raw(400, []), wishes=MALFORMED),
    bad("malformed-credential-challenge", FAIL, CLEAN, CLEAN, wishes=MALFORMED, says="old challenge"),
    bad("malformed-credential-challenge", FAIL, CLEAN, raw(402, []), wishes=MALFORMED, says="no challenge"),
    bad("malformed-credential-problem", FAIL, CLEAN, FRESH, wishes=MALFORMED, says="payment-required"),
    bad(
        "malformed-credential-problem", FAIL, CLEAN, required(line(id="id-9"), without="Content-Type"), wishes=MALFORMED
    ),
    bad(
        "malformed-credential-cached", FAIL, CLEAN, required(line(id="id-9"), without="Cache-Control"), wishes=MALFORMED
    ),
    bad(
        "malformed-credential-receipt",
        FAIL,
        CLEAN,
        required(line(id="id-9"), fields=(("Payment-Receipt", RECEIPT),)),
        wishes=MALFORMED,
    ),
)


GOOD = (
    Bad("clean", INFO, (CLEAN,)),
    Bad("twice and malformed", INFO, (CLEAN, FRESH, REFUSED), wishes=Wishes(twice=True, malformed=True)),
    Bad("bound body", INFO, (required(line(digest=content_digest(b"hello"))),), body=b"hello"),
    Bad(
        "exposed",
        INFO,
        (required(fields=(("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))),),
    ),
    Bad("told price", INFO, (required(line(description="0.01 USD or $0.010")),)),
    Bad(
        "split", INFO, (required(line(details(splits=[{"recipient": OTHER, "amount": "9000"}], memo="0x" + "0" * 64))),)
    ),
    Bad("session", INFO, (required(session(of={"minVoucherDelta": "1"})),)),
    Bad("resumed session", INFO, (required(snapshot()),)),
    Bad(
        "resumed by header",
        INFO,
        (
            required(
                session(of={"channelId": SNAPSHOT["channelId"]}),
                fields=(
                    ("Payment-Session", str(SNAPSHOT["channelId"])),
                    ("Payment-Session-Snapshot", encode_object(SNAPSHOT)),
                ),
            ),
        ),
    ),
    Bad("names the challenge", INFO, (required(body=problem(challengeId="id-1")),)),
    Bad(
        "held",
        INFO,
        (CLEAN,),
        facts=ChainFacts(chain_id=42431, payer=OTHER, initialised={(TOKEN.lower(), SELLER.lower()): True}),
    ),
)
