"""What never reaches the history file: credentials, keys, preimages, raw headers, passwords in URLs. Pure.

The rest of the program already keeps secrets in `Secret` and hands over decoded values only; this is the last door,
for what a server put where it does not belong. Text is made inert on the way in, so that no later reader of the file
has to think of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mpp_console.history.errors import HistoryError
from mpp_console.protocol import REDACTED, Secret, hide_credentials, inert

__all__ = ["REDACTED", "TEXT_LIMIT", "clean_json", "clean_text", "clean_url"]

TEXT_LIMIT = 4096
"""Characters of one text column. Longer than any id, address or sensible URL; a bound keeps a hostile server from
filling the disk.
"""

_JSON_LIMIT = 64 * 1024  # of one row: a receipt travels in a header, whose limit is far below

_SECRET_NAME = re.compile(
    r"authori[sz]ation|credential|preimage|private|secret|passw|passphrase|mnemonic|seed|signature|cookie|bearer|"
    r"api_?key|apikey|access_?token|refresh_?token|client_?token|id_?token|payment_?token|session_?token|"
    r"raw_?(?:transaction|tx|header)|signed|\bpan\b|\bcvv\b|\bcvc\b",
    re.IGNORECASE,
)
# In a query, `token`, `key`, `sig` and `auth` are where services put their keys; in a receipt `token` is a currency's
# address.
_SECRET_PARAMETER = re.compile(
    rf"{_SECRET_NAME.pattern}|token|\bkey\b|[_-]key|\bsig\b|\bauth\b|\bcode\b|\bpwd?\b", re.IGNORECASE
)


# `max_tokens=200` is how much, and no secret: whoever asks again has to know it.
_COUNT = re.compile(r"[a-z_-]{0,32}tokens=[0-9]{1,9}", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Inert, bounded, and with anything that looks like a credential replaced."""
    return hide_credentials(inert(text, limit=TEXT_LIMIT))


def clean_url(url: str) -> str:
    """The URL without user, password and fragment, and with the values of telling query parameters replaced."""
    text = inert(url, limit=TEXT_LIMIT)
    try:
        parts = urlsplit(text)
    except ValueError:
        return clean_text(text)
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(_clean_parameter(item) for item in parts.query.split("&")) if parts.query else ""
    return clean_text(urlunsplit((parts.scheme, host, parts.path, query, "")))


def _clean_parameter(item: str) -> str:
    if _COUNT.fullmatch(item):
        return item
    name, equals, value = item.partition("=")
    return f"{name}={REDACTED}" if equals and value and _SECRET_PARAMETER.search(name) else item


def clean_json(fields: Mapping[str, Any], *, omit_large: bool = False) -> str:
    """One line of JSON for a column; integers stay exact at any size.

    Raises HistoryError for what JSON cannot carry and for more than 64 KiB, which `omit_large` replaces by a remark.
    """
    try:
        text = json.dumps(_clean(fields), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise HistoryError(f"cannot keep these details: {error}", code="not-json") from error
    if len(text) <= _JSON_LIMIT:
        return text
    if omit_large:
        return json.dumps({"omitted": f"{len(text)} characters of details"})
    raise HistoryError(f"cannot keep {len(text)} characters of details", code="too-large")


def _clean(value: Any) -> Any:
    match value:
        case Secret():
            return REDACTED
        case str():
            return hide_credentials(value)
        case Mapping():
            return {
                _name(name): REDACTED if _SECRET_NAME.search(_name(name)) and item is not None else _clean(item)
                for name, item in value.items()
            }
        case bytes() | bytearray() | memoryview():
            raise TypeError("bytes are not JSON")
        case Sequence():
            return [_clean(item) for item in value]
        case _:
            return value


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("names are text")
    return name
