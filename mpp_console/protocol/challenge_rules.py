"""The rules that every challenge keeps, as a table: one entry a parameter (core draft §"Challenge (WWW-Authenticate)").

The constructor of `Challenge` raises for the first rule that is broken; the parsers report all of them with
positions. Both ask this table, so there is one truth. Also holds what the inspector advises beyond the rules. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from .base64url import b64url_decode
from .canonical import canonical_json, decode_object
from .errors import FormatError, ParseError
from .findings import Reporter
from .headers import AUTHORIZATION, PAYMENT_AUTHORIZATION
from .timestamp import parse_timestamp

__all__ = ["CHALLENGE_SPEC", "CREDENTIAL_HEADERS", "PARAMETERS", "Breach", "advise", "breaches"]

CHALLENGE_SPEC: Final = "core §Challenge (WWW-Authenticate)"

CREDENTIAL_HEADERS: Final = {
    AUTHORIZATION.lower(): AUTHORIZATION,
    PAYMENT_AUTHORIZATION.lower(): PAYMENT_AUTHORIZATION,
}
"""The fields that a challenge may ask the credential to be put in, by their lower-case name."""

# core §"ABNF Collected": payment-method-id = 1*LOWERALPHA. Deployed software also registers names such as `x-custom`
# and `tempo:beta`; refusing those would refuse to read what others charge with, so they are read and reported.
_METHOD: Final = re.compile(r"[a-z][a-z0-9:_-]*+")
_SPEC_METHOD: Final = re.compile(r"[a-z]++")
# core §"ABNF Collected": intent-token = 1*( ALPHA / DIGIT / "-" )
_INTENT: Final = re.compile(r"[A-Za-z0-9-]++")
# RFC 9530 dictionary, or mppx's form without colons. Only the characters matter here: "|" delimits the binding.
_DIGEST: Final = re.compile(r"[!-{}~][ -{}~]*+")
_RFC_DIGEST: Final = re.compile(r"[a-z0-9*_.-]++=:[A-Za-z0-9+/]++=*+:.*+")
# Control characters and surrogates: no header can carry them, so no text of a challenge may hold them.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

_Verdict = tuple[str, str] | None
"""Code and message of the rule that is broken."""


class Breach(NamedTuple):
    """One rule that the parameters break; `name` is the wire name of the parameter."""

    code: str
    name: str
    message: str


class _Rule(NamedTuple):
    attribute: str
    required: bool
    check: Callable[[str], _Verdict]


def breaches(values: Mapping[str, Any]) -> Iterator[Breach]:
    """Every rule that the parameters, by wire name, break. None counts as absent."""
    for name, rule in _RULES.items():
        value = values.get(name)
        if value is None:
            if rule.required:
                yield Breach("missing-parameter", name, f"{name} is missing")
        elif not isinstance(value, str):
            yield Breach("not-text", name, f"{name} is not text")
        elif rule.required and not value:
            yield Breach("missing-parameter", name, f"{name} is empty")
        elif (verdict := rule.check(value)) is not None:
            yield Breach(verdict[0], name, f"{name}: {verdict[1]}")


def _check_text(value: str) -> _Verdict:
    if value.isascii() and value.isprintable():
        return None
    return ("bad-text", "a control character or half a surrogate pair") if _FORBIDDEN.search(value) else None


def _check_method(value: str) -> _Verdict:
    if _METHOD.fullmatch(value):
        return None
    return "bad-method", "a method is lower-case letters, digits, ':', '_' and '-', after a letter"


def _check_intent(value: str) -> _Verdict:
    return None if _INTENT.fullmatch(value) else ("bad-intent", "an intent is letters, digits and '-'")


def _check_request(value: str) -> _Verdict:
    try:
        decode_object(value)
    except ParseError as error:
        return error.code, error.message
    return None


def _check_opaque(value: str) -> _Verdict:
    try:
        opaque = decode_object(value)
    except ParseError as error:
        return error.code, error.message
    if all(isinstance(item, str) for item in opaque.values()):
        return None
    return "bad-opaque", "every value in it is text"


def _check_digest(value: str) -> _Verdict:
    return None if _DIGEST.fullmatch(value) else ("bad-digest", "it is not of the form sha-256=:<base64>:")


def _check_expires(value: str) -> _Verdict:
    try:
        parse_timestamp(value)
    except ParseError as error:
        return error.code, error.message
    return None


def _check_header(value: str) -> _Verdict:
    if value.lower() in CREDENTIAL_HEADERS:
        return None
    # A server may not have us put a credential into a field of its choice, such as one that a proxy logs.
    return "bad-header", f"it is {AUTHORIZATION} or {PAYMENT_AUTHORIZATION}"


# In the order in which the parameters are written.
_RULES: Final[Mapping[str, _Rule]] = {
    "id": _Rule("id", True, _check_text),
    "realm": _Rule("realm", True, _check_text),
    "method": _Rule("method", True, _check_method),
    "intent": _Rule("intent", True, _check_intent),
    "request": _Rule("request_b64", True, _check_request),
    "description": _Rule("description", False, _check_text),
    "digest": _Rule("digest", False, _check_digest),
    "expires": _Rule("expires", False, _check_expires),
    "opaque": _Rule("opaque_b64", False, _check_opaque),
    "header": _Rule("header", False, _check_header),
}

PARAMETERS: Final[Mapping[str, str]] = {name: rule.attribute for name, rule in _RULES.items()}
"""Wire name of every known parameter, and the attribute of `Challenge` that holds it."""


def advise(values: Mapping[str, str], places: Mapping[str, int], report: Reporter) -> None:
    """What a valid challenge could do better; only the inspector asks."""
    if _SPEC_METHOD.fullmatch(values["method"]) is None:
        report.warn(
            "method-name", "the scheme's grammar has only lower-case letters in a method",
            spec="core §Method Identifier Format", position=places["method"],
        )  # fmt: skip
    if not values["realm"].isascii():
        report.warn(
            "realm-not-ascii", "a realm should be ASCII: peers disagree about its bytes",
            spec="core §Character Encoding", position=places["realm"],
        )  # fmt: skip
    if "expires" not in values:
        report.warn("no-expires", "a challenge should say when it expires", spec=CHALLENGE_SPEC, fix="add expires")
    if "digest" in values and _RFC_DIGEST.fullmatch(values["digest"]) is None:
        report.warn(
            "digest-form", "the digest lacks the colons of a structured field",
            spec="RFC 9530 §2", position=places["digest"], fix="write sha-256=:<base64>:",
        )  # fmt: skip
    for name in ("request", "opaque"):
        if name in values and not _is_canonical(values[name]):
            report.warn(
                "not-canonical", f"{name} is not canonical JSON, so another implementation may compute another id",
                spec="RFC 8785", position=places[name], fix="serialise it with RFC 8785",
            )  # fmt: skip


def _is_canonical(encoded: str) -> bool:
    try:
        return canonical_json(decode_object(encoded)) == b64url_decode(encoded)
    except (ParseError, FormatError):
        return False
