"""What an answer says besides its body, as facts: what was paid, the receipt, doubts, problems, header fields. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.models import PayResult, Stage, StreamView
from mpp_console.tui.body_layout import size_text
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, WARN, Lens, Sign
from mpp_console.tui.masking import masked
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

__all__ = ["body_sign", "header_facts", "payment_facts", "rate_text", "status_sign"]

_EXTRA = 240
"""Characters of what a receipt says beyond the specification."""


def status_sign(result: PayResult) -> Sign:
    """The status line, as a state."""
    status = result.status or 0
    reason = inert(result.reason, limit=40)
    glyph, tone = ("✓", GOOD) if status < 300 else ("→", INFO) if status < 400 else ("✗", BAD)
    return Sign(glyph, f"{status} {reason}".strip(), tone)


def body_sign(result: PayResult, *, reading: bool, stream: bool) -> Sign:
    """How much of the body there is, and whether that is all."""
    if reading:
        return Sign("●", "live" if stream else "reading", GOOD if stream else INFO)
    ends = {
        "whole": Sign("✓", "ended" if stream else "whole", MUTED),
        "stopped": Sign("○", "stopped", WARN),
        "cut": Sign("!", "cut", WARN),
        "broken": Sign("✗", "broke off", BAD),
    }
    return ends[result.body_end]


def rate_text(stream: StreamView) -> str:
    """How fast events come; empty while that is unknown."""
    return "" if stream.rate is None else f"{stream.rate:.1f}/s"


def payment_facts(result: PayResult, lens: Lens, *, reading: bool, stream: StreamView | None = None) -> list[Fact]:
    """What was paid and what for, what does not fit, and what went wrong. `stream` is how an answer stands that is
    charged for as it comes.
    """
    facts = _outcome_facts(result, lens, reading=reading, stream=stream) + _receipt_facts(result, lens)
    for number, doubt in enumerate(result.doubts):
        sign = Content.styled(lens.plain(f"! {masked(inert(doubt), lens)}"), WARN)
        facts += [*([GAP_FACT] if number == 0 else []), Fact("doubts" if number == 0 else "", sign)]
    if result.problem is not None:
        problem = result.problem
        facts += [
            GAP_FACT,
            Fact("problem", Content.styled(inert(problem.title or problem.slug or "without a title"), BAD)),
            Fact("detail", masked(inert(problem.detail), lens)),
            Fact("type", Content.styled(inert(problem.type), MUTED)),
        ]
        if problem.hint:
            facts.append(Fact("next", inert(problem.hint)))
    if result.error is not None:
        tone = WARN if result.stage in {Stage.UNKNOWN, Stage.DECLINED} else BAD
        facts += [GAP_FACT, Fact("error", Content.styled(masked(inert(result.error.message), lens), tone))]
        if result.error.hint:
            facts.append(Fact("next", inert(result.error.hint)))
    return facts


def _stream_facts(stream: StreamView, lens: Lens) -> list[Fact]:
    """What has been promised so far, and how much of the deposit that is."""
    spent, voucher, held = (
        lens.money(money.amount, money.currency) for money in (stream.spent, stream.voucher, stream.held)
    )
    share = int(stream.voucher.amount * 100 // stream.held.amount) if stream.held.amount else 0
    return [
        Fact("spent", Content.styled(spent, "bold")),
        Fact("voucher", voucher),
        Fact("deposit", Content.assemble(held, (lens.plain(f"  {share} % promised"), MUTED))),
        Fact("rate", lens.plain(rate_text(stream)) or Content.styled("not known yet", MUTED)),
    ]


def _outcome_facts(result: PayResult, lens: Lens, *, reading: bool, stream: StreamView | None) -> list[Fact]:
    operation = result.operation
    if operation is None:
        free = result.stage is Stage.DONE or reading or result.status != 402
        return [Fact("cost", "free: nothing was paid" if free else "nothing was paid")]
    cost = [Fact("amount", Content.styled(lens.money(operation.amount, operation.currency), "bold"))]
    state = lens.status(operation.state).content
    if stream is not None:
        cost = _stream_facts(stream, lens)
        state = Content.styled(lens.plain("● paid as it comes"), GOOD) if reading else state
    return [
        *cost,
        Fact("state", state),
        Fact("pay to", lens.address(operation.recipient, whole=True)),
        Fact("method", lens.plain(f"{inert(operation.method)}/{inert(operation.intent)} · {inert(operation.mode)}")),
        Fact("network", inert(operation.network)),
    ]


def _receipt_facts(result: PayResult, lens: Lens) -> list[Fact]:
    receipt = result.receipt
    if receipt is None:
        missing = Content.styled(lens.plain("! the server gave none"), WARN)
        return [GAP_FACT, Fact("receipt", missing)] if result.paid else []
    facts = [
        GAP_FACT,
        Fact("receipt", lens.status(receipt.status).content),
        Fact("reference", lens.reference(receipt.reference, whole=True)),
        Fact("given at", Content.styled(inert(receipt.timestamp), MUTED)),
    ]
    if receipt.external_id:
        facts.append(Fact("external id", inert(receipt.external_id)))
    for name, value in receipt.extra.items():
        facts.append(Fact(inert(name, limit=24), masked(inert(str(value), limit=_EXTRA), lens)))
    return facts


def header_facts(headers: Sequence[tuple[str, str]], lens: Lens, *, size: int) -> list[Fact]:
    """Header fields as they came; secrets were masked before they got here."""
    facts = []
    for name, value in headers:
        shown = "masked: privacy is on" if lens.privacy else inert(value)
        tone = MUTED if lens.privacy or value == "(hidden)" else ""
        facts.append(Fact(inert(name, limit=40).lower(), Content.styled(shown, tone)))
    return [*facts, GAP_FACT, Fact("", Content.styled(f"{len(headers)} fields, body {size_text(size)}", MUTED))]
