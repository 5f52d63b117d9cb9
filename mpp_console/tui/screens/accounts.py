"""The accounts: which there are, which one is used, and how they come and go. Keys are typed hidden and handed to the
key store; none is ever shown here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from mpp_console.protocol import Secret, inert
from mpp_console.services.events import AccountsChanged, ConsoleEvent
from mpp_console.services.models import AccountView
from mpp_console.tui.actions import Scope, action, bindings
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import INFO, MUTED, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.screens.form import Field, FormDialog
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of, key_text

__all__ = ["AccountRow", "AccountsDialog"]

_COLUMNS = (
    Column(title="ACCOUNT", width=14, grow=1),
    Column(title="KIND", width=8, keep=5),
    Column(title="SINCE", width=10, keep=3),
    Column(title="ADDRESS", width=11, keep=8),
)
_NAME = Field(id="name", label="name", placeholder="a to z, 0 to 9, - and _")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as a row: its address is its id, so that a new name does not lose it."""

    id: str
    account: AccountView


def _cells(row: AccountRow, lens: Lens) -> Sequence[Cell]:
    account = row.account
    name = f"{lens.plain('● ') if account.is_default else '  '}{inert(account.name, limit=32)}"
    return (
        (name, INFO if account.is_default else ""),
        (account.kind, MUTED),
        (f"{account.created_at.astimezone():%Y-%m-%d}", MUTED),
        (lens.address(account.address), MUTED),
    )


