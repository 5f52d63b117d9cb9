"""Every action of the console, once: its keys, what it is called, what it does, where it works and how dangerous it is.

Bindings, the footer, the command palette, the cheat sheet and the key table of the README all come from `ACTIONS`.
`python -m mpp_console.tui.actions` prints the key table. Carrying an action out is the business of the app and its
screens; nothing here touches a widget or a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from textual.binding import Binding

from mpp_console.services.models import ConsoleState

__all__ = ["ACTIONS", "Action", "Danger", "Scope", "action", "bindings", "in_scope", "key_table", "keys_text"]


class Danger(IntEnum):
    """What an action may cost. From `SPEND` on, only a review sheet carries it out."""

    READ = 0
    LOCAL = 1
    SPEND = 2
    GRAVE = 3


class Scope(StrEnum):
    """Where an action's keys work; the value is the heading in the cheat sheet."""

    APP = "Everywhere"
    WALLET = "Wallet"
    RECEIPTS = "Receipts"
    SERVER = "Server"
    LIST = "Lists"
    REVIEW = "Review sheet"
    DIALOG = "Dialogs"


Blocked = Callable[[ConsoleState | None], str | None]


def _never(_state: ConsoleState | None) -> str | None:
    return None


def _until_open(state: ConsoleState | None) -> str | None:
    return "The console is still opening." if state is None or not state.started else None


def _no_test(state: ConsoleState | None) -> str | None:
    return _until_open(state) or (state.test_unavailable if state else None)


def _no_funds(state: ConsoleState | None) -> str | None:
    return _until_open(state) or (state.fund_unavailable if state else None)


def _no_server(state: ConsoleState | None) -> str | None:
    return _until_open(state) or (state.server.unavailable if state else None)


def _no_account(state: ConsoleState | None) -> str | None:
    if reason := _until_open(state):
        return reason
    return None if state and state.account else "There is no account yet: mpp-console accounts create NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a person can do.

    `id` is stable, since keymaps and documents refer to it. `keys` are Textual key names, comma-separated; empty
    means palette only. `blocked` gives the reason why it cannot be done now: the action stays visible and says so.
    `review` tells that carrying it out leads to a review sheet, or happens on one. `hint` is a place in the footer,
    lower first; None keeps it out.
    """

    id: str
    keys: str
    label: str
    help: str
    scope: Scope
    danger: Danger = Danger.READ
    review: bool = False
    blocked: Blocked = _never
    hint: int | None = None
    priority: bool = False

    @property
    def handler(self) -> str:
        """The name of the method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            f"app.do('{self.id}')",
            self.label,
            show=False,
            tooltip=self.help,
            id=self.id,
            priority=self.priority,
        )


