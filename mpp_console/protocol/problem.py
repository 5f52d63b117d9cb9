"""Problem details: how a server says why it wants payment or refuses one (core draft §"Error Handling", RFC 9457).

`Problem` is the body on the wire, in both directions; the `PaymentProblem` tree are the errors that a rail or the
gate raises and that become such a body. Texts of a foreign problem are untrusted: screens make them inert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, overload

from .canonical import canonical_json, decode_json_object
from .errors import LimitError, MppError, ParseError
from .findings import Findings, Reporter
from .headers import PROBLEM_LIMIT

__all__ = [
    "PROBLEM_BASE",
    "BadRequest",
    "CredentialReplayed",
    "InternalPayment",
    "InvalidChallenge",
    "InvalidPayload",
    "MalformedCredential",
    "MethodUnsupported",
    "OutcomeUncertain",
    "PaymentActionRequired",
    "PaymentExpired",
    "PaymentInsufficient",
    "PaymentProblem",
    "PaymentRequired",
    "Problem",
    "VerificationFailed",
    "parse_problem",
]

PROBLEM_BASE: Final = "https://paymentauth.org/problems/"
"""Core draft §"Error Response Format": the base of every problem type."""

_TEXTS: Final = {"type": "about:blank", "title": "", "detail": ""}
_MEMBERS: Final = ("type", "title", "status", "detail", "challengeId", "hint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem-details object. `status` is the server's word, 0 when the body has none; the HTTP status decides."""

    type: str
    title: str
    status: int
    detail: str
    challenge_id: str | None = None
    hint: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def slug(self) -> str | None:
        """The part after PROBLEM_BASE, None for a type of somebody else."""
        return self.type.removeprefix(PROBLEM_BASE) if self.type.startswith(PROBLEM_BASE) else None

    def to_dict(self) -> dict[str, Any]:
        value: dict[str, Any] = dict(self.extra)
        value |= {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        if self.challenge_id is not None:
            value["challengeId"] = self.challenge_id
        if self.hint is not None:
            value["hint"] = self.hint
        return value

    def to_json(self) -> bytes:
        """The body of an `application/problem+json` answer. Raises FormatError when `extra` holds what JSON cannot."""
        return canonical_json(self.to_dict())


@overload
def parse_problem(body: bytes) -> Problem: ...
@overload
def parse_problem(body: bytes, findings: None) -> Problem: ...
@overload
def parse_problem(body: bytes, findings: Findings) -> Problem | None: ...
def parse_problem(body: bytes, findings: Findings | None = None) -> Problem | None:
    """The problem in a response body.

    Every member is optional, and one of the wrong type counts as absent (RFC 9457 §3.1). Raises ParseError when the
    body is no JSON object or too large; with `findings` it gives None instead and says why.
    """
    report = Reporter(findings)
    try:
        if len(body) > PROBLEM_LIMIT:
            raise LimitError(f"the problem has {len(body)} bytes; at most {PROBLEM_LIMIT} are read")
        value = decode_json_object(body)
    except ParseError as error:
        report.fail_with(error, spec="RFC 9457 §3", position=error.position)
        return None
    texts = {name: value[name] if isinstance(value.get(name), str) else default for name, default in _TEXTS.items()}
    status = value.get("status")
    for name in ("type", "title", "status", "detail"):
        if name not in value:
            report.warn("missing-member", f"the problem has no {name}", spec="core §Error Response Format")
    return Problem(
        **texts,
        status=status if type(status) is int else 0,
        challenge_id=value["challengeId"] if isinstance(value.get("challengeId"), str) else None,
        hint=value["hint"] if isinstance(value.get("hint"), str) else None,
        extra={name: item for name, item in value.items() if name not in _MEMBERS},
    )


class PaymentProblem(MppError):
    """An error that a server answers with a problem body. `message` becomes its `detail`, so it may not hold a secret.

    `details` are members added to the body. A subclass says which type, title and status it has.
    """

    slug: ClassVar[str] = "verification-failed"
    title: ClassVar[str] = "Payment Problem"
    status: ClassVar[int] = 402
    default_detail: ClassVar[str] = "The payment was not accepted."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message or self.default_detail, code=code or self.slug, hint=hint)
        self.details = dict(details or {})

    @property
    def fresh_challenge(self) -> bool:
        """Whether the answer invites to pay. After a payment that may have been taken (403, 5xx) it must not: a
        client that pays by itself would pay twice."""
        return self.status != 403 and self.status < 500

    def problem(self, challenge_id: str | None = None) -> Problem:
        """The body of the answer. `challenge_id` is the fresh challenge's, when one is sent along."""
        return Problem(
            type=PROBLEM_BASE + self.slug,
            title=self.title,
            status=self.status,
            detail=self.message,
            challenge_id=challenge_id,
            hint=self.hint,
            extra=self.details,
        )


class PaymentRequired(PaymentProblem):
    """No credential came with the request."""

    slug = "payment-required"
    title = "Payment Required"
    default_detail = "Payment is required."


class MalformedCredential(PaymentProblem):
    """The credential cannot be read."""

    slug = "malformed-credential"
    title = "Malformed Credential"
    default_detail = "The credential is malformed."


class InvalidChallenge(PaymentProblem):
    """The challenge is not ours, has been altered, belongs to another route, or was used before."""

    slug = "invalid-challenge"
    title = "Invalid Challenge"
    default_detail = "The challenge is invalid."


class VerificationFailed(PaymentProblem):
    """The proof does not show the payment that was asked for."""

    slug = "verification-failed"
    title = "Verification Failed"
    default_detail = "The payment could not be verified."


class PaymentActionRequired(PaymentProblem):
    """The payer has to do something first, outside this protocol."""

    slug = "payment-action-required"
    title = "Payment Action Required"
    default_detail = "The payment needs an action of the payer."


class PaymentExpired(PaymentProblem):
    """The challenge or the authorization is past its end."""

    slug = "payment-expired"
    title = "Payment Expired"
    default_detail = "The payment has expired."


class InvalidPayload(PaymentProblem):
    """The payload of the credential does not have the shape that the rail asks for."""

    slug = "invalid-payload"
    title = "Invalid Payload"
    default_detail = "The payload of the credential is invalid."


class PaymentInsufficient(PaymentProblem):
    """Less was paid than asked."""

    slug = "payment-insufficient"
    title = "Payment Insufficient"
    default_detail = "The amount paid is too low."


class MethodUnsupported(PaymentProblem):
    """The route does not take this method or intent."""

    slug = "method-unsupported"
    title = "Method Unsupported"
    status = 400
    default_detail = "The payment method is not accepted here."


class BadRequest(PaymentProblem):
    """The request itself is wrong, such as one with several credentials."""

    slug = "bad-request"
    title = "Bad Request"
    status = 400
    default_detail = "The request cannot be served."


class CredentialReplayed(InvalidChallenge):
    """The challenge was paid and served before (core §"Response Status Codes": already used, so 402 and
    invalid-challenge)."""

    default_detail = "The challenge has already been used."


class InternalPayment(PaymentProblem):
    """Our side failed in a way that is not the payer's fault; the payment may or may not have been taken."""

    slug = "internal-payment"
    title = "Internal Payment Error"
    status = 500
    default_detail = "The payment could not be processed."


class OutcomeUncertain(PaymentProblem):
    """The payment went to the rail and no answer came back. The payer must look before paying again."""

    slug = "outcome-uncertain"
    title = "Outcome Uncertain"
    status = 500
    default_detail = "The payment was sent and its outcome is not known yet. Do not pay again before checking."
