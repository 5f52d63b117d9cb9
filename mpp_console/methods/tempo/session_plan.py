"""What a session payment will do: raise the voucher, top up first, or open a channel; and how much is locked for it.

Pure: the channel as it is known, the request, the owner's limits and the balance come in, and the same facts always
give the same plan, so that what was shown is what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from mpp_console.methods.base import Check, Level
from mpp_console.protocol import ChannelState

from .client_channel import ClientChannel
from .session_dialect import dialect_of
from .session_schema import SessionRequest

__all__ = ["DepositPolicy", "PlanKind", "SessionPlan", "next_voucher", "plan_session"]


class PlanKind(StrEnum):
    """What paying one request takes."""

    VOUCHER = "voucher"
    TOP_UP = "topup+voucher"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPolicy:
    """How much may be locked for one payee, in base units.

    `maximum` bounds what is locked and not yet used up, None for no bound. `opening` and `top_up` are what to lock
    instead of what the server suggests. `share` is the part of the account's balance that one deposit may take,
    unless a single request costs more.
    """

    maximum: int | None = 5_000_000
    opening: int | None = None
    top_up: int | None = None
    share: Fraction = Fraction(1, 2)


DEFAULT_DEPOSITS: Final = DepositPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """`cumulative` is what the voucher will be over in all, `before` what was used up until now, `locks` what is added
    to the escrow (all in base units).
    """

    kind: PlanKind
    cumulative: int
    before: int = 0
    locks: int = 0
    channel: ClientChannel | None = None


def next_voucher(channel: ClientChannel, request: SessionRequest) -> int:
    """What the next voucher has to be over in all.

    What was spent plus the price, and never less than a voucher that may be out there already: repeating that one
    promises nothing new, and a payee that counted it says so.
    """
    target = max(channel.signed, max(channel.spent, channel.settled) + request.amount)
    step = request.min_voucher_delta or 0
    if channel.accepted < target < channel.accepted + step:
        target = channel.accepted + step
    return target


def plan_session(
    request: SessionRequest,
    channel: ClientChannel | None,
    policy: DepositPolicy,
    balance: int | None,
    target: int | None = None,
) -> SessionPlan | Check:
    """The plan, or why there is none. `channel` None opens one; `balance` is needed only where money is locked. With a
    `target` the voucher is over that, whatever one request costs.
    """
    if channel is None or channel.state not in (ChannelState.ACTIVE, ChannelState.ORPHANED):
        return _open(request, policy, balance)
    target = next_voucher(channel, request) if target is None else target
    before = max(channel.spent, channel.settled)
    if target > dialect_of(request.protocol).maximum:
        return _refuse("channel-full", "The channel has reached the largest sum that it can hold. Close it.")
    if target <= channel.deposit:
        return SessionPlan(kind=PlanKind.VOUCHER, cumulative=target, before=before, channel=channel)
    return _top_up(request, channel, policy, balance, target)


def _open(request: SessionRequest, policy: DepositPolicy, balance: int | None) -> SessionPlan | Check:
    first = max(request.amount, request.min_voucher_delta or 0)
    wanted = max(policy.opening or request.suggested_deposit or first, first)
    deposit = _bounded(wanted, first, policy.maximum, policy, balance)
    if isinstance(deposit, Check):
        return deposit
    return SessionPlan(kind=PlanKind.OPEN, cumulative=first, locks=min(deposit, dialect_of(request.protocol).maximum))


def _top_up(
    request: SessionRequest, channel: ClientChannel, policy: DepositPolicy, balance: int | None, target: int
) -> SessionPlan | Check:
    missing = target - channel.deposit
    wanted = max(missing, policy.top_up or request.suggested_deposit or missing)
    unused = max(channel.deposit - max(channel.spent, channel.settled), 0)
    room = None if policy.maximum is None else max(policy.maximum - unused, 0)
    added = _bounded(wanted, missing, room, policy, balance)
    if isinstance(added, Check):
        return added
    before = max(channel.spent, channel.settled)
    return SessionPlan(
        kind=PlanKind.TOP_UP,
        cumulative=target,
        before=before,
        locks=min(added, dialect_of(request.protocol).maximum - channel.deposit),
        channel=channel,
    )


def _bounded(wanted: int, least: int, limit: int | None, policy: DepositPolicy, balance: int | None) -> int | Check:
    if limit is not None and least > limit:
        return _refuse(
            "deposit-limit",
            f"It needs {least} base units to be locked, and your limit leaves {limit}. Raise the limit for deposits.",
        )
    amount = wanted if limit is None else min(wanted, limit)
    if balance is None:
        return amount
    if balance < least:
        return _refuse(
            "insufficient-balance",
            f"The account holds {balance} base units, and {least} would have to be locked. Fund the account.",
        )
    return min(amount, max(least, int(balance * policy.share)))


def _refuse(code: str, message: str) -> Check:
    return Check(code=code, level=Level.REFUSE, message=message)
