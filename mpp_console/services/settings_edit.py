"""Changes single settings of the console in the person's file, and leaves every other character of it alone.

There is no TOML library that writes and keeps comments among the dependencies, so lines are edited. What comes out is
read again and must differ from what was there by nothing but the settings concerned; otherwise nothing is written.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from mpp_console.services.errors import SettingsError
from mpp_console.services.settings import parse_settings

__all__ = ["Value", "edited", "save_console"]

Value = str | bool | None
"""What a setting becomes; None takes its line away, so that the default holds."""

_TABLE = "console"
_NEW = "# Settings of mpp-console; `mpp-console config init --stdout` shows every one.\n"
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_SETTING = re.compile(r"(\s*)([A-Za-z0-9_.\"' -]+?)(\s*=\s*)")
_SCALAR = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#\"'\[{]+)(\s*(?:#.*)?)$")


def save_console(path: Path, changes: Mapping[str, Value]) -> None:
    """Writes settings of `[console]` to the file, which is made when there is none, for its owner only.

    A link is followed: what it leads to is replaced, in one step. Blocks on the disk. Raises SettingsError when the
    file does not hold or is written in a way that cannot be edited line by line.
    """
    from mpp_console.wallet.files import private_folder, write_private

    target = path.resolve()
    try:
        text = target.read_bytes().decode("utf-8")
    except FileNotFoundError:
        text = _NEW
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    parse_settings(text, str(path))
    after = edited(text, changes, str(path))
    parse_settings(after, str(path))
    if after != text:
        private_folder(target.parent)
        write_private(target, after.encode())


def edited(text: str, changes: Mapping[str, Value], source: str = "settings.toml") -> str:
    """`text` with those settings of `[console]` changed. Raises SettingsError when that cannot be done safely."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    for key, value in changes.items():
        _set(lines, key, value, newline)
    after = "".join(lines)
    if not _is_only(text, after, changes):
        names = ", ".join(changes)
        raise SettingsError(
            f"{source}: [console] is written in a way that is not safe to edit from here",
            hint=f"set {names} by hand; nothing was changed",
        )
    return after


def _set(lines: list[str], key: str, value: Value, newline: str) -> None:
    place = _find(lines, key)
    if place is not None:
        if value is None:
            del lines[place]
        else:
            lines[place] = _replaced(lines[place], value)
    elif value is not None:
        at = _where_to_insert(lines, key)
        if at is None:
            blank = [newline] if lines and lines[-1].strip() else []
            lines += [*blank, f"[{_TABLE}]{newline}"]
            at = len(lines)
        lines.insert(at, f"{key} = {_written(value)}{newline}")


def _find(lines: list[str], key: str) -> int | None:
    """The line that sets the key, in its table or by a dotted name."""
    table: str | None = None
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            table = header[2] if header[1] == "[" else "[]"
        elif setting := _SETTING.match(line):
            name = setting[2].strip()
            if (table == _TABLE and name == key) or (table is None and name == f"{_TABLE}.{key}"):
                return number
    return None


def _where_to_insert(lines: list[str], key: str) -> int | None:
    """Below the key's own commented line, else below the table's last setting, else below its heading."""
    at, inside = None, False
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            inside = header[1] == "[" and header[2] == _TABLE
            at = number + 1 if inside else at
        elif inside and re.match(rf"\s*#\s*{re.escape(key)}\s*=", line):
            return number + 1
        elif inside and _SETTING.match(line):
            at = number + 1
    return at


def _replaced(line: str, value: str | bool) -> str:
    """The line with another value; its comment stays where it was, if there is room."""
    body = line.rstrip("\r\n")
    setting = _SETTING.match(body)
    if setting is None:
        return line
    start = setting.end()
    scalar = _SCALAR.match(body, start)
    if scalar is None:
        return line
    old, rest, new = scalar[1], scalar[2], _written(value)
    if rest.strip():
        gap = len(rest) - len(rest.lstrip())
        rest = " " * max(gap + len(old) - len(new), 1) + rest.lstrip()
    return body[:start] + new + rest.rstrip() + line[len(body) :]


def _written(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


def _is_only(before: str, after: str, changes: Mapping[str, Value]) -> bool:
    """Whether the texts differ in these settings and in nothing else."""
    wanted = tomllib.loads(before)
    table = wanted.setdefault(_TABLE, {})
    for key, value in changes.items():
        table.pop(key, None)
        if value is not None:
            table[key] = value
    try:
        got = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return False
    got.setdefault(_TABLE, {})
    return got == wanted
