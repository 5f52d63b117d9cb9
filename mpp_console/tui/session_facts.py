"""What a session says as facts: its overview, its events, what the chain says of it. Pure; panes only place it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mpp_console.protocol import ChannelState, inert
from mpp_console.services.session_models import SessionChainView, SessionDetail, SessionRow
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.facts_of import address_content
from mpp_console.tui.masking import masked
from mpp_console.tui.session_lines import SessionLine, closes_in, gauge_tone, sign_of
from mpp_console.tui.session_plan import Sum, sums
from mpp_console.tui.widgets.facts import GAP_FACT, Fact
from mpp_console.tui.widgets.receipt_chain import log_facts

__all__ = ["ENTRIES", "PAYMENTS", "chain_facts", "entry_cells", "overview_facts", "payment_cells"]

_SAID = 300
_SHOWN_LOGS = 50
_GAUGE_CELLS = 16

PAYMENTS = (
    Column(title="TIME", width=8, keep=8),
    Column(title="AMOUNT", width=12, right=True, keep=9, whole=True),
    Column(title="PATH", width=8, grow=1, keep=7),
    Column(title="STATUS", width=10, keep=6),
)
ENTRIES = (
    Column(title="TIME", width=8, keep=8),
    Column(title="EVENT", width=15, keep=9),
    Column(title="AMOUNT", width=12, right=True, keep=7, whole=True),
    Column(title="REFERENCE", width=11, keep=4),
    Column(title="", width=6, grow=1, keep=3),
)


def overview_facts(detail: SessionDetail, lens: Lens) -> list[Fact]:
    """Where the money is, then whose channel it is and where."""
    row = detail.row
    facts = _standing(row, lens)
    if row.deposit:
        facts.append(Fact("gauge", Content.styled(lens.gauge(row.used, _GAUGE_CELLS), gauge_tone(row))))
    facts += [GAP_FACT, *sums(_sums(row), row.currency, lens), GAP_FACT]
    facts += [
        Fact("origin", inert(row.origin, limit=_SAID) or lens.plain(UNKNOWN)),
        Fact("url", inert(row.url, limit=_SAID) or lens.plain(UNKNOWN)),
        Fact("last used", lens.moment(row.last_used_at)),
        Fact("opened", lens.moment(row.created_at)),
        GAP_FACT,
        Fact("id", lens.reference(row.id, whole=True)),
        Fact("payee", address_content(row.payee, lens)),
        Fact("payer", address_content(row.payer, lens)),
    ]
    if detail.authorized_signer.lower() not in {"", row.payer.lower()} and detail.authorized_signer.strip("0x"):
        facts.append(Fact("signer", address_content(detail.authorized_signer, lens)))
    if detail.operator.strip("0x"):
        facts.append(Fact("operator", address_content(detail.operator, lens)))
    facts += [
        Fact("escrow", lens.address(detail.escrow, whole=True)),
        Fact("protocol", f"session {row.protocol}"),
        Fact("network", f"{inert(row.network, limit=40)} (chain {detail.chain_id})"),
    ]
    for label, reference in (("open tx", detail.open_hash), ("close tx", detail.close_hash)):
        if reference:
            facts.append(Fact(label, lens.reference(reference, whole=True)))
    return facts


def _standing(row: SessionRow, lens: Lens) -> list[Fact]:
    """What to know of it now, and what can be done about it."""
    sign = sign_of(SessionLine(row.id, row), lens)
    facts = [Fact("state", sign.content)]
    if row.stale:
        facts.append(Fact("", Content.styled(masked(inert(row.stale, limit=_SAID), lens), WARN)))
    if row.state is ChannelState.CLOSING and row.closes_at is not None:
        facts.append(Fact("closes in", Content.styled(closes_in(row, lens), f"bold {INFO}")))
        facts.append(Fact("", Content.styled(lens.moment(row.closes_at), MUTED)))
    if row.note:
        facts.append(Fact("note", masked(inert(row.note, limit=_SAID), lens)))
    return facts


def _sums(row: SessionRow) -> list[Sum]:
    sums: list[Sum] = [
        ("deposit", row.deposit, "bold", ""),
        ("spent", row.spent, "", ""),
        *([("left", row.left, GOOD if row.left else MUTED, "")] if row.state.holds_money else []),
        ("signed", row.signed, "", ""),
        ("accepted", row.accepted, "", ""),
        ("settled", row.settled, "", ""),
    ]
    if row.pending_deposit:
        sums.append(("adding", row.pending_deposit, INFO, "on its way"))
    if row.refunded is not None:
        sums.append(("refunded", row.refunded, GOOD, ""))
    if row.state.holds_money:
        sums.append(("locked", row.locked, "", ""))
        sums.append(("at risk", row.at_risk, WARN if row.at_risk else MUTED, ""))
    return sums


def payment_cells(detail: SessionDetail, lens: Lens) -> list[Sequence[Cell]]:
    """The latest payments by vouchers, the newest first."""
    cells: list[Sequence[Cell]] = []
    for row in sorted(detail.payments, key=lambda payment: payment.at, reverse=True):
        sign = lens.status(row.status)
        path = row.url.partition(row.origin)[2] if row.origin else row.url
        cells.append(
            (
                (lens.clock(row.at), MUTED),
                (lens.column(row.amount, row.currency), ""),
                (inert(path, limit=120), MUTED),
                (sign.text, sign.tone),
            )
        )
    return cells


def entry_cells(detail: SessionDetail, lens: Lens) -> list[Sequence[Cell]]:
    """The channel's own history, the newest first."""
    return [
        (
            (lens.clock(entry.at), MUTED),
            (inert(entry.kind, limit=24), ""),
            (lens.column(entry.amount, detail.row.currency) if entry.amount is not None else "", ""),
            (lens.reference(entry.reference) if entry.reference else "", MUTED),
            (masked(inert(entry.text, limit=120), lens), MUTED),
        )
        for entry in reversed(detail.entries)
    ]


