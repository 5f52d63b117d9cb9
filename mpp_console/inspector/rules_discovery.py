"""Rules about the discovery document, `/openapi.json` (discovery draft): what it says of itself, of each paid
operation, and whether the live challenge agrees. Pure functions, and the table that names them.

The document is advice and a 402 always overrules it; but an agent that cannot read it never comes to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mpp_console.client.origin import Origin
from mpp_console.inspector.discovery import OPERATIONS, Document, offers_of
from mpp_console.inspector.reading import Case
from mpp_console.inspector.rule import Hit, Rule
from mpp_console.protocol import DISCOVERY_MAX_AGE, ParseError
from mpp_console.protocol import FindingLevel as L

__all__ = ["DISCOVERY_RULES"]

Hits = list[Hit | str]
SIZE_LIMIT: Final = 64 * 1024
"""Bytes that registries take (discovery draft, "Crawling")."""
CATEGORIES: Final = 5

_VERSION: Final = re.compile(r"3\.\d+(?:\.\d+)?")
_AMOUNT: Final = re.compile(r"0|[1-9][0-9]*")
_METHOD: Final = re.compile(r"[a-z]+")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_MAX_AGE: Final = re.compile(r"max-age=([0-9]{1,9})")
_LISTED: Final = 5
"""Places that one finding names; a document of a thousand operations makes a thousand mistakes of one kind."""


def _document(check: Callable[[Case, Document], Hits | None]) -> Callable[[Case], Hits | None]:
    def over_document(case: Case) -> Hits | None:
        return None if case.discovery is None else check(case, case.discovery)

    return over_document


def _content(check: Callable[[Mapping[str, Any]], Hits | None]) -> Callable[[Case], Hits | None]:
    return _document(lambda case, document: None if document.content is None else check(document.content))


def _each(check: Callable[[Mapping[str, Any]], Iterator[str]]) -> Callable[[Case], Hits | None]:
    """A check of every operation: what it says is told with the places where it holds."""

    def over_operations(content: Mapping[str, Any]) -> Hits:
        found: dict[str, list[str]] = {}
        for place, operation in operations(content):
            for text in check(operation):
                found.setdefault(text, []).append(place)
        return [f"{text}: {_places(places)}" for text, places in found.items()]

    return _content(over_operations)


def _places(places: list[str]) -> str:
    more = len(places) - _LISTED
    return ", ".join(places[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def operations(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation of a document with its place, `GET /items/{id}`."""
    paths = content.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for name in OPERATIONS if isinstance(item, Mapping) else ():
            if isinstance(item.get(name), Mapping):
                yield f"{name.upper()} {path}", item[name]


def _readable(case: Case, document: Document) -> Hits:
    if document.answer is not None and document.status == 0:
        return [Hit(f"{document.place} did not answer", L.INFO)]
    if document.status not in (0, 200):
        return [Hit(f"{document.place} answers {document.status}: no discovery document", L.INFO)]
    if document.answer is not None and not document.answer.complete:
        return [f"{document.place} is too large to be read, or broke off"]
    return [] if document.content is not None else [f"{document.place} is not a JSON object"]


def _type(case: Case, document: Document) -> Hits | None:
    if document.content is None or document.answer is None:
        return None
    media_type = document.answer.media_type
    return [] if media_type == "application/json" else [f"the document is served as {media_type or 'nothing named'}"]


def _tls(case: Case, document: Document) -> Hits | None:
    if document.content is None or not document.url:
        return None
    try:
        origin = Origin.parse(document.url)
    except ParseError:
        return None
    if origin.scheme == "https":
        return []
    level = L.INFO if origin.is_loopback else L.FAIL
    return [Hit("the document is served over clear-text http", level)]


def _cache(case: Case, document: Document) -> Hits | None:
    if document.content is None or document.answer is None:
        return None
    control = ",".join(document.answer.values("cache-control"))
    if not control:
        return ["the document says nothing of caching"]
    age = _MAX_AGE.search(control.lower())
    if age is not None and int(age[1]) > DISCOVERY_MAX_AGE:
        return [Hit(f"the document may be kept for {age[1]} s; prices change sooner", L.INFO)]
    return []


def _cors(case: Case, document: Document) -> Hits | None:
    if document.content is None or document.answer is None:
        return None
    return [] if document.answer.has("access-control-allow-origin") else ["pages of other origins cannot read it"]


