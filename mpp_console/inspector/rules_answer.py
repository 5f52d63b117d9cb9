"""Rules about an answer as a whole: its status, header section, caching, CORS, problem document. Pure functions over a
`Case`, and the table that names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mpp_console.client.origin import Origin, without_userinfo
from mpp_console.inspector.reading import Case
from mpp_console.inspector.rule import Hit, Rule
from mpp_console.protocol import (
    PAYMENT_RECEIPT,
    PROBLEM_JSON,
    Findings,
    ParseError,
    parse_receipt,
)
from mpp_console.protocol import FindingLevel as L

__all__ = ["ANSWER_RULES", "LARGE_BUFFER", "SMALL_BUFFER"]

SMALL_BUFFER: Final = 4096
LARGE_BUFFER: Final = 8192
"""Bytes of header that common reverse proxies hold by default (nginx: `proxy_buffer_size`, one memory page)."""

CLOCK_SKEW_SECONDS: Final = 60

_INGRESS: Final = frozenset({502, 503, 504})
_RETRY_AFTER: Final = re.compile(r"[0-9]{1,10}")

# core §Error Codes, the session draft's types, and those that deployed software sends besides.
_PROBLEM_STATUS: Final = {
    "payment-required": (402,),
    "payment-insufficient": (402,),
    "payment-expired": (402,),
    "payment-action-required": (402,),
    "verification-failed": (402,),
    "malformed-credential": (402,),
    "invalid-challenge": (402,),
    "invalid-payload": (402,),
    "method-unsupported": (400, 402),
    "bad-request": (400,),
    "session/insufficient-balance": (402,),
    "session/invalid-signature": (402,),
    "session/signer-mismatch": (402,),
    "session/amount-exceeds-deposit": (402,),
    "session/delta-too-small": (402,),
    "session/channel-not-found": (410,),
    "session/channel-finalized": (410,),
}


def _status(case: Case) -> Iterator[Hit]:
    status = case.answer.status
    if status == 402 or (case.discovery is not None and case.discovery.answer is case.answer):
        return
    if case.offers:
        level = L.FAIL if status in (401, 403) else L.WARN
        yield Hit(f"Payment challenges come with status {status}; clients look for them in a 402", level)
    elif status == 401:
        yield Hit("the answer is 401: it wants authentication before it says anything of payment", L.INFO)
    elif 300 <= status < 400:
        where = without_userinfo(next(iter(case.answer.values("location")), "nowhere"))
        yield Hit(f"the answer redirects to {where}; a payment never follows a redirect by itself", L.INFO)
    else:
        yield Hit(f"the answer is {status} and asks for no payment", L.INFO)


def _challenge_there(case: Case) -> list[str] | None:
    if case.answer.status != 402:
        return None
    if any(offer.challenge for offer in case.offers):
        return []
    return ["the answer is 402 and carries no Payment challenge that can be read"]


def _no_store(case: Case) -> list[str] | None:
    if case.answer.status != 402:
        return None
    if "no-store" in case.answer.items("cache-control"):
        return []
    return ["the 402 does not forbid caching, so that a cache may hand one client's challenge to another"]


def _clear_text(case: Case) -> list[Hit] | None:
    url = case.evidence.inquiry.url
    if not case.asks or not url:
        return None
    try:
        origin = Origin.parse(url)
    except ParseError:
        return None
    if origin.scheme == "https":
        return []
    if origin.is_loopback:
        return [Hit("the challenge came over clear-text http, which is fine on this machine and nowhere else", L.INFO)]
    return [Hit("the challenge came over clear-text http: anybody on the way can change whom it pays")]


def _cors(case: Case) -> list[str] | None:
    answer = case.answer
    if not case.asks or not (answer.has("access-control-allow-origin") or answer.has("access-control-expose-headers")):
        return None
    exposed = set(answer.items("access-control-expose-headers"))
    with_credentials = "true" in answer.items("access-control-allow-credentials")
    if "*" in exposed and not with_credentials:
        return []
    hidden = [name for name in ("WWW-Authenticate", "Payment-Receipt") if name.lower() not in exposed]
    if not hidden:
        return []
    return [f"pages of other origins cannot read {' and '.join(hidden)}, so browser wallets cannot pay"]


def _several_lines(case: Case) -> list[Hit] | None:
    per_line = [sum(offer.line == line for offer in case.offers) for line in range(1, len(case.lines) + 1)]
    if len(case.offers) < 2:
        return None
    crowded = [Hit(f"line {line} joins {count} Payment challenges by commas; clients that read one challenge a line "
                   "see only the first", line=line) for line, count in enumerate(per_line, 1) if count > 1]  # fmt: skip
    if crowded:
        return crowded
    text = f"{len(case.offers)} challenges on lines of their own; HTTP libraries that keep one line a field show only "
    return [Hit(f"{text}one of them")]


def _lost_challenge(case: Case) -> list[str] | None:
    named = None if case.problem is None else case.problem.challenge_id
    if named is None or not case.asks:
        return None
    if any(offer.id == named for offer in case.offers):
        return []
    return [f"the problem names challenge {named}, which is none of those that arrived: a line was lost on the way"]


def _challenge_size(case: Case) -> list[Hit] | None:
    if not case.offers:
        return None
    hits = []
    for offer in case.offers:
        if offer.length > LARGE_BUFFER:
            text = f"the challenge has {offer.length} bytes, more than the 8 KB that servers should stay under"
            hits.append(Hit(text, offer=offer.number, line=offer.line, position=offer.position))
        elif offer.length > SMALL_BUFFER:
            text = f"the challenge has {offer.length} bytes; clients need not read more than 4 KB"
            hits.append(Hit(text, offer=offer.number, line=offer.line, position=offer.position))
    return hits


def _head_size(case: Case) -> list[str] | None:
    if not case.asks:
        return None
    size = case.answer.head_bytes
    if size > LARGE_BUFFER:
        return [f"the header section has {size} bytes: proxies with 8 KB for it answer 502 in its place"]
    if size > SMALL_BUFFER:
        return [f"the header section has {size} bytes: proxies with 4 KB for it answer 502 in its place"]
    return []


def _receipt_place(case: Case) -> list[str] | None:
    if not case.answer.has(PAYMENT_RECEIPT):
        return None
    status = case.answer.status
    return [] if 200 <= status < 300 else [f"a Payment-Receipt comes with status {status}"]


def _receipt_private(case: Case) -> list[str] | None:
    if not case.answer.has(PAYMENT_RECEIPT) or not 200 <= case.answer.status < 300:
        return None
    directives = set(case.answer.items("cache-control"))
    if directives & {"private", "no-store"}:
        return []
    return ["the receipt may be kept by shared caches"]


def _receipt_readable(case: Case) -> list[str] | None:
    values = case.answer.values(PAYMENT_RECEIPT)
    if not values:
        return None
    findings = Findings()
    parse_receipt(values[0], findings)
    return [finding.message for finding in findings if finding.level is L.FAIL]


def _receipt_earned(case: Case) -> list[str] | None:
    if not case.evidence.live or not case.answer.has(PAYMENT_RECEIPT):
        return None
    return ["a receipt came for a request that paid nothing"]


def _problem_there(case: Case) -> list[str] | None:
    if case.answer.status != 402:
        return None
    kind = case.answer.media_type
    if kind == PROBLEM_JSON:
        return []
    what = kind or "nothing with a media type"
    return [f"the body of the 402 is {what}, no problem document that says why payment is wanted"]


def _problem_type(case: Case) -> list[Hit] | None:
    problem = case.problem
    if problem is None or case.answer.status != 402:
        return None
    if problem.slug in _PROBLEM_STATUS:
        if problem.slug == "payment-required" or not case.evidence.live:
            return []
        return [Hit(f"an unpaid request is answered with {problem.slug}, not with payment-required", L.INFO)]
    return [Hit(f"the problem type {problem.type} is none of those that the scheme has")]


def _problem_status(case: Case) -> list[str] | None:
    problem = case.problem
    if problem is None:
        return None
    status = case.answer.status
    if problem.status not in (0, status):
        return [f"the problem says status {problem.status}, the answer says {status}"]
    allowed = _PROBLEM_STATUS.get(problem.slug or "")
    if allowed is not None and status not in allowed:
        return [f"{problem.slug} comes with status {status}; the scheme has it with {allowed[0]}"]
    return []


def _ingress(case: Case) -> list[str] | None:
    status = case.answer.status
    if status < 500:
        return None
    if status not in _INGRESS:
        return [f"the server failed with {status} before it asked for payment"]
    who = next(iter(case.answer.values("server")), "")
    by = f" (it calls itself {who})" if who else ""
    return [f"the answer is {status}: a proxy in front{by} got no answer it could pass on"]


def _retry_after(case: Case) -> list[Hit] | None:
    values = case.answer.values("retry-after")
    if not values:
        return [Hit("the answer is 429 and does not say when to come back")] if case.answer.status == 429 else None
    if _RETRY_AFTER.fullmatch(values[0].strip()) or _moment(values[0]) is not None:
        return []
    return [Hit("Retry-After is neither a number of seconds nor a date")]


def _clock(case: Case) -> list[str] | None:
    values = case.answer.values("date")
    moment = _moment(values[0]) if values else None
    if not case.evidence.live or moment is None:
        return None
    skew = (moment - case.evidence.now).total_seconds()
    if abs(skew) <= CLOCK_SKEW_SECONDS:
        return []
    return [f"the server's clock is {_long(abs(skew))} {'ahead' if skew > 0 else 'behind'} of this machine's"]


def _long(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _x402(case: Case) -> list[Hit] | None:
    if not case.answer.has("payment-required"):
        return None
    return [Hit("the answer has an x402 offer too (PAYMENT-REQUIRED), which is another protocol")]


_EDGE_FIX: Final = (
    "ask the service itself, past the ingress (its pod, container or port), and compare; if that answers, raise the "
    "proxy's header buffers (nginx: proxy_buffer_size) and its timeouts"
)
ANSWER_RULES: Final = (
    Rule(id="status", level=L.INFO, check=_status, good="the answer is 402", spec="core §Status Codes",
         fix="answer 402 where payment is wanted"),
    Rule(id="no-challenge", level=L.FAIL, check=_challenge_there, good="a challenge can be read",
         spec="core §When NOT to Return 402", fix="send at least one WWW-Authenticate: Payment challenge"),
    Rule(id="cacheable-challenge", level=L.FAIL, check=_no_store, good="the 402 is not cached",
         spec="core §Caching", fix="send Cache-Control: no-store"),
    Rule(id="clear-text", level=L.FAIL, check=_clear_text, good="the challenge came over TLS",
         spec="core §Transport Security", fix="serve it over https"),
    Rule(id="cors-not-exposed", level=L.WARN, check=_cors, good="pages of other origins may read the payment fields",
         spec="Fetch §CORS protocol", fix="send Access-Control-Expose-Headers: WWW-Authenticate, Payment-Receipt"),
    Rule(id="several-challenges", level=L.INFO, check=_several_lines, good="",
         spec="core §Multiple Payment Options", fix="send every challenge on a line of its own, the one for most "
         "clients first"),
    Rule(id="lost-challenge", level=L.WARN, check=_lost_challenge, good="the problem names a challenge that arrived",
         spec="core §Error Response Format", fix="look for a proxy that keeps one WWW-Authenticate line of several"),
    Rule(id="challenge-size", level=L.WARN, check=_challenge_size, good="every challenge stays under 4 KB",
         spec="core §Size Considerations", fix="leave out what the payer does not need: fewer splits, shorter texts"),
    Rule(id="header-size", level=L.WARN, check=_head_size, good="the header section fits into a 4 KB proxy buffer",
         spec="core §Size Considerations", fix="offer less at once, or raise proxy_buffer_size on every proxy"),
    Rule(id="receipt-on-error", level=L.FAIL, check=_receipt_place, good="the receipt comes with a success",
         spec="core §Receipt Status Semantics", fix="send Payment-Receipt with 2xx answers only"),
    Rule(id="receipt-cacheable", level=L.FAIL, check=_receipt_private, good="the receipt is kept out of shared caches",
         spec="core §Caching", fix="send Cache-Control: private with a receipt"),
    Rule(id="receipt-unreadable", level=L.FAIL, check=_receipt_readable, good="the receipt can be read",
         spec="core §Payment-Receipt Header", fix="send base64url, without padding, of a JSON object with status, "
         "method, timestamp and reference"),
    Rule(id="receipt-unearned", level=L.FAIL, check=_receipt_earned, good="",
         spec="core §Receipt Status Semantics", fix="send a receipt only for a payment that settled"),
    Rule(id="problem-missing", level=L.WARN, check=_problem_there, good="the body is a problem document",
         spec="core §Error Response Format", fix=f"send {PROBLEM_JSON} with type, title, status and detail"),
    Rule(id="problem-type", level=L.WARN, check=_problem_type, good="the problem type is one of the scheme's",
         spec="core §Error Codes", fix="use https://paymentauth.org/problems/payment-required"),
    Rule(id="problem-status", level=L.WARN, check=_problem_status, good="problem and answer agree on the status",
         spec="core §Error Codes; RFC 9457 §3.1.2", fix="put the status of the answer into the problem"),
    Rule(id="server-error", level=L.FAIL, check=_ingress, good="", spec="core §Intermediary Handling of 402",
         fix=_EDGE_FIX),
    Rule(id="retry-after", level=L.WARN, check=_retry_after, good="Retry-After can be read",
         spec="core §Retry Behavior", fix="send Retry-After: SECONDS"),
    Rule(id="clock-skew", level=L.WARN, check=_clock, good="the server's clock agrees with this machine's",
         spec="core §Optional Parameters", fix="synchronise the clocks: challenges live for minutes"),
    Rule(id="x402-offer", level=L.INFO, check=_x402, good="", spec="", fix=""),
)  # fmt: skip
