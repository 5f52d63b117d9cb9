"""The review sheet of a transfer: the same rules as for payments, over a quote of the chain instead of an offer."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual.content import Content

from mpp_console.protocol import format_units, inert
from mpp_console.services.models import Level, ProfileView, Stage, TransferResult, TransferReview
from mpp_console.tui.display import BAD, INFO, MUTED, WARN, Lens
from mpp_console.tui.facts_of import GRAVE_CODES, address_content, check_content, progress_lines
from mpp_console.tui.masking import masked
from mpp_console.tui.sheet import SpendSheet
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

if TYPE_CHECKING:
    from mpp_console.services.payments import OriginAllowance
    from mpp_console.services.transfers import TransferTask

__all__ = ["TransferSheet", "memo_text", "transfer_facts", "transfer_result_facts"]

_STEPS = ((Stage.SIGNED, "signed"), (Stage.SENT, "sent to the network"), (Stage.DONE, "in a block"))


class TransferSheet(SpendSheet[TransferReview, TransferResult]):
    """Shows one transfer from its quote to its end. Closing it before a decision declines."""

    TITLES = ("Review transfer", "Transfer")
    NOUN = "transfer"
    ASKING = "asking the network · nothing is signed"
    APPROVE = "a Send"

    def __init__(self, task: TransferTask, *, opened_by: str | None) -> None:
        super().__init__(task, opened_by=opened_by)
        self._transfer = task

    def waiting(self, lens: Lens) -> Content:
        to = lens.address(self._transfer.request.to)
        return Content.assemble((lens.plain("◐ "), INFO), "looking over a transfer to ", (to, "bold"))

    def headline(self, review: TransferReview, lens: Lens) -> Content:
        amount = (lens.money(review.amount, review.currency), "bold")
        first = Content.assemble(("send ", MUTED), amount, (" to", MUTED))
        to = address_content(review.recipient, lens)
        refused = [check for check in review.checks if check.level is Level.REFUSE]
        if not refused:
            return Content.assemble(first, "\n", to, "\n")
        return Content.assemble(first, "\n", to, "\n", (lens.plain("✗ cannot be sent"), BAD), "\n")

    def facts(self, review: TransferReview, lens: Lens) -> list[Fact]:
        return transfer_facts(review, lens)

    def steps(self, stage: Stage, past: Collection[Stage], lens: Lens) -> Content:
        return progress_lines(stage, past, lens, _STEPS)

    def result_facts(self, result: TransferResult, lens: Lens) -> list[Fact]:
        return transfer_result_facts(result, lens)

    def payable(self, review: TransferReview) -> bool:
        return review.sendable

    def refusal(self, review: TransferReview) -> str | None:
        return next((check.message for check in review.checks if check.level is Level.REFUSE), None)

    def grave(self, review: TransferReview, profile: ProfileView) -> bool:
        warned = any(check.code in GRAVE_CODES and check.level is not Level.OK for check in review.checks)
        return profile.kind == "mainnet" or review.new_recipient or warned

    def to_type(self, review: TransferReview) -> str:
        return format_units(review.amount, review.currency.decimals)

    def agree(self, allow: OriginAllowance | None) -> bool:
        return self._transfer.approve()


def transfer_facts(review: TransferReview, lens: Lens) -> list[Fact]:
    """The dry run of a transfer."""
    facts = [Fact("from", address_content(review.sender, lens))]
    if review.memo:
        facts.append(Fact("memo", memo_text(review.memo)))
    network = inert(review.network, limit=40)
    chain = f" (chain {review.chain_id})" if review.chain_id is not None else ""
    facts.append(Fact("network", network + chain))
    fee = f"at most {lens.money(review.fee, review.fee_currency)}" if review.fee is not None else "unknown"
    facts.append(Fact("fee", fee))
    facts += [Fact("balance", _balance(review, lens)), GAP_FACT]
    for number, check in enumerate(review.checks):
        facts.append(Fact("" if number else "checks", check_content(check, lens)))
    return facts


def _balance(review: TransferReview, lens: Lens) -> str:
    before = lens.money(review.balance, review.currency, unit=False)
    if review.balance is None or review.balance_after is None or review.balance_after < 0:
        return lens.money(review.balance, review.currency)
    return f"{before} {lens.plain('→')} at least {lens.money(review.balance_after, review.currency)}"


def memo_text(memo: str) -> str:
    """A memo of 32 bytes as the text that it is, else as it stands."""
    try:
        text = bytes.fromhex(memo.removeprefix("0x")).rstrip(b"\x00").decode()
    except (ValueError, UnicodeDecodeError):
        return inert(memo)
    return inert(text) if text.isprintable() else inert(memo)


def transfer_result_facts(result: TransferResult, lens: Lens) -> list[Fact]:
    """How a transfer ended, where to look at it, and what to do next when it did not end well."""
    facts = [Fact("outcome", lens.stage(result.stage).content)]
    if result.review is not None:
        facts.append(Fact("amount", lens.money(result.review.amount, result.review.currency)))
        facts.append(Fact("to", address_content(result.review.recipient, lens)))
    if result.reference:
        facts.append(Fact("reference", lens.reference(result.reference, whole=True)))
    if result.explorer_url:
        facts.append(Fact("explorer", masked(inert(result.explorer_url), lens)))
    if result.timings:
        legs = lens.plain(" · ").join(f"{timing.leg} {timing.milliseconds:.0f} ms" for timing in result.timings)
        facts.append(Fact("timing", Content.styled(legs, MUTED)))
    if result.error is not None:
        tone = WARN if result.stage in {Stage.UNKNOWN, Stage.DECLINED} else BAD
        facts += [GAP_FACT, Fact("error", Content.styled(masked(inert(result.error.message, limit=300), lens), tone))]
        if result.error.hint:
            facts.append(Fact("next", inert(result.error.hint, limit=300)))
    return facts
