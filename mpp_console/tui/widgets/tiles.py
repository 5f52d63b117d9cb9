"""The tiles of the wallet: a currency's total in big digits, what is held of each, and who may sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Digits, Static

from mpp_console.protocol import Currency, inert
from mpp_console.services.models import AccountView, BalanceView, ConsoleState, Money
from mpp_console.tui.actions import action
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, INFO, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.view import View, key_text
from mpp_console.tui.widgets.facts import Lines
from mpp_console.tui.widgets.pane import Pane

__all__ = ["AccountsTile", "AssetRow", "AssetsPane", "BalanceTile", "Holding", "balance_of", "holding_of"]

_STALE_SECONDS = 60
"""After this long a balance is drawn dim and with `~`: it may no longer hold."""
_ACCOUNTS_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What there is of one currency. None is unknown, which is not zero."""

    currency: Currency
    available: int | None
    locked: int | None = None
    at_risk: int | None = None
    pending_refund: int | None = None

    @property
    def total(self) -> int | None:
        """Everything that is ours; what is at risk is part of what is locked."""
        if self.available is None:
            return None
        return self.available + (self.locked or 0) + (self.pending_refund or 0)

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """What the total is made of, as far as it is known; empty when all of it is available."""
        apart = (("locked", self.locked), ("at risk", self.at_risk), ("pending refund", self.pending_refund))
        known = tuple((name, amount) for name, amount in apart if amount is not None)
        if not any(amount for _, amount in known):
            return ()
        return (("available", self.available), *known) if self.available is not None else known


def balance_of(state: ConsoleState | None, currency_id: str | None) -> BalanceView | None:
    """The balance of a currency; the first one when that is not held, or none is named."""
    if state is None or not state.balances:
        return None
    return next((item for item in state.balances if item.currency.id == currency_id), state.balances[0])


def holding_of(state: ConsoleState, balance: BalanceView) -> Holding:
    """A balance with what is kept elsewhere of the same currency."""

    def of(moneys: tuple[Money, ...]) -> int | None:
        return next((money.amount for money in moneys if money.currency.id == balance.currency.id), None)

    return Holding(
        currency=balance.currency,
        available=balance.available,
        locked=of(state.locked),
        at_risk=of(state.at_risk),
        pending_refund=of(state.pending_refund),
    )


