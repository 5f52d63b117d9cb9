"""Challenges: what a server asks to be paid (core draft §"Challenge (WWW-Authenticate)").

A `Challenge` keeps `request` and `opaque` exactly as they stood on the wire, because the credential returns them
unchanged and the server's binding covers those very characters. An invalid challenge cannot be built: the rules below
are checked by the constructor, and the parser reports the same rules with positions. No clock, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from .base64url import b64url_decode
from .canonical import canonical_json, decode_object, encode_object
from .errors import FormatError, ParseError
from .findings import Findings, Reporter
from .grammar import TOKEN, Scheme, quote, scan
from .headers import AUTHORIZATION, CHALLENGE_COUNT_LIMIT, FIELD_LIMIT, PAYMENT_AUTHORIZATION, SCHEME
from .timestamp import format_timestamp, parse_timestamp

__all__ = ["Challenge", "format_challenge", "parse_challenges"]

_SPEC: Final = "core §Challenge (WWW-Authenticate)"

# Wire name of every parameter and the attribute that holds it, in the order in which they are written.
_ATTRIBUTES: Final = {
    "id": "id",
    "realm": "realm",
    "method": "method",
    "intent": "intent",
    "request": "request_b64",
    "description": "description",
    "digest": "digest",
    "expires": "expires",
    "opaque": "opaque_b64",
    "header": "header",
}
_REQUIRED: Final = ("id", "realm", "method", "intent", "request")

# core §"ABNF Collected": payment-method-id = 1*LOWERALPHA. Deployed software also registers names such as `x-custom`
# and `tempo:beta`; refusing those would refuse to read what others charge with, so they are read and reported.
_METHOD: Final = re.compile(r"[a-z][a-z0-9:_-]*+")
_SPEC_METHOD: Final = re.compile(r"[a-z]++")
# core §"ABNF Collected": intent-token = 1*( ALPHA / DIGIT / "-" )
_INTENT: Final = re.compile(r"[A-Za-z0-9-]++")
# RFC 9530 dictionary, or mppx's form without colons; only the characters matter here. "|" is the delimiter of the
# binding.
_DIGEST: Final = re.compile(r"[!-{}~][ -{}~]*+")
_RFC_DIGEST: Final = re.compile(r"[a-z0-9*_.-]++=:[A-Za-z0-9+/]++=*+:.*+")
# Control characters and surrogates: no header can carry them, so no text of a challenge may hold them.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

_HEADERS: Final = {AUTHORIZATION.lower(): AUTHORIZATION, PAYMENT_AUTHORIZATION.lower(): PAYMENT_AUTHORIZATION}


class _Breach(NamedTuple):
    """One rule that the fields break; `name` is the wire name of the parameter."""

    code: str
    name: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One offer of a server, valid by construction. Raises FormatError when a field breaks a rule of the scheme.

    `request_b64` and `opaque_b64` are the wire texts; `request` and `opaque` decode them. `description` is for
    display only and never proves anything. `header` names the field that is to carry the credential, None for
    `Authorization`. `extra` holds unknown parameters, which mean nothing to us and are not echoed.
    """

    id: str
    realm: str
    method: str
    intent: str
    request_b64: str
    description: str | None = None
    digest: str | None = None
    expires: str | None = None
    opaque_b64: str | None = None
    header: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for breach in _breaches(self.to_echo()):
            raise FormatError(f"the challenge cannot be built: {breach.message}", code=breach.code)

    @classmethod
    def create(
        cls,
        *,
        id: str,  # noqa: A002 - the parameter's name in the scheme
        realm: str,
        method: str,
        intent: str,
        request: Mapping[str, Any],
        description: str | None = None,
        digest: str | None = None,
        expires: datetime | str | None = None,
        opaque: Mapping[str, str] | None = None,
        header: str | None = None,
    ) -> Challenge:
        """A challenge from decoded values; an empty description counts as none. Raises FormatError."""
        return cls(
            id=id,
            realm=realm,
            method=method,
            intent=intent,
            request_b64=encode_object(request),
            description=description or None,
            digest=digest,
            expires=format_timestamp(expires) if isinstance(expires, datetime) else expires,
            opaque_b64=None if opaque is None else encode_object(opaque),
            header=header,
        )

    @classmethod
    def from_echo(cls, echo: Mapping[str, Any]) -> Challenge:
        """The challenge that a credential echoes. Raises ParseError.

        `request` and `opaque` may also be objects: the JSON-RPC transport sends them so, and old clients did.
        """
        challenge = read_echo(echo, Reporter(None))
        assert challenge is not None  # noqa: S101 - a strict report raises instead
        return challenge

    def with_id(self, id: str) -> Challenge:  # noqa: A002 - the parameter's name in the scheme
        """The same challenge under another id."""
        return replace(self, id=id)

    def to_echo(self) -> dict[str, str]:
        """The `challenge` object of a credential: every known parameter that is present, unchanged."""
        values = {
            "id": self.id,
            "realm": self.realm,
            "method": self.method,
            "intent": self.intent,
            "request": self.request_b64,
            "description": self.description,
            "digest": self.digest,
            "expires": self.expires,
            "opaque": self.opaque_b64,
            "header": self.header,
        }
        return {name: value for name, value in values.items() if value is not None}

    @property
    def request(self) -> dict[str, Any]:
        """The decoded request, a fresh object at every call."""
        return decode_object(self.request_b64)

    @property
    def opaque(self) -> dict[str, str] | None:
        """The decoded correlation data of the server, a fresh object at every call."""
        return None if self.opaque_b64 is None else decode_object(self.opaque_b64)

    @property
    def expires_at(self) -> datetime | None:
        """When the challenge dies, aware and in UTC; None when it does not say."""
        return None if self.expires is None else parse_timestamp(self.expires)

    @property
    def key(self) -> str:
        """Method and intent, as `Accept-Payment` names them: `tempo/charge`."""
        return f"{self.method}/{self.intent}"

    @property
    def credential_header(self) -> str:
        """The header field that is to carry the credential."""
        return AUTHORIZATION if self.header is None else _HEADERS[self.header.lower()]

    def is_expired(self, now: datetime) -> bool:
        """Whether `expires` has come; a challenge without one never expires."""
        expires_at = self.expires_at
        return expires_at is not None and now >= expires_at


