"""Unpaid requests to a URL, and everything that the answers say about money: offers decoded, findings collected.

Signs nothing and pays nothing: the rails are asked for quotes only. Redirects are followed only when the caller wants
it. One request is made, unless more are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import httpx

from mpp_console.client.offers import Candidate, quote_offers
from mpp_console.client.origin import without_userinfo
from mpp_console.inspector.discovery import Document, discovery_url, read_document
from mpp_console.inspector.evidence import Answer, ChainFacts, Evidence, Inquiry
from mpp_console.inspector.findings import RULES, judge_case
from mpp_console.inspector.reading import Case, OfferReading, read_case
from mpp_console.inspector.report import InspectLeg, InspectOffer, InspectReport, UnreadableOffer, visible
from mpp_console.inspector.rule import Rule
from mpp_console.inspector.rules_tempo import tempo_pairs
from mpp_console.inspector.timing import Stopwatch
from mpp_console.inspector.unpack import CODINGS, unpack
from mpp_console.methods.base import Payer
from mpp_console.protocol import AUTHORIZATION, ParseError, Secret, b64url_encode, inert
from mpp_console.protocol.grammar import scan

__all__ = ["Wishes", "probe", "report_on"]

BODY_LIMIT = 256 * 1024
"""Bytes of the body that are read: enough for any problem document and for a look at what is sold."""
TEXT_LIMIT = 20_000
HIDDEN = "(hidden)"
MALFORMED: Final = f"Payment {b64url_encode(b'this is no credential')}"
"""A credential that decodes and is no JSON (core draft, "Status Codes": invalid base64url, bad JSON)."""
_HIDDEN_HEADERS = frozenset({"set-cookie", "payment-receipt", "authentication-info"})

AskChain = Callable[[Mapping[int, set[tuple[str, str]]]], Awaitable[ChainFacts]]
"""Tells what is known about (token, recipient) pairs, given by chain id."""


async def _no_chain(pairs: Mapping[int, set[tuple[str, str]]]) -> ChainFacts:
    return ChainFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What an inspection does beyond one request. `twice` makes the same request again, `malformed` one with a
    credential that nobody can read, `discovery` one for the origin's `/openapi.json`. `secret` is the server's own,
    to check the ids of challenges with.
    """

    twice: bool = False
    malformed: bool = False
    discovery: bool = False
    secret: Secret[bytes] | None = None
    follow_redirects: bool = False
    patience: float = 30.0


async def probe(
    url: str,
    *,
    http: httpx.AsyncClient,
    payers: Sequence[Payer],
    clock: Callable[[], datetime],
    counter: Callable[[], float],
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    wishes: Wishes = Wishes(),
    ask_chain: AskChain = _no_chain,
) -> InspectReport:
    """Requests `url` without a credential, and reports. `counter` counts seconds; `wishes.patience` bounds each
    request.

    A payment credential among `headers` (a copied command may hold one) is left out: sending it would pay.
    Accept-Payment is not sent, so that a server shows every offer it has. Raises httpx.HTTPError or httpx.InvalidURL
    when no answer came to the first request, TimeoutError after the patience.
    """
    fields = tuple(field for field in headers if not _pays(*field))
    request = http.build_request(method, url, headers=_sent(fields), content=body or None, timeout=wishes.patience)
    asker = _Asker(http=http, counter=counter, patience=wishes.patience)
    answer, last = await asker.ask(request, follow_redirects=wishes.follow_redirects)
    final = body if last.method == request.method else b""
    again = malformed = None
    if wishes.twice:
        again = await asker.try_again(last, final)
    if wishes.malformed:
        malformed = await asker.try_again(last, final, credential=MALFORMED)
    document = await asker.document(last.url) if wishes.discovery else None
    inquiry = Inquiry(url=str(last.url.copy_with(userinfo=b"")), method=last.method, headers=fields, body=final)
    evidence = Evidence(
        inquiry=inquiry,
        answer=answer,
        now=clock(),
        again=again,
        malformed=malformed,
        document=document,
        secret=wishes.secret,
    )
    case = read_case(evidence)
    pairs = tempo_pairs(case.offers)
    if pairs:
        case = read_case(_with_facts(evidence, await ask_chain(pairs)))
    return await report_on(case, payers)


