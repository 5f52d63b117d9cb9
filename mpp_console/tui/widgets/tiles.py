"""The tiles of the wallet: the balance in big digits, what is held, who may sign, and what was spent."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Digits, Sparkline, Static

from mpp_console.protocol import inert
from mpp_console.services.models import AccountView, BalanceView, Money, PolicyView
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, INFO, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.view import View
from mpp_console.tui.widgets.facts import Fact, Facts, Lines
from mpp_console.tui.widgets.pane import Pane

__all__ = ["AccountsTile", "AssetsTile", "BalanceTile", "SpendingTile"]

_STALE_SECONDS = 60
"""After this long a balance is drawn dim and with `~`: it may no longer hold."""


class BalanceTile(Pane):
    """The first token's balance. Big while it fits, whole always: an amount is never cut."""

    DEFAULT_CSS = """
    BalanceTile {
        height: auto;
        Digits { height: 3; color: $foreground; width: 1fr; }
        #balance-text { height: 3; padding-top: 1; text-style: bold; display: none; }
        &.-plain Digits { display: none; }
        &.-plain #balance-text { display: block; }
        &.-stale Digits, &.-stale #balance-text { color: $text-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__(title="Balance", id="balance")
        self._amount = UNKNOWN

    def compose(self) -> ComposeResult:
        yield Digits("")
        yield Static("", id="balance-text", markup=False)
        yield Static("", id="balance-note", markup=False)
        yield Static("", id="balance-spent", markup=False)

    def look(self, view: View) -> None:
        lens, state = view.lens, view.state
        balance = state.balances[0] if state and state.balances else None
        self._amount = lens.money(balance.available, balance.currency, unit=False) if balance else UNKNOWN
        stale = bool(balance and balance.at and (lens.now - balance.at).total_seconds() > _STALE_SECONDS)
        self.set_class(stale, "-stale")
        self._fit()
        self.query_one("#balance-note", Static).update(_balance_note(view, balance))
        spent = _spent(state.spent_today, lens) if state else UNKNOWN
        self.query_one("#balance-spent", Static).update(Content.assemble(("spent today ", MUTED), spent))
        self.frame(badge=_age_badge(balance, lens, stale=stale))

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._fit()

    def _fit(self) -> None:
        plain = not self._amount[:1].isdigit() or _digits_width(self._amount) > self.size.width
        self.set_class(plain, "-plain")
        digits = self.query_one(Digits)
        if digits.value != self._amount:
            digits.update(self._amount)
            self.query_one("#balance-text", Static).update(Content(self._amount))


def _digits_width(text: str) -> int:
    return sum(3 if character.isdigit() else 1 for character in text)


def _balance_note(view: View, balance: BalanceView | None) -> Content:
    if view.failure:
        hint = f" {view.failure.hint}" if view.failure.hint else ""
        return Content.styled(inert(view.failure.message + hint), BAD)
    if view.state is None:
        return Content.styled("opening the console…", MUTED)
    if balance is None:
        return Content.styled("no balance yet", MUTED)
    symbol = Content.styled(inert(balance.currency.symbol, limit=12), "bold $primary")
    if balance.error:
        return Content.assemble(symbol, "  ", (inert(balance.error), WARN))
    return Content.assemble(symbol, (f" on {inert(view.state.profile.label)}", MUTED))


def _age_badge(balance: BalanceView | None, lens: Lens, *, stale: bool) -> Content:
    if balance is None or balance.at is None:
        return Content("")
    return Content.styled(f"{'~ ' if stale else ''}{lens.age(balance.at)} old", WARN if stale else MUTED)


class AssetsTile(Pane):
    """Every token of the network with what is available of it."""

    DEFAULT_CSS = """
    AssetsTile { height: auto; min-height: 4; }
    """
    COLUMNS = (Column(title="TOKEN", width=8, grow=1), Column(title="AVAILABLE", width=14, right=True, whole=True))

    def __init__(self) -> None:
        super().__init__(title="Assets", id="assets")

    def compose(self) -> ComposeResult:
        yield Lines(self.COLUMNS)

    def look(self, view: View) -> None:
        balances = view.state.balances if view.state else ()
        rows = [_asset(balance, view.lens) for balance in balances] or [((UNKNOWN, MUTED), ("", ""))]
        self.query_one(Lines).show(rows)


def _asset(balance: BalanceView, lens: Lens) -> tuple[Cell, Cell]:
    unknown = balance.available is None
    return (
        (inert(balance.currency.symbol, limit=16), ""),
        (lens.column(balance.available, balance.currency), MUTED if unknown or not balance.available else ""),
    )


class AccountsTile(Pane):
    """Who may sign here; the default account is marked."""

    DEFAULT_CSS = """
    AccountsTile { height: auto; min-height: 4; }
    """
    COLUMNS = (
        Column(title="ACCOUNT", width=12, grow=1),
        Column(title="KIND", width=7, keep=4),
        Column(title="ADDRESS", width=11, right=True),
    )

    def __init__(self) -> None:
        super().__init__(title="Accounts", id="accounts")
        self._accounts: tuple[AccountView, ...] = ()

    def compose(self) -> ComposeResult:
        yield Lines(self.COLUMNS)

    def show(self, accounts: tuple[AccountView, ...], lens: Lens) -> None:
        self._accounts = accounts
        self.look(lens)

    def look(self, lens: Lens) -> None:
        rows: list[tuple[Cell, Cell, Cell]] = [_account(account, lens) for account in self._accounts]
        self.query_one(Lines).show(rows or [(("none yet", MUTED), ("", ""), ("", ""))])


def _account(account: AccountView, lens: Lens) -> tuple[Cell, Cell, Cell]:
    mark = lens.plain("● ") if account.is_default else "  "
    return (
        (mark + inert(account.name, limit=32), INFO if account.is_default else ""),
        (account.kind, MUTED),
        (lens.address(account.address), MUTED),
    )


class SpendingTile(Pane):
    """What was spent today and this month, hour by hour for the last day, and the policy that bounds it."""

    DEFAULT_CSS = """
    SpendingTile {
        height: auto;
        Sparkline {
            height: 1fr; min-height: 2; max-height: 6; margin-top: 1;
            & > .sparkline--max-color { color: $primary; }
            & > .sparkline--min-color { color: $primary; }
        }
        #policy { margin-top: 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__(title="Spending", id="spending")
        self._policy: PolicyView | None = None

    def compose(self) -> ComposeResult:
        yield Facts(id="spent")
        yield Sparkline([0.0] * 24, id="hours")
        yield Facts(id="policy")

    def look(self, view: View) -> None:
        state, lens = view.state, view.lens
        today = _spent(state.spent_today, lens) if state else UNKNOWN
        month = _spent(state.spent_month, lens) if state else UNKNOWN
        self.query_one("#spent", Facts).show([Fact("today", Content.styled(today, "bold")), Fact("30 days", month)])

    def show_policy(self, policy: PolicyView) -> None:
        self.query_one("#policy", Facts).show([Fact(label, inert(text)) for label, text in policy.lines])

    def show_hours(self, amounts: list[float]) -> None:
        """What was spent in each of the last 24 hours, oldest first; only the proportions matter."""
        self.query_one("#hours", Sparkline).data = amounts
        self.frame(badge=Content.styled("24 h", MUTED))


def _spent(moneys: tuple[Money, ...], lens: Lens) -> str:
    return lens.sum(moneys) if moneys else "nothing"
