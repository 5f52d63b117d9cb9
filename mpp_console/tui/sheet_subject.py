"""What a sheet on which somebody decides to spend is about: the words and facts of a payment, a transfer or an act on a
session. Each kind says here what it is; how it is decided is `sheet`'s business alone, the same for all.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from textual.content import Content

from mpp_console.services.models import ProfileView, Stage
from mpp_console.tui.display import Lens
from mpp_console.tui.view import Unavailable
from mpp_console.tui.widgets.facts import Fact

if TYPE_CHECKING:
    from mpp_console.services.payments import OriginAllowance

__all__ = ["Ended", "ResultT", "ReviewT", "Reviewed", "SpendSubject", "SpendTask"]


class Reviewed(Protocol):
    """A dry run."""

    @property
    def command(self) -> str:
        """Does the same from a shell."""


class Ended(Protocol):
    """How it ended."""

    @property
    def stage(self) -> Stage: ...


ReviewT = TypeVar("ReviewT", bound=Reviewed)
ResultT = TypeVar("ResultT", bound=Ended)
ReviewT_co = TypeVar("ReviewT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class SpendTask(Protocol[ReviewT_co, ResultT_co]):
    """A payment or a transfer, as far as this sheet must know it."""

    @property
    def id(self) -> str: ...

    @property
    def stage(self) -> Stage: ...

    async def review(self) -> ReviewT_co | None: ...

    def reject(self) -> bool: ...

    async def result(self) -> ResultT_co: ...


class SpendSubject(Generic[ReviewT, ResultT]):
    """What differs between the sheets. Everything here only tells, but for `agree`."""

    TITLES: tuple[str, str]
    """What the sheet is called before and after the end."""
    NOUN: ClassVar[str]
    """What closing the sheet does not stop."""
    ASKING: ClassVar[str]
    """What is under way before there is a dry run."""
    APPROVE: str = "a Allow once"

    def waiting(self, lens: Lens) -> Content:
        """What stands there until there is a dry run."""
        raise NotImplementedError

    def headline(self, review: ReviewT, lens: Lens) -> Content:
        """Who gets how much."""
        raise NotImplementedError

    def facts(self, review: ReviewT, lens: Lens) -> list[Fact]:
        """The dry run."""
        raise NotImplementedError

    def steps(self, stage: Stage, past: Collection[Stage], lens: Lens) -> Content:
        """How far it is."""
        raise NotImplementedError

    def result_facts(self, result: ResultT, lens: Lens) -> list[Fact]:
        """How it ended."""
        raise NotImplementedError

    def result_body(self, result: ResultT) -> Content:
        """What came back, if anything did."""
        return Content("")

    def more(self) -> bool:
        """Whether what came back can be looked at on a screen of its own."""
        return False

    def do_review_response(self) -> None:
        """Opens that screen. Raises Unavailable while there is nothing to open."""
        raise Unavailable(f"A {self.NOUN} has no answer to open.")

    def opens_by_itself(self) -> bool:
        """Whether that screen takes this one's place at once: nothing was asked for that could be decided here."""
        return False

    def payable(self, review: ReviewT) -> bool:
        """Whether there is anything to approve."""
        raise NotImplementedError

    def refusal(self, review: ReviewT) -> str | None:
        """Why nobody may approve it, whatever is typed; None when somebody may."""
        raise NotImplementedError

    def expires_at(self, review: ReviewT) -> datetime | None:
        """When it can no longer be approved."""
        return None

    def grave(self, review: ReviewT, profile: ProfileView) -> bool:
        """Whether it is unusual enough to be typed out."""
        raise NotImplementedError

    def to_type(self, review: ReviewT) -> str:
        """What must be typed to approve what is grave: digits and a point."""
        raise NotImplementedError

    def typed_word(self, review: ReviewT) -> str:
        """What that is, for people."""
        return "amount"

    def standing(self, review: ReviewT) -> OriginAllowance | None:
        """What `A` would allow from now on; None where there is no such thing."""
        return None

    def standing_note(self, review: ReviewT) -> str:
        """The same for people."""
        return ""

    def agree(self, allow: OriginAllowance | None) -> bool:
        """Approves, once; False when it no longer counts."""
        raise NotImplementedError
