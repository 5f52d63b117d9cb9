"""What stands in the sessions mode until there is a channel: what a session is, and what a row will show."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from mpp_console.protocol import ChannelState
from mpp_console.tui.actions import action
from mpp_console.tui.display import INFO, MUTED, STRONG, Lens
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.facts import Fact, Laid, facts_content, hanging

__all__ = ["MEANINGS", "SessionsIntro", "SessionsLegend"]

_WHAT: Final = "A session pays many requests from one deposit."
_HOW: Final = (
    "The deposit is put aside in a payment channel, once. From then on each request is paid by a signed voucher, "
    "without a transaction and without a fee; closing the channel settles what was spent and gives the rest back."
)
_NOW: Final = "There are none yet. Nothing is locked anywhere, so all that you hold is available."
_WAYS: Final = (
    ("sessions.open", "asks a URL for a session; a review shows the deposit first"),
    ("sessions.recover", "looks on the chain for channels that nothing here knows of"),
    ("sessions.import", "reads the channels that another wallet keeps"),
)
_STATES: Final = (
    (ChannelState.ACTIVE, False),
    (ChannelState.CLOSING, False),
    (ChannelState.FINALIZABLE, False),
    (ChannelState.FINALIZED, False),
    (ChannelState.ACTIVE, True),
    (ChannelState.DAMAGED, False),
)
MEANINGS: Final = (
    ("STATE", ""),
    ("ORIGIN", "who is paid"),
    ("GAUGE", "how much of the deposit is spent"),
    ("SPENT", "what was delivered and is owed"),
    ("DEPOSIT", "what was put aside"),
    ("LEFT", "still to spend, or back on closing"),
    ("LAST USED", "when a request was last paid from it"),
    ("CLOSES IN", "until what is left can be taken back"),
    ("ID", "the channel on the chain"),
)
"""What each column of the list means."""


class SessionsIntro(Laid):
    """What a session is, in a few lines, and how to get one."""

    def lay(self, width: int) -> Content:
        app = app_of(self)
        lens, keymap = app.view.lens, app.view.keymap
        lines = [*_heading(self, _WHAT), *_wrapped(_HOW, width, lens)]
        lines += [Content(""), *_wrapped(_NOW, width, lens), Content("")]
        for name, text in _WAYS:
            pressed = Content.styled(keymap.text(action(name), first=True), f"{STRONG} {INFO}")
            lines += hanging(pressed.pad_right(max(4 - pressed.cell_length, 1)), Content.styled(text, MUTED), width)
        return Content("\n").join(lines)


class SessionsLegend(Laid):
    """The columns of the list to come."""

    def lay(self, width: int) -> Content:
        lens = app_of(self).view.lens
        facts = [Fact(title, _states(lens) if title == "STATE" else Content(text)) for title, text in MEANINGS]
        return Content("\n").join([*_heading(self, "A row shows"), facts_content(facts, width)])


def _heading(node: Laid, text: str) -> list[Content]:
    """In a line of its own, with a free one below it where there is room to spare."""
    roomy = node.screen.has_class("-wide") or node.screen.has_class("-xwide")
    return [Content.styled(text, STRONG), *([Content("")] if roomy else [])]


def _wrapped(text: str, width: int, lens: Lens) -> list[Content]:
    return [line.rstrip() for line in Content(lens.plain(text)).wrap(max(width, 8))]


def _states(lens: Lens) -> Content:
    signs = [lens.channel(state, stale=stale).content for state, stale in _STATES]
    # Two lines of its own making, so that no glyph is parted from its word.
    return Content("\n").join([Content("  ").join(signs[:3]), Content("  ").join(signs[3:])])
