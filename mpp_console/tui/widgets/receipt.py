"""A receipt in full: what it says, as it was on the wire, and raw. Also one request that the local server answered."""

from __future__ import annotations

import json
from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static, TabbedContent, TabPane

from mpp_console.protocol import inert
from mpp_console.services.models import OperationView, ReceiptDetail, RequestRow
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, Facts
from mpp_console.tui.widgets.pane import Pane

__all__ = ["ReceiptPane", "receipt_facts", "request_facts"]


class ReceiptPane(Pane):
    """Shows one receipt or request, or says that none is selected."""

    DEFAULT_CSS = """
    ReceiptPane {
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { padding: 0; height: 1fr; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-top: 1; }
        .empty { color: $text-muted; padding: 1 0; }
        &.-empty TabbedContent { display: none; }
        &.-filled .empty { display: none; }
        &.-plain Tabs { display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Receipt", id=id, classes="-empty")
        self._shown: ReceiptDetail | RequestRow | None = None
        self._look: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Static("Nothing is selected.", classes="empty", markup=False)
        with TabbedContent():
            with TabPane("Overview", id="overview"), VerticalScroll(can_focus=True):
                yield Facts(id="overview-facts")
            with TabPane("Wire", id="wire"), VerticalScroll():
                yield Facts(id="wire-facts")
            with TabPane("Raw", id="raw"), VerticalScroll():
                yield Static("", id="raw-text", markup=False)

    @property
    def detail(self) -> ReceiptDetail | None:
        """The receipt shown, if it is one."""
        return self._shown if isinstance(self._shown, ReceiptDetail) else None

    def show(self, shown: ReceiptDetail | RequestRow | None) -> None:
        """Shows a receipt, a request, or that nothing is selected."""
        if shown is not self._shown:
            self._shown = shown
            self._look = None
        self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws what is shown through `lens`, when that changes anything."""
        shown = self._shown
        age = lens.age(shown.row.at if isinstance(shown, ReceiptDetail) else shown.at) if shown else ""
        look = (shown, age, lens.privacy, lens.ascii)
        if look == self._look:
            return
        self._look = look
        self.set_class(shown is None, "-empty")
        self.set_class(shown is not None, "-filled")
        self.set_class(isinstance(shown, RequestRow), "-plain")
        if isinstance(shown, ReceiptDetail):
            self._show_receipt(shown, lens)
        elif isinstance(shown, RequestRow):
            self.query_one(TabbedContent).active = "overview"
            self.frame(
                title=Content(f"{shown.method} {inert(shown.path, limit=40)}"),
                badge=lens.outcome(shown.outcome).content,
            )
            self.query_one("#overview-facts", Facts).show(request_facts(shown, lens))
        else:
            self.frame(title=Content("Receipt"), badge=Content(""))

    def _show_receipt(self, detail: ReceiptDetail, lens: Lens) -> None:
        title = Content.assemble("Receipt ", lens.id(detail.row.reference, 8, 4))
        self.frame(title=title, badge=lens.status(detail.row.status).content)
        self.query_one("#overview-facts", Facts).show(receipt_facts(detail, lens))
        self.query_one("#wire-facts", Facts).show(_wire_facts(detail.fields, lens))
        raw = "(masked: privacy is on)" if lens.privacy else inert(_json(detail.fields), keep_newlines=True)
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
