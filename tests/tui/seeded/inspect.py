"""The seeded inspector: fixed answers, read and judged by the real engine, and no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mpp_console.inspector.evidence import Answer, ChainFacts, Evidence, Inquiry
from mpp_console.inspector.probe import report_on
from mpp_console.inspector.reading import read_case
from mpp_console.inspector.timing import LegPhase
from mpp_console.methods.base import Check, Level, Mode, Outcome, Prepared, Quote, Transfer
from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    Credential,
    ParseError,
    Secret,
    format_challenge,
    parse_base_units,
)
from mpp_console.services.errors import RequestFailed
from mpp_console.services.inspect import Decoding, Inspection, InspectReport, decode
from mpp_console.services.models import PayRequest
from mpp_console.services.url_history import VisitedUrl, without_secrets
from tests.tui.seeds import ALPHA, NOW, PATH, PAYEE, PAYER, STRANGER

if TYPE_CHECKING:
    import asyncio

SEARCH = f"{STRANGER}/v1/search?q=tempo"
SECRET = b"the-server's-own-challenge-secret"
TOKENS = {currency.id.lower(): currency for currency in (PATH, ALPHA)}


class SeededPayer:
    """Reads Tempo charges by their request alone, and must never be asked for more."""

    method = "tempo"
    intent = "charge"

    async def quote(self, challenge: Challenge) -> Quote:
        request = challenge.request
        currency = TOKENS.get(str(request.get("currency", "")).lower())
        if currency is None or "amount" not in request or "recipient" not in request:
            raise ParseError("the request is no Tempo charge")
        details = request.get("methodDetails") or {}
        amount = parse_base_units(request["amount"])
        splits = [
            Transfer(recipient=each["recipient"], amount=int(each["amount"]), memo=each.get("memo"))
            for each in details.get("splits", ())
        ]
        rest = Transfer(recipient=request["recipient"], amount=amount - sum(split.amount for split in splits))
        poor = Check(code="insufficient-balance", level=Level.REFUSE, message="the balance does not cover the amount")
        return Quote(
            challenge=challenge,
            amount=amount,
            currency=currency,
            transfers=(rest, *splits),
            network="sandbox" if details.get("chainId") == 1337 else "moderato",
            chain_id=details.get("chainId"),
            payer=PAYER,
            mode=Mode.PULL,
            expires_at=challenge.expires_at,
            checks=(poor,) if amount > 10**12 else (),
            fee=None if details.get("feePayer") else 1_240,
            fee_currency=currency,
            sponsored=bool(details.get("feePayer")),
        )

    async def prepare(self, quote: Quote) -> Prepared:
        raise AssertionError("an inspection signs nothing")

    async def send(self, prepared: Prepared) -> Credential:
        raise AssertionError("an inspection sends nothing")

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        raise AssertionError("an inspection has nothing to resolve")


def challenge(number: int = 1, *, expires: str = "2026-03-14T12:09:02Z", **changes: Any) -> Challenge:
    """An offer of the stranger, its id made with the server's secret."""
    request: dict[str, Any] = {
        "amount": "250000",
        "currency": PATH.id,
        "recipient": PAYEE,
        "methodDetails": {"chainId": 1337, "feePayer": True},
    }
    if number == 2:
        split = {"recipient": "0x90F79bf6EB2c4f870365E785982E1f101E93b906", "amount": "40000", "memo": "0x" + "ab" * 32}
        request |= {"amount": "260000", "currency": ALPHA.id, "methodDetails": {"chainId": 42431, "splits": [split]}}
    fields: dict[str, Any] = {
        "realm": "api.example.com",
        "method": "tempo",
        "intent": "charge",
        "request": request,
        "expires": expires,
        "description": "One search over 40 million pages, results as JSON",
    }
    return ChallengeBinder((Secret(SECRET),)).issue(**{**fields, **changes})


BROKEN = 'Payment id="c3", realm="api.example.com", method="tempo", intent=charge now, request="eyJhbW91bnQiOiIxIn0"'
PROBLEM = (
    b'{"type":"https://paymentauth.org/problems/payment-required","title":"Payment Required","status":402,'
    b'"detail":"A search costs 0.25 pathUSD","balance":{"currency":"pathUSD","held":"0"}}'
)