async def report_on(case: Case, payers: Sequence[Payer], rules: tuple[Rule, ...] = RULES) -> InspectReport:
    """The report about a case, with the quotes of the rails."""
    evidence, answer = case.evidence, case.answer
    url = without_userinfo(evidence.inquiry.url)
    readable = [offer for offer in case.offers if offer.challenge is not None]
    candidates = await quote_offers([offer.challenge for offer in readable if offer.challenge], payers)
    return InspectReport(
        url=inert(url),
        http_method=inert(evidence.inquiry.method, limit=40),
        at=evidence.now,
        milliseconds=answer.milliseconds,
        status=answer.status,
        reason=inert(answer.reason, limit=100),
        payment_required=answer.status == httpx.codes.PAYMENT_REQUIRED,
        offers=tuple(_offer(offer.number, found) for offer, found in zip(readable, candidates, strict=False)),
        unreadable=tuple(_unreadable(offer) for offer in case.offers if offer.challenge is None),
        lines=tuple(visible(line) for line in case.lines),
        headers=_headers(answer),
        body=inert(answer.body.decode("utf-8", "replace"), limit=TEXT_LIMIT, keep_newlines=True),
        body_bytes=answer.body_bytes,
        problem=case.problem,
        legs=tuple(_legs(evidence)),
        findings=judge_case(case, rules),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    http: httpx.AsyncClient
    counter: Callable[[], float]
    patience: float

    async def ask(self, request: httpx.Request, *, follow_redirects: bool) -> tuple[Answer, httpx.Request]:
        """The answer, and the request that it answers: another one after a redirect."""
        watch = Stopwatch(self.counter)
        request.extensions = {**request.extensions, "trace": watch.trace}
        async with asyncio.timeout(self.patience):
            answer = await self.http.send(request, auth=None, follow_redirects=follow_redirects, stream=True)
            try:
                content, total, complete = await _read(answer)
            finally:
                await answer.aclose()
        spent = watch.milliseconds
        fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw)
        read = Answer(
            status=answer.status_code,
            reason=answer.reason_phrase,
            fields=fields,
            body=content,
            body_bytes=total,
            complete=complete,
            milliseconds=spent,
            phases=watch.phases(),
        )
        return read, answer.request

    async def try_again(self, last: httpx.Request, body: bytes, *, credential: str | None = None) -> Answer:
        """The same request once more; an answer of status 0 when none came."""
        fields = last.headers.copy()
        if credential is not None:
            fields[AUTHORIZATION] = credential
        request = self.http.build_request(
            last.method, last.url, headers=fields, content=body or None, timeout=self.patience
        )
        try:
            answer, _ = await self.ask(request, follow_redirects=False)
        except (httpx.HTTPError, TimeoutError):
            return Answer(status=0)
        return answer

    async def document(self, url: httpx.URL) -> Document:
        """The discovery document of an origin. Redirects are not followed: another origin's prices prove nothing."""
        where = discovery_url(str(url.copy_with(userinfo=b"")))
        request = self.http.build_request("GET", where, timeout=self.patience)
        try:
            answer, _ = await self.ask(request, follow_redirects=False)
        except (httpx.HTTPError, TimeoutError):
            answer = Answer(status=0)
        return read_document(answer.body, url=where, answer=answer)


async def _read(answer: httpx.Response) -> tuple[bytes, int, bool]:
    """The first bytes of the body, how many were seen, and whether that was all.

    A body whose coding is broken, or that breaks off, must not hide the header: what was read of it is enough. It is
    unpacked here, since httpx would unpack whatever comes, however much that is.
    """
    packed = bytearray()
    complete = True
    try:
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - the client is asynchronous
        async for chunk in answer.stream:
            packed += chunk
            if len(packed) > BODY_LIMIT:
                complete = False
                break
    except (httpx.RemoteProtocolError, httpx.ReadError):
        complete = False
    codings = [each for each in answer.headers.get("Content-Encoding", "").split(",") if each.strip()]
    content, whole = unpack(bytes(packed[:BODY_LIMIT]), codings, limit=BODY_LIMIT)
    return content, max(len(content), 0 if codings else len(packed)), complete and whole


def _sent(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header fields as curl sends them, text beyond ASCII as the bytes that were typed; only codings are asked for
    that can be unpacked up to a limit.
    """
    kept = [(name, value) for name, value in fields if name.lower() != "accept-encoding"]
    wire = [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in kept]
    return [*wire, (b"Accept-Encoding", CODINGS.encode("ascii"))]


def _pays(name: str, value: str) -> bool:
    """Whether a header field carries a payment, of this scheme or of x402."""
    match name.lower():
        case "payment-authorization" | "payment-signature" | "x-payment":
            return True
        case "authorization":
            return any(scheme.name.lower() == "payment" for scheme in scan(value))
        case _:
            return False


def _with_facts(evidence: Evidence, facts: ChainFacts) -> Evidence:
    return replace(evidence, facts=facts)


def _legs(evidence: Evidence) -> Iterable[InspectLeg]:
    named = (("request", evidence.answer), ("second request", evidence.again))
    document = None if evidence.document is None else evidence.document.answer
    for name, answer in (*named, ("malformed credential", evidence.malformed), ("discovery", document)):
        if answer is not None:
            yield InspectLeg(name=name, status=answer.status, milliseconds=answer.milliseconds, phases=answer.phases)


def _offer(number: int, candidate: Candidate) -> InspectOffer:
    request: dict[str, Any] | None
    try:
        request = candidate.challenge.request
    except ParseError:
        request = None
    return InspectOffer(
        number=number,
        challenge=candidate.challenge,
        quote=candidate.quote,
        request=request,
        problem=candidate.failure or "",
    )


def _unreadable(offer: OfferReading) -> UnreadableOffer:
    return UnreadableOffer(
        number=offer.number,
        line=offer.line,
        position=offer.position,
        parameters=tuple((visible(name)[:100], visible(value)[:8192]) for name, value in offer.params.items()),
        request=None if offer.request is None else dict(offer.request),
    )


def _headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple((inert(name, limit=200), _header_value(name.lower(), value)) for name, value in answer.fields)


def _header_value(name: str, value: str) -> str:
    if name in _HIDDEN_HEADERS:
        return HIDDEN
    return inert(without_userinfo(value) if name == "location" else value, limit=8192)