class AccountsDialog(Overlay[None]):
    """Every account of the profile with what can be done to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        *bindings(Scope.ACCOUNTS),
        action("privacy").binding(),
    ]
    AUTO_FOCUS = "#account-feed"

    def __init__(self) -> None:
        super().__init__()
        self._undo: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    def compose(self) -> ComposeResult:
        feed: Feed[AccountRow] = Feed(
            _COLUMNS,
            _cells,
            app_of(self).view.lens,
            empty="No account yet. Press n to make one, i to import a key, or w to watch an address.",
            follow=False,
            id="account-feed",
        )
        pane: FeedPane[AccountRow] = FeedPane(
            feed, title="Accounts", hint="● is used · enter uses another · esc closes", id="accounts-dialog"
        )
        with pane:
            yield Static("", id="accounts-note", markup=False)

    def on_mount(self) -> None:
        app_of(self).batches.subscribe(self, self._hear)
        self.watch(self.app, "view", self._look)
        begin(self, self._read, group="accounts", what="accounts")

    async def _read(self) -> None:
        self._show(await console_of(self).accounts.list())

    def _show(self, accounts: Sequence[AccountView]) -> None:
        self._feed.replace([AccountRow(account.address, account) for account in accounts])

    def _hear(self, events: Sequence[ConsoleEvent]) -> None:
        for event in events:
            if isinstance(event, AccountsChanged):
                self._show(event.accounts)

    def _look(self, view: View) -> None:
        self._feed.look(view.lens)
        self._draw_note(view.lens)

    @on(Feed.Moved, "#account-feed")
    def _moved(self) -> None:
        self._draw_note(app_of(self).view.lens)

    def _draw_note(self, lens: Lens) -> None:
        """The selected address whole, and the one way that a key leaves the store."""
        row = self._feed.selected
        address = lens.address(row.account.address, whole=True) if row else ""
        export = "A private key leaves the key store by one command only: mpp-console accounts export NAME"
        note = Content.assemble((address, "bold"), "\n", (export, MUTED))
        self.query_one("#accounts-note", Static).update(note)

    @property
    def _feed(self) -> Feed[AccountRow]:
        return self.query_one("#account-feed", Feed)

    @property
    def _selected(self) -> AccountView:
        row = self._feed.selected
        if row is None:
            raise Unavailable("There is no account yet: n makes one.")
        return row.account

    # What was pressed

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Feed.Opened, "#account-feed")
    async def _opened(self) -> None:
        await app_of(self).action_do("account.default")

    def do_account_default(self) -> None:
        wanted = self._selected
        if wanted.is_default:
            raise Unavailable(f"{wanted.name} is used already.")
        before = next((row.account for row in self._rows if row.account.is_default), None)
        begin(self, lambda: self._use(wanted, before), group="accounts-change", what="another account")

    async def _use(self, wanted: AccountView, before: AccountView | None) -> None:
        accounts = console_of(self).accounts
        await accounts.set_default(wanted.name)
        if before is not None:
            self._undo.append((f"{before.name} is used again", lambda: accounts.set_default(before.name)))
        app_of(self).say(f"{wanted.name} is used from now on.")

    async def do_account_create(self) -> None:
        accounts = console_of(self).accounts
        await self._ask("New account", (_NAME,), lambda typed: accounts.create(typed["name"].strip()), "Make it")

    async def do_account_import(self) -> None:
        accounts = console_of(self).accounts

        async def take(typed: Mapping[str, str]) -> None:
            await accounts.import_key(typed["name"].strip(), Secret(typed["key"].strip()))

        key = Field(id="key", label="private key", placeholder="64 hex digits, not shown", secret=True)
        text = "For an encrypted key file: mpp-console accounts import NAME --keystore FILE"
        await self._ask("Import a key", (_NAME, key), take, "Import", text)

    async def do_account_watch(self) -> None:
        accounts = console_of(self).accounts
        address = Field(id="address", label="address", placeholder="0x…")
        text = "Its balances are shown; nothing can be paid from it."
        await self._ask(
            "Watch an address",
            (_NAME, address),
            lambda typed: accounts.watch(typed["name"].strip(), typed["address"].strip()),
            "Watch",
            text,
        )

    async def do_account_rename(self) -> None:
        accounts, account = console_of(self).accounts, self._selected

        async def rename(typed: Mapping[str, str]) -> None:
            name = typed["name"].strip()
            await accounts.rename(account.name, name)
            self._undo.append((f"{name} is called {account.name} again", lambda: accounts.rename(name, account.name)))

        field = Field(id="name", label="new name", value=account.name)
        await self._ask(f"Rename {inert(account.name, limit=32)}", (field,), rename, "Rename")

    async def do_account_delete(self) -> None:
        accounts, account = console_of(self).accounts, self._selected
        lens = app_of(self).view.lens
        warning = (await accounts.deletion_warning(account.name)).replace(
            account.address, lens.address(account.address)
        )

        async def delete(typed: Mapping[str, str]) -> None:
            await accounts.delete(account.name, typed["name"].strip())
            self._undo.append((f"{account.name} is back", lambda: accounts.restore(account.name)))
            app_of(self).say(f"{account.name} is deleted; {key_text(self, 'account.undo')} brings it back.")

        field = Field(id="name", label="its name", placeholder=f"type {inert(account.name, limit=32)} to delete it")
        await self._ask(f"Delete {inert(account.name, limit=32)}", (field,), delete, "Delete", warning, grave=True)

    def do_account_undo(self) -> None:
        if not self._undo:
            raise Unavailable("There is nothing to take back.")
        said, work = self._undo.pop()

        async def undo() -> None:
            await work()
            app_of(self).say(f"{said}.")

        begin(self, undo, group="accounts-change", what="undoing")

    def do_account_copy(self) -> None:
        app_of(self).copy_text(self._selected.address, "address")

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _rows(self) -> list[AccountRow]:
        rows = self._feed.rows
        return [row for row in (rows.get(place) for place in range(len(rows))) if row is not None]

    async def _ask(
        self,
        title: str,
        fields: Sequence[Field],
        submit: Callable[[Mapping[str, str]], Awaitable[object]],
        button: str,
        text: str = "",
        *,
        grave: bool = False,
    ) -> None:
        await self.app.push_screen(FormDialog(title, fields, submit, button=button, text=text, grave=grave))