def chain_facts(view: SessionChainView, row: SessionRow, lens: Lens) -> list[Fact]:
    """What the chain says, and how that differs from what is known here."""
    if view.exists:
        facts = [Fact("on chain", Content.styled(lens.plain("✓ open"), GOOD))]
    else:
        facts = [Fact("on chain", Content.styled(lens.plain("○ not there: closed, or never opened"), MUTED))]
    if view.close_requested_at is not None:
        facts.append(Fact("close", Content.styled(f"requested {lens.moment(view.close_requested_at)}", INFO)))
    if view.withdrawable_at is not None:
        facts.append(Fact("withdraw", f"from {lens.moment(view.withdrawable_at)}"))
    facts += [GAP_FACT, *sums(_chain_sums(view, row), row.currency, lens), GAP_FACT]
    facts += [Fact("block", f"{view.block:,}"), Fact("chain time", lens.moment(view.chain_time))]
    if view.explorer_url:
        shown = Content.assemble(masked(inert(view.explorer_url), lens), ("  w opens it", MUTED))
        facts.append(Fact("explorer", shown))
    for number, log in enumerate(view.logs[:_SHOWN_LOGS]):
        facts += [GAP_FACT, *log_facts(number, log, lens)]
    return facts


def _chain_sums(view: SessionChainView, row: SessionRow) -> list[Sum]:
    def told(chain: int, here: int) -> str:
        return "as here" if chain == here else "differs from here: s syncs"

    if not view.exists:
        return [("settled", view.settled, "", "")]
    differs = [view.deposit != row.deposit, view.settled != row.settled]
    return [
        ("deposit", view.deposit, BAD if differs[0] else "", told(view.deposit, row.deposit)),
        ("settled", view.settled, WARN if differs[1] else "", told(view.settled, row.settled)),
    ]
