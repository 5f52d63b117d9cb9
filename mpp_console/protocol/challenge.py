"""Challenges: what a server asks to be paid (core draft §"Challenge (WWW-Authenticate)").

A `Challenge` keeps `request` and `opaque` exactly as they stood on the wire, because the credential returns them
unchanged and the server's binding covers those very characters. An invalid challenge cannot be built: the rules below
are checked by the constructor, and the parser reports the same rules with positions. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from .canonical import decode_object, encode_object
from .challenge_rules import CHALLENGE_SPEC, CREDENTIAL_HEADERS, PARAMETERS, advise, breaches
from .errors import FormatError
from .findings import Findings, Reporter
from .grammar import TOKEN, Scheme, quote, scan, shown
from .headers import AUTHORIZATION, CHALLENGE_COUNT_LIMIT, FIELD_LIMIT, SCHEME
from .timestamp import format_timestamp, parse_timestamp

__all__ = ["Challenge", "format_challenge", "parse_challenges", "read_echo"]

_PARAM_SPEC: Final = "RFC 9110 §11.2"


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
        for breach in breaches(self.to_echo()):
            raise FormatError(f"the challenge cannot be built: {breach.message}", code=breach.code)
        if self.extra and not PARAMETERS.keys().isdisjoint(self.extra):
            raise FormatError("an extra parameter has the name of a known one", code="bad-extra")

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
        return AUTHORIZATION if self.header is None else CREDENTIAL_HEADERS[self.header.lower()]

    def is_expired(self, now: datetime) -> bool:
        """Whether `expires` has come; a challenge without one never expires."""
        expires_at = self.expires_at
        return expires_at is not None and now >= expires_at


def format_challenge(challenge: Challenge) -> str:
    """The value of a `WWW-Authenticate` line. Latin-1 can carry it; what lies beyond is written `\\uXXXX`.

    Raises FormatError for an `extra` that no header can carry.
    """
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
        Reporter(findings).fail("no-challenge", "there is no challenge of the Payment scheme", spec=CHALLENGE_SPEC)
    return tuple(challenges)


def _report_other(scheme: Scheme, report: Reporter) -> None:
    if scheme.name:
        report.info("other-scheme", "a challenge of another scheme is passed over", position=scheme.position)
    else:
        report.warn("stray-text", "text before the first scheme is passed over", position=scheme.position)


def _read_challenge(scheme: Scheme, report: Reporter) -> Challenge | None:
    if scheme.token68 is not None:
        message = "a Payment challenge has parameters, not a token"
        report.fail("token68", message, spec=CHALLENGE_SPEC, position=scheme.position)
        return None
    values: dict[str, str] = {}
    places = {"": scheme.position}
    usable = True
    for name, value, position in scheme.params:
        if name in values:
            message = f"the parameter {shown(name)} occurs twice"
            report.fail("duplicate-parameter", message, spec=_PARAM_SPEC, position=position)
            usable = False
        else:
            values[name] = value
            places[name] = position
    for flaw in scheme.flaws:
        # A description is display text that servers forget to escape, and unknown parameters are ignored; a flaw
        # anywhere else leaves open what the server meant.
        known = flaw.param is None or flaw.param in PARAMETERS
        if known and (flaw.param != "description" or "description" not in values):
            report.fail(flaw.code, flaw.message, spec=_PARAM_SPEC, position=flaw.position)
            usable = False
        else:
            report.warn(flaw.code, flaw.message, spec=_PARAM_SPEC, position=flaw.position)
    challenge = _build(values, places, report)
    if challenge is not None and report.lenient:
        advise(values, places, report)
    return challenge if usable else None


def read_echo(echo: Mapping[str, Any], report: Reporter) -> Challenge | None:
    """The challenge in a credential's echo; None only when the report is lenient and the echo is malformed."""
    values = dict(echo)
    for name in ("request", "opaque"):
        if not isinstance(values.get(name, ""), str) and isinstance(values[name], Mapping):
            try:
                values[name] = encode_object(values[name])
            except FormatError as error:
                report.fail(error.code, f"{name}: {error.message}", spec=CHALLENGE_SPEC)
                return None
    return _build(values, {}, report)


def _build(values: Mapping[str, Any], places: Mapping[str, int], report: Reporter) -> Challenge | None:
    """The challenge of wire values. A broken rule is reported at its parameter, a missing parameter at `places[""]`.

    The constructor checks the rules; they are gone through a second time only when there is something to report.
    """
    get = values.get
    try:
        return Challenge(
            # A required value that is missing is for the constructor to refuse, like any other that breaks a rule.
            id=get("id", ""),
            realm=get("realm", ""),
            method=get("method", ""),
            intent=get("intent", ""),
            request_b64=get("request", ""),
            description=get("description"),
            digest=get("digest"),
            expires=get("expires"),
            opaque_b64=get("opaque"),
            header=get("header"),
            extra={name: value for name, value in values.items() if name not in PARAMETERS},
        )
    except FormatError:
        for breach in breaches(values):
            place = places.get(breach.name, places.get(""))
            report.fail(breach.code, breach.message, spec=CHALLENGE_SPEC, position=place)
    return None
