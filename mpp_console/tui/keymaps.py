"""Which keys carry which action out: the registry's own, a preset over them, and a person's own over both.

A keymap is held to the actions before it is in force: known ids, keys that a terminal can send, no key with two
meanings at one place, and none that would let a payment be approved by the key that asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from textual.keys import REPLACED_KEYS, Keys, _character_to_key, key_to_character

from mpp_console.services.settings import ConsoleSettings, mistake
from mpp_console.tui.actions import ACTIONS, Action, Danger, Scope, key_names

__all__ = ["DEFAULT", "PRESETS", "KeyMistake", "Keymap", "check_keymap", "keymap_of", "together"]

PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    "default": {},
    "vim": {
        "palette": "colon,ctrl+p",
        "focus.next": "l,ctrl+w",
        "list.page_down": "ctrl+f,ctrl+d,pagedown",
        "list.page_up": "ctrl+b,ctrl+u,pageup",
    },
    "emacs": {
        "palette": "alt+x,colon",
        "back": "ctrl+g,escape",
        "copy": "alt+w,ctrl+c",
        "list.down": "ctrl+n,down,j",
        "list.up": "ctrl+p,up,k",
        "list.first": "alt+less_than_sign,home,g",
        "list.last": "alt+greater_than_sign,end,G",
        "list.page_down": "ctrl+v,pagedown,ctrl+d",
        "list.page_up": "alt+v,pageup,ctrl+u",
        "dialog.close": "ctrl+g,escape,q",
        "review.close": "ctrl+g,escape,q",
    },
}
"""What each preset changes; everything else keeps the registry's keys."""

_FORBIDDEN: Final = {
    "ctrl+h": "is backspace to many terminals",
    "ctrl+i": "is tab to a terminal",
    "ctrl+j": "is enter to a terminal",
    "ctrl+m": "is enter to a terminal",
    "ctrl+left_square_bracket": "is esc to a terminal",
    "tab": "moves between panes",
    "shift+tab": "moves between panes",
}
_MODIFIERS: Final = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
_ESSENTIAL: Final = ("palette", "help", "back", "quit", "dialog.close", "review.reject", "review.close")
"""Actions that must keep a key, for without them somebody is stuck."""

_NO_KEY: Final = "<none>"
"""What Textual is given for an action that shall have no key; no terminal sends it."""


class KeyMistake(Exception):
    """A key that cannot be. `action_id` names the setting that it stands in."""

    def __init__(self, action_id: str, what: str, hint: str) -> None:
        super().__init__(what)
        self.action_id = action_id
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in force. `changed` holds those that are not the registry's, as Textual names them."""

    name: str = "default"
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def keys(self, entry: Action) -> tuple[str, ...]:
        return self.changed.get(entry.id, tuple(key for key in entry.keys.split(",") if key))

    def text(self, entry: Action, *, first: bool = False) -> str:
        """The keys as people write them: `j ↓`, `?`; only the first one when asked."""
        names = key_names(self.keys(entry))
        return " ".join(names[:1] if first else names)

    @property
    def bindings(self) -> dict[str, str]:
        """For Textual: keys by the id of the binding."""
        return {name: ",".join(keys) or _NO_KEY for name, keys in self.changed.items()}


DEFAULT: Final = Keymap()


def keymap_of(settings: ConsoleSettings) -> Keymap:
    """The keymap that the settings ask for. Raises KeyMistake when it does not hold."""
    known = {entry.id: entry for entry in ACTIONS}
    changed = {name: _split(keys) for name, keys in PRESETS[settings.keymap].items() if name in known}
    for name, keys in settings.keys.items():
        if name not in known:
            raise KeyMistake(name, f"there is no action `{name}`", _nearest(name, known))
        changed[name] = tuple(_checked(known[name], key) for key in _split(keys))
        if not changed[name] and name in _ESSENTIAL:
            raise KeyMistake(name, f"`{name}` must keep a key", "without it somebody is stuck")
    keymap = Keymap(settings.keymap, changed)
    _check_approval(keymap, settings.keys)
    _check_uses(keymap, settings.keys)
    return keymap


def check_keymap(settings: ConsoleSettings, path: Path) -> Keymap:
    """The same; a mistake becomes the SettingsError with the line of the file where it stands."""
    try:
        return keymap_of(settings)
    except KeyMistake as error:
        raise mistake(path, ("console", "keys", error.action_id), error.what, error.hint) from None


