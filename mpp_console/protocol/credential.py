"""Credentials: the proof that a challenge was paid (core draft §"Credentials (Authorization)").

A credential moves money, so its text form is a `Secret` and its repr hides the payload. What a payload must hold is the
rail's matter; here it is any JSON object. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard, overload

from .canonical import decode_object, encode_object
from .challenge import Challenge, read_echo
from .errors import FormatError, ParseError
from .findings import Findings, Reporter
from .grammar import scan
from .headers import CREDENTIAL_LIMIT, SCHEME
from .secret import Secret

__all__ = ["Credential", "parse_credential"]

_SPEC: Final = "core §Credentials (Authorization)"
_MEMBERS: Final = ("challenge", "payload", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A challenge's echo and the rail's proof. Raises FormatError when a field is not what the scheme allows.

    `source` says who paid, best as a DID; it is a claim until the rail has verified it. `extra` keeps unknown members.
    """

    challenge: Challenge
    payload: Mapping[str, Any] = field(repr=False, hash=False)
    source: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self) -> None:
        if not _is_object(self.payload):
            raise FormatError("the payload of a credential is an object", code="bad-payload")
        if self.source is not None and not isinstance(self.source, str):
            raise FormatError("the source of a credential is text", code="bad-source")
        if any(name in _MEMBERS for name in self.extra):
            raise FormatError("an extra member has the name of a known one", code="bad-extra")

    @property
    def key(self) -> str:
        """Method and intent: `tempo/charge`."""
        return self.challenge.key

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the credential. It holds the proof: never log it."""
        value: dict[str, Any] = {"challenge": self.challenge.to_echo(), "payload": dict(self.payload)}
        if self.source is not None:
            value["source"] = self.source
        return value | dict(self.extra)

    def to_header(self) -> Secret[str]:
        """The value of the header field named by `challenge.credential_header`. Raises FormatError."""
        return Secret(f"{SCHEME} {encode_object(self.to_dict())}")

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Credential:
        """A credential from its JSON object, as the JSON-RPC transport carries it. Raises ParseError."""
        credential = _read(value, Reporter(None))
        assert credential is not None  # noqa: S101 - a strict report raises instead
        return credential


@overload
def parse_credential(value: str | bytes) -> Credential: ...
@overload
def parse_credential(value: str | bytes, findings: None) -> Credential: ...
@overload
def parse_credential(value: str | bytes, findings: Findings) -> Credential | None: ...
def parse_credential(value: str | bytes, findings: Findings | None = None) -> Credential | None:
    """The one Payment credential in an `Authorization` field value; other schemes beside it are passed over.

    Strict without `findings`: raises ParseError, with the code `several-credentials` when there is more than one (a
    server answers that with 400). Lenient with `findings`: never raises, gives None for what is unusable, says why.
    """
    report = Reporter(findings)
    if len(value) > CREDENTIAL_LIMIT:
        report.fail("too-large", f"the credential has {len(value)} characters; at most {CREDENTIAL_LIMIT} are read")
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    # The form that every peer sends. Whether the rest is one token, the decoder says; a comma could start another.
    alone = text[:8].lower() == "payment " and "," not in text
    token = text[8:].strip(" \t") if alone else _pick(text, report)
    if token is None:
        return None
    try:
        decoded = decode_object(token, CREDENTIAL_LIMIT)
    except ParseError as error:
        report.fail_with(error, spec=_SPEC)
        return None
    return _read(decoded, report)


def _pick(text: str, report: Reporter) -> str | None:
    schemes = [scheme for scheme in scan(text) if scheme.name.lower() == "payment"]
    if not schemes:
        report.fail("no-credential", "there is no credential of the Payment scheme", spec=_SPEC)
        return None
    if len(schemes) > 1:
        report.fail(
            "several-credentials", "there is more than one Payment credential", spec="core §Multiple Payment Options",
            position=schemes[1].position, fix="send one credential, for the challenge that was chosen",
        )  # fmt: skip
        return None
    scheme = schemes[0]
    if scheme.token68 is None or scheme.params or scheme.flaws:
        report.fail("bad-credential", "the credential is not one base64url token", spec=_SPEC, position=scheme.position)
        return None
    return scheme.token68


def _read(value: Mapping[str, Any], report: Reporter) -> Credential | None:
    echo, payload, source = value.get("challenge"), value.get("payload"), value.get("source")
    challenge = None
    if _is_object(echo):
        challenge = read_echo(echo, report)
    else:
        report.fail("missing-challenge", "the credential has no challenge object", spec=_SPEC)
    if not _is_object(payload):
        report.fail("missing-payload", "the credential has no payload object", spec=_SPEC)
        return None
    if source is not None and not isinstance(source, str):
        report.fail("bad-source", "the source of the credential is not text", spec=_SPEC)
        return None
    if challenge is None:
        return None
    extra = {name: item for name, item in value.items() if name not in _MEMBERS}
    return Credential(challenge=challenge, payload=payload, source=source, extra=extra)


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    # Asking for the concrete type first: the abstract check is slow, and this is on the path of every paid request.
    return type(value) is dict or isinstance(value, Mapping)
