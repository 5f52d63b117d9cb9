"""The filter box: what is typed narrows the list at once, words are suggested, and mistakes are said beside it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ReceiptFilter
from mpp_console.services.receipt_filter import KEYS, STATUSES
from mpp_console.tui.display import BAD, MUTED
from mpp_console.tui.view import app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane

__all__ = ["FilterBox", "completions", "last_word", "without_begun_key"]

Values = Mapping[str, Sequence[str]]
"""What is known to follow a key."""

_SETTLED_TYPING = 0.12
"""Seconds without a key after which the list is read again."""

_BEGUN = 3
"""Letters that make the beginning of a key; fewer are the beginning of anything."""

_OPENERS = tuple(f"{key}>" if key == "amount" else f"{key}:" for key in KEYS)
_FIXED: Values = {
    "dir": ("sent", "received"),
    "status": STATUSES,
    "since": ("1h", "24h", "7d", "30d"),
    "until": ("1h", "24h", "7d", "30d"),
    "intent": ("charge", "session"),
}
_KEYED = re.compile(r"([a-z]+)[:<>=]+(.*)", re.DOTALL)


def last_word(text: str) -> str:
    """The word that is being typed; empty after a blank, and within quotes, where nothing is suggested."""
    if not text or text[-1].isspace() or text.count('"') % 2:
        return ""
    return text.rsplit(None, 1)[-1]


def completions(text: str, values: Values) -> tuple[str, ...]:
    """How the last word may go on: whole words, the likeliest first."""
    word = last_word(text)
    sign = word[:1] if word[:1] in {"!", "-"} else ""
    rest = word[len(sign) :]
    if keyed := _KEYED.fullmatch(rest):
        key, begun = keyed.groups()
        known = (*_FIXED.get(key, ()), *values.get(key, ()))
        head = rest[: len(rest) - len(begun)]
        return tuple(f"{sign}{head}{value}" for value in known if value.startswith(begun) and value != begun)
    return tuple(f"{sign}{opener}" for opener in _OPENERS if opener.startswith(rest)) if rest else ()


def without_begun_key(text: str) -> str:
    """The text without a last word that looks like the beginning of a key: nobody who types `amount>1` wants to see
    what holds `amou` on the way. Enter searches for such a word all the same.
    """
    word = last_word(text)
    begun = word.lstrip("!-")
    is_key = len(begun) >= _BEGUN and any(opener.startswith(begun) for opener in _OPENERS)
    return text[: len(text) - len(word)].rstrip() if is_key else text


class _Completer(Suggester):
    """Shows the likeliest completion dimmed behind the cursor."""

    def __init__(self, values: Callable[[], Values]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._values = values

    async def get_suggestion(self, value: str) -> str | None:
        found = completions(value, self._values())
        return value[: len(value) - len(last_word(value))] + found[0] if found else None


class FilterInput(Input):
    """An input in which tab completes the word, and moves on when there is nothing to complete."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    def __init__(self, values: Callable[[], Values], *, id: str) -> None:  # noqa: A002
        super().__init__(placeholder="all receipts", id=id, compact=True, suggester=_Completer(values))
        self._values = values

    def action_complete(self) -> None:
        found = completions(self.value, self._values())
        if not found:
            self.screen.focus_next()
            return
        self.value = self.value[: len(self.value) - len(last_word(self.value))] + found[0]
        self.cursor_position = len(self.value)


class FilterBox(Pane):
    """Reads a filter. `values` gives what may follow a key, such as the origins in sight."""

    class Chosen(Message):
        """What is typed is a filter (None: everything). `final` when enter said so."""

        def __init__(self, box: FilterBox, text: str, chosen: ReceiptFilter | None, *, final: bool) -> None:
            super().__init__()
            self.box = box
            self.text = text
            self.chosen = chosen
            self.final = final

        @property
        def control(self) -> Widget:
            return self.box

    DEFAULT_CSS = """
    #filter-fault { height: auto; display: none; }
    """

    def __init__(self, values: Callable[[], Values], *, id: str) -> None:  # noqa: A002
        super().__init__(title="Filter", id=id)
        self._values = values

    def compose(self) -> ComposeResult:
        yield FilterInput(self._values, id="filter-text")
        yield Static("", id="filter-fault", markup=False)

    @property
    def text(self) -> str:
        return self.query_one(Input).value.strip()

    def open(self) -> None:
        """Shows the box with the filter in force, ready to type."""
        self.display = True
        self._suggest()
        self.query_one(Input).focus()

    def put(self, text: str) -> None:
        """Writes a filter into the box without choosing it."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = text

    def count(self, shown: int, total: int) -> None:
        """Says how many pass."""
        said = f"{shown:,} of {total:,}".replace(",", " ")
        self.frame(badge=Content.styled(said, "$primary" if shown else "$warning"))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._suggest()
        # What was begun for the text before is ended: only the last of a row of keys reads the history.
        begin(self, partial(self._after_typing, event.value.strip()), group="filter", what="filter", exclusive=True)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.workers.cancel_group(self, "filter")
        text = event.value.strip()
        try:
            chosen = self._read(text)
        except MppError as error:
            self._fault(error)
            app_of(self).tell(error)
            return
        self.post_message(self.Chosen(self, text, chosen, final=True))

    async def _after_typing(self, text: str) -> None:
        await asyncio.sleep(_SETTLED_TYPING)
        text = without_begun_key(text)
        try:
            chosen = self._read(text)
        except MppError as error:
            self._fault(error)
            return
        self.post_message(self.Chosen(self, text, chosen, final=False))

    def _read(self, text: str) -> ReceiptFilter | None:
        return console_of(self).receipts.parse_filter(text, app_of(self).clock()) if text else None

    def _fault(self, error: MppError) -> None:
        said = f"{error} · {error.hint}" if error.hint else str(error)
        plain = app_of(self).view.lens.plain
        # On lines of its own: the border would cut off what is allowed, which is the end of it.
        fault = self.query_one("#filter-fault", Static)
        fault.update(Content.styled(plain(f"✗ {inert(said, limit=400)}"), BAD))
        fault.display = True

    def _suggest(self) -> None:
        self.query_one("#filter-fault", Static).display = False
        found = completions(self.query_one(Input).value, self._values())
        plain = app_of(self).view.lens.plain
        if found:
            first, *others = (inert(word, limit=60) for word in found[:6])
            more = Content.styled(f" {' '.join(others)}", MUTED)
            self.frame(hint=Content.assemble(("tab ", "$primary"), first, more))
        else:
            keys = " ".join(_OPENERS)
            self.frame(hint=Content(plain(f"enter keeps it · esc clears it · ! leaves out · {keys}")))
