"""The root of every error this program raises on purpose, and the errors of reading and writing the wire.

Pure data: nothing here formats for a screen or logs. Every other package derives its own errors from `MppError`, so
that a front end can catch one type and show `message`, `hint` and a stable `code`.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["FormatError", "LimitError", "MppError", "ParseError"]


class MppError(Exception):
    """An expected failure.

    `message` is for people and says what went wrong; `hint`, when there is one, says what to do next. `code` is
    stable and kebab-case, for programs. None of the three may hold a secret: they are shown, logged and exported.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else self.default_code
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ParseError(MppError):
    """Something that came from outside is not what the protocol allows.

    `position` counts characters from the start of the value that was parsed, None when no single place is to blame.
    """

    default_code = "parse-error"

    def __init__(
        self, message: str, *, code: str | None = None, hint: str | None = None, position: int | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.position = position


class LimitError(ParseError):
    """Something from outside is larger than we are willing to read."""

    default_code = "too-large"


class FormatError(MppError):
    """Our own side tried to build a value that the protocol does not allow."""

    default_code = "format-error"