_APP = (
    Action(
        id="mode.wallet",
        keys="1",
        label="Wallet",
        help="Balance, accounts, spending, and a box to pay a URL.",
        scope=Scope.APP,
    ),
    Action(id="mode.receipts", keys="3", label="Receipts", help="Payments made and received, live.", scope=Scope.APP),
    Action(
        id="mode.server",
        keys="5",
        label="Server",
        help="The local paid test server: its routes and its live tail.",
        scope=Scope.APP,
    ),
    Action(
        id="test.one",
        keys="t",
        label="Test payment",
        help="Pays the local test server once in play money and shows the receipt. Sandbox only; no review.",
        scope=Scope.APP,
        danger=Danger.LOCAL,
        blocked=_no_test,
        hint=30,
    ),
    Action(
        id="test.all",
        keys="T",
        label="Test every route",
        help="Calls every route of the local test server and shows a table of outcomes. Sandbox only.",
        scope=Scope.APP,
        danger=Danger.LOCAL,
        blocked=_no_test,
        hint=70,
    ),
    Action(
        id="fund",
        keys="plus",
        label="Fund",
        help="Asks the network's faucet for test money.",
        scope=Scope.APP,
        danger=Danger.LOCAL,
        blocked=_no_funds,
        hint=40,
    ),
    Action(
        id="refresh",
        keys="r",
        label="Refresh",
        help="Reads balances and lists anew. Spends nothing.",
        scope=Scope.APP,
        blocked=_until_open,
    ),
    Action(
        id="privacy",
        keys="asterisk",
        label="Privacy",
        help="Masks amounts and addresses on every screen; again shows them.",
        scope=Scope.APP,
        hint=80,
    ),
    Action(
        id="log",
        keys="E",
        label="Events",
        help="What happened, errors included, each with the command that does the same.",
        scope=Scope.APP,
        hint=90,
    ),
    Action(id="palette", keys="ctrl+p,colon", label="Commands", help="Finds every action by name.", scope=Scope.APP),
    Action(
        id="theme",
        keys="",
        label="Change theme",
        help="Picks another theme; it previews while you choose.",
        scope=Scope.APP,
    ),
    Action(
        id="maximize",
        keys="m",
        label="Maximize",
        help="Gives the focused pane the whole screen; esc restores it.",
        scope=Scope.APP,
    ),
    Action(
        id="focus.next", keys="l", label="Next pane", help="Moves to the next pane; tab does the same.", scope=Scope.APP
    ),
    Action(
        id="focus.previous",
        keys="h",
        label="Previous pane",
        help="Moves to the previous pane; shift+tab does the same.",
        scope=Scope.APP,
    ),
    Action(
        id="back",
        keys="escape",
        label="Back",
        help="Clears the filter, then restores a maximized pane, then goes back. Never quits.",
        scope=Scope.APP,
    ),
    Action(
        id="leave",
        keys="q",
        label="Back or quit",
        help="Goes back; in a mode's own screen asks whether to quit.",
        scope=Scope.APP,
    ),
    Action(
        id="quit",
        keys="ctrl+q",
        label="Quit",
        help="Quits; asks first when a payment is in flight or the server runs.",
        scope=Scope.APP,
        priority=True,
    ),
    Action(
        id="copy", keys="ctrl+c", label="Copy", help="Copies the selected text; pressed twice, quits.", scope=Scope.APP
    ),
    Action(
        id="help",
        keys="question_mark,f1",
        label="Help",
        help="Every key and action, searchable.",
        scope=Scope.APP,
        hint=100,
    ),
)

_WALLET = (
    Action(
        id="wallet.pay",
        keys="n",
        label="Pay a URL",
        help="Goes to the URL box; enter requests it and opens the review sheet.",
        scope=Scope.WALLET,
        danger=Danger.SPEND,
        review=True,
        blocked=_until_open,
        hint=10,
    ),
    Action(
        id="wallet.copy",
        keys="y",
        label="Copy address",
        help="Copies the address of the default account.",
        scope=Scope.WALLET,
        blocked=_no_account,
        hint=50,
    ),
)

_RECEIPTS = (
    Action(
        id="receipts.filter",
        keys="slash",
        label="Filter",
        help="Narrows the list: words, or origin:api status:success dir:sent.",
        scope=Scope.RECEIPTS,
        blocked=_until_open,
        hint=15,
    ),
    Action(
        id="receipts.copy",
        keys="y",
        label="Copy reference",
        help="Copies the reference of the selected receipt.",
        scope=Scope.RECEIPTS,
        hint=50,
    ),
    Action(
        id="receipts.command",
        keys="Y",
        label="Copy command",
        help="Copies the command that shows the selected receipt.",
        scope=Scope.RECEIPTS,
    ),
    Action(
        id="receipts.explorer",
        keys="w",
        label="Explorer",
        help="Opens the transaction of the selected receipt in the network's explorer.",
        scope=Scope.RECEIPTS,
    ),
)

_SERVER = (
    Action(
        id="server.toggle",
        keys="s",
        label="Start / stop",
        help="Starts the local paid server on a free port of 127.0.0.1, or stops it.",
        scope=Scope.SERVER,
        danger=Danger.LOCAL,
        blocked=_no_server,
        hint=10,
    ),
    Action(
        id="server.curl",
        keys="Y",
        label="Copy curl",
        help="Copies a curl command for the selected route.",
        scope=Scope.SERVER,
        hint=20,
    ),
    Action(
        id="server.copy",
        keys="y",
        label="Copy URL",
        help="Copies the URL of the selected route.",
        scope=Scope.SERVER,
        hint=50,
    ),
)

