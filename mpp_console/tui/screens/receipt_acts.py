"""What can be done with a receipt wherever it is shown: copy a part of it, ask its URL again, open it elsewhere."""

from __future__ import annotations

import json
from functools import partial

from textual.screen import Screen

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ReceiptDetail, ReceiptRow
from mpp_console.tui.screens.menu import Choice, MenuDialog
from mpp_console.tui.view import Unavailable, app_of, begin, console_of

__all__ = ["ReceiptActs"]

_BY_VOUCHER = "A voucher paid this: it has no transaction of its own to look at."
_COPY_LIMIT = 1000
"""Receipts copied at once: a clipboard is for pasting, a file for more."""


class ReceiptActs(Screen[None]):
    """A screen with a receipt on it."""

    def selected(self) -> ReceiptRow:
        """The receipt that is looked at. Raises Unavailable when there is none."""
        raise NotImplementedError

    def chosen_rows(self) -> tuple[ReceiptRow, ...]:
        """The receipts that are copied together: those marked, else the one looked at."""
        return (self.selected(),)

    # Copying

    def do_receipts_copy(self) -> None:
        rows = self.chosen_rows()
        if len(rows) > _COPY_LIMIT:
            raise Unavailable(f"At most {_COPY_LIMIT} receipts can be copied; x exports any number.")
        one = f"Copy from receipt {app_of(self).view.lens.reference(rows[0].reference)}"
        title = one if len(rows) == 1 else f"Copy from {len(rows)} marked receipts"
        self.app.push_screen(MenuDialog(title, self._copy_choices(rows), at="reference"), partial(self._copy, rows))

    def _copy_choices(self, rows: tuple[ReceiptRow, ...]) -> list[Choice]:
        row, lens = rows[0], app_of(self).view.lens
        payer = lens.address(row.payer, whole=True) if row.payer else ""
        recipient = lens.address(row.recipient, whole=True) if row.recipient else ""
        parts = (
            ("id", "id", "i", row.id),
            ("reference", "reference", "r", lens.reference(row.reference, whole=True)),
            ("url", "URL", "u", row.url),
            ("payer", "payer", "p", payer),
            ("recipient", "recipient", "t", recipient),
            ("json", "JSON", "o", "the receipt and its fields, without secrets"),
        )
        return [
            Choice(
                id=name,
                label=label,
                key=key,
                note=inert(note, limit=60) if len(rows) == 1 else "",
                reason="" if any(_part(name, one) for one in rows) else "this receipt has none",
            )
            for name, label, key, note in parts
        ]

    def _copy(self, rows: tuple[ReceiptRow, ...], name: str | None) -> None:
        if name == "json":
            begin(self, partial(self._copy_json, rows), group="copy", what="copying", exclusive=True)
        elif name is not None:
            values = [value for row in rows if (value := _part(name, row))]
            what = {"url": "URL"}.get(name, name)
            app_of(self).copy_text("\n".join(values), f"{what} of {len(values)} receipts" if len(rows) > 1 else what)

    async def _copy_json(self, rows: tuple[ReceiptRow, ...]) -> None:
        receipts = console_of(self).receipts
        found = [_as_json(await receipts.get(row.id)) for row in rows]
        text = json.dumps(found[0] if len(found) == 1 else found, indent=2, ensure_ascii=True, default=str)
        app_of(self).copy_text(text, f"JSON of {len(found)} receipts" if len(found) > 1 else "JSON")

    def do_receipts_command(self) -> None:
        begin(self, partial(self._command_menu, self.selected()), group="copy", what="commands", exclusive=True)

    async def _command_menu(self, row: ReceiptRow) -> None:
        receipts = console_of(self).receipts
        lines = {"command": await receipts.command(row.id)}
        why_not = ""
        try:
            lines["curl"] = await receipts.curl(row.id)
        except MppError as error:
            why_not = str(error)
        choices = [
            Choice(id="command", label="command", key="m", note=inert(lines["command"], limit=80)),
            Choice(id="curl", label="curl", key="c", note=inert(lines.get("curl", ""), limit=80), reason=why_not),
        ]

        def copy(name: str | None) -> None:
            if name is not None:
                app_of(self).copy_text(lines[name], name)

        await self.app.push_screen(MenuDialog("Copy as", choices, at="command"), copy)

    # Elsewhere

    def do_receipts_explorer(self) -> None:
        begin(self, partial(self._open_explorer, self.selected()), group="explorer", what="explorer", exclusive=True)

    async def _open_explorer(self, row: ReceiptRow) -> None:
        detail = await console_of(self).receipts.get(row.id)
        if detail.explorer_url is None:
            raise Unavailable(_BY_VOUCHER if row.by_voucher else "This network has no explorer to open.")
        self.app.open_url(detail.explorer_url)

    def do_receipts_again(self) -> None:
        begin(self, partial(self._again, self.selected()), group="again", what="request", exclusive=True)

    async def _again(self, row: ReceiptRow) -> None:
        from mpp_console.tui.review import ReviewSheet

        request = await console_of(self).receipts.again(row.id)
        task = console_of(self).payments.start(request)
        await self.app.push_screen(ReviewSheet(task, opened_by="R"))


def _part(name: str, row: ReceiptRow) -> str:
    match name:
        case "id":
            return row.id
        case "reference":
            return row.reference
        case "url":
            return row.url
        case "payer":
            return row.payer or ""
        case "recipient":
            return row.recipient or ""
        case _:
            return name


def _as_json(detail: ReceiptDetail) -> dict[str, object]:
    """Amounts as text in base units: readers of JSON commonly make floats of numbers."""
    row = detail.row
    return {
        "id": row.id,
        "time": row.at.isoformat(),
        "direction": row.direction,
        "status": row.status,
        "origin": row.origin,
        "url": row.url,
        "method": row.method,
        "intent": row.intent,
        "amount_base_units": None if row.amount is None else str(row.amount),
        "currency": None if row.currency is None else row.currency.symbol,
        "currency_id": None if row.currency is None else row.currency.id,
        "decimals": None if row.currency is None else row.currency.decimals,
        "network": row.network,
        "reference": row.reference,
        "challenge_id": row.challenge_id,
        "operation_id": row.operation_id,
        "payer": row.payer,
        "recipient": row.recipient,
        "receipt": dict(detail.fields),
    }
