"""A wrapper that keeps a secret out of logs, tables, exports and tracebacks.

Credentials, keys, preimages and raw receipt headers travel in a `Secret`; the only way to the value is `reveal()`,
which is easy to find in a review. This hides values from accident, not from an attacker inside the process.
"""

from __future__ import annotations

import hmac
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

__all__ = ["Secret"]

T = TypeVar("T")


class Secret(Generic[T]):
    """Holds one value. Every text form is `Secret(****)`; it cannot be hashed, pickled or encoded as JSON.

    Equality of `bytes` and `str` secrets takes the same time wherever they differ.
    """

    __slots__ = ("_value",)

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself. Call it as late as possible and keep the result in no attribute."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        # Padding and truncating would still be safe, but a fixed text is easier to recognise in a log.
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = _comparable(self._value), _comparable(other._value)
        if isinstance(mine, bytes) and isinstance(theirs, bytes):
            return type(self._value) is type(other._value) and hmac.compare_digest(mine, theirs)
        return bool(mine == theirs)

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        # dataclasses.asdict copies deeply: it gets the wrapper back, never the value.
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled; reveal() it where it is used")


def _comparable(value: Any) -> Any:
    # compare_digest takes text only when it is ASCII.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