def _size(case: Case, document: Document) -> Hits | None:
    if document.content is None:
        return None
    return [f"the document has {document.size} bytes; registries take 64 KB"] if document.size > SIZE_LIMIT else []


def _openapi(content: Mapping[str, Any]) -> Hits:
    version, info = content.get("openapi"), content.get("info")
    hits: Hits = []
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        hits.append(f"openapi is {version!r:.40}, not 3.x")
    for name in ("title", "version"):
        value = info.get(name) if isinstance(info, Mapping) else None
        if not isinstance(value, str) or not value:
            hits.append(f"info.{name} is missing")
    if next(operations(content), None) is None:
        hits.append("paths names no operation")
    return hits


def _service(content: Mapping[str, Any]) -> Hits | None:
    if "x-service-info" not in content:
        return None
    service = content["x-service-info"]
    if not isinstance(service, Mapping):
        return ["x-service-info is no object"]
    hits: Hits = []
    categories, docs = service.get("categories", []), service.get("docs", {})
    if not isinstance(categories, list) or not all(isinstance(each, str) for each in categories):
        hits.append("categories is not a list of words")
    else:
        hits += (Hit(f"the category {each!r:.60} is not in lower case with hyphens", L.WARN)
                 for each in categories if each != each.lower() or " " in each or "_" in each)  # fmt: skip
        if len(categories) > CATEGORIES:
            hits.append(Hit(f"{len(categories)} categories; registries keep {CATEGORIES}", L.WARN))
    if not isinstance(docs, Mapping):
        return [*hits, "docs is no object"]
    hits += (f"docs.{name} is no URI" for name in ("apiReference", "homepage", "llms")
             if name in docs and not (isinstance(docs[name], str) and _URI.fullmatch(docs[name])))  # fmt: skip
    return hits


def _offer_form(operation: Mapping[str, Any]) -> Iterator[str]:
    offers = offers_of(operation)
    if offers is None:
        return
    if not offers:
        yield "x-payment-info names no offer"
    for offer in offers:
        if not isinstance(offer, Mapping):
            yield "an offer is no object"
            continue
        yield from _members(offer)


def _members(offer: Mapping[str, Any]) -> Iterator[str]:
    method, amount = offer.get("method"), offer.get("amount")
    if offer.get("intent") not in ("charge", "session"):
        yield f"the intent {offer.get('intent')!r:.40} is neither charge nor session"
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        yield f"the method {method!r:.40} is no method name"
    if "amount" not in offer:
        yield "the amount is missing (null stands for a price that depends on the request)"
    elif amount is not None and not (isinstance(amount, str) and _AMOUNT.fullmatch(amount)):
        yield f"the amount {amount!r:.40} is not a whole number in text"
    for name in ("currency", "description"):
        if not isinstance(offer.get(name, ""), str):
            yield f"the {name} is not text"


def _declared(operation: Mapping[str, Any]) -> Iterator[str]:
    responses = operation.get("responses")
    answers_402 = isinstance(responses, Mapping) and ("402" in responses or 402 in responses)
    if offers_of(operation) is not None and not answers_402:
        yield "a paid operation declares no answer 402"
    if offers_of(operation) is None and answers_402:
        yield "an operation declares an answer 402 and no x-payment-info"


def _shorthand(operation: Mapping[str, Any]) -> Iterator[str]:
    payment = operation.get("x-payment-info")
    if isinstance(payment, Mapping) and "offers" not in payment:
        yield "x-payment-info is the short form of one offer"


def _schema(content: Mapping[str, Any]) -> Hits:
    without = [place for place, operation in operations(content)
               if place.split()[0] in ("POST", "PUT", "PATCH") and "requestBody" not in operation]  # fmt: skip
    return [f"no requestBody says what to send: {_places(without)}"] if without else []


def _agrees(case: Case, document: Document) -> Hits | None:
    """Whether the operation that was asked is in the document, at the price that it asked."""
    inquiry = case.evidence.inquiry
    if document.content is None or not case.offers or not inquiry.url or document.url == inquiry.url:
        return None
    found = _operation(document.content, inquiry.method, urlsplit(inquiry.url).path or "/")
    if found is None:
        return [f"{inquiry.method} {urlsplit(inquiry.url).path or '/'} asks for payment and is not in the document"]
    place, operation = found
    offers = offers_of(operation)
    if offers is None:
        return [f"{place} asks for payment and the document calls it free"]
    told = [offer for offer in offers if isinstance(offer, Mapping)]
    return [
        f"{place} asks {offer.method}/{offer.intent} {_amount(offer.request)}; the document has no such offer"
        for offer in case.offers
        if not any(_same(each, offer.method, offer.intent, _amount(offer.request)) for each in told)
    ]


