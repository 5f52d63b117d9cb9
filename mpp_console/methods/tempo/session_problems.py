"""What a session's server answers when it refuses (tempo session draft, "Rejection and Error Responses")."""

from __future__ import annotations

from mpp_console.protocol import InternalPayment, PaymentProblem, VerificationFailed

__all__ = [
    "AmountExceedsDeposit",
    "ChallengeNotFound",
    "ChannelFinalized",
    "ChannelNotFound",
    "ChannelUnseen",
    "DeltaTooSmall",
    "InsufficientBalance",
    "InvalidSignature",
    "SessionRefused",
    "SignerMismatch",
]


class ChannelUnseen(InternalPayment):
    """Of this one channel nothing can be learned now: the chain does not show it, or its escrow is not used here. That
    says nothing of any other.
    """


class SessionRefused(VerificationFailed):
    """The credential of a session does not hold for a reason that has no problem type of its own."""


class InvalidSignature(PaymentProblem):
    """The voucher's signature is no canonical signature."""

    slug = "session/invalid-signature"
    title = "Invalid Signature"
    default_detail = "The voucher's signature could not be verified."


class SignerMismatch(PaymentProblem):
    """Somebody else than the channel's signer signed the voucher."""

    slug = "session/signer-mismatch"
    title = "Signer Mismatch"
    default_detail = "The voucher was not signed by the signer of this channel."


class AmountExceedsDeposit(PaymentProblem):
    """More is promised than the channel holds."""

    slug = "session/amount-exceeds-deposit"
    title = "Amount Exceeds Deposit"
    default_detail = "The voucher is over more than the channel's deposit."


class DeltaTooSmall(PaymentProblem):
    """The voucher raises the sum by less than the challenge asked for."""

    slug = "session/delta-too-small"
    title = "Delta Too Small"
    default_detail = "The voucher raises the sum by too little."


class ChannelNotFound(PaymentProblem):
    """No channel of this id is known here."""

    slug = "session/channel-not-found"
    title = "Channel Not Found"
    status = 410
    default_detail = "No channel with this id is known here."


class ChannelFinalized(PaymentProblem):
    """The channel is closed, or being closed: what it would still pay could not be claimed."""

    slug = "session/channel-finalized"
    title = "Channel Finalized"
    status = 410
    default_detail = "The channel is closed, or a close was requested."


class ChallengeNotFound(PaymentProblem):
    """The challenge of a top-up is unknown or over."""

    slug = "session/challenge-not-found"
    title = "Challenge Not Found"
    default_detail = "The challenge is unknown or has expired."


class InsufficientBalance(PaymentProblem):
    """The vouchers accepted so far do not cover this request. `details` say how much more is needed."""

    slug = "session/insufficient-balance"
    title = "Insufficient Balance"
    default_detail = "The accepted vouchers do not cover this request."
