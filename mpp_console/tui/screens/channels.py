"""The channels that others opened to the local server: what each has promised, what of it is not settled yet, and what
to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.commands import command_line
from mpp_console.services.session_models import PayeeChannelRow, PayeeChannels
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import GOOD, INFO, MUTED, WARN, Lens, Sign
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.masking import masked
from mpp_console.tui.screens.dialogs import ReadingDialog
from mpp_console.tui.session_plan import sums
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of, key_text
from mpp_console.tui.widgets.facts import Fact, Facts

if TYPE_CHECKING:
    from mpp_console.services.payee_acts import PayeeAct

__all__ = ["CHANNELS", "ChannelsDialog", "channel_cells", "channels_line"]

CHANNELS = (
    Column(title="STATE", width=9, keep=9),
    Column(title="PAYER", width=11, grow=1, keep=8),
    Column(title="GAUGE", width=17, keep=3),
    Column(title="EXPOSURE", width=8, right=True, keep=9, whole=True),
    Column(title="ACCEPTED", width=10, right=True, keep=6, whole=True),
    Column(title="SETTLED", width=10, right=True, keep=5, whole=True),
    Column(title="DEPOSIT", width=10, right=True, keep=4, whole=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="LAST USED", width=9, keep=2),
    Column(title="CLOSES IN", width=9, right=True, keep=8),
    Column(title="ID", width=11, keep=1),
)
_SIGNS: Final = {
    "opening": Sign("◐", "opening", INFO),
    "open": Sign("●", "open", GOOD),
    "closing": Sign("◐", "closing", WARN),
    "closed": Sign("○", "closed", MUTED),
}
_EMPTY = "Nobody has opened a channel to this server yet. 2 then n opens one to its /session route."


def channel_cells(row: PayeeChannelRow, lens: Lens) -> Sequence[Cell]:
    sign = Sign("!", row.state, WARN) if row.alarm else _SIGNS[row.state]
    over = row.state == "closed"
    quiet = MUTED if over else ""
    used = min(row.accepted / row.deposit, 1.0) if row.deposit else 0.0
    return (
        (f"{lens.plain(sign.glyph)} {sign.word}", sign.tone),
        (lens.address(row.payer), quiet),
        (lens.gauge(used), MUTED if over else GOOD),
        (lens.column(row.exposure, row.currency), WARN if row.exposure else MUTED),
        (lens.column(row.accepted, row.currency), quiet),
        (lens.column(row.settled, row.currency), quiet),
        (lens.column(row.deposit, row.currency), quiet),
        (inert(row.currency.symbol, limit=12), MUTED),
        (lens.clock(row.last_used_at), MUTED),
        (lens.countdown(row.closes_at) if row.closes_at else "", WARN),
        (lens.reference(row.id), MUTED),
    )


def channels_line(channels: PayeeChannels, lens: Lens) -> Content:
    """What the server's channels come to, in a few words: `2 open · 0.120000 pathUSD not settled · ! 1 alarm`."""
    alive = sum(row.state != "closed" for row in channels.rows)
    parts = [Content.styled(f"{alive} open", "" if alive else MUTED)]
    if channels.exposure:
        parts.append(Content.assemble((lens.sum(channels.exposure), WARN), (" not settled", MUTED)))
    if channels.alarms:
        word = "alarm" if channels.alarms == 1 else "alarms"
        parts.append(Content.styled(f"! {channels.alarms} {word}", f"bold {WARN}"))
    return Content.styled(lens.plain(" · "), MUTED).join(parts)


class ChannelFeed(Feed[PayeeChannelRow]):
    """The list, whose countdowns go on by themselves."""

    def look(self, lens: Lens) -> None:
        super().look(lens)
        rows = (self.rows.get(index) for index in range(len(self.rows)))
        if any(row is not None and row.closes_at is not None for row in rows):
            self._redraw()