def _amount(request: Mapping[str, Any] | None) -> str:
    return str((request or {}).get("amount", ""))


def _same(told: Mapping[str, Any], method: str, intent: str, amount: str) -> bool:
    prices = (None, amount)
    return told.get("method") == method and told.get("intent") == intent and told.get("amount", amount) in prices


def _operation(content: Mapping[str, Any], method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """The operation for a request; a path without parameters before one with."""
    wanted = "GET" if method == "HEAD" else method
    matching = [
        (place, operation)
        for place, operation in operations(content)
        if place.split(" ", 1)[0] == wanted and _matches(place.split(" ", 1)[1], path)
    ]
    return min(matching, key=lambda each: each[0].count("{"), default=None)


def _matches(template: str, path: str) -> bool:
    parts, given = template.strip("/").split("/"), path.strip("/").split("/")
    return len(parts) == len(given) and all(
        (part.startswith("{") and part.endswith("}")) or part == value for part, value in zip(parts, given, strict=True)
    )


_DRAFT: Final = "discovery"
DISCOVERY_RULES: Final = (
    Rule(id="discovery-document", level=L.FAIL, check=_document(_readable), good="a discovery document can be read",
         spec=f"{_DRAFT} §Document Location", fix="serve an OpenAPI 3 document at /openapi.json"),
    Rule(id="discovery-type", level=L.FAIL, check=_document(_type), good="the document is served as JSON",
         spec=f"{_DRAFT} §Document Location", fix="send Content-Type: application/json"),
    Rule(id="discovery-clear-text", level=L.FAIL, check=_document(_tls), good="the document came over TLS",
         spec=f"{_DRAFT} §Document Location", fix="serve it over https"),
    Rule(id="discovery-cache", level=L.WARN, check=_document(_cache), good="the document says how long it holds",
         spec=f"{_DRAFT} §Caching", fix=f"send Cache-Control: max-age={DISCOVERY_MAX_AGE}"),
    Rule(id="discovery-cors", level=L.WARN, check=_document(_cors), good="pages of other origins may read it",
         spec=f"{_DRAFT} §Security Considerations", fix="send Access-Control-Allow-Origin: *"),
    Rule(id="discovery-size", level=L.WARN, check=_document(_size), good="the document fits into 64 KB",
         spec=f"{_DRAFT} §Registries", fix="leave out what agents do not need"),
    Rule(id="discovery-openapi", level=L.FAIL, check=_content(_openapi), good="the required OpenAPI members are there",
         spec=f"{_DRAFT} §Required Top-Level Fields", fix="name openapi 3.x, info.title, info.version and paths"),
    Rule(id="discovery-service", level=L.FAIL, check=_content(_service), good="x-service-info holds",
         spec=f"{_DRAFT} §Service Extension", fix="follow the schema of the draft"),
    Rule(id="discovery-offer", level=L.FAIL, check=_each(_offer_form), good="every offer of the document holds",
         spec=f"{_DRAFT} §Payment Offer Object", fix="give each offer method, intent and amount in base units or null"),
    Rule(id="discovery-402", level=L.FAIL, check=_each(_declared), good="paid operations declare their 402",
         spec=f"{_DRAFT} §402 Response Declaration", fix="write both, the answer 402 and x-payment-info"),
    Rule(id="discovery-short-form", level=L.WARN, check=_each(_shorthand), good="offers are written as a list",
         spec=f"{_DRAFT} §Payment Extension", fix='write {"offers": [...]}, which takes several'),
    Rule(id="discovery-schema", level=L.WARN, check=_content(_schema), good="operations say what they take",
         spec=f"{_DRAFT} §Input Schema", fix="describe the body with requestBody"),
    Rule(id="discovery-mismatch", level=L.WARN, check=_document(_agrees), good="document and challenge agree",
         spec=f"{_DRAFT} §Introduction", fix="publish the price that is asked, or null when it varies"),
)  # fmt: skip
