"""Mode 1: what there is, who may spend it, what was spent, and a box to pay a URL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input

from mpp_console.protocol import Currency
from mpp_console.services.events import AccountsChanged, BalanceChanged, ConsoleEvent, ReceiptRecorded
from mpp_console.services.models import ReceiptRow
from mpp_console.tui.actions import Scope, action, bindings
from mpp_console.tui.bars import Bars
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import ReceiptPages, Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.lists import RECEIPTS, receipt_cells
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.tiles import AccountsTile, AssetsPane, BalanceTile, balance_of
from mpp_console.tui.widgets.tiles_spending import SpendingTile
from mpp_console.tui.widgets.url_box import UrlBox

__all__ = ["WalletScreen"]

_HOUR, _HOURS = timedelta(hours=1), 24
_DAY, _DAYS = timedelta(days=1), 30


class WalletScreen(ModeScreen):
    MODE = "wallet"
    SCOPE = Scope.WALLET
    AUTO_FOCUS = "#wallet-feed"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.WALLET)]

    _chosen: str | None = None
    """The id of the currency that somebody selected."""
    _bars_hour: datetime | None = None
    """The hour that the last bar of the chart stands for."""

    def body(self) -> ComposeResult:
        lens = app_of(self).view.lens
        with Container(id="wallet"):
            with Container(id="holdings"):
                yield BalanceTile()
                yield AssetsPane(lens)
                yield AccountsTile()
            with Container(id="activity"):
                with Pane(
                    title="Pay a URL", hint="enter asks for the price · nothing is paid before you allow it", id="pay"
                ):
                    yield UrlBox(placeholder="https://…", id="pay-url", compact=True)
                yield FeedPane(self._feed(), title="Receipts", id="wallet-receipts")
                yield ReceiptPane(id="wallet-detail")
            with Container(id="stats"):
                yield SpendingTile(lens)

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
        await self._read_bars()

    def _reread_bars(self) -> None:
        begin(self, self._read_bars, group="bars", what="spending over time", exclusive=True)

    async def _read_bars(self) -> None:
        """What was spent of the selected currency, hour by hour of the last day and day by day of the last thirty."""
        currency = self._currency
        if currency is None:
            return
        now = app_of(self).view.lens.now
        hour = self._bars_hour = _hour_of(now)
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        day = await self._bars(currency, hour - (_HOURS - 1) * _HOUR, _HOUR, _HOURS)
        month = await self._bars(currency, midnight - (_DAYS - 1) * _DAY, _DAY, _DAYS)
        self.query_one(SpendingTile).show_bars(day, month)

    async def _bars(self, currency: Currency, start: datetime, width: timedelta, count: int) -> Bars:
        amounts = [0] * count
        for bucket in await console_of(self).receipts.spending(start, width, currency):
            place = (bucket.start - start) // width
            if 0 <= place < count:
                amounts[place] += bucket.amount
        return Bars(start=start, width=width, amounts=tuple(amounts), currency=currency)

    @property
    def _currency(self) -> Currency | None:
        """The currency that is selected in the assets; before there is a choice, the first one held."""
        balance = balance_of(app_of(self).view.state, self._chosen)
        return balance.currency if balance else None

    def look(self, view: View) -> None:
        test = action("test.one").blocked(view.state) is None
        self.query_one("#wallet-receipts", FeedPane).rest(Content("t makes a test payment" if test else ""))
        self.query_one(AssetsPane).look(view)
        self.query_one(BalanceTile).look(view, self._chosen)
        self.query_one(SpendingTile).look(view, self._currency)
        if self._bars_hour is not None and self._bars_hour != _hour_of(view.lens.now):
            self._reread_bars()
        self.query_one(AccountsTile).look(view.lens)
        self.feed.look(view.lens)
        self.query_one(ReceiptPane).look(view.lens)

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        receipts = [event.row for event in events if isinstance(event, ReceiptRecorded)]
        if receipts:
            self.feed.append(receipts)
        if receipts or any(isinstance(event, BalanceChanged) for event in events):
            self._reread_bars()
        for event in events:
            if isinstance(event, AccountsChanged):
                self.query_one(AccountsTile).show(event.accounts, app_of(self).view.lens)

    # What was pressed

    def do_wallet_pay(self) -> None:
        self.query_one("#pay-url", Input).focus()

    async def do_wallet_request(self) -> None:
        await app_of(self).open_request()

    async def do_wallet_response(self) -> None:
        await app_of(self).show_last_response()

    def do_wallet_copy(self) -> None:
        state = app_of(self).view.state
        if state and state.account:
            app_of(self).copy_text(state.account.address, "address")

    async def do_wallet_send(self) -> None:
        from mpp_console.tui.screens.send import SendDialog

        currency = self._currency
        await self.app.push_screen(SendDialog(currency_id=currency.id if currency else None))

    async def do_wallet_receive(self) -> None:
        from mpp_console.tui.screens.receive import ReceiveDialog

        await self.app.push_screen(ReceiveDialog())

    async def do_wallet_accounts(self) -> None:
        from mpp_console.tui.screens.accounts import AccountsDialog

        await self.app.push_screen(AccountsDialog())

    def do_wallet_uri(self) -> None:
        begin(self, self._copy_uri, group="uri", what="the payment URI", exclusive=True)

    async def _copy_uri(self) -> None:
        app_of(self).copy_text((await console_of(self).receive()).uri, "payment URI")

    def do_wallet_span(self) -> None:
        self._spending.toggle()

    def do_wallet_earlier(self) -> None:
        self._spending.chart.move(-1)

    def do_wallet_later(self) -> None:
        self._spending.chart.move(1)

    @property
    def _spending(self) -> SpendingTile:
        """The chart of spending. Raises Unavailable where it is not drawn."""
        tile = self.query_one(SpendingTile)
        if not tile.charted:
            raise Unavailable("The chart of spending is drawn from 120 columns on.")
        return tile

    @on(Feed.Moved, "#asset-feed")
    def _selected(self, event: Feed.Moved) -> None:
        event.stop()
        if event.row is None or event.row.id == self._chosen:
            return
        self._chosen = event.row.id
        self.look(app_of(self).view)
        self._reread_bars()

    @on(UrlBox.Pasted)
    async def _pasted(self, event: UrlBox.Pasted) -> None:
        await app_of(self).open_request(event.text)

    @on(Input.Submitted, "#pay-url")
    async def _pay(self, event: Input.Submitted) -> None:
        await app_of(self).attempt(app_of(self).pay(event.value))

    @on(Feed.Moved, "#wallet-feed")
    def _moved(self, event: Feed.Moved) -> None:
        begin(self, partial(self._show, event.row), group="detail", what="receipt", exclusive=True)

    @on(Feed.Opened, "#wallet-feed")
    async def _opened_row(self, event: Feed.Opened) -> None:
        if event.row is not None:
            await self.open_receipt(event.row.id)

    async def _show(self, row: ReceiptRow | None) -> None:
        detail = await console_of(self).receipts.get(row.id) if row else None
        self.query_one(ReceiptPane).show(detail)

    async def show_receipt(self, receipt_id: str) -> None:
        self.feed.follow()
        self.feed.select(receipt_id)
        if not self.query_one(ReceiptPane).display:
            await super().show_receipt(receipt_id)


def _hour_of(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
