"""Rules about the further requests that an inspection may make when asked to: the same one again, and one with a
credential that nobody can read. Pure functions over a `Case`, and the table that names them.
"""

from __future__ import annotations

from typing import Final

from mpp_console.inspector.reading import Case, OfferReading, read_offers, read_problem
from mpp_console.inspector.rule import Hit, Rule
from mpp_console.protocol import PAYMENT_RECEIPT, WWW_AUTHENTICATE
from mpp_console.protocol import FindingLevel as L

__all__ = ["PROBE_RULES"]


def _again(case: Case) -> tuple[OfferReading, ...] | None:
    again = case.evidence.again
    return None if again is None else read_offers(tuple(again.values(WWW_AUTHENTICATE)))


def _after_malformed(case: Case) -> tuple[OfferReading, ...] | None:
    answer = case.evidence.malformed
    return None if answer is None else read_offers(tuple(answer.values(WWW_AUTHENTICATE)))


def _repeated_id(case: Case) -> list[Hit] | None:
    again = _again(case)
    if not again or not case.offers:
        return None
    first = {offer.id for offer in case.offers}
    repeated = [offer for offer in again if offer.id and offer.id in first]
    return [Hit(f"a second request got the challenge {offer.id} again", offer=offer.number) for offer in repeated]


def _changing(case: Case) -> list[str] | None:
    again, second = _again(case), case.evidence.again
    if again is None or second is None:
        return None
    if not second.status:
        return ["a second request got no answer"]
    if second.status != case.answer.status:
        return [f"a second request was answered with {second.status}, the first with {case.answer.status}"]
    terms = [sorted(map(_terms, offers)) for offers in (case.offers, again)]
    return [] if terms[0] == terms[1] else ["a second request was offered other terms"]


def _terms(offer: OfferReading) -> tuple[str, ...]:
    request = offer.request or {}
    return (offer.method, offer.intent, *(str(request.get(name)) for name in ("amount", "currency", "recipient")))


def _refused(case: Case) -> list[str] | None:
    answer = case.evidence.malformed
    if answer is None or not case.asks:
        return None
    return [] if answer.status == 402 else [_refusal(answer.status)]


def _refusal(status: int) -> str:
    what = "a credential that nobody can read"
    if not status:
        return f"{what} makes the server break off the connection"
    if 200 <= status < 300:
        return f"{what} was served with {status}: the route is open"
    if status >= 500:
        return f"{what} makes the server fail with {status}"
    why = ": something in front reads Authorization as its own" if status == 401 else ", not with 402"
    return f"{what} is answered with {status}{why}"


def _fresh(case: Case) -> list[str] | None:
    answer, offers = case.evidence.malformed, _after_malformed(case)
    if answer is None or offers is None or answer.status != 402:
        return None
    if not any(offer.challenge for offer in offers):
        return ["the refusal of a malformed credential brings no challenge to try again with"]
    old = {offer.id for offer in case.offers}
    return ["the refusal of a malformed credential brings the old challenge, not a fresh one"] if any(
        offer.id in old for offer in offers
    ) else []  # fmt: skip


def _said(case: Case) -> list[str] | None:
    """Elsewhere a problem document is a SHOULD; here the table of what servers MUST answer names it."""
    answer = case.evidence.malformed
    if answer is None or answer.status != 402:
        return None
    problem = read_problem(answer)
    if problem is None:
        return ["the refusal of a malformed credential has no problem document"]
    if problem.slug == "malformed-credential":
        return []
    return [f"the refusal of a malformed credential is of the type {problem.type}"]


def _refusal_cached(case: Case) -> list[str] | None:
    answer = case.evidence.malformed
    if answer is None or answer.status != 402:
        return None
    return (
        [] if "no-store" in answer.items("cache-control") else ["the refusal of a credential does not forbid caching"]
    )


def _refusal_receipt(case: Case) -> list[str] | None:
    answer = case.evidence.malformed
    if answer is None:
        return None
    return ["a receipt came with the refusal of a credential"] if answer.has(PAYMENT_RECEIPT) else []


_TABLE: Final = "core §Status Codes"
PROBE_RULES: Final = (
    Rule(id="repeated-id", level=L.FAIL, check=_repeated_id, good="a second request got a challenge of its own",
         spec="core §Required Parameters; §Caching", fix="put a nonce or the time into every challenge, and keep "
         "caches away from the 402"),
    Rule(id="changing-terms", level=L.INFO, check=_changing, good="a second request was offered the same terms",
         spec="", fix="quote one price for one request, or say that it changes"),
    Rule(id="malformed-credential", level=L.FAIL, check=_refused, good="a malformed credential is refused with 402",
         spec=_TABLE, fix="catch errors of decoding and answer 402 with the problem malformed-credential"),
    Rule(id="malformed-credential-challenge", level=L.FAIL, check=_fresh, good="the refusal brings a fresh challenge",
         spec=_TABLE, fix="issue a new challenge with every refusal"),
    Rule(id="malformed-credential-problem", level=L.FAIL, check=_said, good="the refusal names malformed-credential",
         spec=f"{_TABLE}; §Error Codes", fix="answer with a problem document (RFC 9457) of the type "
         "https://paymentauth.org/problems/malformed-credential"),
    Rule(id="malformed-credential-cached", level=L.FAIL, check=_refusal_cached, good="the refusal is not cached",
         spec="core §Caching", fix="send Cache-Control: no-store with every 402"),
    Rule(id="malformed-credential-receipt", level=L.FAIL, check=_refusal_receipt, good="the refusal brings no receipt",
         spec="core §Receipt Status Semantics", fix="send receipts with 2xx answers only"),
)  # fmt: skip
