"""One unpaid request to a URL, and everything that its answer says about money: offers decoded, findings collected.

Signs nothing and pays nothing: the rails are asked for quotes only. Redirects are followed only when the caller wants
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import httpx

from mpp_console.client.offers import Candidate, accept_payment, quote_offers
from mpp_console.inspector.report import InspectFinding, InspectOffer, InspectReport
from mpp_console.methods.base import Payer
from mpp_console.protocol import (
    ACCEPT_PAYMENT,
    PROBLEM_JSON,
    PROBLEM_LIMIT,
    WWW_AUTHENTICATE,
    Challenge,
    Finding,
    FindingLevel,
    Findings,
    ParseError,
    Problem,
    inert,
    parse_challenges,
    parse_problem,
)

__all__ = ["probe"]

BODY_LIMIT = 256 * 1024
"""Bytes of the body that are read: enough for any problem document and for a look at what is sold."""
TEXT_LIMIT = 20_000
HIDDEN = "(hidden)"
_HIDDEN_HEADERS = frozenset({"set-cookie", "payment-receipt", "authentication-info"})


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
    follow_redirects: bool = False,
    patience: float = 30.0,
) -> InspectReport:
    """Requests `url` once, without a credential, and reports. `counter` counts seconds; `patience` bounds the whole
    request.

    Raises httpx.HTTPError or httpx.InvalidURL when no answer came, TimeoutError after `patience`.
    """
    request = http.build_request(method, url, headers=list(headers), content=body or None, timeout=patience)
    accepted = accept_payment(payers)
    if accepted:
        request.headers.setdefault(ACCEPT_PAYMENT, accepted)
    started = counter()
    async with asyncio.timeout(patience):
        answer = await http.send(request, auth=None, follow_redirects=follow_redirects, stream=True)
        try:
            content, total = await _read(answer)
        finally:
            await answer.aclose()
    spent = (counter() - started) * 1000
    findings = Findings()
    challenges = _challenges(answer, findings)
    candidates = await quote_offers(challenges, payers)
    problem = _problem(answer, content, findings)
    return InspectReport(
        url=str(answer.url.copy_with(userinfo=b"")),
        http_method=method,
        at=clock(),
        milliseconds=spent,
        status=answer.status_code,
        reason=inert(answer.reason_phrase, limit=100),
        payment_required=answer.status_code == httpx.codes.PAYMENT_REQUIRED,
        offers=tuple(_offer(number, candidate) for number, candidate in enumerate(candidates, start=1)),
        headers=_headers(answer),
        body=inert(content.decode("utf-8", "replace"), limit=TEXT_LIMIT, keep_newlines=True),
        body_bytes=total,
        problem=problem,
        findings=(*map(_finding, findings), *_answer_findings(answer, challenges, clock())),
    )


async def _read(answer: httpx.Response) -> tuple[bytes, int]:
    """The first bytes of the body, and how many were seen."""
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) >= BODY_LIMIT:
            break
    return bytes(content[:BODY_LIMIT]), len(content)


def _challenges(answer: httpx.Response, findings: Findings) -> tuple[Challenge, ...]:
    """Every challenge that can be read; what is wrong with the others, or with these, goes to `findings`."""
    name = WWW_AUTHENTICATE.lower().encode()
    lines = [value for key, value in answer.headers.raw if key.lower() == name]
    if not lines:
        return ()
    return parse_challenges(lines, findings)


def _problem(answer: httpx.Response, content: bytes, findings: Findings) -> Problem | None:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != PROBLEM_JSON or len(content) > PROBLEM_LIMIT:
        return None
    return parse_problem(content, findings)


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


def _headers(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    return tuple(
        (inert(name, limit=200), HIDDEN if name.lower() in _HIDDEN_HEADERS else inert(value, limit=8192))
        for name, value in answer.headers.multi_items()
    )


def _finding(finding: Finding) -> InspectFinding:
    return InspectFinding(
        id=finding.code,
        level=finding.level,
        text=inert(finding.message, limit=500),
        spec=finding.spec,
        fix=finding.fix,
    )


def _answer_findings(
    answer: httpx.Response, challenges: Sequence[Challenge], now: datetime
) -> Iterable[InspectFinding]:
    """What the answer as a whole gets wrong, beyond what the parsers saw in its parts."""
    if answer.status_code != httpx.codes.PAYMENT_REQUIRED:
        if not challenges:
            text = f"the answer is {answer.status_code} and asks for no payment"
            yield InspectFinding(id="no-payment-asked", level=FindingLevel.INFO, text=text)
        return
    if not challenges:
        yield InspectFinding(
            id="no-challenge",
            level=FindingLevel.FAIL,
            text="the answer is 402 and carries no Payment challenge that can be read",
            spec="core §Challenge (WWW-Authenticate)",
            fix="send at least one WWW-Authenticate: Payment challenge",
        )
    if "no-store" not in answer.headers.get("cache-control", "").lower():
        yield InspectFinding(
            id="cacheable-challenge",
            level=FindingLevel.WARN,
            text="the 402 does not forbid caching, so that a cache may hand one client's challenge to another",
            spec="core §Caching",
            fix="send Cache-Control: no-store",
        )
    for number, challenge in enumerate(challenges, start=1):
        if challenge.is_expired(now):
            yield InspectFinding(
                id="expired-challenge",
                level=FindingLevel.FAIL,
                text=f"offer {number} expired at {challenge.expires}, before it could be paid",
                spec="core §Optional Parameters",
                fix="let challenges live for minutes, and check the server's clock",
            )
