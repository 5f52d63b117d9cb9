"""Every action of the console, once: its keys, what it is called, what it does, where it works and how dangerous it is.

Bindings, the footer, the command palette, the cheat sheet and the key table of the README all come from `ACTIONS`; one
file a scope holds them. `python -m mpp_console.tui.actions` prints the key table. Carrying an action out is the
business of the app and its screens; nothing here touches a widget or a service.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, key_to_character

from mpp_console.tui.actions import app, channels, inspect, lists, receipts, response, server, sessions, sheets, wallet
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = [
    "ACTIONS",
    "Action",
    "Danger",
    "Scope",
    "action",
    "bindings",
    "in_scope",
    "key_names",
    "key_table",
    "keys_text",
]

ACTIONS: tuple[Action, ...] = (
    *app.ACTIONS,
    *wallet.ACTIONS,
    *sessions.ACTIONS,
    *receipts.ACTIONS,
    *inspect.ACTIONS,
    *server.ACTIONS,
    *channels.ACTIONS,
    *lists.ACTIONS,
    *sheets.ACTIONS,
    *response.ACTIONS,
)
"""All actions, in the order in which help lists them."""

_BY_ID = {entry.id: entry for entry in ACTIONS}

_KEY_NAMES = {
    "escape": "esc",
    "space": "space",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "pagedown": "pgdn",
    "pageup": "pgup",
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


def key_names(keys: Iterable[str]) -> list[str]:
    """Textual's key names as people write keys: `?`, `↓`, `ctrl+,`, `F1`."""
    return [_key_name(key) for key in keys]


def _key_name(key: str) -> str:
    before, plus, base = key.rpartition("+")
    if base in _KEY_NAMES:
        name = _KEY_NAMES[base]
    elif base.startswith("f") and base[1:].isdigit():
        name = base.upper()
    else:
        name = (key_to_character(REPLACED_KEYS.get(base, base)) or base) if len(base) > 1 else base
    return before + plus + name


def keys_text(entry: Action, *, first: bool = False) -> str:
    """The keys of the registry as people write them: `j ↓`, `?`; only the first one when asked. Which ones are in force
    says the keymap.
    """
    names = key_names(key for key in entry.keys.split(",") if key)
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
