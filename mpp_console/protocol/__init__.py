"""The Payment scheme of HTTP 402, sans-IO: values, grammar, codecs, problem types, preferences, digests, money.

Parses bytes into frozen values and back. There is no I/O, no clock and no randomness here; the present time and
secrets come in as arguments. Importing it is cheap, and everything public is importable from this name.
"""

from __future__ import annotations

from .base64url import b64url_decode, b64url_encode
from .binding import MIN_SECRET_BYTES, ChallengeBinder, compute_challenge_id
from .canonical import (
    canonical_json,
    decode_json_object,
    decode_object,
    encode_object,
)
from .challenge import Challenge, format_challenge, parse_challenges
from .channel import WITHDRAW_CUSHION, ChannelFact, ChannelState, advance_channel, channel_standing
from .credential import Credential, parse_credential
from .did import AccountDid, format_account_did, parse_account_did
from .digest import content_digest, digest_matches
from .discovery import (
    DISCOVERY_MAX_AGE,
    DISCOVERY_PATH,
    DiscoveryOffer,
    PaidOperation,
    openapi_document,
)
from .errors import (
    FormatError,
    LimitError,
    MppError,
    ParseError,
)
from .exchange import (
    ExchangeEvent,
    ExchangeState,
    IllegalTransition,
    advance,
)
from .findings import Finding, FindingLevel, Findings
from .headers import (
    ACCEPT_PAYMENT,
    ACCEPT_PAYMENT_LIMIT,
    AUTHORIZATION,
    CHALLENGE_COUNT_LIMIT,
    CREDENTIAL_LIMIT,
    FIELD_LIMIT,
    FINDING_LIMIT,
    IDEMPOTENCY_KEY,
    PAYMENT_AUTHORIZATION,
    PAYMENT_RECEIPT,
    PROBLEM_JSON,
    PROBLEM_LIMIT,
    SCHEME,
    TOKEN_LIMIT,
    WWW_AUTHENTICATE,
)
from .money import (
    Currency,
    format_units,
    parse_base_units,
    parse_units,
    price_units,
)
from .operation import OperationEvent, OperationState, advance_operation
from .preferences import AcceptPayment, PaymentRange, parse_accept_payment
from .problem import (
    PROBLEM_BASE,
    BadRequest,
    CredentialReplayed,
    InternalPayment,
    InvalidChallenge,
    InvalidPayload,
    MalformedCredential,
    MethodUnsupported,
    OutcomeUncertain,
    PaymentActionRequired,
    PaymentExpired,
    PaymentInsufficient,
    PaymentProblem,
    PaymentRequired,
    Problem,
    VerificationFailed,
    parse_problem,
)
from .receipt import Receipt, parse_receipt
from .secret import Secret
from .text import REDACTED, hide_credentials, inert
from .timestamp import format_timestamp, parse_timestamp

__all__ = [
    "ACCEPT_PAYMENT",
    "ACCEPT_PAYMENT_LIMIT",
    "AUTHORIZATION",
    "CHALLENGE_COUNT_LIMIT",
    "CREDENTIAL_LIMIT",
    "DISCOVERY_MAX_AGE",
    "DISCOVERY_PATH",
    "FIELD_LIMIT",
    "FINDING_LIMIT",
    "IDEMPOTENCY_KEY",
    "MIN_SECRET_BYTES",
    "PAYMENT_AUTHORIZATION",
    "PAYMENT_RECEIPT",
    "PROBLEM_BASE",
    "PROBLEM_JSON",
    "PROBLEM_LIMIT",
    "REDACTED",
    "SCHEME",
    "TOKEN_LIMIT",
    "WITHDRAW_CUSHION",
    "WWW_AUTHENTICATE",
    "AcceptPayment",
    "AccountDid",
    "BadRequest",
    "Challenge",
    "ChallengeBinder",
    "ChannelFact",
    "ChannelState",
    "Credential",
    "CredentialReplayed",
    "Currency",
    "DiscoveryOffer",
    "ExchangeEvent",
    "ExchangeState",
    "Finding",
    "FindingLevel",
    "Findings",
    "FormatError",
    "IllegalTransition",
    "InternalPayment",
    "InvalidChallenge",
    "InvalidPayload",
    "LimitError",
    "MalformedCredential",
    "MethodUnsupported",
    "MppError",
    "OperationEvent",
    "OperationState",
    "OutcomeUncertain",
    "PaidOperation",
    "ParseError",
    "PaymentActionRequired",
    "PaymentExpired",
    "PaymentInsufficient",
    "PaymentProblem",
    "PaymentRange",
    "PaymentRequired",
    "Problem",
    "Receipt",
    "Secret",
    "VerificationFailed",
    "advance",
    "advance_channel",
    "advance_operation",
    "b64url_decode",
    "b64url_encode",
    "canonical_json",
    "channel_standing",
    "compute_challenge_id",
    "content_digest",
    "decode_json_object",
    "decode_object",
    "digest_matches",
    "encode_object",
    "format_account_did",
    "format_challenge",
    "format_timestamp",
    "format_units",
    "hide_credentials",
    "inert",
    "openapi_document",
    "parse_accept_payment",
    "parse_account_did",
    "parse_base_units",
    "parse_challenges",
    "parse_credential",
    "parse_problem",
    "parse_receipt",
    "parse_timestamp",
    "parse_units",
    "price_units",
]
