"""How values look: money, addresses, times, states. Pure; one `Lens` holds what changes how everything is read.

A state is always a glyph, a word and a colour, so that it survives a terminal without colours. Amounts keep every
decimal of their currency and are never abbreviated. Unknown is `—`, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len
from textual.content import Content

from mpp_console.protocol import ChannelState, Currency, MppError, format_units, inert
from mpp_console.services.models import Level, Money, ProfileView, ServerView, Stage

__all__ = [
    "BAD",
    "GOOD",
    "INFO",
    "MUTED",
    "PLAIN",
    "STRONG",
    "UNKNOWN",
    "WARN",
    "Lens",
    "Sign",
    "fault",
    "fold",
    "in_ascii",
    "shorten",
]

PLAIN = ""
MUTED = "$text-muted"
INFO = "$primary"
GOOD = "$success"
WARN = "$warning"
BAD = "$error"
STRONG = "bold"

UNKNOWN = "—"
_MASK = "••••••"
_PLACES = 6
"""Decimals that list columns leave room for; a currency with more simply takes more."""

_NOTE = 300
"""Characters of a note in a dialog: five lines at 60 columns."""

_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "◐": "~",
        "○": "o",
        "●": "*",
        "◇": "-",
        "▲": "^",
        "△": "-",
        "…": "~",
        "•": "*",
        "—": "-",
        "▼": "v",
        "‖": "=",
        "▌": "#",
        "›": ">",
        "‹": "<",
    }
    | {"·": "-", "→": ">", "←": "<", "❯": ">", "↑": "^", "↓": "v"}
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A state for people: glyph, word and the colour token both are drawn in."""

    glyph: str
    word: str
    tone: str

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"

    @property
    def content(self) -> Content:
        return Content.styled(self.text, self.tone)


_STATUS = {
    "success": Sign("✓", "settled", GOOD),
    "settled": Sign("✓", "settled", GOOD),
    "prepared": Sign("◐", "prepared", INFO),
    "sent": Sign("◐", "sent", INFO),
    "pending": Sign("◐", "pending", INFO),
    "unknown": Sign("!", "unknown", WARN),
    "refused": Sign("✗", "refused", BAD),
    "failed": Sign("✗", "failed", BAD),
    "none": Sign("!", "missing", WARN),
}
_OUTCOME = {
    "free": Sign("○", "free", MUTED),
    "challenged": Sign("◇", "challenged", INFO),
    "paid": Sign("✓", "paid", GOOD),
    "rejected": Sign("✗", "rejected", BAD),
    "replayed": Sign("!", "replayed", WARN),
    "limited": Sign("!", "limited", WARN),
    "failed": Sign("✗", "failed", BAD),
}
_STAGE = {
    Stage.REQUESTING: Sign("◐", "requesting", INFO),
    Stage.REVIEW: Sign("◇", "review", INFO),
    Stage.SIGNED: Sign("◐", "signed", INFO),
    Stage.SENT: Sign("◐", "sent", INFO),
    Stage.ACCEPTED: Sign("◐", "accepted", INFO),
    Stage.DONE: Sign("✓", "done", GOOD),
    Stage.DECLINED: Sign("○", "declined", MUTED),
    Stage.FAILED: Sign("✗", "failed", BAD),
    Stage.UNKNOWN: Sign("!", "unknown", WARN),
}
_CHANNEL = {
    ChannelState.OPENING: Sign("◐", "opening", INFO),
    ChannelState.ACTIVE: Sign("●", "open", GOOD),
    ChannelState.CLOSING: Sign("◐", "closing", INFO),
    ChannelState.FINALIZABLE: Sign("◇", "finalizable", INFO),
    ChannelState.FINALIZED: Sign("○", "finalized", MUTED),
    ChannelState.ORPHANED: Sign("!", "orphaned", WARN),
    ChannelState.UNKNOWN: Sign("!", "unknown", WARN),
    ChannelState.DAMAGED: Sign("✗", "damaged", BAD),
}
_STALE = Sign("!", "stale", WARN)
_LEVEL = {
    Level.OK: Sign("✓", "ok", GOOD),
    Level.WARN: Sign("!", "warning", WARN),
    Level.REFUSE: Sign("✗", "refused", BAD),
}


def in_ascii(content: Content) -> Content:
    """The same text in ASCII, drawn as it was: every character becomes exactly one other."""
    return Content(content.plain.translate(_ASCII), spans=list(content.spans))


def fault(error: MppError) -> str:
    """What went wrong and what to do next, as a note in a dialog: no longer than leaves its buttons in sight."""
    return inert(f"{error.message} {error.hint}" if error.hint else error.message, limit=_NOTE)


