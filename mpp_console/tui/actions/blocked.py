"""Why an action cannot be done now: one function a reason, over what the console knows without waiting."""

from __future__ import annotations

from mpp_console.services.models import ConsoleState

__all__ = ["no_account", "no_funds", "no_key", "no_server", "no_test", "until_open"]


def until_open(state: ConsoleState | None) -> str | None:
    return "The console is still opening." if state is None or not state.started else None


def no_test(state: ConsoleState | None) -> str | None:
    return until_open(state) or (state.test_unavailable if state else None)


def no_funds(state: ConsoleState | None) -> str | None:
    return until_open(state) or (state.fund_unavailable if state else None)


def no_server(state: ConsoleState | None) -> str | None:
    return until_open(state) or (state.server.unavailable if state else None)


def no_account(state: ConsoleState | None) -> str | None:
    if reason := until_open(state):
        return reason
    return None if state and state.account else "There is no account yet: in the wallet, a makes or imports one."


def no_key(state: ConsoleState | None) -> str | None:
    if reason := no_account(state):
        return reason
    if state and state.account and not state.account.can_sign:
        return f"{state.account.name} is only watched: its key is not here. In the wallet, a chooses another account."
    return None
