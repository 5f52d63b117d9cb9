"""The review sheet of an act on payment channels: the dry run of each, then one row of outcome for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.content import Content

from mpp_console.protocol import ChannelState, Currency, format_units, inert
from mpp_console.services.models import Money, ProfileView, Stage
from mpp_console.services.session_models import (
    SessionAct,
    SessionOutcome,
    SessionResult,
    SessionReview,
    SessionReviewRow,
    SessionRow,
)
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, WARN, Lens, Sign
from mpp_console.tui.facts_of import address_content
from mpp_console.tui.masking import masked
from mpp_console.tui.session_lines import SessionLine, host_of, sign_of
from mpp_console.tui.session_plan import Sum, sums
from mpp_console.tui.sheet import SpendSheet
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

if TYPE_CHECKING:
    from mpp_console.services.payments import OriginAllowance
    from mpp_console.services.sessions import SessionTask

__all__ = ["SessionSheet", "outcome_facts", "session_review_facts"]

_SAID = 300

_TITLES: Final[dict[SessionAct, tuple[str, str, str]]] = {
    "topup": ("Review top up", "Top up", "a Top up"),
    "close": ("Review closing", "Closing", "a Close"),
    "force-close": ("Review forced close", "Forced close", "a Force close"),
    "withdraw": ("Review withdrawal", "Withdrawal", "a Withdraw"),
    "settle": ("Review settlement", "Settlement", "a Settle"),
}
_DOES: Final[dict[SessionAct, str]] = {
    "topup": "add to the deposit of",
    "close": "close",
    "force-close": "force the close of",
    "withdraw": "take back what is left of",
    "settle": "settle what is owed by",
}
_HOW: Final = {
    "cooperative": Sign("✓", "closed", GOOD),
    "requested": Sign("◐", "close requested", INFO),
    "waiting": Sign("◐", "waiting", INFO),
    "withdrawn": Sign("✓", "withdrawn", GOOD),
    "already": Sign("○", "already done", MUTED),
    "refused": Sign("✗", "refused", BAD),
    "topped-up": Sign("✓", "topped up", GOOD),
    "settled": Sign("✓", "settled", GOOD),
    "failed": Sign("✗", "failed", BAD),
    "unknown": Sign("!", "unknown", WARN),
}
_UNILATERAL: Final = frozenset({ChannelState.ACTIVE, ChannelState.ORPHANED})


class SessionSheet(SpendSheet[SessionReview, SessionResult]):
    """Shows one act on one or more channels from its dry run to its end. Closing it before a decision declines.

    `sweeping` is an act on all channels of a kind, which is typed out whatever it is. `paid` tells that the channels
    are the local server's: who pays them is what people know them by, and what is not settled what they are about.
    """

    NOUN = "act"
    ASKING = "asking the network · nothing is signed"

    def __init__(self, task: SessionTask, *, opened_by: str | None, sweeping: bool = False, paid: bool = False) -> None:
        before, after, approve = _TITLES[task.act]
        # The sheet draws its title and its choice when it is composed.
        self.TITLES, self.APPROVE = (before, after), approve
        super().__init__(task, opened_by=opened_by)
        self._act = task
        self._sweeping = sweeping
        self._paid = paid

    def waiting(self, lens: Lens) -> Content:
        return Content.assemble((lens.plain("◐ "), INFO), "looking the channels up on the chain")

    def headline(self, review: SessionReview, lens: Lens) -> Content:
        return session_headline(review, lens, paid=self._paid)

    def facts(self, review: SessionReview, lens: Lens) -> list[Fact]:
        return session_review_facts(review, lens, paid=self._paid)

    def steps(self, stage: Stage, past: Collection[Stage], lens: Lens) -> Content:
        """One line a channel: what became of it, what is under way, what is to come."""
        review = self._review
        if review is None or self._result is not None:
            return Content("")
        ended = {outcome.row.id: outcome for outcome in self._act.outcomes}
        lines, current = [], True
        for each in review.rows:
            if each.error is not None:
                continue
            name = _name(each.row, lens, paid=self._paid)
            if outcome := ended.get(each.row.id):
                lines.append(Content.assemble(_how(outcome, lens).content, ("  ", ""), name))
                continue
            waiting = stage.final or not current
            said = "not tried" if stage.final else "to come" if waiting else _under_way(stage)
            glyph = "○" if waiting else "◐"
            lines.append(
                Content.assemble((lens.plain(f"{glyph} {said}"), MUTED if waiting else INFO), ("  ", ""), name)
            )
            current = False
        return Content("\n").join([*lines, Content("")])

    def result_facts(self, result: SessionResult, lens: Lens) -> list[Fact]:
        return outcome_facts(result, lens, paid=self._paid)

    def payable(self, review: SessionReview) -> bool:
        return review.sendable

    def refusal(self, review: SessionReview) -> str | None:
        if review.sendable:
            return None
        error = review.error or next((row.error for row in review.rows if row.error), None)
        return error.message if error else "There is nothing to do."

    def grave(self, review: SessionReview, profile: ProfileView) -> bool:
        if self._sweeping or profile.kind == "mainnet":
            return True
        return not self._paid and any(map(partial(_one_sided, review.act), review.rows))

    def to_type(self, review: SessionReview) -> str:
        """What is moved, as it stands on the sheet; of several currencies the number of channels."""
        moved = moved_by(review, paid=self._paid)
        if len(moved) == 1:
            return format_units(moved[0].amount, moved[0].currency.decimals)
        return str(sum(row.error is None for row in review.rows))

    def typed_word(self, review: SessionReview) -> str:
        return "amount" if len(moved_by(review, paid=self._paid)) == 1 else "number of channels"

    def agree(self, allow: OriginAllowance | None) -> bool:
        return self._act.approve()


def _one_sided(act: SessionAct, each: SessionReviewRow) -> bool:
    """Whether a close leaves the server out, which takes the grace period and cannot be hurried."""
    if each.error is not None or act not in ("close", "force-close"):
        return False
    return act == "force-close" or (each.row.state in _UNILATERAL and each.signs is None)


def moved_by(review: SessionReview, *, paid: bool = False) -> tuple[Money, ...]:
    """What the act is about, by currency: what is added, what the channels hold, or what they owe us."""
    moved = []
    for each in review.rows:
        if each.error is None:
            held = each.row.at_risk if paid else each.row.locked
            moved.append((each.row.currency, each.locks if each.locks is not None else held))
    return _summed(moved)


def _summed(parts: Iterable[tuple[Currency, int]]) -> tuple[Money, ...]:
    """One sum for each currency, in the order in which they come."""
    sums: dict[Currency, int] = {}
    for currency, amount in parts:
        sums[currency] = sums.get(currency, 0) + amount
    return tuple(Money(amount=amount, currency=currency) for currency, amount in sums.items())


def session_headline(review: SessionReview, lens: Lens, *, paid: bool = False) -> Content:
    """What is done to how many channels, and what they hold."""
    able = [each for each in review.rows if each.error is None]
    does = Content.styled(f"{_DOES[review.act]} ", MUTED)
    if len(review.rows) == 1:
        what = Content.assemble("the channel with ", (_who(review.rows[0].row, lens, paid=paid), "bold $primary"))
    else:
        left_out = f" of {len(review.rows)}" if len(able) != len(review.rows) else ""
        what = Content.styled(f"{len(able)}{left_out} channels", "bold $primary")
    lines = [Content.assemble(does, what)]
    moved = moved_by(review, paid=paid)
    if moved:
        holds = "not settled yet: " if paid else "they hold " if len(able) > 1 else "it holds "
        word = "adds " if review.act == "topup" else holds
        lines.append(Content.assemble((word, MUTED), (lens.sum(moved), "bold")))
    if not review.sendable:
        error = review.error or next((each.error for each in review.rows if each.error), None)
        reason = error.message if error else "there is nothing to do"
        lines.append(Content.styled(lens.plain("✗ ") + masked(inert(reason, limit=_SAID), lens), BAD))
    return Content("\n").join([*lines, Content("")])


def session_review_facts(review: SessionReview, lens: Lens, *, paid: bool = False) -> list[Fact]:
    """The dry run: all of one channel, the essence of each of several."""
    if len(review.rows) == 1:
        return _one(review.rows[0], lens, paid=paid)
    facts: list[Fact] = []
    for number, each in enumerate(review.rows):
        facts += [*([GAP_FACT] if number else []), *_each(each, lens, paid=paid)]
    return [*facts, GAP_FACT, Fact("fees", _fees(review, lens))]


def _one(each: SessionReviewRow, lens: Lens, *, paid: bool) -> list[Fact]:
    row = each.row
    facts = [
        Fact("state", sign_of(SessionLine(row.id, row), lens).content),
        Fact("channel", lens.reference(row.id, whole=True)),
        Fact("payer", address_content(row.payer, lens)) if paid else Fact("payee", address_content(row.payee, lens)),
        Fact("network", inert(row.network, limit=40)),
        Fact("what happens", masked(inert(each.way, limit=_SAID), lens)),
        GAP_FACT,
        *sums(_sums(each, paid=paid), row.currency, lens),
        Fact("fee", _fee(each, lens)),
    ]
    if each.error and each.error.hint:
        facts += [GAP_FACT, Fact("next", inert(each.error.hint, limit=_SAID))]
    return facts


def _fee(each: SessionReviewRow, lens: Lens) -> Content:
    if each.fee is None:
        return Content("none")
    most = f"at most {lens.money(each.fee.amount, each.fee.currency)}"
    # Who closes together with the server has no transaction to pay for.
    only = "  if the server does not close it; none otherwise" if each.signs is not None else ""
    return Content.assemble(most, (only, MUTED))


def _fees(review: SessionReview, lens: Lens) -> Content:
    """What the network takes for all of them, at most."""
    fees = [each.fee for each in review.rows if each.error is None and each.fee is not None]
    if not fees:
        return Content("none")
    most = lens.sum(_summed((fee.currency, fee.amount) for fee in fees))
    only = "  less for each that its server closes" if any(each.signs is not None for each in review.rows) else ""
    return Content.assemble(f"at most {most}", (only, MUTED))


def _sums(each: SessionReviewRow, *, paid: bool) -> list[Sum]:
    """Before and after of the deposit, and where its parts go."""
    row = each.row
    rows: list[Sum] = [("deposit", row.deposit, "", "as it is now" if each.locks else "")]
    if each.locks is not None:
        rows += [
            ("locks", each.locks, f"bold {WARN}", "put aside: no price"),
            ("after", row.deposit + each.locks, "", ""),
        ]
    rows.append(("spent", row.spent, "", ""))
    if paid:
        rows += [("settled", row.settled, "", ""), ("not settled", row.at_risk, f"bold {WARN}", "")]
    if each.signs is not None:
        rows.append(("signs", each.signs, f"bold {WARN}", "a voucher for all that is owed"))
    if each.returns is not None:
        bound = "at most: its vouchers are lost" if each.vouchers_lost else "at least"
        rows.append(("comes back", each.returns, f"bold {GOOD}", "to its payer" if paid else bound))
    return rows


def _each(each: SessionReviewRow, lens: Lens, *, paid: bool) -> list[Fact]:
    """A channel among several, in three lines at most."""
    row = each.row
    sign = sign_of(SessionLine(row.id, row), lens)
    facts = [Fact(sign.text, _name(row, lens, paid=paid))]
    if each.error is not None:
        reason = Content.styled(lens.plain("✗ ") + masked(inert(each.error.message, limit=_SAID), lens), BAD)
        return [*facts, Fact("", reason)]
    holds = ("not settled ", row.at_risk) if paid else ("holds ", row.locked)
    parts = [Content.assemble((holds[0], MUTED), lens.money(holds[1], row.currency))]
    if each.signs is not None:
        parts.append(Content.assemble(("signs ", MUTED), lens.money(each.signs, row.currency, unit=False)))
    if each.returns is not None:
        parts.append(Content.assemble(("back ", MUTED), (lens.money(each.returns, row.currency, unit=False), GOOD)))
    facts.append(Fact("", Content(lens.plain(" · ")).join(parts)))
    return [*facts, Fact("", Content.styled(masked(inert(each.way, limit=_SAID), lens), MUTED))]


def outcome_facts(result: SessionResult, lens: Lens, *, paid: bool = False) -> list[Fact]:
    """One row for each channel that was tried, then what to do about those that failed."""
    facts = [Fact("outcome", lens.stage(result.stage).content)]
    for outcome in result.outcomes:
        facts += [GAP_FACT, *_outcome(outcome, lens, alone=len(result.outcomes) == 1, paid=paid)]
    if result.timings:
        legs = lens.plain(" · ").join(f"{timing.leg} {timing.milliseconds:.0f} ms" for timing in result.timings)
        facts += [GAP_FACT, Fact("timing", Content.styled(legs, MUTED))]
    if result.error is not None:
        tone = WARN if result.stage in {Stage.UNKNOWN, Stage.DECLINED} else BAD
        facts += [GAP_FACT, Fact("error", Content.styled(masked(inert(result.error.message, limit=_SAID), lens), tone))]
        if result.error.hint:
            facts.append(Fact("next", inert(result.error.hint, limit=_SAID)))
    return facts


def _outcome(outcome: SessionOutcome, lens: Lens, *, alone: bool, paid: bool) -> list[Fact]:
    row = outcome.row
    facts = [Fact("channel", Content.assemble(_how(outcome, lens).content, "  ", _name(row, lens, paid=paid)))]
    if outcome.message:
        facts.append(Fact("", masked(inert(outcome.message, limit=_SAID), lens)))
    if outcome.refunded is not None:
        facts.append(Fact("came back", Content.styled(lens.money(outcome.refunded, row.currency), f"bold {GOOD}")))
    if outcome.remaining is not None and outcome.remaining > 0:
        minutes, seconds = divmod(outcome.remaining, 60)
        facts.append(Fact("waits", f"{minutes}:{seconds:02d} of the chain's time, then the rest can be withdrawn"))
    if outcome.reference and alone:
        facts.append(Fact("transaction", lens.reference(outcome.reference, whole=True)))
    if outcome.error is not None:
        facts.append(Fact("error", Content.styled(masked(inert(outcome.error.message, limit=_SAID), lens), BAD)))
        if outcome.error.hint:
            facts.append(Fact("next", inert(outcome.error.hint, limit=_SAID)))
    return facts


def _how(outcome: SessionOutcome, lens: Lens) -> Sign:
    sign = _HOW.get(outcome.how) or Sign(
        "✓" if outcome.ok else "✗", inert(outcome.how, limit=16), GOOD if outcome.ok else BAD
    )
    return Sign(lens.plain(sign.glyph), sign.word, sign.tone)


def _under_way(stage: Stage) -> str:
    return {Stage.SIGNED: "signed", Stage.SENT: "sent", Stage.ACCEPTED: "accepted"}.get(stage, "under way")


def _who(row: SessionRow, lens: Lens, *, paid: bool) -> str:
    if paid:
        return lens.address(row.payer)
    return lens.id(host_of(row) or "a server that nobody here knows", 24, 16)


def _name(row: SessionRow, lens: Lens, *, paid: bool) -> Content:
    return Content.assemble(_who(row, lens, paid=paid), "  ", (lens.reference(row.id), MUTED))