class BalanceTile(Pane):
    """The total of the currency that is selected. Big while it fits, whole always: an amount is never cut."""

    DEFAULT_CSS = """
    BalanceTile {
        height: auto;
        Digits { height: 3; color: $foreground; width: 1fr; }
        #balance-text { height: 3; padding-top: 1; text-style: bold; display: none; }
        #balance-parts { display: none; }
        &.-plain Digits { display: none; }
        &.-plain #balance-text { display: block; }
        &.-stale Digits, &.-stale #balance-text { color: $text-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__(title="Balance", id="balance")
        self._amount = UNKNOWN
        self._told: tuple[Holding, Lens] | None = None

    def compose(self) -> ComposeResult:
        yield Digits("")
        yield Static("", id="balance-text", markup=False)
        yield Static("", id="balance-note", markup=False)
        yield Static("", id="balance-parts", markup=False)
        yield Static("", id="balance-spent", markup=False)

    def look(self, view: View, currency_id: str | None = None) -> None:
        lens, state = view.lens, view.state
        balance = balance_of(state, currency_id)
        holding = holding_of(state, balance) if state and balance else None
        self._amount = lens.money(holding.total, holding.currency, unit=False) if holding else lens.plain(UNKNOWN)
        stale = bool(balance and balance.at and (lens.now - balance.at).total_seconds() > _STALE_SECONDS)
        self.set_class(stale, "-stale")
        self._fit()
        self.query_one("#balance-note", Static).update(_balance_note(view, balance))
        self._told = (holding, lens) if holding else None
        self._draw_parts()
        spent = _spent_today(state, balance, lens)
        self.query_one("#balance-spent", Static).update(Content.assemble(("paid in 24 h ", MUTED), spent))
        self.frame(badge=_age_badge(balance, lens, stale=stale))

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._fit()
        self._draw_parts()

    def _draw_parts(self) -> None:
        """What the total is made of: where lines are few, only what there is something of."""
        holding, lens = self._told or (None, None)
        parts = holding.parts if holding else ()
        if self.screen.has_class("-short"):
            some = tuple((name, amount) for name, amount in parts if amount)
            parts = some if any(name != "available" for name, _ in some) else ()
        line = self.query_one("#balance-parts", Static)
        line.display = bool(parts)
        self.set_class(bool(parts), "-parted")
        line.update(_parts_content(parts, holding.currency, lens) if holding and lens and parts else Content(""))

    def _fit(self) -> None:
        fits = self._amount[:1].isdigit() and _digits_width(self._amount) <= self.size.width
        # Big digits are made of corners and lines, which a terminal of nothing but ASCII has not.
        plain = not fits or self.app.has_class("-ascii")
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
    if view.state is None or not view.state.started:
        return Content.styled("opening the console…", MUTED)
    if view.state.account is None:
        key = view.keymap.text(action("wallet.accounts"), first=True)
        return Content.assemble(("no account yet: ", WARN), (key, "bold $primary"), (" makes or imports one", MUTED))
    if balance is None:
        return Content.styled("no balance yet", MUTED)
    symbol = Content.styled(inert(balance.currency.symbol, limit=12), "bold $primary")
    if balance.error:
        return Content.assemble(symbol, "  ", (f"! {inert(balance.error)}", WARN))
    all_of_it = " in all" if holding_of(view.state, balance).parts else ""
    return Content.assemble(symbol, (f"{all_of_it} on {inert(view.state.profile.label)}", MUTED))


def _parts_content(parts: Sequence[tuple[str, int]], currency: Currency, lens: Lens) -> Content:
    texts = [lens.column(amount, currency) for _, amount in parts]
    widest = max(map(cell_len, texts), default=0)
    symbol = inert(currency.symbol, limit=12)
    lines = [
        Content.assemble(
            (f"{name:<16}", MUTED),
            (" " * (widest - cell_len(text)) + text, (WARN if amount else MUTED) if name == "at risk" else ""),
            (f" {symbol}", MUTED),
        )
        for (name, amount), text in zip(parts, texts, strict=True)
    ]
    return Content("\n").join(lines)


def _spent_today(state: ConsoleState | None, balance: BalanceView | None, lens: Lens) -> str:
    if state is None or balance is None or not state.budget:
        return lens.plain(UNKNOWN)
    spent = next((money for money in state.spent_today if money.currency.id == balance.currency.id), None)
    return lens.money(spent.amount, spent.currency) if spent else "nothing"


def _age_badge(balance: BalanceView | None, lens: Lens, *, stale: bool) -> Content:
    if balance is None or balance.at is None:
        return Content("")
    return Content.styled(f"{'~ ' if stale else ''}{lens.age(balance.at)} old", WARN if stale else MUTED)


@dataclass(frozen=True, slots=True)
class AssetRow:
    """A token as a row of the assets."""

    id: str
    currency: Currency
    total: int | None


_ASSETS = (Column(title="TOKEN", width=8, grow=1), Column(title="TOTAL", width=14, right=True, whole=True))


def _asset_cells(row: AssetRow, lens: Lens) -> Sequence[Cell]:
    tone = MUTED if not row.total else ""
    return ((inert(row.currency.symbol, limit=16), ""), (lens.column(row.total, row.currency), tone))


class AssetsPane(FeedPane[AssetRow]):
    """Every token of the network with what there is of it. The selected one is what the other tiles show."""

    def __init__(self, lens: Lens) -> None:
        feed: Feed[AssetRow] = Feed(_ASSETS, _asset_cells, lens, empty="No balance yet.", follow=False, id="asset-feed")
        super().__init__(feed, title="Assets", id="assets")
        self._shown: tuple[AssetRow, ...] = ()

    def look(self, view: View) -> None:
        state = view.state
        rows = tuple(
            AssetRow(item.currency.id, item.currency, holding_of(state, item).total)
            for item in (state.balances if state else ())
            if state is not None
        )
        if rows != self._shown:
            self._shown = rows
            self.feed.styles.height = max(len(rows), 2)
            self.feed.replace(rows)
        self.feed.look(view.lens)

    @property
    def currency(self) -> Currency | None:
        """The selected one."""
        return self.feed.selected.currency if self.feed.selected else None


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
        self._accounts: tuple[AccountView, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Lines(self.COLUMNS)

    def show(self, accounts: tuple[AccountView, ...], lens: Lens) -> None:
        self._accounts = accounts
        self.look(lens)

    def look(self, lens: Lens) -> None:
        # The one in use first, so that it is seen however many there are.
        accounts = sorted(self._accounts or (), key=lambda account: not account.is_default)
        rows: list[tuple[Cell, Cell, Cell]] = [_account(account, lens) for account in accounts[:_ACCOUNTS_SHOWN]]
        if len(accounts) > _ACCOUNTS_SHOWN:
            rows.append(((f"  and {len(accounts) - _ACCOUNTS_SHOWN} more", MUTED), ("", ""), ("", "")))
        key = key_text(self, "wallet.accounts")
        self.frame(hint=Content(f"{key} manages them" if key else ""))
        nothing = lens.plain(UNKNOWN) if self._accounts is None else "none yet"
        self.query_one(Lines).show(rows or [((nothing, MUTED), ("", ""), ("", ""))])


def _account(account: AccountView, lens: Lens) -> tuple[Cell, Cell, Cell]:
    mark = lens.plain("● ") if account.is_default else "  "
    return (
        (mark + inert(account.name, limit=32), INFO if account.is_default else ""),
        (account.kind, MUTED),
        (lens.address(account.address), MUTED),
    )
