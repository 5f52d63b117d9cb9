"""The review sheet of a payment: the only way to pay outside the one-key sandbox test. What it may do, and its
invariants, are those of every `SpendSheet`; here is what a payment shows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from textual.content import Content

from mpp_console.protocol import format_units, inert
from mpp_console.services.models import PayResult, ProfileView, ReviewView, Stage
from mpp_console.tui.display import INFO, Lens, shorten
from mpp_console.tui.facts_of import (
    amount_to_type,
    is_grave,
    progress_lines,
    result_body,
    result_facts,
    review_facts,
    review_headline,
)
from mpp_console.tui.sheet import SpendSheet
from mpp_console.tui.view import Unavailable, app_of
from mpp_console.tui.widgets.facts import Fact

if TYPE_CHECKING:
    from mpp_console.services.payments import OriginAllowance, PaymentTask

__all__ = ["ReviewSheet"]

_ALLOWANCE_FACTOR = 10
"""An origin that is allowed may be paid this many times the present price in all, within the hour."""


class ReviewSheet(SpendSheet[ReviewView, PayResult]):
    """Shows one payment task from its request to its end. Closing it before a decision declines."""

    TITLES = ("Review payment", "Payment")
    NOUN = "payment"
    ASKING = "an unpaid request · nothing spent"

    def __init__(self, task: PaymentTask, *, opened_by: str | None) -> None:
        super().__init__(task, opened_by=opened_by)
        self._payment = task

    def waiting(self, lens: Lens) -> Content:
        return Content.assemble(
            (lens.plain("◐ "), INFO), "asking for the price of ", (inert(self._payment.request.url, limit=300), "bold")
        )

    def headline(self, review: ReviewView, lens: Lens) -> Content:
        return review_headline(review, lens)

    def facts(self, review: ReviewView, lens: Lens) -> list[Fact]:
        return review_facts(review, lens)

    def steps(self, stage: Stage, past: Collection[Stage], lens: Lens) -> Content:
        return progress_lines(stage, past, lens)

    def result_facts(self, result: PayResult, lens: Lens) -> list[Fact]:
        return result_facts(result, lens)

    def result_body(self, result: PayResult) -> Content:
        return Content("") if app_of(self).view.lens.privacy else result_body(result)

    def more(self) -> bool:
        return self._payment.head() is not None

    def do_review_response(self) -> None:
        if not self.more():
            raise Unavailable("There is no answer yet.")
        self.dismiss(None)
        # Only when this sheet is gone is the screen below the one to open it on.
        self.app.call_later(app_of(self).show_response, self._payment)

    def opens_by_itself(self) -> bool:
        head = self._payment.head()
        return head is not None and head.error is None

    def payable(self, review: ReviewView) -> bool:
        return review.offer is not None

    def refusal(self, review: ReviewView) -> str | None:
        if review.offer is not None and review.verdict != "refuse":
            return None
        return (review.error.message if review.error else None) or "There is nothing that can be paid."

    def expires_at(self, review: ReviewView) -> datetime | None:
        return review.expires_at

    def grave(self, review: ReviewView, profile: ProfileView) -> bool:
        return is_grave(review, profile)

    def to_type(self, review: ReviewView) -> str:
        return amount_to_type(review)

    def standing(self, review: ReviewView) -> OriginAllowance | None:
        from mpp_console.services.payments import OriginAllowance

        price = review.offer.price if review.offer else None
        if price is None:
            return None
        decimals = price.currency.decimals
        return OriginAllowance(
            per_payment=format_units(price.amount, decimals),
            total=format_units(price.amount * _ALLOWANCE_FACTOR, decimals),
        )

    def standing_note(self, review: ReviewView) -> str:
        allowance = self.standing(review)
        if allowance is None or review.offer is None or review.offer.currency is None:
            return ""
        symbol = inert(review.offer.currency.symbol, limit=12)
        return (
            f"A also lets {shorten(inert(review.origin), 30, 30)} be paid again for 1 h: "
            f"{allowance.per_payment} {symbol} at once, {allowance.total} {symbol} in all"
        )

    def agree(self, allow: OriginAllowance | None) -> bool:
        agreed = self._payment.approve(allow)
        if agreed:
            # An enter that comes before the answer does must not close the sheet that leads to it.
            self.set_focus(None)
        return agreed