def shorten(text: str, head: int = 6, tail: int = 4) -> str:
    """Middle-ellipsis: `0x7099…79C8`; a text that is short enough stays whole."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def fold(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken anywhere: ids and URLs have no better place."""
    lines, line, used = [], "", 0
    for character in text:
        cells = cell_len(character)
        if used + cells > max(width, 2):
            lines.append(line)
            line, used = "", 0
        line += character
        used += cells
    return [*lines, line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Through what everything is read: the present time, the privacy mask, whether only ASCII can be drawn, and whether
    lists say how long ago something was.
    """

    now: datetime
    privacy: bool = False
    ascii: bool = False
    relative: bool = False

    def plain(self, text: str) -> str:
        """Our own text, in characters this terminal has."""
        return text.translate(_ASCII) if self.ascii else text

    def placeholder(self, text: str) -> str:
        """What an empty box says; `https://…` is three dots where there is nothing but ASCII."""
        return self.plain(text.replace("…", "...")) if self.ascii else text

    def money(self, amount: int | None, currency: Currency | None, *, unit: bool = True) -> str:
        """`1,000.250000 pathUSD`; every decimal, thousands separated."""
        if amount is None or currency is None:
            return self.plain(UNKNOWN)
        text = self.plain(_MASK) if self.privacy else format_units(amount, currency.decimals, grouping=True)
        return f"{text} {inert(currency.symbol, limit=12)}" if unit else text

    def sum(self, moneys: tuple[Money, ...]) -> str:
        return " + ".join(self.money(money.amount, money.currency) for money in moneys)

    def column(self, amount: int | None, currency: Currency | None) -> str:
        """Like `money` without unit, padded on the right so that decimal points stand below one another."""
        text = self.money(amount, currency, unit=False)
        if currency is None or amount is None:
            return text + " " * _PLACES
        missing = max(_PLACES - currency.decimals, 0) + (1 if currency.decimals == 0 else 0)
        return text + " " * missing

    def address(self, address: str, *, whole: bool = False) -> str:
        """Shortened in the middle; masked in privacy."""
        if self.privacy:
            return self.plain(f"{inert(address)[:2]}••••…••••")
        return inert(address) if whole else self.plain(shorten(inert(address)))

    def id(self, text: str, head: int = 6, tail: int = 4) -> str:
        return self.plain(shorten(inert(text), head, tail))

    def reference(self, text: str, *, whole: bool = False) -> str:
        """A payment's name on its rail. Masked in privacy: whoever has it can look payer and amount up."""
        if self.privacy:
            return self.plain(_MASK)
        return inert(text) if whole else self.id(text)

    def clock(self, at: datetime) -> str:
        """For lists: how long ago it was, or the time of day, and the day when it was another."""
        if self.relative:
            return self.age(at)
        local = at.astimezone()
        today = self.now.astimezone().date()
        if local.date() == today:
            return f"{local:%H:%M:%S}"
        return f"{local:%b %d}" if local.year == today.year else f"{local:%Y-%m-%d}"

    def moment(self, at: datetime) -> str:
        """Absolute, in local time, with the offset."""
        offset = f"{at.astimezone():%z}"
        return f"{at.astimezone():%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"

    def age(self, at: datetime) -> str:
        return self.span(self.now - at)

    @staticmethod
    def span(delta: timedelta) -> str:
        """The largest unit only: `12 s`, `3 min`, `2 h`, `4 d`."""
        seconds = max(int(delta.total_seconds()), 0)
        for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds // size} {unit}"
        return f"{seconds} s"

    def countdown(self, until: datetime) -> str:
        """`4:59`, never below zero."""
        seconds = max(int((until - self.now).total_seconds()), 0)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def status(self, status: str) -> Sign:
        """A receipt's or an operation's state."""
        return self._sign(_STATUS.get(status, Sign("!", inert(status, limit=12), WARN)))

    def outcome(self, outcome: str) -> Sign:
        return self._sign(_OUTCOME.get(outcome, Sign("!", inert(outcome, limit=12), WARN)))

    def stage(self, stage: Stage) -> Sign:
        return self._sign(_STAGE[stage])

    def level(self, level: Level) -> Sign:
        return self._sign(_LEVEL[level])

    def channel(self, state: ChannelState, *, stale: bool = False) -> Sign:
        """A payment channel's state; one that works but that nobody uses any more is `stale`."""
        return self._sign(_STALE if stale and state is ChannelState.ACTIVE else _CHANNEL[state])

    def gauge(self, share: float, cells: int = 10) -> str:
        """`[███████░░░]  70%`. Full only when all of it is gone, and empty only when nothing is."""
        done = min(max(round(share * cells), 1 if share > 0 else 0), cells if share >= 1 else cells - 1)
        full, empty = ("#", ".") if self.ascii else ("█", "░")
        percent = min(max(round(share * 100), 1 if share > 0 else 0), 100 if share >= 1 else 99)
        return f"[{full * done}{empty * (cells - done)}] {percent:3d}%"

    def server(self, server: ServerView) -> Sign:
        if server.running and server.url:
            return self._sign(Sign("▲", f"server :{server.url.rsplit(':', 1)[-1].strip('/')}", GOOD))
        return self._sign(Sign("△", "server off", MUTED))

    def _sign(self, sign: Sign) -> Sign:
        return Sign(self.plain(sign.glyph), sign.word, sign.tone) if self.ascii else sign

    @staticmethod
    def badge(profile: ProfileView) -> Content:
        """The profile's word on a ground: play money in the accent, real money in the colour of a warning."""
        ground = {"sandbox": "$primary", "testnet": "$success", "mainnet": "$warning"}.get(profile.kind, "$error")
        return Content.styled(f" {inert(profile.badge, limit=16)} ", f"bold $background on {ground}")
