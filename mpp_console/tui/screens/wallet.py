"""Mode 1: what there is, who may spend it, what was spent, and a box to pay a URL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from mpp_console.services.events import AccountsChanged, BalanceChanged, ConsoleEvent, ReceiptRecorded
from mpp_console.services.models import ReceiptRow
from mpp_console.tui.actions import Scope, action, bindings
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import ReceiptPages, Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.lists import RECEIPTS, receipt_cells
from mpp_console.tui.view import View, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.tiles import AccountsTile, AssetsTile, BalanceTile, SpendingTile

__all__ = ["WalletScreen"]

_HOUR = timedelta(hours=1)


class WalletScreen(ModeScreen):
    MODE = "wallet"
    SCOPE = Scope.WALLET
    AUTO_FOCUS = "#wallet-feed"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.WALLET)]

    def body(self) -> ComposeResult:
        with Horizontal(id="wallet"):
            with Vertical(id="holdings"):
                with Horizontal(id="tiles"):
                    yield BalanceTile()
                    yield AssetsTile()
                with Horizontal(id="tables"):
                    yield AccountsTile()
                    yield SpendingTile()
            with Vertical(id="activity"):
                with Pane(
                    title="Pay a URL", hint="enter asks for the price · nothing is paid before you allow it", id="pay"
                ):
                    yield Input(placeholder="https://…", id="pay-url", compact=True)
                yield FeedPane(self._feed(), title="Receipts", id="wallet-receipts")
                yield ReceiptPane(id="wallet-detail")

    def _feed(self) -> Feed[ReceiptRow]:
        return Feed(
            RECEIPTS,
            receipt_cells,
            app_of(self).view.lens,
            empty="No receipts yet. Press t to make a test payment, or n to pay a URL.",
            id="wallet-feed",
        )

    @property
    def feed(self) -> Feed[ReceiptRow]:
        return self.query_one("#wallet-feed", Feed)

    def opened(self) -> None:
        begin(self, self._read, group="wallet", what="accounts and receipts")

    async def _read(self) -> None:
        console = console_of(self)
        self.query_one(AccountsTile).show(await console.accounts.list(), app_of(self).view.lens)
        self.query_one(SpendingTile).show_policy(console.policy())
        rows: Rows[ReceiptRow] = Rows(ReceiptPages(console.receipts, None))
        self.feed.show(rows)
        await rows.open()
        self.feed.show(rows)
        await self._read_hours()

    async def _read_hours(self) -> None:
        view = app_of(self).view
        if view.state is None or not view.state.balances:
            return
        currency, hours = view.state.balances[0].currency, 24
        start = (view.lens.now - (hours - 1) * _HOUR).replace(minute=0, second=0, microsecond=0)
        amounts = [0.0] * hours
        for bucket in await console_of(self).receipts.spending(start, _HOUR):
            place = int((bucket.start - start) / _HOUR)
            if bucket.currency.id == currency.id and 0 <= place < hours:
                amounts[place] += bucket.amount
        self.query_one(SpendingTile).show_hours(amounts)

    def look(self, view: View) -> None:
        test = action("test.one").blocked(view.state) is None
        self.query_one("#wallet-receipts", FeedPane).rest(Content("t makes a test payment" if test else ""))
        self.query_one(BalanceTile).look(view)
        self.query_one(AssetsTile).look(view)
        self.query_one(SpendingTile).look(view)
        self.query_one(AccountsTile).look(view.lens)
        self.feed.look(view.lens)
        self.query_one(ReceiptPane).look(view.lens)

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        receipts = [event.row for event in events if isinstance(event, ReceiptRecorded)]
        if receipts:
            self.feed.append(receipts)
        if receipts or any(isinstance(event, BalanceChanged) for event in events):
            begin(self, self._read_hours, group="hours", what="spending by hour", exclusive=True)
        for event in events:
            if isinstance(event, AccountsChanged):
                self.query_one(AccountsTile).show(event.accounts, app_of(self).view.lens)

    # What was pressed

    def do_wallet_pay(self) -> None:
        self.query_one("#pay-url", Input).focus()

    def do_wallet_copy(self) -> None:
        state = app_of(self).view.state
        if state and state.account:
            app_of(self).copy_text(state.account.address, "address")

    @on(Input.Submitted, "#pay-url")
    async def _pay(self, event: Input.Submitted) -> None:
        await app_of(self).attempt(app_of(self).pay(event.value))

    @on(Feed.Moved, "#wallet-feed")
    def _moved(self, event: Feed.Moved) -> None:
        begin(self, partial(self._show, event.row), group="detail", what="receipt", exclusive=True)

    @on(Feed.Opened, "#wallet-feed")
    async def _opened_row(self, event: Feed.Opened) -> None:
        if event.row is not None:
            await super().show_receipt(event.row.id)

    async def _show(self, row: ReceiptRow | None) -> None:
        detail = await console_of(self).receipts.get(row.id) if row else None
        self.query_one(ReceiptPane).show(detail)

    async def show_receipt(self, receipt_id: str) -> None:
        self.feed.follow()
        self.feed.select(receipt_id)
        if not self.query_one(ReceiptPane).display:
            await super().show_receipt(receipt_id)