def together() -> Iterator[frozenset[Scope]]:
    """The scopes whose keys work at the same time."""
    screens = {Scope.WALLET, Scope.SESSIONS, Scope.RECEIPTS, Scope.INSPECT, Scope.SERVER, Scope.RESPONSE}
    for screen in sorted(screens):
        yield frozenset({Scope.APP, screen, Scope.LIST})
    alone = {Scope.REVIEW, Scope.REQUEST}
    for scope in sorted(alone):
        yield frozenset({scope})
    yield frozenset({Scope.DIALOG, Scope.LIST})
    for scope in sorted(set(Scope) - screens - alone - {Scope.APP, Scope.LIST, Scope.DIALOG}):
        yield frozenset({scope, Scope.DIALOG, Scope.LIST})


def _split(keys: str) -> tuple[str, ...]:
    """The single keys, in Textual's names. The comma itself is written `comma`, or after a modifier."""
    return tuple(_named(key.strip()) for key in re.split(r"(?<![a-z]\+),", keys, flags=re.IGNORECASE) if key.strip())


def _named(key: str) -> str:
    """`?` is `question_mark`, `ctrl+,` is `ctrl+comma`, `shift+x` is `X`, `F2` is `f2`."""
    if len(key) == 1:
        return _character_to_key(key)
    *modifiers, base = key.split("+") if not key.endswith("++") else [*key[:-2].split("+"), "+"]
    if not base:
        base = "+"
    if len(base) == 1 and not base.isalnum():
        base = _character_to_key(base)
    elif len(base) > 1:
        base = base.lower()
    modifiers = sorted(modifier.lower() for modifier in modifiers)
    if modifiers == ["shift"] and len(base) == 1:
        return base.upper()
    if modifiers and len(base) == 1:
        base = base.lower()
    return "+".join([*modifiers, base])


def _checked(entry: Action, key: str) -> str:
    *modifiers, base = key.split("+")
    if not set(modifiers) <= _MODIFIERS or not _exists(base):
        raise KeyMistake(
            entry.id, f"there is no key `{key}`", "keys are written like x, X, ctrl+x, f5, space, pagedown, ?"
        )
    if reason := _FORBIDDEN.get(key):
        raise KeyMistake(entry.id, f"`{key}` {reason}", "choose another key")
    if entry.priority and not set(modifiers) & {"ctrl", "alt", "super", "meta"} and not _is_function(base):
        what = f"`{key}` would be taken from what somebody types: `{entry.id}` works everywhere"
        raise KeyMistake(entry.id, what, "choose one with ctrl or alt, or a function key")
    return key


def _exists(base: str) -> bool:
    return (
        len(base) == 1
        or base in {key.value for key in Keys}
        or key_to_character(REPLACED_KEYS.get(base, base)) is not None
    )


def _is_function(base: str) -> bool:
    return base.startswith("f") and base[1:].isdigit()


def _check_uses(keymap: Keymap, own: Mapping[str, str]) -> None:
    """No key may mean two things at one place. The person's own setting is the one to name."""
    for scopes in together():
        taken: dict[str, Action] = {}
        for entry in sorted((entry for entry in ACTIONS if entry.scope in scopes), key=lambda entry: entry.id in own):
            for key in keymap.keys(entry):
                other = taken.setdefault(key, entry)
                meant = other is entry or entry.over == other.id or other.over == entry.id
                if not meant and (entry.id in own or other.id in own):
                    what = f"`{key}` is {other.label} ({other.id}) already"
                    raise KeyMistake(entry.id, what, f'give `{other.id}` another key first: "{other.id}" = "…"')


def _check_approval(keymap: Keymap, own: Mapping[str, str]) -> None:
    """A key that leads to a review must not approve one, nor may enter or space, which press what has the focus."""
    opening = {"enter": "enter", "space": "space"}
    for entry in ACTIONS:
        if entry.review and entry.scope is not Scope.REVIEW:
            opening |= dict.fromkeys(keymap.keys(entry), entry.id)
    for entry in ACTIONS:
        if entry.scope is Scope.REVIEW and entry.danger >= Danger.SPEND:
            for key in keymap.keys(entry):
                if key in opening:
                    culprit = entry.id if entry.id in own else opening[key]
                    what = f"`{key}` would both ask for a payment and approve it"
                    raise KeyMistake(culprit, what, f"`{entry.id}` needs a key of its own")


def _nearest(name: str, known: Mapping[str, Action]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else "the help of the console (?) shows every id"