def format_challenge(challenge: Challenge) -> str:
    """The value of a `WWW-Authenticate` line. Latin-1 can carry it; characters beyond are `\\uXXXX`. Raises
    FormatError."""
    pairs: list[tuple[str, Any]] = list(challenge.to_echo().items())
    pairs += challenge.extra.items()
    parts = []
    for name, value in pairs:
        if not isinstance(value, str) or TOKEN.fullmatch(name) is None or name != name.lower():
            raise FormatError("an extra parameter has a lower-case token as its name and text as its value")
        try:
            parts.append(f"{name}={quote(value)}")
        except ValueError as error:
            raise FormatError(f"{name} cannot stand in a header: {error}", code="bad-text") from error
    return f"{SCHEME} {', '.join(parts)}"


def parse_challenges(
    values: str | bytes | Iterable[str | bytes], findings: Findings | None = None
) -> tuple[Challenge, ...]:
    """Every Payment challenge in one or several `WWW-Authenticate` field values; other schemes are passed over.

    Bytes are read as Latin-1, as HTTP has them. Strict without `findings`: raises ParseError for a malformed Payment
    challenge and when there is none at all. Lenient with `findings`: never raises, leaves malformed challenges out
    and says why.
    """
    lines = [values] if isinstance(values, (str, bytes)) else list(values)
    challenges: list[Challenge] = []
    seen = 0
    for number, line in enumerate(lines, 1):
        report = Reporter(findings, f"line {number}: " if len(lines) > 1 else "")
        if len(line) > FIELD_LIMIT:
            report.fail("too-large", f"the field value has {len(line)} characters; at most {FIELD_LIMIT} are read")
            continue
        for scheme in scan(line.decode("latin-1") if isinstance(line, bytes) else line):
            if scheme.name.lower() != "payment":
                _report_other(scheme, report)
                continue
            seen += 1
            if seen > CHALLENGE_COUNT_LIMIT:
                report.fail("too-large", f"more than {CHALLENGE_COUNT_LIMIT} challenges", position=scheme.position)
                return tuple(challenges)
            challenge = _read_challenge(scheme, report)
            if challenge is not None:
                challenges.append(challenge)
    if not seen:
        Reporter(findings).fail("no-challenge", "there is no challenge of the Payment scheme", spec=_SPEC)
    return tuple(challenges)


def _report_other(scheme: Scheme, report: Reporter) -> None:
    if scheme.name:
        report.info("other-scheme", "a challenge of another scheme is passed over", position=scheme.position)
    else:
        report.warn("stray-text", "text before the first scheme is passed over", position=scheme.position)


def _read_challenge(scheme: Scheme, report: Reporter) -> Challenge | None:
    if scheme.token68 is not None:
        report.fail("token68", "a Payment challenge has parameters, not a token", spec=_SPEC, position=scheme.position)
        return None
    values: dict[str, str] = {}
    places: dict[str, int] = {}
    usable = True
    for param in scheme.params:
        if param.name in values:
            message = f"the parameter {param.name} occurs twice"
            report.fail("duplicate-parameter", message, spec="RFC 9110 §11.2", position=param.position)
            usable = False
            continue
        values[param.name] = param.value
        places[param.name] = param.position
    for flaw in scheme.flaws:
        # A description is display text that servers forget to escape, and unknown parameters are ignored; a flaw at any
        # other parameter leaves open what the server meant.
        if flaw.param in _ATTRIBUTES and (flaw.param != "description" or flaw.param not in values):
            report.fail(flaw.code, flaw.message, spec="RFC 9110 §11.2", position=flaw.position)
            usable = False
        else:
            report.warn(flaw.code, flaw.message, spec="RFC 9110 §11.2", position=flaw.position)
    for breach in _breaches(values):
        report.fail(breach.code, breach.message, spec=_SPEC, position=places.get(breach.name, scheme.position))
        usable = False
    if not usable:
        return None
    if report.lenient:
        _advise(values, places, report)
    return _build(values)


