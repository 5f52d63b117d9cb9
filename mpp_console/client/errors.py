"""What can go wrong with a payment, drawn as a tree. No I/O; the values in the errors hold no credential.

    MppError
    └── PaymentError
        ├── SyncClient               PaymentAuth was given to a client that is not async
        ├── NotPaid                  nothing left this machine, no money moved
        │   ├── NoUsableOffer        no challenge of the answer can or may be paid; `ranking` says why, one by one
        │   ├── PaymentDeclined      whoever was asked said no, or nobody was there to ask
        │   ├── PolicyRefused        the budget was used up by other payments between review and reservation
        │   ├── EarlierPaymentOpen   the same idempotency key stands for a payment whose outcome is not known yet
        │   ├── PaymentAbandoned     signing failed, or the request never got out of the machine
        │   ├── ChallengeExpired     time ran out before the credential could leave
        │   ├── InsecureOrigin       plain http outside loopback
        │   ├── CrossOriginPayment   a redirect led to another origin before the payment was asked for
        │   └── BodyNotReplayable    the request body cannot be sent a second time byte for byte
        ├── CredentialSpent          a credential left; `operation` says what is known. Never pay the same request again
        │   ├── PaymentRejected      the server refused it, and the rail says that no money moved
        │   └── OutcomeUnknown       nobody can say yet; `Payments.resolve` asks again
        │       └── PaidNotDelivered the rail says that the money moved, and the server did not deliver
        └── StreamStopped            an answer charged for as it comes was given up; `operation` says what it cost
            ├── StreamOverLimit      it wants more than the policy, the caller or whoever approved it allow
            ├── StreamStalled        the server has what it asked for, and delivers nothing
            └── StreamUnfair         the server asks again and again and delivers nothing, or asks what makes no sense

Rails add `PaymentRefused` (from `mpp_console.methods.base`), which is `PaymentAbandoned`'s cause when signing was
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.protocol import MppError

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.journal import Operation
    from mpp_console.client.offers import Ranking
    from mpp_console.client.origin import Origin
    from mpp_console.client.policy import Verdict
    from mpp_console.client.review import Review
    from mpp_console.protocol import Problem

__all__ = [
    "BodyNotReplayable",
    "ChallengeExpired",
    "CredentialSpent",
    "CrossOriginPayment",
    "EarlierPaymentOpen",
    "InsecureOrigin",
    "NoUsableOffer",
    "NotPaid",
    "OutcomeUnknown",
    "PaidNotDelivered",
    "PaymentAbandoned",
    "PaymentDeclined",
    "PaymentError",
    "PaymentRejected",
    "PolicyRefused",
    "StreamOverLimit",
    "StreamStalled",
    "StreamStopped",
    "StreamUnfair",
    "SyncClient",
]


class PaymentError(MppError):
    """A request that asked for money did not end in a paid answer."""

    default_code = "payment"


class SyncClient(PaymentError):
    """Paying waits for people, chains and journals, so there is no synchronous flow."""

    default_code = "sync-client"


class NotPaid(PaymentError):
    """Nothing was paid and nothing left this machine: the request may safely be made again.

    `response` is the answer that asked for money, when there is one.
    """

    default_code = "not-paid"
    response: httpx.Response | None = None


class NoUsableOffer(NotPaid):
    """None of the offers can be taken. `ranking` holds every one with its reason."""

    default_code = "no-usable-offer"

    def __init__(self, ranking: Ranking) -> None:
        # A server may make many offers, and all of them fail for one reason.
        reasons = dict.fromkeys([offer.reason for offer in ranking.offers] + list(ranking.malformed))
        super().__init__("no offer can be paid: " + "; ".join(reasons))
        self.ranking = ranking


class PaymentDeclined(NotPaid):
    """Somebody said no. `review` is what they were shown."""

    default_code = "declined"

    def __init__(self, message: str, *, review: Review, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.review = review


class PolicyRefused(NotPaid):
    """The spending policy refuses, now that concurrent payments are counted."""

    default_code = "policy-refused"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            verdict.summary, hint="raise the limit in your spending policy, or wait until the window has passed"
        )
        self.verdict = verdict


class EarlierPaymentOpen(NotPaid):
    """The caller repeats a request whose earlier payment may still happen: paying now could pay it twice."""

    default_code = "earlier-payment-open"

    def __init__(self, operation: Operation) -> None:
        super().__init__(
            f"an earlier payment with the idempotency key of this request is {operation.state}",
            hint="wait until it is resolved",
        )
        self.operation = operation


class PaymentAbandoned(NotPaid):
    """The payment stopped on this side after its row was written; the row says `refused`."""

    default_code = "abandoned"

    def __init__(self, message: str, *, operation: Operation, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class ChallengeExpired(NotPaid):
    """The challenge ran out before the credential could leave."""

    default_code = "challenge-expired"

    def __init__(self) -> None:
        super().__init__("the challenge expired before the payment could be sent", hint="make the request again")


class InsecureOrigin(NotPaid):
    """A credential must not travel in the clear (core spec, "Transport Security")."""

    default_code = "insecure-origin"

    def __init__(self, origin: Origin) -> None:
        super().__init__(f"{origin} does not use TLS, so no payment is sent there", hint="use its https:// address")
        self.origin = origin


class CrossOriginPayment(NotPaid):
    """A redirect led elsewhere, and that origin asks for money that nobody chose to pay to it."""

    default_code = "cross-origin"

    def __init__(self, requested: Origin, asking: Origin) -> None:
        super().__init__(
            f"{requested} redirected to {asking}, which asks for a payment",
            hint=f"request {asking} directly if you mean to pay it",
        )
        self.requested = requested
        self.asking = asking


class BodyNotReplayable(NotPaid):
    """The body was a stream that is gone, so that the paid request could not carry the same bytes."""

    default_code = "body-not-replayable"


class CredentialSpent(PaymentError):
    """A credential left the machine and the answer was no delivery.

    `response` is the server's answer, with its body read up to a limit, or None when none came; `problem` is what it
    said, inert.
    """

    default_code = "credential-spent"

    def __init__(
        self,
        message: str,
        *,
        operation: Operation,
        response: httpx.Response | None = None,
        problem: Problem | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.response = response
        self.problem = problem


class PaymentRejected(CredentialSpent):
    """The payment did not happen: `operation` is refused, on the rail's word or because no money was in it."""

    default_code = "payment-rejected"


class OutcomeUnknown(CredentialSpent):
    """Nobody can say yet whether the money moved. It is not paid again; `Payments.resolve` or `recover` finds out."""

    default_code = "outcome-unknown"


class PaidNotDelivered(OutcomeUnknown):
    """The answer proved nothing, and the rail has since said that the money moved: `operation` is settled."""

    default_code = "paid-not-delivered"


class StreamStopped(PaymentError):
    """We pay no further for an answer that is charged for as it comes. What came of it is paid for, and no more."""

    default_code = "stream-stopped"

    def __init__(self, message: str, *, operation: Operation, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.operation = operation


class StreamOverLimit(StreamStopped):
    """It would cost more than is allowed."""

    default_code = "stream-over-limit"


class StreamStalled(StreamStopped):
    """The server has the voucher that it asked for, was asked what it waits for, and still nothing comes."""

    default_code = "stream-stalled"


class StreamUnfair(StreamStopped):
    """The server asks for money without delivering, or for what it cannot have."""

    default_code = "stream-unfair"
