"""What the chain says of a receipt: asked only when somebody looks, since it costs a request to the node."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ChainView, LogView
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, WARN, Lens, Sign
from mpp_console.tui.masking import masked
from mpp_console.tui.view import app_of, begin, console_of
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, Facts

__all__ = ["ReceiptChain", "chain_facts", "log_facts"]

_STATUS = {
    "success": Sign("✓", "success", GOOD),
    "reverted": Sign("✗", "reverted", BAD),
    "pending": Sign("◐", "pending", INFO),
    "voucher": Sign("·", "by its channel", MUTED),
    "unknown": Sign("!", "unknown", WARN),
}
_SHOWN_LOGS = 50
"""Event logs drawn of one transaction; what pays somebody has a few, and anybody can make one with thousands."""


class ReceiptChain(VerticalScroll):
    """The transaction of one receipt. `want` names the receipt; it is asked for when first seen, and on `ask`."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._receipt: str | None = None
        self._answer: ChainView | MppError | None = None
        self._asked = False

    def compose(self) -> ComposeResult:
        yield Facts(id="chain-facts")

    def want(self, receipt_id: str, *, seen: bool) -> None:
        """Shows the transaction of another receipt; asks for it at once only if somebody is looking."""
        if receipt_id != self._receipt:
            self._receipt, self._answer, self._asked = receipt_id, None, False
        if seen and not self._asked:
            self.ask()

    def ask(self) -> None:
        """Asks the network, again if need be."""
        if self._receipt is None:
            return
        self._asked, self._answer = True, None
        self.look(app_of(self).view.lens)
        # A newer question ends an older one: moving through the list leaves no queue of requests behind.
        begin(self, partial(self._ask, self._receipt), group="chain", what="transaction", exclusive=True)

    async def _ask(self, receipt_id: str) -> None:
        answer: ChainView | MppError
        try:
            answer = await console_of(self).receipts.chain(receipt_id)
        except MppError as error:
            # Drawn where it was asked for, so no toast; the log keeps it.
            answer = error
            app_of(self).log_entries.add(app_of(self).clock(), "error", inert(f"transaction: {error}"))
        if receipt_id == self._receipt:
            self._answer = answer
            self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws the answer, or that there is none yet."""
        self.query_one("#chain-facts", Facts).show(self._facts(lens))

    def _facts(self, lens: Lens) -> list[Fact]:
        match self._answer:
            case ChainView() as view:
                return chain_facts(view, lens)
            case MppError() as error:
                facts = [Fact("failed", Content.styled(lens.plain(f"✗ {masked(inert(str(error)), lens)}"), BAD))]
                if error.hint:
                    facts.append(Fact("next", inert(error.hint)))
                return [*facts, Fact("", Content.styled("r asks again.", MUTED))]
            case _:
                return [Fact("", Content.styled(lens.plain("◐ asking the network for the transaction…"), INFO))]


def chain_facts(view: ChainView, lens: Lens) -> list[Fact]:
    """The transaction, what it cost, and what it logged."""
    sign = _STATUS[view.status]
    facts = [Fact("on chain", Content.styled(f"{lens.plain(sign.glyph)} {sign.word}", sign.tone))]
    if view.note:
        tone = WARN if view.status == "unknown" else MUTED
        facts.append(Fact("", Content.styled(masked(inert(view.note), lens), tone)))
    if view.block is not None:
        depth = "" if view.confirmations is None else lens.plain(f" · {_times(view.confirmations, 'confirmation')}")
        facts.append(Fact("block", Content.assemble((f"{view.block:,}", "bold"), (depth, MUTED))))
    if view.timestamp is not None:
        facts += [
            Fact("mined", lens.moment(view.timestamp)),
            Fact("", Content.styled(f"{lens.age(view.timestamp)} ago", MUTED)),
        ]
    named = "channel" if view.status == "voucher" else "transaction"
    facts += [GAP_FACT, Fact(named, lens.reference(view.reference, whole=True))]
    if view.sender:
        facts.append(Fact("sender", lens.address(view.sender, whole=True)))
    if view.fee_payer:
        own = view.fee_payer == view.sender
        facts.append(Fact("fee payer", "the sender" if own else lens.address(view.fee_payer, whole=True)))
    if view.fee is not None:
        facts.append(Fact("fee", lens.money(view.fee.amount, view.fee.currency)))
    if view.gas_used is not None:
        facts.append(Fact("gas used", f"{view.gas_used:,}"))
    if view.explorer_url:
        facts.append(
            Fact("explorer", Content.assemble(masked(inert(view.explorer_url), lens), ("  w opens it", MUTED)))
        )
    for number, log in enumerate(view.logs[:_SHOWN_LOGS]):
        facts += [GAP_FACT, *log_facts(number, log, lens)]
    if len(view.logs) > _SHOWN_LOGS:
        facts += [GAP_FACT, Fact("", Content.styled(f"and {len(view.logs) - _SHOWN_LOGS} more logs", MUTED))]
    return facts


def log_facts(number: int, log: LogView, lens: Lens) -> list[Fact]:
    name = Content.styled(inert(log.name, limit=80) or "unknown event", "bold" if log.name else MUTED)
    facts = [Fact(f"log {number}", name), Fact("  contract", lens.address(log.address, whole=True))]
    for label, value in log.facts:
        # Any of them may be an amount or an address.
        facts.append(Fact(f"  {inert(label, limit=20)}", lens.plain("••••••") if lens.privacy else inert(value)))
    return facts


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
