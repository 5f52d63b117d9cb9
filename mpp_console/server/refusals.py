"""Refusals that have nothing to do with a payment's validity: too large, too often, a key used twice.

They carry no challenge, because paying would not help. Their problem type is `about:blank` (RFC 9457 §4.2.1): the
status code says all that a program needs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Literal

from mpp_console.protocol import MppError, Problem

__all__ = ["BadIdempotencyKey", "BodyTooLarge", "KeyInUse", "KeyReused", "RateKind", "Refusal", "TooManyRequests"]


class Refusal(MppError):
    """A request that a gate does not let through whatever it pays. `status` is what the client gets."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    retry_after: int | None = None

    def problem(self) -> Problem:
        return Problem(
            type="about:blank", title=self.status.phrase, status=self.status.value, detail=self.message, hint=self.hint
        )


class BodyTooLarge(Refusal):
    default_code = "body-too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.", hint="Send less; nothing was charged.")


RateKind = Literal["challenges", "failures", "management"]


class TooManyRequests(Refusal):
    default_code = "rate-limited"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, kind: RateKind, retry_after: int) -> None:
        what = {"challenges": "challenges", "failures": "refused credentials", "management": "vouchers"}[kind]
        super().__init__(
            f"Too many {what} for this client.", hint=f"Try again in {retry_after} s; nothing was charged."
        )
        self.kind = kind
        self.retry_after = retry_after


class BadIdempotencyKey(Refusal):
    default_code = "bad-idempotency-key"

    def __init__(self) -> None:
        super().__init__(
            "Idempotency-Key must occur once and hold 1 to 255 characters.",
            hint="Send one short random key for each act.",
        )


class KeyReused(Refusal):
    """The key belongs to another request, so neither its answer nor a charge would be right."""

    default_code = "idempotency-key-reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for a different request; nothing was charged now.",
            hint="Use a new key for a new request.",
        )


class KeyInUse(Refusal):
    """The key's first request is not answered yet, or its answer could not be kept."""

    default_code = "idempotency-key-in-use"
    status = HTTPStatus.CONFLICT

    def __init__(self, *, lost: bool) -> None:
        if lost:
            message = "This payment was accepted and answered before, but its answer was not kept."
            super().__init__(message, hint="Do not pay again for it; ask the operator.")
            return
        super().__init__(
            "This Idempotency-Key belongs to a payment that is still being answered; nothing was charged now.",
            hint="Wait and send the same request with the same credential again.",
        )
        self.retry_after = 1
