"""The actions that work everywhere."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import no_funds, no_test, until_open
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="mode.wallet",
        keys="1",
        label="Wallet",
        help="Balance, accounts, spending, and a box to pay a URL.",
        scope=Scope.APP,
    ),
    Action(
        id="mode.sessions",
        keys="2",
        label="Sessions",
        help="Payment channels: what is deposited, spent and left in each.",
        scope=Scope.APP,
    ),
    Action(id="mode.receipts", keys="3", label="Receipts", help="Payments made and received, live.", scope=Scope.APP),
    Action(
        id="mode.inspect",
        keys="4",
        label="Inspect",
        help="Decodes and judges what a URL asks for, or anything pasted. Spends nothing.",
        scope=Scope.APP,
    ),
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
        blocked=no_test,
        hint=30,
    ),
    Action(
        id="test.all",
        keys="T",
        label="Test every route",
        help="Calls every route of the local test server and shows a table of outcomes. Sandbox only.",
        scope=Scope.APP,
        danger=Danger.LOCAL,
        blocked=no_test,
        hint=70,
    ),
    Action(
        id="fund",
        keys="plus",
        label="Fund",
        help="Asks the network's faucet for test money.",
        scope=Scope.APP,
        danger=Danger.LOCAL,
        blocked=no_funds,
        hint=40,
    ),
    Action(
        id="refresh",
        keys="r",
        label="Refresh",
        help="Reads balances and lists anew. Spends nothing.",
        scope=Scope.APP,
        blocked=until_open,
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
        id="tour",
        keys="",
        label="Tour",
        help="Four steps through the sandbox: pay, read the receipt, inspect a URL, see the server.",
        scope=Scope.APP,
        blocked=no_test,
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