def read_echo(echo: Mapping[str, Any], report: Reporter) -> Challenge | None:
    """The challenge in a credential's echo; None only when the report is lenient and the echo is malformed."""
    values = dict(echo)
    for name in ("request", "opaque"):
        if isinstance(values.get(name), Mapping):
            try:
                values[name] = encode_object(values[name])
            except FormatError as error:
                report.fail(error.code, f"{name}: {error.message}", spec=_SPEC)
                return None
    if report.lenient:
        breaches = list(_breaches(values))
        for breach in breaches:
            report.fail(breach.code, breach.message, spec=_SPEC)
        return None if breaches else _build(values)
    try:
        return _build(values)
    except FormatError as error:
        raise ParseError(error.message, code=error.code) from error


def _build(values: Mapping[str, Any]) -> Challenge:
    return Challenge(
        id=values.get("id", ""),
        realm=values.get("realm", ""),
        method=values.get("method", ""),
        intent=values.get("intent", ""),
        request_b64=values.get("request", ""),
        description=values.get("description"),
        digest=values.get("digest"),
        expires=values.get("expires"),
        opaque_b64=values.get("opaque"),
        header=values.get("header"),
        extra={name: value for name, value in values.items() if name not in _ATTRIBUTES},
    )


def _breaches(values: Mapping[str, Any]) -> Iterator[_Breach]:
    """Every rule of the scheme that the parameters break, required ones first."""
    broken = set()
    for name in _ATTRIBUTES:
        value = values.get(name)
        if value is None or value == "":
            if name in _REQUIRED:
                broken.add(name)
                yield _Breach("missing-parameter", name, f"{name} is missing or empty")
        elif not isinstance(value, str):
            broken.add(name)
            yield _Breach("not-text", name, f"{name} is not text")
        elif not (value.isascii() and value.isprintable()) and _FORBIDDEN.search(value):
            broken.add(name)
            yield _Breach("bad-text", name, f"{name} holds a control character")
    for name, check in _CHECKS.items():
        if name not in broken and (value := values.get(name)) is not None:
            breach = check(value)
            if breach is not None:
                yield breach


def _check_method(value: str) -> _Breach | None:
    if _METHOD.fullmatch(value):
        return None
    return _Breach("bad-method", "method", "a method is lower-case letters, digits, ':', '_' and '-', after a letter")


def _check_intent(value: str) -> _Breach | None:
    return None if _INTENT.fullmatch(value) else _Breach("bad-intent", "intent", "an intent is letters, digits and '-'")


def _check_request(value: str) -> _Breach | None:
    try:
        decode_object(value)
    except ParseError as error:
        return _Breach(error.code, "request", f"request: {error.message}")
    return None


def _check_opaque(value: str) -> _Breach | None:
    try:
        opaque = decode_object(value)
    except ParseError as error:
        return _Breach(error.code, "opaque", f"opaque: {error.message}")
    if all(isinstance(item, str) for item in opaque.values()):
        return None
    return _Breach("bad-opaque", "opaque", "opaque is an object whose values are texts")


def _check_digest(value: str) -> _Breach | None:
    if _DIGEST.fullmatch(value):
        return None
    return _Breach("bad-digest", "digest", "digest is not of the form sha-256=:<base64>:")


def _check_expires(value: str) -> _Breach | None:
    try:
        parse_timestamp(value)
    except ParseError as error:
        return _Breach(error.code, "expires", f"expires: {error.message}")
    return None


def _check_header(value: str) -> _Breach | None:
    if value.lower() in _HEADERS:
        return None
    # A server may not have us put a credential into a field of its choice, such as one that a proxy logs.
    return _Breach("bad-header", "header", f"header is {AUTHORIZATION} or {PAYMENT_AUTHORIZATION}")


_CHECKS: Final[Mapping[str, Callable[[str], _Breach | None]]] = {
    "method": _check_method,
    "intent": _check_intent,
    "request": _check_request,
    "digest": _check_digest,
    "expires": _check_expires,
    "opaque": _check_opaque,
    "header": _check_header,
}


def _advise(values: Mapping[str, str], places: Mapping[str, int], report: Reporter) -> None:
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
        report.warn("no-expires", "a challenge should say when it expires", spec=_SPEC, fix="add expires")
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