def phases(start: float = 0.0, *, fresh: bool = True) -> tuple[LegPhase, ...]:
    spans = [("connect", 8.2), ("tls", 11.4)] if fresh else []
    spans += [("send", 0.4), ("wait", 18.9 if fresh else 12.1), ("body", 2.2)]
    made = []
    for name, milliseconds in spans:
        made.append(LegPhase(name=name, start=start, milliseconds=milliseconds))
        start += milliseconds
    return tuple(made)


def answer(*lines: str, status: int = 402, body: bytes = PROBLEM, **more: str) -> Answer:
    fields = {
        "date": "Sat, 14 Mar 2026 12:04:29 GMT",
        "content-type": "application/problem+json",
        "cache-control": "private, max-age=30",
        "access-control-allow-origin": "*",
        "server": "nginx",
        "x-request-id": "01JPA9Z4M7",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    pairs = [("www-authenticate", line) for line in lines]
    return Answer(
        status=status,
        reason="Payment Required" if status == 402 else "OK",
        fields=(*pairs, *fields.items()),
        body=body,
        body_bytes=len(body),
        milliseconds=41.1,
        phases=phases(),
    )


def search(*, broken: bool = True) -> Answer:
    """What the stranger answers: two offers, one that nobody can read, and a few things to mend."""
    lines = [format_challenge(challenge(1)), format_challenge(challenge(2))]
    lightning = {"amount": "900", "currency": "sat"}
    lines.append(format_challenge(challenge(3, method="lightning", request=lightning, description=None)))
    return answer(*lines, *([BROKEN] if broken else []))


class SeededInspector:
    """Stands where `Console.inspect`, `Console.decode` and `Console.urls` do."""

    def __init__(self, *, visited: bool = True) -> None:
        self.answers: dict[str, Answer] = {SEARCH: search()}
        self.asked: list[tuple[PayRequest, Inspection]] = []
        self.waiting: asyncio.Event | None = None
        self.urls = SeededUrls(visited=visited)

    async def inspect(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        follow_redirects: bool = False,
        patience: float = 30.0,
        inspection: Inspection | None = None,
    ) -> InspectReport:
        wishes = inspection or Inspection()
        self.asked.append(
            (PayRequest(url=url, method=method, headers=headers, body=body, follow_redirects=follow_redirects), wishes)
        )
        if self.waiting is not None:
            await self.waiting.wait()
        found = self.answers.get(url)
        if found is None:
            raise RequestFailed(
                f"no connection to {without_secrets(url)}: Connection refused",
                code="no-connection",
                hint="is it running, and is the port right?",
            )
        again = answer(*found.values("www-authenticate")) if wishes.twice else None
        evidence = Evidence(
            inquiry=Inquiry(url=url, method=method, headers=headers, body=body),
            answer=found,
            now=NOW,
            again=again,
            malformed=answer(status=500, body=b"oops") if wishes.probe_malformed else None,
            secret=wishes.secret,
            facts=ChainFacts(chain_id=1337, payer=PAYER),
        )
        return await report_on(read_case(evidence), [SeededPayer()])

    async def decode(self, text: str, *, secret: Secret[bytes] | None = None) -> Decoding:
        decoded = decode(text, NOW)
        if decoded.case is None:
            return Decoding(decoded=decoded)
        from dataclasses import replace

        from mpp_console.services.inspect import _with_secret

        if secret is not None:
            decoded = _with_secret(decoded, decoded.case, secret)
        assert decoded.case is not None
        report = await report_on(decoded.case, [SeededPayer()], decoded.rules)
        return Decoding(decoded=decoded, report=replace(report, findings=decoded.findings))


class SeededUrls:
    def __init__(self, *, visited: bool) -> None:
        self.kept = [VisitedUrl(url=SEARCH), VisitedUrl(url=f"{STRANGER}/v1/echo", method="POST")] if visited else []

    async def recent(self) -> tuple[VisitedUrl, ...]:
        return tuple(self.kept)

    async def add(self, url: str, method: str = "GET") -> None:
        kept = VisitedUrl(url=without_secrets(url), method=method)
        self.kept = [kept, *(each for each in self.kept if each.url != kept.url)]
