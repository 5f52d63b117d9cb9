"""What people see of an account, what deleting one means, and what can go wrong with one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mpp_console.protocol import MppError

__all__ = [
    "Account",
    "AccountError",
    "AccountKind",
    "BadName",
    "Deletion",
    "NoSuchAccount",
    "NotConfirmed",
    "WatchOnly",
    "WrongNetwork",
]

AccountKind = Literal["local", "watch", "sandbox"]


class AccountError(MppError):
    """Something about an account could not be done."""

    default_code = "account"


class BadName(AccountError):
    """A name that cannot be typed or shown safely."""

    default_code = "bad-account-name"


class NoSuchAccount(AccountError):
    """No account has this name or address."""

    default_code = "no-such-account"


class WatchOnly(AccountError):
    """The account's key is not here."""

    default_code = "watch-only"


class WrongNetwork(AccountError):
    """A sandbox account outside of the sandbox."""

    default_code = "sandbox-account"


class NotConfirmed(AccountError):
    """The account's name was not typed. `deletion` says what would be lost, when something would."""

    default_code = "not-confirmed"

    def __init__(self, message: str, *, hint: str, deletion: Deletion | None = None) -> None:
        super().__init__(message, hint=hint)
        self.deletion = deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as people see it. `local` and `sandbox` accounts sign; a `watch` account only looks.

    `chain_id` is the one chain of a sandbox account, None for accounts that are good on every network.
    """

    name: str
    address: str
    kind: AccountKind
    is_default: bool
    created_at: datetime
    chain_id: int | None = None

    @property
    def can_sign(self) -> bool:
        return self.kind != "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What deleting an account means. `key_kept` says where its key can still be found, empty when it has none."""

    account: Account
    key_kept: str
    warning: str
