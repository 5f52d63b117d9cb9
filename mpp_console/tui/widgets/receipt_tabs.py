"""What a receipt says, in three tabs: the facts, the fields as they were on the wire, and raw. Made when first
needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TabbedContent, TabPane

from mpp_console.protocol import inert
from mpp_console.services.models import OperationView, ReceiptDetail, RequestRow
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, Facts

__all__ = ["ReceiptTabs", "receipt_facts", "request_facts"]


class ReceiptTabs(Vertical):
    """The tabs of one receipt; of a served request only its facts."""

    DEFAULT_CSS = """
    ReceiptTabs {
        height: 1fr;
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { padding: 0; height: 1fr; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-top: 1; }
        &.-plain Tabs { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        with TabbedContent():
            with TabPane("Overview", id="overview"), VerticalScroll():
                yield Facts(id="overview-facts")
            with TabPane("Wire", id="wire"), VerticalScroll():
                yield Facts(id="wire-facts")
            with TabPane("Raw", id="raw"), VerticalScroll():
                yield Static("", id="raw-text", markup=False)

    def show(self, shown: ReceiptDetail | RequestRow, lens: Lens) -> None:
        self.set_class(isinstance(shown, RequestRow), "-plain")
        if isinstance(shown, RequestRow):
            self.query_one(TabbedContent).active = "overview"
            self.query_one("#overview-facts", Facts).show(request_facts(shown, lens))
            return
        self.query_one("#overview-facts", Facts).show(receipt_facts(shown, lens))
        self.query_one("#wire-facts", Facts).show(_wire_facts(shown.fields, lens))
        raw = "(masked: privacy is on)" if lens.privacy else inert(_json(shown.fields), keep_newlines=True)
        self.query_one("#raw-text", Static).update(Content(raw))


def receipt_facts(detail: ReceiptDetail, lens: Lens) -> list[Fact]:
    """What a person wants to know of a receipt, most important first."""
    row = detail.row
    sent = row.direction == "sent"
    facts = [
        Fact("amount", Content.styled(lens.money(row.amount, row.currency), "bold")),
        Fact("state", lens.status(row.status).content),
        Fact("direction", "sent: we paid" if sent else "received: we were paid"),
        Fact("origin" if sent else "route", inert(row.url or row.origin)),
        Fact("method", f"{inert(row.method)}/{inert(row.intent)}"),
        Fact("time", lens.moment(row.at)),
        Fact("", Content.styled(f"{lens.age(row.at)} ago", MUTED)),
        GAP_FACT,
        Fact("reference", inert(row.reference)),
    ]
    if row.payer:
        facts.append(Fact("payer", lens.address(row.payer, whole=True)))
    if row.recipient:
        facts.append(Fact("recipient", lens.address(row.recipient, whole=True)))
    facts.append(Fact("network", inert(row.network)))
    if row.challenge_id:
        facts.append(Fact("challenge", inert(row.challenge_id)))
    if detail.external_id:
        facts.append(Fact("external id", inert(detail.external_id)))
    if detail.operation:
        facts += [GAP_FACT, *_operation_facts(detail.operation, lens)]
    return facts


def _operation_facts(operation: OperationView, lens: Lens) -> list[Fact]:
    facts = [
        Fact("operation", inert(operation.id)),
        Fact("journal", lens.status(operation.state).content),
        Fact("", Content.styled(lens.moment(operation.updated_at), MUTED)),
        Fact("mode", inert(operation.mode)),
    ]
    if operation.error:
        facts.append(Fact("error", Content.styled(inert(operation.error), BAD)))
    return facts


def request_facts(row: RequestRow, lens: Lens) -> list[Fact]:
    """One answer of the local server."""
    facts = [
        Fact("outcome", lens.outcome(row.outcome).content),
        Fact("status", str(row.status)),
        Fact("time", lens.moment(row.at)),
        Fact("", Content.styled(f"{lens.age(row.at)} ago", MUTED)),
    ]
    if row.amount is not None:
        facts.append(Fact("amount", Content.styled(lens.money(row.amount, row.currency), "bold")))
    if row.milliseconds is not None:
        facts.append(Fact("took", f"{row.milliseconds:.0f} ms"))
    facts.append(GAP_FACT)
    if row.payer:
        facts.append(Fact("payer", lens.address(row.payer, whole=True)))
    if row.reference:
        facts.append(Fact("reference", inert(row.reference)))
    if row.challenge_id:
        facts.append(Fact("challenge", inert(row.challenge_id)))
    if row.message:
        facts.append(Fact("message", inert(row.message)))
    return facts


def _wire_facts(fields: Mapping[str, object], lens: Lens) -> list[Fact]:
    if lens.privacy:
        return [Fact("masked", "privacy is on")]
    return [
        Fact(inert(name, limit=24), inert(value if isinstance(value, str) else json.dumps(value, default=str)))
        for name, value in fields.items()
    ]


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(dict(fields), indent=2, ensure_ascii=False, default=str)
