"""What a receipt, or a request of the local server, says: as facts in the order in which a person asks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.models import OperationView, ReceiptDetail, RequestRow
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

__all__ = ["raw_text", "receipt_facts", "request_facts", "wire_facts"]

_DEPTH = 6
"""How deep the fields of a receipt are opened up; what lies deeper is shown as JSON."""

_MOST_FIELDS = 200
"""Fields drawn of one receipt. A real one has a handful."""

_RAW_CHARACTERS = 64 * 1024


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
        Fact("reference", lens.reference(row.reference, whole=True)),
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
        facts.append(Fact("error", Content.styled(masked(inert(operation.error), lens), BAD)))
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
        facts.append(Fact("reference", lens.reference(row.reference, whole=True)))
    if row.challenge_id:
        facts.append(Fact("challenge", inert(row.challenge_id)))
    if row.message:
        facts.append(Fact("message", masked(inert(row.message), lens)))
    return facts


def wire_facts(detail: ReceiptDetail, lens: Lens) -> list[Fact]:
    """The fields as they were on the wire, and what was paid in the wire's own units.

    The header itself is a secret: whoever holds it can claim to have paid. It is not kept, so it cannot be shown.
    """
    row = detail.row
    hidden = lens.plain("••••••")
    facts = [
        Fact("header", Content.assemble("Payment-Receipt: ", (hidden, MUTED))),
        Fact("", Content.styled("a secret: its fields are kept, the header is not", MUTED)),
        GAP_FACT,
    ]
    fields = [
        Fact(name, Content.styled(hidden, MUTED) if lens.privacy else value) for name, value in _flat(detail.fields)
    ]
    facts += fields[:_MOST_FIELDS] or [Fact("fields", Content.styled("none: no receipt came", MUTED))]
    if len(fields) > _MOST_FIELDS:
        facts.append(Fact("", Content.styled(f"and {len(fields) - _MOST_FIELDS} more, all in Raw", MUTED)))
    if row.amount is not None and row.currency is not None:
        units = hidden if lens.privacy else str(row.amount)
        scale = lens.plain(f" base units · {row.currency.decimals} decimals")
        facts += [
            GAP_FACT,
            Fact("amount", Content.assemble(units, (scale, MUTED))),
            Fact("currency", inert(row.currency.id)),
        ]
    if detail.operation is not None:
        facts.append(Fact("chain id", str(detail.operation.chain_id)))
    return facts


def raw_text(detail: ReceiptDetail, lens: Lens) -> Content:
    """The receipt as JSON; masked whole in privacy, since any field may hold an amount or an address."""
    if lens.privacy:
        return Content.styled("masked: privacy is on, * shows it", MUTED)
    text = json.dumps(dict(detail.fields), indent=2, ensure_ascii=False, default=str)
    return Content(inert(text, keep_newlines=True, limit=_RAW_CHARACTERS))


def _flat(fields: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Nested fields under dotted names."""
    for name, value in fields.items():
        label = inert(f"{path}{name}", limit=28)
        if isinstance(value, Mapping) and value and depth < _DEPTH:
            yield from _flat(value, f"{path}{name}.", depth + 1)
        elif isinstance(value, str):
            yield label, inert(value)
        else:
            yield label, inert(json.dumps(value, ensure_ascii=False, default=str))
