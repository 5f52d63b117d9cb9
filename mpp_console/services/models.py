"""What the front ends see: plain frozen values, free of any rail's, database's or library's own types.

Amounts are integers in base units of a `Currency`; times are aware and in UTC; text that came from elsewhere is
already inert. Unknown is None, never zero. No behaviour beyond formatting, and nothing heavy imported: the screens
import this first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mpp_console.methods.base import Check, Level, Mode, Transfer
from mpp_console.protocol import Currency
from mpp_console.services.payment_models import (
    ErrorKind,
    ErrorView,
    LegTiming,
    Money,
    OfferView,
    OperationView,
    PayMode,
    PayRequest,
    PayResult,
    ProblemView,
    ReceiptView,
    ReviewView,
    Stage,
    StreamView,
    TransferRequest,
    TransferResult,
    TransferReview,
    VerdictAction,
)
from mpp_console.services.receipt_models import (
    AmountBound,
    AmountOp,
    ChainStatus,
    ChainView,
    ExportDone,
    ExportFormat,
    ExportProgress,
    LogView,
    OriginCount,
    ReceiptDetail,
    ReceiptDirection,
    ReceiptFilter,
    ReceiptOrder,
    ReceiptOrderKey,
    ReceiptPage,
    ReceiptRow,
    ReceiptTotal,
    RequestRow,
    SavedFilter,
    SpendBucket,
)
from mpp_console.services.server_models import (
    FaultInfo,
    MinuteView,
    RequestDetail,
    RouteDraft,
    RouteOutcome,
    RouteTrouble,
    RouteView,
    ServerStats,
    ServerView,
)
from mpp_console.services.session_models import (
    ImportResult,
    PayeeChannelRow,
    PayeeChannels,
    RecoverResult,
    SessionAct,
    SessionChainView,
    SessionDetail,
    SessionEntryView,
    SessionOutcome,
    SessionPlanView,
    SessionResult,
    SessionReview,
    SessionReviewRow,
    SessionRow,
    SessionsView,
    SessionTotal,
    SyncResult,
)

__all__ = [
    "AccountKind",
    "AccountView",
    "AmountBound",
    "AmountOp",
    "BalanceView",
    "BudgetPeriod",
    "BudgetView",
    "ChainStatus",
    "ChainView",
    "Check",
    "ConsoleState",
    "ErrorKind",
    "ErrorView",
    "ExportDone",
    "ExportFormat",
    "ExportProgress",
    "FaultInfo",
    "FundResult",
    "ImportResult",
    "LegTiming",
    "Level",
    "LogView",
    "MinuteView",
    "Mode",
    "Money",
    "OfferView",
    "OperationView",
    "OriginCount",
    "PayMode",
    "PayRequest",
    "PayResult",
    "PayeeChannelRow",
    "PayeeChannels",
    "PolicyView",
    "ProblemView",
    "ProfileKind",
    "ProfileView",
    "ReceiptDetail",
    "ReceiptDirection",
    "ReceiptFilter",
    "ReceiptOrder",
    "ReceiptOrderKey",
    "ReceiptPage",
    "ReceiptRow",
    "ReceiptTotal",
    "ReceiptView",
    "ReceiveView",
    "RecoverResult",
    "RequestDetail",
    "RequestRow",
    "ReviewView",
    "RouteDraft",
    "RouteOutcome",
    "RouteTrouble",
    "RouteView",
    "SavedFilter",
    "ServerStats",
    "ServerView",
    "SessionAct",
    "SessionChainView",
    "SessionDetail",
    "SessionEntryView",
    "SessionOutcome",
    "SessionPlanView",
    "SessionResult",
    "SessionReview",
    "SessionReviewRow",
    "SessionRow",
    "SessionTotal",
    "SessionsView",
    "SpendBucket",
    "Stage",
    "StreamView",
    "SyncResult",
    "Transfer",
    "TransferRequest",
    "TransferResult",
    "TransferReview",
    "VerdictAction",
]

ProfileKind = Literal["sandbox", "testnet", "mainnet", "custom"]
AccountKind = Literal["local", "watch", "sandbox"]
BudgetPeriod = Literal["day", "month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """The world in force. `badge` is the short upper-case word the screens always show (`SANDBOX`, `TESTNET`,
    `MAINNET`). `called` is what opens the same on the command line: its name, or an option.
    """

    name: str
    called: str
    kind: ProfileKind
    chain_id: int | None
    label: str
    badge: str
    rpc_url: str | None = None
    explorer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One account. Only `local` and `sandbox` accounts can sign; a `watch` account shows balances and quotes."""

    name: str
    address: str
    kind: AccountKind
    is_default: bool
    created_at: datetime

    @property
    def can_sign(self) -> bool:
        return self.kind != "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """What the account holds of one currency. `available` is what was read at `at`, None while it is unknown; `error`
    says why it could not be read the last time.
    """

    currency: Currency
    available: int | None
    at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundResult:
    """What the faucet did: transaction references, and the balances after it."""

    address: str
    references: tuple[str, ...]
    balances: tuple[BalanceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveView:
    """How to pay this account: its checksummed address, the same as a URI, and a QR code as rows of half-block
    characters.
    """

    address: str
    uri: str
    qr_rows: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """The spending policy as lines for people (`per payment  at most 1.000000 pathUSD`)."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """What payments took of one currency in the last day or the last thirty (both roll), and the most that the policy
    lets them take in that time; `limit` None is no limit.
    """

    period: BudgetPeriod
    spent: Money
    limit: Money | None

    @property
    def left(self) -> Money | None:
        """What may still be spent, never below zero; None without a limit."""
        if self.limit is None:
            return None
        return Money(amount=max(self.limit.amount - self.spent.amount, 0), currency=self.spent.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleState:
    """What the screens may draw at any moment without waiting; kept current by the services.

    `locked` is what the account in use has in payment channels, `at_risk` the part of it that was signed and that
    nobody confirmed, `pending_refund` what is on its way back from closing ones (and not in `locked`); a currency
    without an entry is unknown, which is not zero. `channels` sums up those of all accounts, with what is on its way
    back as a part of what is locked; `stale_channels` counts those somebody should look at. `budget` is empty until the
    history was read.
    """

    profile: ProfileView
    account: AccountView | None
    balances: tuple[BalanceView, ...]
    balances_at: datetime | None
    server: ServerView
    in_flight: int
    spent_today: tuple[Money, ...]
    spent_month: tuple[Money, ...]
    test_unavailable: str | None
    fund_unavailable: str | None
    unresolved: int = 0
    started: bool = False
    locked: tuple[Money, ...] = ()
    at_risk: tuple[Money, ...] = ()
    pending_refund: tuple[Money, ...] = ()
    channels: tuple[SessionTotal, ...] = ()
    stale_channels: int = 0
    budget: tuple[BudgetView, ...] = ()
