"""The tabs of the inspector. They draw one value, `Shown`, and hold nothing else but what is selected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane, Tabs

from mpp_console.services.inspect import InspectOffer
from mpp_console.tui.actions import action, keys_text
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.feed import Feed, FeedHeading
from mpp_console.tui.view import after_paint, app_of
from mpp_console.tui.widgets.inspect_answer import body, headers, problem, timeline
from mpp_console.tui.widgets.inspect_findings import FILTERS, FINDINGS, FindingRow, finding_cells, finding_rows
from mpp_console.tui.widgets.inspect_offers import OFFERS, OfferRow, offer_cells, offer_content, offer_rows
from mpp_console.tui.widgets.inspect_reader import Reader
from mpp_console.tui.widgets.inspect_summary import finding_lines, summary, worst_sign
from mpp_console.tui.widgets.inspect_view import LEVELS, Shown, level_sign
from mpp_console.tui.widgets.pane import Pane

__all__ = ["TABS", "InspectTabs"]

TABS = ("summary", "challenges", "headers", "body", "problem", "timeline", "findings")
_SHORT = {"challenges": "Offers", "headers": "Head", "timeline": "Time"}
_READERS: dict[str, Callable[[Shown, Lens, int], Content]] = {
    "summary": summary,
    "headers": headers,
    "body": body,
    "problem": problem,
    "timeline": timeline,
}
_COUNTED_LABELS, _WHOLE_LABELS = 96, 74
"""Widths from which labels say how many there are, and from which they are not shortened."""
_NOTHING = "Nothing is selected."


R = TypeVar("R", OfferRow, FindingRow)


class ShortList(Feed[R]):
    """A list in the inspector. Ranges cannot be marked in it, so that the key for that pastes, as everywhere here."""

    def lacks(self, name: str) -> str | None:
        return None if name == "list.range" else super().lacks(name)

    def do_list_range(self) -> None:
        self.call_later(app_of(self).action_do, "inspect.paste")


class InspectTabs(Pane):
    """Everything that is known of one answer, or of what was pasted."""

    DEFAULT_CSS = """
    InspectTabs { height: 1fr; }
    InspectTabs TabbedContent, InspectTabs ContentSwitcher { height: 1fr; }
    InspectTabs TabPane { padding: 0; height: 1fr; }
    InspectTabs .inspect-split { height: 1fr; layout: vertical; }
    InspectTabs .inspect-list { height: auto; }
    InspectTabs Reader { padding-top: 1; }
    """

    def __init__(self, lens: Lens, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Report", id=id)
        self._shown = Shown()
        self._lens = lens
        self._filter = 0

    def compose(self) -> ComposeResult:
        lens = self._lens
        with TabbedContent(id="inspect-tabs"):
            for tab in TABS:
                with TabPane(tab.title(), id=f"inspect-{tab}"):
                    yield from self._tab(tab, lens)

    def _tab(self, tab: str, lens: Lens) -> ComposeResult:
        if tab in _READERS:
            yield Reader(id=f"read-{tab}")
            return
        if tab == "challenges":
            feed: ShortList[Any] = ShortList(
                OFFERS, offer_cells, lens, empty="There is no offer here.", follow=False, id="inspect-offers"
            )
        else:
            feed = ShortList(
                FINDINGS, finding_cells, lens, empty="There is no finding here.", follow=False, id="inspect-found"
            )
        with Container(classes="inspect-split"):
            with Vertical(classes="inspect-list", id=f"list-{tab}"):
                yield FeedHeading(feed.columns)
                yield feed
            yield Reader(id=f"read-{tab}")

    def on_mount(self) -> None:
        # Left and right turn the tabs from everywhere; the focus stays with what is read.
        self.query_one(Tabs).can_focus = False
        after_paint(self, self._redraw)

    # What is shown

    def show(self, shown: Shown) -> None:
        """Shows something else, from its beginning."""
        fresh = shown.report is not self._shown.report or shown.stage != self._shown.stage
        self._shown = shown
        self._redraw(top=fresh)

    def look(self, lens: Lens) -> None:
        """Draws through another lens: the countdowns move, and privacy may have changed."""
        before, self._lens = self._lens, lens
        for feed in self.query(ShortList):
            feed.look(lens)
        if (before.privacy, before.ascii) != (lens.privacy, lens.ascii):
            self._redraw()
        elif before.now != lens.now:
            self._tick()

    @property
    def active(self) -> str:
        return self.query_one(TabbedContent).active.removeprefix("inspect-")

    @active.setter
    def active(self, tab: str) -> None:
        self.query_one(TabbedContent).active = f"inspect-{tab}"

    def turn(self, step: int) -> None:
        """To the next tab, or the one before."""
        self.active = TABS[(TABS.index(self.active) + step) % len(TABS)]

    def focus_content(self) -> None:
        """Puts the focus on what is read in the present tab."""
        target: Widget = self.query_one(f"#read-{self.active}", Reader)
        if self.active in ("challenges", "findings"):
            target = self._list(self.active)
        target.focus()

    @property
    def filtered(self) -> bool:
        return self._filter > 0

    def turn_filter(self, to: int | None = None) -> str:
        """Shows fewer levels of findings, or all again; gives which."""
        self._filter = (self._filter + 1) % len(FILTERS) if to is None else to
        self._redraw()
        return FILTERS[self._filter][0]

    @property
    def offer(self) -> InspectOffer | None:
        """The selected offer, if it can be read."""
        row = self._list("challenges").selected
        return row.offer if isinstance(row, OfferRow) and isinstance(row.offer, InspectOffer) else None

    @property
    def finding(self) -> FindingRow | None:
        row = self._list("findings").selected
        return row if isinstance(row, FindingRow) else None

    # Drawing

    def _list(self, tab: str) -> ShortList[Any]:
        return self.query_one("#inspect-offers" if tab == "challenges" else "#inspect-found", ShortList)

    def _redraw(self, *, top: bool = False) -> None:
        if not self.query(ShortList):
            return
        shown, lens = self._shown, self._lens
        for tab, draw in _READERS.items():
            self.query_one(f"#read-{tab}", Reader).write(partial(draw, shown, lens), top=top)
        self._fill(self._list("challenges"), offer_rows(shown, lens))
        self._fill(self._list("findings"), finding_rows(shown, FILTERS[self._filter][1]))
        self._draw_details(top=top)
        self._draw_labels()
        self._draw_frame()

    def _tick(self) -> None:
        """Time has passed: only what tells of it, and only where it is seen."""
        match self.active:
            case "summary":
                self.query_one("#read-summary", Reader).write(partial(summary, self._shown, self._lens))
            case "challenges":
                self._fill(self._list("challenges"), offer_rows(self._shown, self._lens))
                self._draw_details()

    def _fill(self, feed: ShortList[Any], rows: list[OfferRow] | list[FindingRow]) -> None:
        if [feed.rows.get(index) for index in range(len(feed.rows))] != rows:
            feed.replace(rows)

    def _draw_details(self, *, top: bool = False) -> None:
        shown, lens = self._shown, self._lens
        offer, found = self._list("challenges").selected, self.finding

        def draw_offer(width: int) -> Content:
            return offer_content(offer, shown, lens, width) if isinstance(offer, OfferRow) else _nothing(lens)

        def draw_finding(width: int) -> Content:
            if found is None:
                return _nothing(lens)
            return Content("\n").join(finding_lines(found.finding, shown.report, lens, width))

        self.query_one("#read-challenges", Reader).write(draw_offer, top=top)
        self.query_one("#read-findings", Reader).write(draw_finding, top=top)

    def _draw_labels(self) -> None:
        tabs = self.query_one(TabbedContent)
        for tab in TABS:
            tabs.get_tab(f"inspect-{tab}").label = self._label(tab, self.size.width)

    def _label(self, tab: str, width: int) -> Content:
        shown, lens = self._shown, self._lens
        name = tab.title() if width >= _WHOLE_LABELS else _SHORT.get(tab, tab.title())
        report = shown.report
        if tab == "findings" and width >= _WHOLE_LABELS:
            marks = []
            for level in LEVELS[:2]:
                count = sum(each.level is level for each in shown.findings)
                sign = level_sign(level, lens)
                marks += [(f" {sign.glyph}{count}", sign.tone)] if count else []
            return Content.assemble(name, *marks)
        if report is None or width < _COUNTED_LABELS or tab not in ("challenges", "headers"):
            return Content(name)
        count = len(report.headers) if tab == "headers" else len(report.offers) + len(report.unreadable)
        return Content.assemble(name, (f" {count}", MUTED)) if count else Content(name)

    def _draw_frame(self) -> None:
        shown, lens = self._shown, self._lens
        badge = Content("")
        if shown.stage == "done":
            sign = worst_sign(shown, lens)
            badge = sign.content
        elif shown.stage == "asking":
            badge = Content.styled(lens.plain("◐ asking"), "$primary")
        elif shown.stage == "failed":
            badge = Content.styled(lens.plain("✗ no answer"), "$error")
        arrows = "< >" if lens.ascii else "← →"
        hint = f"{arrows} tabs · {keys_text(action('inspect.copy'))} copy · {keys_text(action('inspect.save'))} save"
        if self.active == "challenges" and self.offer is not None and shown.request is not None:
            hint = f"enter reviews this offer · {hint}"
        elif self.active == "findings" and shown.findings:
            hint = f"{keys_text(action('inspect.levels'))} levels: {FILTERS[self._filter][0]} · {hint}"
        self.frame(badge=badge, hint=Content(lens.plain(hint)) if shown.stage == "done" else Content(""))

    def on_resize(self, _event: events.Resize) -> None:
        self._draw_labels()

    @on(Feed.Moved)
    def _moved(self, event: Feed.Moved) -> None:
        if isinstance(event, Feed.Opened):
            # That is for the screen to hear.
            return
        event.stop()
        self._draw_details(top=True)
        self._draw_frame()

    @on(Feed.Changed)
    def _changed(self, event: Feed.Changed) -> None:
        event.stop()

    @on(TabbedContent.TabActivated)
    def _turned(self, event: TabbedContent.TabActivated) -> None:
        event.stop()
        self._tick()
        self._draw_frame()
        focused = self.screen.focused
        if focused is None or self in focused.ancestors_with_self:
            self.focus_content()


def _nothing(lens: Lens) -> Content:
    return Content.styled(lens.plain(_NOTHING), MUTED)
