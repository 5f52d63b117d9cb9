"""The wallet: a total for each currency, spending against budgets, sending, receiving, accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Button, Digits, Input, Static

from mpp_console.client.policy import SpendingPolicy
from mpp_console.protocol import format_units
from mpp_console.services.models import BudgetView, ErrorView, Money, Stage
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.display import Lens
from mpp_console.tui.feed import Feed
from mpp_console.tui.masking import masked
from mpp_console.tui.screens.accounts import AccountsDialog
from mpp_console.tui.screens.form import FormDialog
from mpp_console.tui.screens.receive import ReceiveDialog
from mpp_console.tui.screens.send import SendDialog
from mpp_console.tui.transfer_sheet import TransferSheet, memo_text
from mpp_console.tui.widgets.chart import SpendChart
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.keybar import KeyBar
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.tiles import Holding
from mpp_console.tui.widgets.tiles_spending import SpendingTile, budget_lines
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.scenes.wallet import channels, no_account, no_budget, rich, stranger, unreachable
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.accounts import KEY
from tests.tui.seeded.transfers import SHORT
from tests.tui.seeds import ALPHA, CUSTOMER, NOW, PATH, PAYEE, PAYER


@dataclass
class Wallet:
    """The open wallet, and everything a test may push."""

    pilot: Pilot[Any]
    app: ConsoleApp
    console: SeededConsole
    ticker: Ticker

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await settle(self.pilot)

    async def wait(self, seconds: float = 2) -> None:
        self.ticker.now += seconds
        await settle(self.pilot)

    def text(self, selector: str) -> str:
        return str(self.app.screen.query_one(selector).render())

    def at(self, widget: Widget) -> bool:
        """Whether it has the focus."""
        return self.app.focused is widget

    def drawn(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def box(self, selector: str) -> Input:
        return self.app.screen.query_one(selector, Input)

    async def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.box(f"#{name.replace('_', '-')}").value = value
        await settle(self.pilot)


@asynccontextmanager
async def wallet(console: SeededConsole | None = None, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Wallet]:
    seeded, ticker = console or SeededConsole(), Ticker()
    app = seeded_app(seeded, monotonic=ticker)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield Wallet(pilot, app, seeded, ticker)


# What there is


async def test_selecting_an_asset_shows_its_total_and_its_spending() -> None:
    async with wallet() as shown:
        assert shown.app.screen.query_one("#balance Digits", Digits).value == "999,999.487698"
        shown.app.screen.query_one("#asset-feed", Feed).focus()
        await shown.press("j")
        assert shown.app.screen.query_one("#balance Digits", Digits).value == "999,999.992500"
        assert "AlphaUSD" in shown.text("#balance-note")
        assert "0.005000 AlphaUSD" in shown.text("#spent")
        assert "AlphaUSD an hour" in shown.text("#chart-day")
        await shown.press("k")
        assert "0.410000" in shown.text("#spent")


async def test_the_selection_stays_when_balances_change() -> None:
    async with wallet() as shown:
        shown.app.screen.query_one("#asset-feed", Feed).focus()
        await shown.press("j")
        await shown.press("plus")
        assert shown.app.screen.query_one("#balance Digits", Digits).value == "1,999,999.992500"


async def test_what_is_known_of_channels_is_added_and_listed() -> None:
    async with wallet(channels()) as shown:
        assert shown.app.screen.query_one("#balance Digits", Digits).value == "1,000,028.487698"
        parts = shown.text("#balance-parts")
        for line in (
            "available       999,999.487698",
            "locked               25.0",
            "at risk               1.25",
            "pending refund",
        ):
            assert line in parts


async def test_the_smallest_terminal_keeps_the_frame_of_the_receipts_whatever_is_locked() -> None:
    async with wallet(channels(), size=(60, 20)) as shown:
        pane = shown.app.screen.query_one("#wallet-receipts")
        assert "pending refund" in shown.text("#balance-parts")
        assert pane.region.bottom <= shown.app.screen.query_one(KeyBar).region.y
        assert shown.app.screen.query_one("#wallet-feed").size.height >= 1


async def test_what_is_not_known_of_channels_is_not_shown_as_zero() -> None:
    async with wallet() as shown:
        assert not shown.app.screen.query_one("#balance-parts").display


def test_at_risk_is_part_of_what_is_locked() -> None:
    held = Holding(currency=PATH, available=10, locked=5, at_risk=2, pending_refund=1)
    assert held.total == 16
    assert Holding(currency=PATH, available=None, locked=5).total is None
    assert Holding(currency=PATH, available=10).parts == ()


async def test_a_node_that_does_not_answer_leaves_the_last_balance_marked_as_old() -> None:
    async with wallet(unreachable()) as shown:
        assert shown.app.screen.query_one("#balance Digits", Digits).value == "999,999.487698"
        assert "the node does not answer" in shown.text("#balance-note")
        assert "~ 7 min old" in str(shown.app.screen.query_one("#balance", Pane).border_title)


# Spending


async def test_spending_is_held_against_the_budget() -> None:
    async with wallet() as shown:
        spent = shown.text("#spent")
        assert "24 h  0.410000 of 10.000000 pathUSD" in spent
        assert "4 % · 9.590000 left" in spent
        assert "30 d  0.490000 pathUSD · no limit" in spent


async def test_without_a_policy_it_says_that_there_is_no_limit() -> None:
    async with wallet(no_budget()) as shown:
        assert shown.text("#spent").count("no limit") == 2
        assert "%" not in shown.text("#spent")


@pytest.mark.parametrize(
    ("spent", "share"), [(0, "0 %"), (1, "<1 %"), (79, "79 %"), (80, "! 80 %"), (100, "! 100 %"), (130, "! 130 %")]
)
def test_a_budget_warns_in_words_before_it_is_spent(spent: int, share: str) -> None:
    limit = 100 if spent != 1 else 1_000
    budget = BudgetView(
        period="day", spent=Money(amount=spent, currency=PATH), limit=Money(amount=limit, currency=PATH)
    )
    line = budget_lines(budget, 60, Lens(now=NOW))[1].plain
    assert f"  {share} · " in line
    assert ("━" in line) == (spent > 0)
    assert ("spent" in line) == (spent >= limit)


async def test_the_chart_names_the_bar_that_keys_move_to() -> None:
    async with wallet() as shown:
        assert "pathUSD an hour, last 24 h" in shown.text("#chart-day")
        await shown.press("left")
        assert shown.text("#chart-day").startswith("12:00–13:00  0.010000 pathUSD")
        await shown.press("left")
        assert shown.text("#chart-day").startswith("11:00–12:00  0.000000 pathUSD")
        await shown.press("right", "right")
        assert shown.text("#chart-day").startswith("12:00–13:00")


async def test_the_mouse_names_the_bar_under_it() -> None:
    async with wallet() as shown:
        chart = shown.app.screen.query_one("#chart-day", SpendChart)
        await shown.pilot.hover("#chart-day", offset=(chart.size.width - 1, 3))
        await settle(shown.pilot)
        assert shown.text("#chart-day").startswith("12:00–13:00  0.010000 pathUSD")


async def test_the_chart_switches_between_a_day_and_a_month() -> None:
    async with wallet() as shown:
        tile = shown.app.screen.query_one("#spending", SpendingTile)
        assert "24 h" in str(tile.border_title)
        await shown.press("b")
        assert "30 d" in str(tile.border_title)
        assert shown.app.screen.query_one("#chart-month").display
        assert not shown.app.screen.query_one("#chart-day").display
        await shown.press("left")
        today = [row for row in shown.console.receipts.rows if row.at.date() == NOW.date() and row.currency == PATH]
        amount = format_units(sum(row.amount or 0 for row in today if row.direction == "sent"), 6)
        assert shown.text("#chart-month").startswith(f"Sat Mar 14  {amount} pathUSD")


async def test_very_wide_there_are_both_charts_and_the_policy() -> None:
    async with wallet(size=(200, 50)) as shown:
        assert shown.app.screen.query_one("#chart-day").display
        assert shown.app.screen.query_one("#chart-month").display
        assert "at most 10.000000 pathUSD" in shown.text("#policy")
        left, middle, right = (shown.app.screen.query_one(name).region for name in ("#holdings", "#activity", "#stats"))
        assert left.right <= middle.x
        assert middle.right <= right.x


async def test_where_no_chart_is_drawn_its_keys_say_so() -> None:
    async with wallet(size=(80, 24)) as shown:
        with pytest.raises(Exception, match="120 columns"):
            shown.app.screen.do_wallet_span()  # type: ignore[attr-defined]


async def test_the_chart_moves_on_with_the_hour() -> None:
    seeded, now = SeededConsole(), [NOW]
    app = seeded_app(seeded, clock=lambda: now[0])
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("left")
        now[0] = NOW + timedelta(hours=1)
        app.refresh_view()
        await settle(pilot)
        assert str(app.screen.query_one("#chart-day").render()).startswith("13:00–14:00  0.000000 pathUSD")


async def test_a_payment_appears_in_the_sums_and_in_the_chart() -> None:
    async with wallet() as shown:
        await shown.press("left")
        await shown.press("t")
        assert "0.420000" in shown.text("#spent")
        assert "0.020000 pathUSD" in shown.text("#chart-day")


# Privacy


async def test_privacy_masks_every_amount_and_address_of_the_wallet() -> None:
    async with wallet(channels(), size=(200, 50)) as shown:
        await shown.press("asterisk")
        drawn = shown.drawn()
        for secret in ("999,999", "028.487698", "25.000000", "0.410000", "10.000000", "7099", "9.590000", " % "):
            assert secret not in drawn
        assert shown.app.screen.query_one("#balance").has_class("-plain")


def test_amounts_and_addresses_in_sentences_are_masked() -> None:
    said = f"{PAYER} may get 1,000.000000 pathUSD on chain 1337"
    assert masked(said, Lens(now=NOW, privacy=True)) == "•••••• may get •••••• pathUSD on chain 1337"
    assert masked(said, Lens(now=NOW)) == said


async def test_in_privacy_a_review_shows_amounts_and_addresses_once_they_are_asked_for() -> None:
    async with wallet(stranger()) as shown:
        await shown.press("asterisk", "s")
        await shown.fill(send_to=CUSTOMER, send_amount="2.5")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        sheet = "".join(shown.text(name) for name in ("#headline", "#review-facts", "#note"))
        for secret in ("2.5", CUSTOMER[:12], PAYER[:12], "999", "0.001240"):
            assert secret not in sheet
        await shown.press("asterisk")
        assert "2.500000 pathUSD" in shown.text("#headline")
        assert "Type 2.500000" in shown.text("#note")


# Receiving


async def test_receiving_shows_address_uri_code_and_note_and_copies() -> None:
    async with wallet() as shown:
        await shown.press("i")
        assert isinstance(shown.app.screen, ReceiveDialog)
        facts = shown.text("#receive-facts").replace("\n", "").replace(" ", "")
        assert PAYER in facts
        assert f"ethereum:{PAYER}@1337" in facts
        assert "Only tokens of Sandbox (chain 1337)".replace(" ", "") in facts
        assert "█" in shown.text("#qr")
        await shown.press("y")
        assert shown.app.clipboard == PAYER
        await shown.press("Y")
        assert shown.app.clipboard == f"ethereum:{PAYER}@1337"
        await shown.press("escape")
        assert not isinstance(shown.app.screen, ReceiveDialog)


async def test_in_privacy_neither_address_nor_code_is_shown() -> None:
    async with wallet() as shown:
        await shown.press("i", "asterisk")
        assert not shown.app.screen.query_one("#qr").display
        drawn = shown.drawn()
        assert "7099" not in drawn
        assert "79C8" not in drawn
        assert "Privacy is on" in drawn
        await shown.press("asterisk")
        assert shown.app.screen.query_one("#qr").display


async def test_a_small_terminal_says_what_the_code_needs_and_shows_the_address() -> None:
    async with wallet(size=(60, 20)) as shown:
        await shown.press("i")
        assert not shown.app.screen.query_one("#qr").display
        assert PAYER in shown.drawn().replace("\n", "")
        assert "columns" in shown.drawn()


@pytest.mark.parametrize("theme", ["console-dark", "console-light"])
async def test_the_code_is_dark_on_light_in_every_theme(theme: str) -> None:
    async with wallet() as shown:
        shown.app.theme = theme
        await shown.press("i")
        widget = shown.app.screen.query_one("#qr", Static)
        row = next(line for line in (widget.render_line(y) for y in range(widget.size.height)) if "█" in line.text)
        style = next(part.style for part in row if "█" in part.text)
        assert style is not None
        assert style.color is not None
        assert style.bgcolor is not None
        ink, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
        assert sum(ink) < sum(ground)


# Sending


async def test_send_goes_through_the_form_and_the_review_to_a_reference() -> None:
    async with wallet() as shown:
        await shown.press("s")
        await shown.press(*CUSTOMER, "enter")
        assert shown.at(shown.box("#send-amount"))
        await shown.press(*"12.5", "enter")
        sheet = shown.app.screen
        assert isinstance(sheet, TransferSheet)
        (task,) = shown.console.transfers.tasks
        assert (task.request.to, task.request.amount, task.request.token) == (CUSTOMER, "12.5", PATH.id)
        assert "12.500000 pathUSD" in shown.text("#headline")
        assert CUSTOMER in shown.text("#headline")
        facts = shown.text("#review-facts")
        for word in (PAYER, "chain 1337", "at most 0.001240", "999,986.986458", "Ready to send"):
            assert word in facts
        assert shown.at(sheet.query_one("#cancel", Button))
        assert not sheet.query_one("#allow").display
        await shown.wait()
        await shown.press("a")
        assert task.approvals == 1
        assert task.outcome.reference is not None
        assert task.outcome.reference in shown.text("#result-facts").replace("\n", "").replace(" ", "")
        assert "✓ in a block" in shown.text("#progress")
        await shown.press("escape")
        assert len(shown.app.screen_stack) == 1


async def test_the_key_that_opened_the_sheet_held_down_never_sends() -> None:
    async with wallet() as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER, send_amount="1")
        shown.box("#send-memo").focus()
        for pause in (0.5, *[0.04] * 10):
            shown.ticker.now += pause
            await shown.pilot.press("enter")
        await settle(shown.pilot)
        assert sum(task.approvals for task in shown.console.transfers.tasks) == 0
        assert len(shown.console.transfers.tasks) == 1


async def test_approval_of_a_transfer_is_dead_before_it_was_read() -> None:
    async with wallet() as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER, send_amount="1")
        shown.box("#send-memo").focus()
        await shown.press("enter", "a")
        assert shown.console.transfers.tasks[0].approvals == 0
        await shown.wait()
        await shown.app.action_do("review.allow")
        assert shown.console.transfers.tasks[0].approvals == 0, "a transfer is never allowed for more than once"


@pytest.mark.parametrize("name", ["new recipient", "mainnet"])
async def test_what_is_unusual_must_be_typed_out(name: str) -> None:
    async with wallet(stranger() if name == "new recipient" else rich()) as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER, send_amount="2.5")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        await shown.wait()
        await shown.press("a")
        (task,) = shown.console.transfers.tasks
        assert task.approvals == 0
        assert "Type 2.500000" in shown.text("#note")
        shown.box("#typed").focus()
        await shown.press(*"2.500000", "enter")
        assert task.approvals == 0, "typing arms the choice, it does not make it"
        await shown.wait()
        await shown.press("a")
        assert task.approvals == 1


async def test_declined_the_form_is_still_there_with_what_was_typed() -> None:
    async with wallet() as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER, send_amount="1")
        shown.box("#send-memo").focus()
        await shown.press("enter", "escape")
        assert isinstance(shown.app.screen, SendDialog)
        assert shown.box("#send-to").value == CUSTOMER
        assert shown.console.transfers.tasks[0].stage is Stage.DECLINED


async def test_more_than_there_is_cannot_be_approved() -> None:
    console = SeededConsole()
    console.transfers.next_checks = (SHORT,)
    async with wallet(console) as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER, send_amount="1")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        await shown.wait()
        await shown.press("a")
        assert console.transfers.tasks[0].approvals == 0
        assert "does not cover" in shown.text("#result-facts")
        await shown.press("escape")
        assert isinstance(shown.app.screen, SendDialog)
        assert "does not cover" in shown.text("#form-note")


async def test_what_cannot_be_quoted_says_why() -> None:
    console = SeededConsole()
    console.transfers.next_error = ErrorView(code="bad-checksum", message="the letters of the address do not add up")
    async with wallet(console) as shown:
        await shown.press("s")
        await shown.fill(send_to=CUSTOMER.replace("b9", "B9"), send_amount="1")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        assert "do not add up" in shown.text("#result-facts")


async def test_the_name_of_an_account_stands_for_its_address() -> None:
    async with wallet() as shown:
        await shown.press("s")
        await shown.fill(send_to="merchant", send_amount="1")
        assert PAYEE in shown.text("#send-known")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        assert shown.console.transfers.tasks[0].request.to == PAYEE


async def test_the_form_begins_with_the_selected_token_and_says_what_there_is() -> None:
    async with wallet() as shown:
        shown.app.screen.query_one("#asset-feed", Feed).focus()
        await shown.press("j", "s")
        assert "999,999.992500 AlphaUSD available" in shown.text("#send-balance")
        await shown.fill(send_to=CUSTOMER, send_amount="1")
        shown.box("#send-memo").focus()
        await shown.press("enter")
        assert shown.console.transfers.tasks[0].request.token == ALPHA.id


WRONG: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"send_to": "", "send_amount": "1"}, "#send-to", "who is to get it"),
    ({"send_to": "nobody"}, "#send-to", "neither an address nor the name"),
    ({"send_to": CUSTOMER, "send_amount": ""}, "#send-amount", "how much"),
    ({"send_amount": "1.2.3"}, "#send-amount", "how much"),
    ({"send_amount": "0"}, "#send-amount", "above zero"),
    ({"send_amount": "1", "send_memo": "x" * 33}, "#send-memo", "32 bytes"),
)


async def test_what_cannot_be_right_is_said_before_anything_is_asked() -> None:
    async with wallet() as shown:
        await shown.press("s")
        for values, field, word in WRONG:
            await shown.fill(**values)
            shown.app.screen.query_one("#submit", Button).press()
            await settle(shown.pilot)
            assert word in shown.text("#form-note")
            assert shown.at(shown.box(field))
        assert isinstance(shown.app.screen, SendDialog)
        assert shown.console.transfers.tasks == []


@pytest.mark.parametrize(
    ("memo", "text"),
    [
        ("0x" + b"rent".ljust(32, b"\0").hex(), "rent"),
        ("0x" + "ff" * 32, "0x" + "ff" * 32),
        ("0x" + b"\x1b[2J".ljust(32, b"\0").hex(), "0x" + b"\x1b[2J".ljust(32, b"\0").hex()),
    ],
)
def test_a_memo_is_shown_as_text_where_it_is_text(memo: str, text: str) -> None:
    assert memo_text(memo) == text


# Accounts


async def test_accounts_are_made_used_renamed_and_brought_back() -> None:
    async with wallet() as shown:
        await shown.press("a", "n")
        assert isinstance(shown.app.screen, FormDialog)
        await shown.press(*"spare", "enter")
        assert isinstance(shown.app.screen, AccountsDialog)
        assert [account.name for account in shown.console.accounts.all] == ["main", "merchant", "spare"]
        await shown.press("G", "enter")
        assert [account.name for account in shown.console.accounts.all if account.is_default] == ["spare"]
        await shown.press("e")
        await shown.fill(name="savings")
        await shown.press("enter")
        assert "savings" in [account.name for account in shown.console.accounts.all]
        await shown.press("u")
        assert "spare" in [account.name for account in shown.console.accounts.all]
        await shown.press("u")
        assert [account.name for account in shown.console.accounts.all if account.is_default] == ["main"]
        await shown.press("escape")
        assert "spare" in shown.drawn()


async def test_an_imported_key_is_masked_and_leaves_no_trace() -> None:
    async with wallet() as shown:
        await shown.press("a", "i")
        await shown.fill(name="cold", key=KEY)
        assert shown.box("#key").password
        assert KEY not in shown.drawn()
        assert KEY[2:10] not in shown.drawn()
        shown.box("#key").focus()
        await shown.press("enter")
        assert isinstance(shown.app.screen, AccountsDialog)
        assert "cold" in [account.name for account in shown.console.accounts.all]
        assert all(KEY[2:] not in f"{entry.text} {entry.command}" for entry in shown.app.log_entries)


async def test_what_cannot_be_imported_says_why_and_keeps_the_form() -> None:
    async with wallet() as shown:
        await shown.press("a", "i")
        await shown.fill(name="cold", key="1234")
        shown.box("#key").focus()
        await shown.press("enter")
        assert isinstance(shown.app.screen, FormDialog)
        assert "64 hex digits" in shown.text("#form-note")
        assert "1234" not in shown.drawn()


async def test_an_address_can_be_watched_and_nothing_sent_from_it() -> None:
    console = no_account()
    async with wallet(console) as shown:
        await shown.press("a", "w")
        await shown.fill(name="eyes", address=CUSTOMER)
        shown.box("#address").focus()
        await shown.press("enter", "escape")
        assert console.accounts.all[0].kind == "watch"
        shown.app.refresh_view()
        await shown.press("s")
        assert not isinstance(shown.app.screen, SendDialog)


async def test_deleting_takes_the_name_and_can_be_undone() -> None:
    async with wallet() as shown:
        await shown.press("a", "j", "d")
        assert "trash" in shown.text("#form-text")
        await shown.press(*"merchan", "enter")
        assert isinstance(shown.app.screen, FormDialog)
        assert len(shown.console.accounts.all) == 2
        await shown.press("t", "enter")
        assert [account.name for account in shown.console.accounts.all] == ["main"]
        await shown.press("u")
        assert [account.name for account in shown.console.accounts.all] == ["main", "merchant"]


async def test_closing_the_dialog_of_a_deletion_deletes_nothing() -> None:
    async with wallet() as shown:
        await shown.press("a", "d", "escape", "escape")
        assert len(shown.console.accounts.all) == 2


async def test_the_dialog_of_accounts_says_how_a_key_leaves_and_masks_in_privacy() -> None:
    async with wallet() as shown:
        await shown.press("a")
        assert "accounts export NAME" in shown.drawn()
        assert PAYER in shown.drawn()
        await shown.press("asterisk")
        assert "70997970" not in shown.drawn()


async def test_without_an_account_the_wallet_says_what_to_press() -> None:
    async with wallet(no_account()) as shown:
        assert "a makes or imports one" in shown.text("#balance-note")
        await shown.press("s", "i")
        assert len(shown.app.screen_stack) == 1
        assert shown.app.screen.query_one("#balance").has_class("-plain")
        await shown.press("a")
        assert "Press n to make one" in shown.drawn()


async def test_many_accounts_leave_room_and_keep_the_one_in_use_in_sight() -> None:
    console = SeededConsole()
    main = console.accounts.all[0]
    others = tuple(replace(main, name=f"spare{number}", is_default=False) for number in range(9))
    console.accounts.all = (*others, main)
    async with wallet(console) as shown:
        listed = str(shown.app.screen.query_one("#accounts Lines").render())
        assert "● main" in listed
        assert "and 6 more" in listed


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_dialogs_fit_every_size(size: tuple[int, int]) -> None:
    async with wallet(size=size) as shown:
        for keys in (("s",), ("i",), ("a",), ("a", "i"), ("a", "d")):
            await shown.press(*keys)
            for widget in shown.app.screen.query("Input, Button, KeyBar, Facts, Pick"):
                if widget.display and widget.region:
                    assert widget.region.right <= size[0]
            for button in shown.app.screen.query(Button):
                assert button.region.height == 1
                assert button.region.bottom <= size[1]
            await shown.press(*["escape"] * len(keys))


async def test_policies_in_other_currencies_have_budgets_of_their_own() -> None:
    console = SeededConsole()
    console.rules = SpendingPolicy(per_day={ALPHA.id: 1_000_000})
    async with wallet(console) as shown:
        assert "no limit" in shown.text("#spent")
        shown.app.screen.query_one("#asset-feed", Feed).focus()
        await shown.press("j")
        assert "0.005000 of 1.000000 AlphaUSD" in shown.text("#spent")


async def test_hostile_names_are_inert() -> None:
    console = SeededConsole()
    console.accounts.all = (replace(console.accounts.all[0], name="[bold]x\x1b[31m"),)
    async with wallet(console) as shown:
        for keys in (("a",), ("escape", "i"), ("escape", "s")):
            await shown.press(*keys)
            assert "\x1b" not in shown.drawn()
        assert isinstance(shown.app.screen.query_one("#send-known"), Static)
        assert not shown.app.screen.query(Facts)
