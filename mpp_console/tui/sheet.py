"""The sheet on which somebody decides to spend: the dry run, then the progress, then the result. What is spent on, and
how that reads, is said by its subclasses (see `sheet_subject`): payments in `review`, transfers in `transfer_sheet`.

Its invariants: the key that opened it never approves; approval keys are dead until the facts were on screen for a
moment and a pause between keys was seen; focus starts on Cancel, so that enter declines; what has expired cannot be
approved; approving twice is one operation. What is unusual must be typed out. The task itself lives in the services
and survives this sheet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from mpp_console.protocol import inert
from mpp_console.services.events import ConsoleEvent, PaymentProgress
from mpp_console.services.models import Stage
from mpp_console.tui.actions import Action, Scope, action, bindings
from mpp_console.tui.arming import Arming
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.sheet_subject import ResultT, ReviewT, SpendSubject, SpendTask
from mpp_console.tui.view import Unavailable, View, after_paint, app_of, begin
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from mpp_console.services.payments import OriginAllowance

__all__ = ["SpendSheet"]


class SpendSheet(Overlay[None], SpendSubject[ReviewT, ResultT]):
    """Shows one task from its request to its end. Closing it before a decision declines."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.REVIEW), action("privacy").binding()]
    AUTO_FOCUS = "#cancel"

    def __init__(self, task: SpendTask[ReviewT, ResultT], *, opened_by: str | None) -> None:
        super().__init__()
        self._spend = task
        self._review: ReviewT | None = None
        self._result: ResultT | None = None
        self._arming: Arming | None = None
        self._opened_by = opened_by
        self._last_key: str | None = None
        self._last_key_at: float | None = None
        self._press_counts: bool | None = None
        self._decided = False
        self._reached: set[Stage] = set()
        self._texts: dict[str, Content] = {}

    def foot(self) -> Sequence[Action]:
        """What can be done now: what cannot be allowed, or is decided, has no key."""
        offered = {
            "review.approve": self.query_one("#approve").display,
            "review.allow": self.query_one("#allow").display,
            "review.reject": self.query_one("#approve").display,
            "review.response": self.more(),
            "review.copy": self._review is not None,
        }
        called = {"review.approve": self.APPROVE.removeprefix("a ")}
        if self._decided:
            called["review.close"] = "Close"
        return [
            replace(entry, label=called.get(entry.id, entry.label))
            for entry in super().foot()
            if offered.get(entry.id, True)
        ]

    def compose(self) -> ComposeResult:
        with Pane(title=self.TITLES[0], id="sheet"):
            with VerticalScroll(id="sheet-body"):
                yield Static("", id="headline", markup=False)
                yield Facts(id="review-facts")
                yield Static("", id="progress", markup=False)
                yield Facts(id="result-facts")
                yield Static("", id="result-body", markup=False)
            yield Input(placeholder="", id="typed", compact=True, restrict=r"[0-9.]*", select_on_focus=False)
            yield Static("", id="note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("enter Response", id="more", compact=True, classes="-armed")
                yield Button(self.APPROVE, id="approve", compact=True)
                yield Button("A Allow origin", id="allow", compact=True)

    def on_mount(self) -> None:
        app_of(self).batches.subscribe(self, self._hear)
        self.watch(self.app, "view", self._look)
        self.set_interval(0.1, self._draw_choices)
        begin(self, self._follow, group="review", what=self.NOUN)

    async def _follow(self) -> None:
        self._review = await self._spend.review()
        if self._review is not None and not self._spend.stage.final:
            self._arm()
            self._draw(app_of(self).view.lens)
            # A busy machine shows them later than they are known, and they count from when they are seen.
            after_paint(self, self._arm)
        elif self.opens_by_itself():
            self.do_review_response()
            return
        self._result = await self._spend.result()
        self._decided = True
        self._draw(app_of(self).view.lens)
        self.query_one("#more" if self.more() else "#cancel", Button).focus()

    def _arm(self) -> None:
        now = app_of(self).monotonic()
        self._arming = Arming(
            opened_at=now, opened_by=self._opened_by, last_key=self._last_key, last_key_at=self._last_key_at
        )

    def _hear(self, events: Sequence[ConsoleEvent]) -> None:
        for event in events:
            if isinstance(event, PaymentProgress) and event.task_id == self._spend.id:
                self._reached.add(event.stage)
        self._draw(app_of(self).view.lens)

    def _look(self, view: View) -> None:
        self._draw(view.lens)

    # Deciding

    def on_key(self, event: events.Key) -> None:
        now = _pressed_at(event, app_of(self).monotonic)
        self._last_key, self._last_key_at = event.key, now
        if self._arming is not None:
            self._press_counts = self._arming.key(event.key, now)
        self._begin_typing(event)

    def _begin_typing(self, event: events.Key) -> None:
        """What has to be typed goes into its box wherever the focus is."""
        typed, character = self.query_one("#typed", Input), event.character or ""
        if typed.display and not typed.has_focus and character.isascii() and (character.isdigit() or character == "."):
            event.stop()
            typed.focus()
            typed.insert_text_at_cursor(character)

    def do_review_approve(self) -> None:
        self._approve(None)

    def do_review_allow(self) -> None:
        if self._grave:
            raise Unavailable(f"This {self.NOUN} is unusual: it can be allowed once only.")
        allow = self.standing(self._review) if self._review is not None else None
        if self._review is not None and allow is None:
            raise Unavailable(f"This {self.NOUN} can be allowed once only.")
        self._approve(allow)

    def do_review_reject(self) -> None:
        self.do_review_close()

    def do_review_close(self) -> None:
        if not self._decided:
            self._decided = True
            self._spend.reject()
        self.dismiss(None)

    def do_review_copy(self) -> None:
        if self._review is None:
            raise Unavailable("There is nothing to copy yet.")
        app_of(self).copy_text(self._review.command, "command")

    def _approve(self, allow: OriginAllowance | None) -> None:
        counts, self._press_counts = self._press_counts, None
        if self._decided or self._review is None or self._arming is None:
            return
        if reason := self._blocked():
            raise Unavailable(reason)
        if not (self._arming.ready(app_of(self).monotonic()) if counts is None else counts):
            raise Unavailable("Too soon. Let go of the key, wait a second, then press it again.")
        self._decided = self.agree(allow)
        if not self._decided:
            raise Unavailable("This can no longer be approved. Close the sheet and ask again.")
        self._draw(app_of(self).view.lens)

    def _blocked(self) -> str | None:
        """Why nobody may approve now, apart from the arming."""
        review = self._review
        if review is None:
            return "There is nothing to approve."
        if reason := self.refusal(review):
            return reason
        if self._expired(review):
            return "The offer has expired. Close the sheet and ask again."
        if self._grave and self.query_one("#typed", Input).value != self.to_type(review):
            what = f"the {self.typed_word(review)}" if app_of(self).view.lens.privacy else self.to_type(review)
            return f"Type {what} to allow this {self.NOUN}."
        return None

    def _expired(self, review: ReviewT) -> bool:
        until = self.expires_at(review)
        return until is not None and app_of(self).view.lens.now >= until

    @property
    def _grave(self) -> bool:
        state = app_of(self).view.state
        return bool(self._review and state and self.grave(self._review, state.profile))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.do_review_close()

    @on(Button.Pressed, "#more")
    async def _press_more(self) -> None:
        await app_of(self).action_do("review.response")

    @on(Button.Pressed, "#approve")
    async def _press_approve(self) -> None:
        await app_of(self).action_do("review.approve")

    @on(Button.Pressed, "#allow")
    async def _press_allow(self) -> None:
        await app_of(self).action_do("review.allow")

    @on(Input.Submitted, "#typed")
    def _typed(self) -> None:
        # Typing the amount arms the choice; it does not make it.
        self.query_one("#approve" if self._blocked() is None else "#cancel", Button).focus()

    # Drawing

    def _draw(self, lens: Lens) -> None:
        self._draw_frame(lens)
        review, result = self._review, self._result
        if review is not None:
            self._put("#headline", self.headline(review, lens))
            self.query_one("#review-facts", Facts).show(self.facts(review, lens))
        elif result is None:
            self._put("#headline", self.waiting(lens))
        self._show("#review-facts", on=review is not None and result is None)
        progress = self._progress_content(lens)
        self._put("#progress", progress)
        self._show("#progress", on=review is not None and self._decided and bool(progress.plain.strip()))
        self._show("#result-facts", on=result is not None)
        self._show("#result-body", on=result is not None)
        if result is not None:
            self.query_one("#result-facts", Facts).show(self.result_facts(result, lens))
            self._put("#result-body", self.result_body(result))
        self._draw_choices()
        after_paint(self, self._fit)

    def on_resize(self) -> None:
        after_paint(self, self._fit)

    def _fit(self) -> None:
        """As high as what is shown, and no higher than leaves the choices in view; beyond that it scrolls."""
        body = self.query_one("#sheet-body")
        shown = sum(child.outer_size.height for child in body.children if child.display)
        sheet = self.query_one("#sheet")
        beside = [child for child in sheet.children if child is not body and child.display]
        others = sheet.gutter.height + sum(child.outer_size.height + child.styles.margin.height for child in beside)
        height = max(min(shown, self.size.height - sheet.styles.margin.height - others), 3)
        if height != body.outer_size.height:
            body.styles.height = height

    def _progress_content(self, lens: Lens) -> Content:
        lines = self.steps(self._spend.stage, self._reached, lens)
        # A line apart from the facts, which give way once there is a result.
        return lines if self._result is not None else Content.assemble("\n", lines)

    def _draw_frame(self, lens: Lens) -> None:
        sheet, review, stage = self.query_one("#sheet", Pane), self._review, self._spend.stage
        if self._result is not None:
            sign = lens.stage(self._result.stage)
            sheet.frame(title=Content(self.TITLES[1]), badge=sign.content, hint=Content("esc closes"))
        elif self._decided:
            hint = Content(f"closing this sheet does not stop the {self.NOUN}")
            sheet.frame(badge=lens.stage(stage).content, hint=hint)
        elif review is None:
            sheet.frame(badge=Content(""), hint=Content(lens.plain(self.ASKING)))
        else:
            badge, until = Content(""), self.expires_at(review)
            if until is not None:
                expired = self._expired(review)
                text = "expired" if expired else f"expires in {lens.countdown(until)}"
                badge = Content.styled(text, BAD if expired else MUTED)
            sheet.frame(badge=badge, hint=Content(lens.plain("nothing has been sent · Y copies the command")))

    def _draw_choices(self) -> None:
        review = self._review
        deciding = review is not None and self._result is None and not self._decided
        payable = deciding and review is not None and self.payable(review)
        typed = self.query_one("#typed", Input)
        self._show("#typed", on=payable and self._grave)
        if typed.display and review is not None:
            typed.placeholder = self.typed_word(review)
        more = self.query_one("#more", Button)
        if more.display != self.more():
            more.display = self.more()
            if more.display:
                more.focus()
        approve, allow = self.query_one("#approve", Button), self.query_one("#allow", Button)
        self._show("#approve", on=payable)
        self._show(
            "#allow",
            on=payable and not self._grave and review is not None and self.standing(review) is not None,
        )
        armed = bool(
            deciding and self._arming and self._arming.ready(app_of(self).monotonic()) and self._blocked() is None
        )
        approve.set_class(armed, "-armed")
        allow.set_class(armed, "-armed")
        cancel, label = self.query_one("#cancel", Button), "esc Cancel" if deciding else "esc Close"
        if str(cancel.label) != label:
            cancel.label = Content(label)
            # A label is measured once; without this the longer one would wrap and lose its second word.
            cancel.refresh(layout=True)
        self.refresh_foot()
        note = self._note() if deciding else ""
        self._put("#note", Content(note))
        self._show("#note", on=bool(note))

    def _put(self, selector: str, content: Content) -> None:
        """Changes a text, if it changes: ten looks a second must not mean ten paints."""
        if not content.is_same(self._texts.get(selector, Content(""))):
            self._texts[selector] = content
            self.query_one(selector, Static).update(content)

    def _show(self, selector: str, *, on: bool) -> None:
        widget = self.query_one(selector)
        if widget.display != on:
            widget.display = on

    def _note(self) -> str:
        if reason := self._blocked():
            return masked(inert(reason, limit=300), app_of(self).view.lens)
        if self._grave or self._review is None:
            return ""
        return masked(self.standing_note(self._review), app_of(self).view.lens)


def _pressed_at(event: events.Key, monotonic: Callable[[], float]) -> float:
    """When the terminal told of a key: one that waited while the screen was busy is not a later one, or a held key
    would seem to have been let go. On a clock of a test's own, now.
    """
    return event.time if monotonic is time.monotonic else monotonic()
