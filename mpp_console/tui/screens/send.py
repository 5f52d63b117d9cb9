"""Who is to get how much of which token: a form that leads to the review sheet of a transfer, and stays until something
was sent.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from mpp_console.protocol import inert
from mpp_console.services.models import AccountView, BalanceView, Stage, TransferRequest
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.arming import LET_GO_SECONDS
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.screens.overlay import FIELDS, Overlay
from mpp_console.tui.view import View, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick, PickOption

if TYPE_CHECKING:
    from mpp_console.services.transfers import TransferTask

__all__ = ["SendDialog"]

_MEMO_BYTES = 32


class SendDialog(Overlay[None]):
    """The form. `currency_id` is the token it begins with. Nothing is asked of the network before enter."""

    KEYS = FIELDS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#send-to"

    def __init__(self, *, currency_id: str | None = None) -> None:
        super().__init__()
        self._currency_id = currency_id
        self._accounts: tuple[AccountView, ...] = ()
        self._transfer: TransferTask | None = None
        self._closed_at = float("-inf")

    def compose(self) -> ComposeResult:
        with Pane(title="Send", hint="enter goes on to the review · nothing is sent before you allow it", id="form"):
            with Horizontal(classes="field"):
                yield Label("to")
                with Vertical():
                    hint = app_of(self).view.lens.placeholder("0x… or the name of one of your accounts")
                    yield Input(placeholder=hint, id="send-to", compact=True)
                    yield Static("", id="send-known", markup=False)
            with Horizontal(classes="field"):
                yield Label("amount")
                yield Input(placeholder="0.00", id="send-amount", compact=True, restrict=r"[0-9.]*")
            with Horizontal(classes="field"):
                yield Label("token")
                with Vertical():
                    yield Pick(self._options(), self._first(), id="send-token")
                    yield Static("", id="send-balance", markup=False)
            with Horizontal(classes="field"):
                yield Label("memo")
                yield Input(placeholder="optional, public, 32 bytes at most", id="send-memo", compact=True)
            yield Static("", id="form-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("Review", id="submit", compact=True, classes="-armed")

    def on_mount(self) -> None:
        self.watch(self.app, "view", self._look)
        begin(self, self._read, group="accounts", what="accounts")

    async def _read(self) -> None:
        self._accounts = await console_of(self).accounts.list()

    def _look(self, view: View) -> None:
        self._draw(view.lens)

    # What is filled in

    @property
    def _balances(self) -> tuple[BalanceView, ...]:
        state = app_of(self).view.state
        return state.balances if state else ()

    def _options(self) -> list[PickOption]:
        return [PickOption(id=item.currency.id, label=inert(item.currency.symbol, limit=16)) for item in self._balances]

    def _first(self) -> str:
        known = [item.currency.id for item in self._balances]
        return self._currency_id if self._currency_id in known else known[0] if known else ""

    def _recipient(self) -> tuple[str, AccountView | None]:
        """The address that is meant, and the account it belongs to, if it is one of ours."""
        typed = self.query_one("#send-to", Input).value.strip()
        meant = (account for account in self._accounts if typed in (account.name, account.address))
        known = next(meant, None) or next(
            (account for account in self._accounts if account.address.lower() == typed.lower()), None
        )
        # What was typed goes on as typed: the checksum in its letters is checked there.
        return (known.address if known and typed == known.name else typed), known

    def _objection(self) -> tuple[str, str] | None:
        """The field that cannot be right, and why."""
        to, _ = self._recipient()
        amount, memo = (self.query_one(name, Input).value.strip() for name in ("#send-amount", "#send-memo"))
        if not to:
            return "#send-to", "Say who is to get it."
        if not to.lower().startswith("0x"):
            return "#send-to", f"{to} is neither an address nor the name of one of your accounts."
        try:
            worth = Decimal(amount)
        except InvalidOperation:
            return "#send-amount", "Say how much, as a number."
        if not worth > 0:
            return "#send-amount", "Nothing would be sent. Give an amount above zero."
        if len(memo.encode()) > _MEMO_BYTES and not memo.startswith("0x"):
            return "#send-memo", f"A memo has at most {_MEMO_BYTES} bytes, this one {len(memo.encode())}."
        return None

    # What was pressed

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    async def _next(self, event: Input.Submitted) -> None:
        """Enter leads to the first field that is empty, and from there on to the review."""
        empty = [name for name in ("#send-to", "#send-amount") if not self.query_one(name, Input).value.strip()]
        if empty and event.input.value.strip():
            self.query_one(empty[0], Input).focus()
        else:
            await self._review()

    @on(Button.Pressed, "#submit")
    async def _review(self) -> None:
        from mpp_console.tui.transfer_sheet import TransferSheet

        app = app_of(self)
        if app.monotonic() - self._closed_at < LET_GO_SECONDS:
            # Enter, held down: it opened the sheet, declined on it, and would now open it again and again.
            return
        objection = self._objection()
        self._say(objection[1] if objection else "")
        if objection:
            self.query_one(objection[0], Input).focus()
            return
        to, _ = self._recipient()
        request = TransferRequest(
            to=to,
            amount=self.query_one("#send-amount", Input).value.strip(),
            token=self.query_one("#send-token", Pick).value or None,
            memo=self.query_one("#send-memo", Input).value.strip() or None,
        )
        self._transfer = console_of(self).transfers.start(request)
        await app.push_screen(TransferSheet(self._transfer, opened_by="enter"), self._after)

    def _after(self, _nothing: None) -> None:
        """The sheet was closed: what was sent needs no form any more; what was not can be mended."""
        self._closed_at = app_of(self).monotonic()
        stage = self._transfer.stage if self._transfer else Stage.DECLINED
        if stage not in {Stage.DECLINED, Stage.FAILED}:
            self.dismiss(None)
        elif stage is Stage.FAILED and self._transfer and self._transfer.error:
            self._say(self._transfer.error.message)

    # Drawing

    @on(Input.Changed, "#send-to")
    def _named(self) -> None:
        self._draw(app_of(self).view.lens)

    @on(Pick.Changed, "#send-token")
    def _picked(self) -> None:
        self._draw(app_of(self).view.lens)

    def _draw(self, lens: Lens) -> None:
        typed, (to, known) = self.query_one("#send-to", Input).value.strip(), self._recipient()
        text = Content("")
        if known is not None:
            where = f"{lens.address(to, whole=True)}, " if typed == known.name else ""
            text = Content.styled(f"{where}your account {inert(known.name, limit=32)}", MUTED)
        self.query_one("#send-known", Static).update(text)
        picked = self.query_one("#send-token", Pick).value
        balance = next((item for item in self._balances if item.currency.id == picked), None)
        have = lens.money(balance.available, balance.currency) if balance else lens.plain("—")
        self.query_one("#send-balance", Static).update(Content.styled(f"{have} available", MUTED))

    def _say(self, text: str) -> None:
        self.query_one("#form-note", Static).update(Content.styled(inert(text, limit=300), BAD))
