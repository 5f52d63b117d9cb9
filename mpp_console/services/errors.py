"""Errors of the application layer. Each says what happened and what to do next; the command line turns `kind` into its
exit code.
"""

from __future__ import annotations

from mpp_console.protocol import MppError, ParseError
from mpp_console.services.payment_models import ErrorKind

__all__ = [
    "FilterError",
    "NoAccount",
    "NoFaucet",
    "ReceiptNotFound",
    "ReceiptNotRepeatable",
    "RequestFailed",
    "ServerUnavailable",
    "SessionNotFound",
    "SettingsError",
    "TestUnavailable",
    "UnknownProfile",
    "UsageError",
    "kind_of",
]


class UsageError(MppError):
    """What was asked for cannot be: a malformed URL, amount, header or address."""

    default_code = "usage"


class SettingsError(UsageError):
    """The settings file does not hold. The message names file, line and what is allowed there."""

    default_code = "settings"


class UnknownProfile(UsageError):
    """No such profile is built in or set up."""

    default_code = "unknown-profile"


class FilterError(UsageError):
    """A filter holds a word that is not understood."""

    default_code = "filter"


class NoAccount(UsageError):
    """There is no account, or none of that name."""

    default_code = "no-account"


class NoFaucet(UsageError):
    """This network gives no test money."""

    default_code = "no-faucet"


class TestUnavailable(UsageError):
    """The one-key test payment exists in the sandbox only."""

    __test__ = False
    default_code = "test-unavailable"


class ServerUnavailable(UsageError):
    """The local server runs in the sandbox only."""

    default_code = "server-unavailable"


class ReceiptNotFound(UsageError):
    """No receipt, or more than one, has this id."""

    default_code = "receipt-not-found"


class ReceiptNotRepeatable(UsageError):
    """What this receipt was paid for cannot be asked for again: its URL is not known, or not to us."""

    default_code = "receipt-not-repeatable"


class SessionNotFound(UsageError):
    """No channel, or more than one, has this id."""

    default_code = "session-not-found"


class RequestFailed(MppError):
    """No answer came: the host was not found, refused, timed out, or broke off."""

    default_code = "request-failed"


def kind_of(error: MppError) -> ErrorKind:
    """Whose trouble it is: the caller's words, the network, a payment, or something else."""
    from mpp_console.client.errors import PaymentError
    from mpp_console.client.sessions.transactions import ChannelTransactionFailed
    from mpp_console.methods.base import PaymentRefused
    from mpp_console.methods.tempo.chain import ChainError, ChainUnreachable
    from mpp_console.methods.tempo.networks import UnknownToken
    from mpp_console.wallet.account_models import AccountError
    from mpp_console.wallet.directory import AccountExists
    from mpp_console.wallet.files import FileExists
    from mpp_console.wallet.keystore import PassphraseNeeded, WrongPassphrase

    match error:
        case WrongPassphrase() | PassphraseNeeded():
            return "usage"
        case UsageError() | ParseError() | AccountError() | AccountExists() | FileExists() | UnknownToken():
            return "usage"
        case RequestFailed() | ChainUnreachable():
            return "network"
        case PaymentError() | PaymentRefused() | ChainError() | ChannelTransactionFailed():
            return "payment"
        case _:
            return "general"