class ChannelsDialog(ReadingDialog):
    """The list with the selected channel below it. Settling and closing go through a review."""

    SCOPE = Scope.CHANNELS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.CHANNELS)]
    AUTO_FOCUS = "#channels-feed"

    def compose(self) -> ComposeResult:
        feed = ChannelFeed(
            CHANNELS,
            channel_cells,
            app_of(self).view.lens,
            empty=_EMPTY,
            follow=False,
            marks=True,
            id="channels-feed",
        )
        with Vertical(id="dialog"):
            yield FeedPane(feed, title="Channels of this server", id="channels-pane")
            yield Facts(id="channel-facts")

    @property
    def feed(self) -> Feed[PayeeChannelRow]:
        return self.query_one("#channels-feed", Feed)

    def on_mount(self) -> None:
        acts = " · ".join(
            f"{key_text(self, f'channels.{name}')} {word}"
            for name, word in (("settle", "settles"), ("close", "closes"), ("refresh", "asks the chain"))
        )
        self.query_one("#channels-pane", FeedPane).rest(Content(app_of(self).view.lens.plain(f"{acts} · esc leaves")))
        self.watch(self.app, "view", self._look)
        begin(self, self._load, group="channels", what="channels", exclusive=True)

    async def _load(self) -> None:
        await console_of(self).server.load_channels(ask_chain=False)
        self._look(app_of(self).view)

    def _look(self, view: View) -> None:
        rows = console_of(self).server.channels().rows
        shown = [self.feed.rows.get(index) for index in range(len(self.feed.rows))]
        if list(rows) != shown:
            self.feed.replace(rows)
        self.feed.look(view.lens)
        self._show(self.feed.selected, view.lens)

    @on(Feed.Moved, "#channels-feed")
    def _moved(self, event: Feed.Moved) -> None:
        self._show(event.row, app_of(self).view.lens)

    def _show(self, row: PayeeChannelRow | None, lens: Lens) -> None:
        self.query_one("#channel-facts", Facts).show(_facts(row, lens) if row is not None else [])

    # Acts

    def _chosen(self) -> tuple[PayeeChannelRow, ...]:
        rows = self.feed.marked or ((self.feed.selected,) if self.feed.selected else ())
        if not rows:
            raise Unavailable("No channel is selected.")
        return rows

    def do_channels_settle(self) -> None:
        self._begin("settle", "s")

    def do_channels_close(self) -> None:
        self._begin("close", "c")

    def _begin(self, act: PayeeAct, opened_by: str) -> None:
        from mpp_console.tui.session_sheet import SessionSheet

        ids = [row.id for row in self._chosen() if row.state != "closed"]
        if not ids:
            raise Unavailable("This channel is closed already.")
        task = console_of(self).server.review_channels(act, ids)
        self.app.push_screen(SessionSheet(task, opened_by=opened_by, paid=True))

    def do_channels_refresh(self) -> None:
        begin(self, self._refresh, group="channels", what="channels", exclusive=True)

    async def _refresh(self) -> None:
        channels = await console_of(self).server.load_channels()
        app_of(self).refresh_view()
        self._look(app_of(self).view)
        app_of(self).say(f"Asked the chain about {len(channels.rows)} channels.")

    def do_channels_copy(self) -> None:
        rows = self._chosen()
        app_of(self).copy_text("\n".join(row.id for row in rows), "id" if len(rows) == 1 else f"{len(rows)} ids")

    def do_channels_command(self) -> None:
        app_of(self).copy_text(command_line(app_of(self).view.called, "channels", "list"), "command")


def _facts(row: PayeeChannelRow, lens: Lens) -> list[Fact]:
    facts = []
    if row.alarm:
        facts.append(Fact("alarm", Content.styled(masked(inert(row.alarm, limit=300), lens), f"bold {WARN}")))
    facts += [
        Fact("channel", lens.reference(row.id, whole=True)),
        Fact("payer", lens.address(row.payer, whole=True)),
        *sums([("spent", row.spent, "", f"for {row.units:,} units served")], row.currency, lens),
        Fact("opened", lens.moment(row.created_at)),
    ]
    return facts