_LIST = (
    Action(id="list.open", keys="enter", label="Open", help="Opens the selected row.", scope=Scope.LIST, hint=5),
    Action(id="list.down", keys="j,down", label="Down", help="Moves one row down.", scope=Scope.LIST),
    Action(id="list.up", keys="k,up", label="Up", help="Moves one row up.", scope=Scope.LIST),
    Action(id="list.first", keys="g,home", label="First", help="Moves to the first row.", scope=Scope.LIST),
    Action(id="list.last", keys="G,end", label="Last", help="Moves to the last row.", scope=Scope.LIST),
    Action(id="list.page_down", keys="ctrl+d,pagedown", label="Page down", help="Moves a page down.", scope=Scope.LIST),
    Action(id="list.page_up", keys="ctrl+u,pageup", label="Page up", help="Moves a page up.", scope=Scope.LIST),
    Action(
        id="list.follow",
        keys="f",
        label="Follow",
        help="Follows new rows, or stops following them.",
        scope=Scope.LIST,
        hint=25,
    ),
)

_REVIEW = (
    Action(
        id="review.approve",
        keys="a",
        label="Allow once",
        help="Pays what the sheet shows, once.",
        scope=Scope.REVIEW,
        danger=Danger.SPEND,
        review=True,
    ),
    Action(
        id="review.allow",
        keys="A",
        label="Allow this origin",
        help="Pays, and lets this origin be paid again for an hour within the cap that the sheet shows.",
        scope=Scope.REVIEW,
        danger=Danger.SPEND,
        review=True,
    ),
    Action(id="review.reject", keys="r", label="Reject", help="Declines. Nothing is signed.", scope=Scope.REVIEW),
    Action(
        id="review.copy",
        keys="Y",
        label="Copy command",
        help="Copies the command that does the same.",
        scope=Scope.REVIEW,
    ),
    Action(
        id="review.close",
        keys="escape,q",
        label="Cancel",
        help="Declines if nothing was decided yet, and closes the sheet.",
        scope=Scope.REVIEW,
    ),
)

_DIALOG = (Action(id="dialog.close", keys="escape,q", label="Close", help="Closes the dialog.", scope=Scope.DIALOG),)

ACTIONS: tuple[Action, ...] = (*_APP, *_WALLET, *_RECEIPTS, *_SERVER, *_LIST, *_REVIEW, *_DIALOG)
"""All actions, in the order in which help lists them."""

_BY_ID = {entry.id: entry for entry in ACTIONS}

_KEY_NAMES = {
    "plus": "+",
    "asterisk": "*",
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "escape": "esc",
    "down": "↓",
    "up": "↑",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "f1": "F1",
}


def action(name: str) -> Action:
    """The action of that id. Raises KeyError."""
    return _BY_ID[name]


def in_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions whose keys work in these scopes."""
    return tuple(entry for entry in ACTIONS if entry.scope in scopes)


def bindings(scope: Scope) -> list[Binding]:
    """Textual bindings of one scope, for the `BINDINGS` of the app, screen or widget that it stands for."""
    return [entry.binding() for entry in in_scope(scope) if entry.keys]


def keys_text(entry: Action, *, first: bool = False) -> str:
    """The keys as people write them: `j ↓`, `?`; only the first one when asked."""
    names = [_KEY_NAMES.get(key, key) for key in entry.keys.split(",") if key]
    return " ".join(names[:1] if first else names)


def key_table(entries: Iterable[Action] = ACTIONS) -> str:
    """The actions as a Markdown table, one heading a scope."""
    lines: list[str] = []
    scope: Scope | None = None
    for entry in entries:
        if not entry.keys:
            continue
        if entry.scope is not scope:
            scope = entry.scope
            lines += ["", f"**{scope}**", "", "| key | action | |", "| --- | --- | --- |"]
        keys = " ".join(f"`{name}`" for name in keys_text(entry).split())
        lines.append(f"| {keys} | {entry.label} | {entry.help} |")
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(key_table())
