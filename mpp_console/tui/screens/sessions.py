"""Mode 2: payment channels, with what is deposited, spent and left in each. Until there are any: what they are."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content

from mpp_console.tui.actions import Scope, action, bindings, keys_text
from mpp_console.tui.display import GOOD, INFO, MUTED, STRONG, WARN, Lens, Sign
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.view import View, app_of
from mpp_console.tui.widgets.facts import Fact, Laid, facts_content, hanging
from mpp_console.tui.widgets.pane import Pane

__all__ = ["COLUMNS", "SessionsScreen"]

_WHAT: Final = "A session pays many requests from one deposit."
_HOW: Final = (
    "The deposit is put aside in a payment channel, once. From then on each request is paid by a signed voucher, "
    "without a transaction and without a fee; closing the channel settles what was spent and gives the rest back."
)
_NOW: Final = (
    "There are none yet: channels come with sessions, and this version pays by single charges. Nothing is locked "
    "anywhere, so all that you hold is available."
)
_STATES: Final = (
    Sign("●", "open", GOOD),
    Sign("◐", "closing", INFO),
    Sign("◇", "finalizable", INFO),
    Sign("○", "closed", MUTED),
    Sign("!", "stale", WARN),
)
COLUMNS: Final = (
    ("STATE", ""),
    ("ORIGIN", "who is paid"),
    ("GAUGE", "how much of the deposit is spent"),
    ("SPENT", "what vouchers have promised so far"),
    ("DEPOSIT", "what was put aside"),
    ("LEFT", "still to spend, or back on closing"),
    ("LAST USED", "when a request was last paid from it"),
    ("CLOSES IN", "until a one-sided close is final"),
    ("ID", "the channel on the chain"),
)
"""What a row of the list shows, and what each column means."""


class SessionsIntro(Laid):
    """What a session is, in a few lines, and where to go meanwhile."""

    def lay(self, width: int) -> Content:
        lens = app_of(self).view.lens
        lines = [*_heading(self, _WHAT), *_wrapped(_HOW, width, lens)]
        lines += [Content(""), *_wrapped(_NOW, width, lens), Content("")]
        for keys, text in (
            (("mode.wallet", "wallet.pay"), "pays a URL, one charge a request"),
            (("mode.inspect",), "decodes what a URL asks for, sessions too"),
        ):
            pressed = Content(" then ").join([Content.styled(_key(name), f"{STRONG} {INFO}") for name in keys])
            lines += hanging(pressed.pad_right(10 - pressed.cell_length), Content.styled(text, MUTED), width)
        return Content("\n").join(lines)


class SessionsLegend(Laid):
    """The columns of the list to come."""

    def lay(self, width: int) -> Content:
        lens = app_of(self).view.lens
        facts = [Fact(title, _states(lens) if title == "STATE" else Content(text)) for title, text in COLUMNS]
        return Content("\n").join([*_heading(self, "A row will show"), facts_content(facts, width)])


class SessionsScreen(ModeScreen):
    MODE = "sessions"
    SCOPE = Scope.SESSIONS
    AUTO_FOCUS = "#sessions-body"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.SESSIONS)]

    def body(self) -> ComposeResult:
        with (
            Pane(title="Sessions", id="sessions"),
            VerticalScroll(id="sessions-body"),
            Horizontal(id="sessions-empty"),
        ):
            yield SessionsIntro(id="sessions-intro")
            yield SessionsLegend(id="sessions-legend")

    def look(self, view: View) -> None:
        none = Sign(view.lens.plain("○"), "none yet", MUTED)
        self.query_one("#sessions", Pane).frame(badge=none.content)
        self.query_one(SessionsIntro).changed()
        self.query_one(SessionsLegend).changed()


def _heading(node: Laid, text: str) -> list[Content]:
    """In a line of its own, with a free one below it where there is room to spare."""
    roomy = node.screen.has_class("-wide") or node.screen.has_class("-xwide")
    return [Content.styled(text, STRONG), *([Content("")] if roomy else [])]


def _key(name: str) -> str:
    return keys_text(action(name), first=True)


def _wrapped(text: str, width: int, lens: Lens) -> list[Content]:
    return [line.rstrip() for line in Content(lens.plain(text)).wrap(max(width, 8))]


def _states(lens: Lens) -> Content:
    return Content("  ").join([Sign(lens.plain(sign.glyph), sign.word, sign.tone).content for sign in _STATES])
