"""Header fields of a paid answer: what is added, what is merged with the handler's own, and what must not leave.

Fields are lists of `(name, value)` pairs in wire order. Pure; no framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Fields", "exposed", "paid_fields", "private_cache_control", "values_of"]

Fields = Sequence[tuple[str, str]]

EXPOSED = ("WWW-Authenticate", "Payment-Receipt")
"""Fields that a page of another origin may read (mppx and browser wallets need both; Fetch hides them otherwise)."""
SHARED_DIRECTIVES = frozenset({"public", "s-maxage", "private"})
"""Cache directives that a receipt rules out, and `private` itself, also with field names: it is put back without
them."""


def values_of(fields: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Every value of a field, in order; names compare without case."""
    wanted = name.lower()
    return [value for key, value in fields if key.lower() == wanted]


def without(fields: Iterable[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    """The fields that bear none of the names."""
    dropped = {name.lower() for name in names}
    return [(key, value) for key, value in fields if key.lower() not in dropped]


def private_cache_control(values: Iterable[str]) -> str:
    """`Cache-Control` for an answer with a receipt: the handler's directives without the shared ones, and `private`.

    Core spec, "Caching": responses with a receipt MUST be `private`.
    """
    kept = [part for part in _list_items(values) if part.partition("=")[0].strip().lower() not in SHARED_DIRECTIVES]
    return ", ".join([*kept, "private"])


def exposed(values: Iterable[str]) -> str:
    """`Access-Control-Expose-Headers` with the payment fields added to whatever the handler exposes."""
    items = _list_items(values)
    present = {item.lower() for item in items}
    return ", ".join([*items, *(name for name in EXPOSED if name.lower() not in present)])


def paid_fields(fields: Fields, *, status: int, receipt: str) -> list[tuple[str, str]]:
    """The handler's fields as they leave after a payment.

    On 2xx the receipt is added and caching made private. On anything else no receipt leaves, not even one that the
    handler set: "Servers MUST NOT return a Payment-Receipt header on error responses" (core spec, "Receipt Status
    Semantics").
    """
    kept = without(fields, "Payment-Receipt")
    if not 200 <= status < 300:
        return kept
    kept = without(kept, "Cache-Control", "Access-Control-Expose-Headers")
    return [
        *kept,
        ("Cache-Control", private_cache_control(values_of(fields, "Cache-Control"))),
        ("Payment-Receipt", receipt),
        ("Access-Control-Expose-Headers", exposed(values_of(fields, "Access-Control-Expose-Headers"))),
    ]


def _list_items(values: Iterable[str]) -> list[str]:
    """Splits comma lists, keeping commas inside quotes (`no-cache="a, b"`)."""
    items: list[str] = []
    for value in values:
        current, quoted = "", False
        for character in value:
            if character == '"':
                quoted = not quoted
            if character == "," and not quoted:
                items.append(current)
                current = ""
            else:
                current += character
        items.append(current)
    return [item.strip() for item in items if item.strip()]
