"""The action registry: one place that bindings, footer, palette, help and documents come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest

from mpp_console.tui.actions import ACTIONS, Action, Danger, Scope, action, bindings, in_scope, key_table, keys_text
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.keymaps import together
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.accounts import AccountsDialog
from mpp_console.tui.screens.channels import ChannelsDialog
from mpp_console.tui.screens.dialogs import HelpDialog
from mpp_console.tui.screens.inspect import InspectScreen
from mpp_console.tui.screens.log import LogDialog
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.screens.request import RequestForm
from mpp_console.tui.screens.response import ResponseScreen
from mpp_console.tui.screens.server import ServerScreen
from mpp_console.tui.screens.sessions import SessionsScreen
from mpp_console.tui.screens.wallet import WalletScreen
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET

TOGETHER = (
    {Scope.APP, Scope.WALLET, Scope.LIST},
    {Scope.APP, Scope.RECEIPTS, Scope.LIST},
    {Scope.APP, Scope.SERVER, Scope.LIST},
    {Scope.APP, Scope.SESSIONS, Scope.LIST},
    {Scope.APP, Scope.INSPECT, Scope.LIST},
    {Scope.REVIEW},
    {Scope.APP, Scope.RESPONSE, Scope.LIST},
    {Scope.REQUEST},
    {Scope.DIALOG, Scope.LIST},
    {Scope.LOG, Scope.DIALOG, Scope.LIST},
    {Scope.CHANNELS, Scope.DIALOG, Scope.LIST},
    {Scope.ACCOUNTS, Scope.DIALOG, Scope.LIST},
)
"""Scopes whose keys work at the same time."""

CARRIERS: dict[Scope, type] = {
    Scope.APP: ConsoleApp,
    Scope.WALLET: WalletScreen,
    Scope.ACCOUNTS: AccountsDialog,
    Scope.RECEIPTS: ReceiptsScreen,
    Scope.SERVER: ServerScreen,
    Scope.SESSIONS: SessionsScreen,
    Scope.INSPECT: InspectScreen,
    Scope.LIST: Feed,
    Scope.LOG: LogDialog,
    Scope.CHANNELS: ChannelsDialog,
    Scope.REVIEW: ReviewSheet,
    Scope.RESPONSE: ResponseScreen,
    Scope.REQUEST: RequestForm,
    Scope.DIALOG: HelpDialog,
}


def keys_of(entry: Action) -> list[str]:
    return [key for key in entry.keys.split(",") if key]


@pytest.mark.parametrize("entry", ACTIONS, ids=lambda entry: entry.id)
def test_every_action_is_complete(entry: Action) -> None:
    assert entry.label
    assert entry.help.endswith(".")
    assert len(entry.help) > len(entry.label)
    assert not any(key.startswith(("ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+[")) for key in keys_of(entry))
    assert action(entry.id) is entry


@pytest.mark.parametrize("entry", ACTIONS, ids=lambda entry: entry.id)
def test_every_action_can_be_carried_out_where_its_keys_work(entry: Action) -> None:
    assert callable(getattr(CARRIERS[entry.scope], entry.handler, None)), entry.handler


@pytest.mark.parametrize("entry", ACTIONS, ids=lambda entry: entry.id)
def test_whatever_spends_goes_through_a_review(entry: Action) -> None:
    assert entry.review == (entry.danger >= Danger.SPEND)


def test_only_keys_that_work_everywhere_mean_something_else_in_one_place() -> None:
    for entry in ACTIONS:
        if entry.over:
            assert action(entry.over).scope is Scope.APP
            assert set(keys_of(entry)) <= set(keys_of(action(entry.over)))


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(entry.id for entry in ACTIONS).items() if count > 1] == []


@pytest.mark.parametrize("scopes", TOGETHER, ids=lambda scopes: "+".join(sorted(scopes)))
def test_no_key_means_two_things_at_once(scopes: set[Scope]) -> None:
    over = {entry.over for entry in in_scope(*scopes)}
    keys = Counter(key for entry in in_scope(*scopes) if entry.id not in over for key in keys_of(entry))
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_scope_is_among_those_tested_together() -> None:
    assert set().union(*TOGETHER) == set(Scope) == set(CARRIERS)
    assert {frozenset(scopes) for scopes in TOGETHER} == set(together()), "a person's own keys are held to the same"


def test_keys_that_open_a_review_never_approve_one() -> None:
    approving = {key for name in ("review.approve", "review.allow") for key in keys_of(action(name))}
    opening = {key for entry in ACTIONS if entry.review and entry.scope is not Scope.REVIEW for key in keys_of(entry)}
    assert approving.isdisjoint(opening | {"enter"})


def test_bindings_carry_the_action_and_its_help() -> None:
    for entry, binding in zip(
        (entry for entry in in_scope(Scope.SERVER) if entry.keys), bindings(Scope.SERVER), strict=True
    ):
        assert (binding.id, binding.key, binding.tooltip) == (entry.id, entry.keys, entry.help)
        assert binding.action == f"app.do('{entry.id}')"


def test_no_bare_letter_takes_precedence_over_typing() -> None:
    assert [entry.id for entry in ACTIONS if entry.priority and any(len(key) == 1 for key in keys_of(entry))] == []


def test_while_opening_what_needs_the_console_says_so() -> None:
    for name in ("test.one", "fund", "wallet.pay", "server.toggle", "refresh"):
        assert action(name).blocked(None) == "The console is still opening."
    assert action("help").blocked(None) is None


def test_test_payments_and_funds_say_why_they_are_not_there_on_mainnet() -> None:
    mainnet, sandbox = SeededConsole(profile=MAINNET), SeededConsole()
    for name in ("test.one", "test.all", "fund", "server.toggle"):
        assert action(name).blocked(replace(sandbox.snapshot(), started=True)) is None
        reason = action(name).blocked(replace(mainnet.snapshot(), started=True))
        assert reason is not None
        assert len(reason) > 20


def test_key_table_lists_every_key_once_per_action() -> None:
    table = key_table()
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(1 for entry in ACTIONS if entry.keys)
    assert "| `+` | Fund |" in table
    assert "| `j` `↓` | Down |" in table
    for left, right in combinations([line for line in rows if "Copy" in line], 2):
        assert left != right


def test_keys_are_written_as_people_know_them() -> None:
    assert keys_text(action("settings")) == "F2 ctrl+,"
    assert keys_text(action("settings"), first=True) == "F2"
    assert keys_text(action("help")) == "?"
    assert keys_text(action("fund")) == "+"
    assert keys_text(action("theme")) == ""
