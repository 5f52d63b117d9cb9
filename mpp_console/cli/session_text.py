"""How channels and what was done to them are printed: tables and facts for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mpp_console.cli.context import error_json
from mpp_console.cli.output import amount_json, amount_text, print_facts, print_table, say, time_text

if TYPE_CHECKING:
    from mpp_console.services.models import (
        SessionChainView,
        SessionDetail,
        SessionOutcome,
        SessionReview,
        SessionReviewRow,
        SessionRow,
        SessionsView,
        SessionTotal,
    )

__all__ = [
    "BRIEF",
    "chain_json",
    "detail_json",
    "outcome_json",
    "print_channels",
    "print_detail",
    "print_outcomes",
    "review_json",
    "row_json",
    "say_review",
    "say_totals",
    "totals_json",
]

BRIEF = 10
"""Characters of an id that a person is shown: commands understand them."""
_COLUMNS: tuple[str, ...] = (
    "state", "origin", "used", "spent", "deposit", "left", "token", "last used", "closes at", "", "id",
)  # fmt: skip
_SPARE = frozenset({"closes at", ""})


def print_channels(rows: Iterable[SessionRow], *, brief: bool) -> None:
    """A line for each channel. `brief` is for a screen: ids are cut as far as commands still understand them, and what
    no channel has, or others tell, is left out.
    """
    columns = _COLUMNS
    lines = [_cells(row, brief=brief) for row in rows]
    if brief:
        used = [any(line[place] for line in lines) for place in range(len(columns))]
        kept = [
            place for place, name in enumerate(columns) if name != "deposit" and (used[place] or name not in _SPARE)
        ]
        columns = tuple(columns[place] for place in kept)
        lines = [tuple(line[place] for place in kept) for line in lines]
    print_table(columns, lines, right=frozenset({"used", "spent", "deposit", "left"}))


def _cells(row: SessionRow, *, brief: bool) -> tuple[str, ...]:
    from mpp_console.protocol import format_units

    def units(amount: int) -> str:
        return format_units(amount, row.currency.decimals)

    when = _brief_time if brief else time_text
    return (
        row.state.value,
        row.origin.partition("://")[2] if brief else row.origin,
        f"{row.used:.0%}",
        units(row.spent),
        units(row.deposit),
        units(row.left),
        row.currency.symbol,
        when(row.last_used_at),
        when(row.closes_at) if row.closes_at is not None or not brief else "",
        row.stale or row.note,
        row.id[:BRIEF] if brief else row.id,
    )


def _brief_time(moment: datetime | None) -> str:
    """The time of today, the date of other days; UTC."""
    if moment is None:
        return ""
    return moment.strftime("%H:%M" if moment.date() == datetime.now(UTC).date() else "%m-%d")


def say_totals(view: SessionsView) -> None:
    """What all of them hold, and what wants looking at."""
    for total in view.totals:
        parts = [f"{amount_text(total.locked, total.currency)} locked"]
        if total.at_risk:
            parts.append(f"{amount_text(total.at_risk, total.currency)} of it signed and not confirmed")
        if total.pending_refund:
            parts.append(f"{amount_text(total.pending_refund, total.currency)} of it on its way back")
        say(", ".join(parts))
    if view.stale:
        held = ", ".join(money.text for money in view.stale_held)
        say(
            f"! {_many(len(view.stale), 'channel wants', 'channels want')} looking at, holding {held}: "
            "mpp-console sessions close --stale --dry-run"
        )
    if view.damaged:
        say(f"! {_many(len(view.damaged), 'row is', 'rows are')} damaged and kept: {', '.join(view.damaged)}")
    if view.finalized:
        say(f"{view.finalized} older closed ones are not shown")


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def row_json(row: SessionRow) -> dict[str, Any]:
    sums = {
        name: str(getattr(row, name))
        for name in (
            "deposit", "signed", "accepted", "spent", "settled", "left", "locked", "at_risk", "pending_deposit",
        )
    }  # fmt: skip
    return {
        "id": row.id,
        "state": row.state.value,
        "protocol": row.protocol,
        "network": row.network,
        "origin": row.origin,
        "url": row.url,
        "payer": row.payer,
        "payee": row.payee,
        "currency": row.currency.symbol,
        "currency_id": row.currency.id,
        "decimals": row.currency.decimals,
        "base_units": {**sums, "refunded": None if row.refunded is None else str(row.refunded)},
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "closes_at": row.closes_at,
        "stale": row.stale,
        "note": row.note,
    }


def totals_json(totals: Iterable[SessionTotal]) -> list[dict[str, Any]]:
    return [
        {
            **amount_json(total.locked, total.currency, "locked_"),
            "at_risk_base_units": str(total.at_risk),
            "pending_refund_base_units": str(total.pending_refund),
        }
        for total in totals
    ]


# One channel ----------------------------------------------------------------------------------------------------------


def print_detail(detail: SessionDetail, chain: SessionChainView | None) -> None:
    """Facts, what happened, and the latest payments."""
    print_facts([(name, value) for name, value in _facts(detail, chain) if value])
    currency = detail.row.currency
    if detail.entries:
        say()
        lines = [
            (
                time_text(entry.at),
                entry.kind,
                "" if entry.amount is None else amount_text(entry.amount, currency),
                entry.reference or "",
                entry.text,
            )
            for entry in detail.entries
        ]
        print_table(("time", "what", "amount", "reference", ""), lines, right=frozenset({"amount"}))
    if detail.payments:
        say()
        paid = [(time_text(row.at), amount_text(row.amount, currency), row.url, row.id) for row in detail.payments]
        print_table(("time", "paid", "url", "receipt"), paid, right=frozenset({"paid"}))


def _facts(detail: SessionDetail, chain: SessionChainView | None) -> list[tuple[str, str]]:
    row = detail.row
    facts = [
        ("id", row.id),
        ("state", row.state.value + (f"  ({row.stale})" if row.stale else "")),
        ("network", f"{row.network} (chain {detail.chain_id}), {row.protocol}"),
        ("server", row.url or row.origin),
        ("payer", row.payer),
        ("payee", row.payee),
        ("deposit", amount_text(row.deposit, row.currency)),
        ("spent", amount_text(row.spent, row.currency)),
        ("signed", amount_text(row.signed, row.currency)),
        ("at risk", amount_text(row.at_risk, row.currency) if row.at_risk else ""),
        ("settled", amount_text(row.settled, row.currency)),
        ("left", amount_text(row.left, row.currency) if row.refunded is None else ""),
        ("refunded", "" if row.refunded is None else amount_text(row.refunded, row.currency)),
        ("escrow", detail.escrow),
        ("opened", f"{time_text(row.created_at)}  {detail.open_hash or ''}".rstrip()),
        ("last used", time_text(row.last_used_at)),
        ("closes at", "" if row.closes_at is None else time_text(row.closes_at)),
        ("closed by", detail.close_hash or ""),
        ("note", row.note),
    ]
    if chain is not None:
        there = (
            f"deposit {amount_text(chain.deposit, row.currency)}, settled {amount_text(chain.settled, row.currency)}"
        )
        facts.append(("chain says", there if chain.exists else "it is not there"))
        facts.append(("chain time", f"{time_text(chain.chain_time)}, block {chain.block}"))
        if chain.withdrawable_at is not None:
            facts.append(("withdrawable", time_text(chain.withdrawable_at)))
    return facts


def detail_json(detail: SessionDetail) -> dict[str, Any]:
    return {
        **row_json(detail.row),
        "escrow": detail.escrow,
        "chain_id": detail.chain_id,
        "salt": detail.salt,
        "operator": detail.operator,
        "authorized_signer": detail.authorized_signer,
        "open_hash": detail.open_hash,
        "close_hash": detail.close_hash,
        "entries": [
            {
                "at": entry.at,
                "kind": entry.kind,
                "base_units": None if entry.amount is None else str(entry.amount),
                "reference": entry.reference,
                "text": entry.text,
            }
            for entry in detail.entries
        ],
        "payments": [
            {
                "at": paid.at,
                "id": paid.id,
                "url": paid.url,
                "base_units": None if paid.amount is None else str(paid.amount),
                "status": paid.status,
            }
            for paid in detail.payments
        ],
    }


def chain_json(chain: SessionChainView) -> dict[str, Any]:
    return {
        "exists": chain.exists,
        "deposit_base_units": str(chain.deposit),
        "settled_base_units": str(chain.settled),
        "close_requested_at": chain.close_requested_at,
        "withdrawable_at": chain.withdrawable_at,
        "block": chain.block,
        "chain_time": chain.chain_time,
        "logs": [{"name": log.name, "facts": dict(log.facts)} for log in chain.logs],
    }


# Acts -----------------------------------------------------------------------------------------------------------------


def say_review(review: SessionReview) -> None:
    """The dry run, to stderr."""
    for item in review.rows:
        print_facts([(name, value) for name, value in _review_facts(item) if value], err=True)


def _review_facts(item: SessionReviewRow) -> list[tuple[str, str]]:
    row, fee = item.row, item.fee

    def money(amount: int | None) -> str:
        return "" if amount is None else amount_text(amount, row.currency)

    return [
        ("channel", f"{row.id}  {row.state}"),
        ("server", row.origin),
        ("does", item.way),
        ("signs", money(item.signs)),
        ("locks", money(item.locks)),
        ("returns", _returns(item)),
        ("fee", "" if fee is None else f"at most {fee.text}"),
        ("cannot", "" if item.error is None else item.error.message),
    ]


def _returns(item: SessionReviewRow) -> str:
    if item.returns is None:
        return ""
    money = amount_text(item.returns, item.row.currency)
    return f"at most {money}, less what its payee was promised" if item.vouchers_lost else f"at least {money}"


def review_json(review: SessionReview) -> list[dict[str, Any]]:
    return [
        {
            "channel": item.row.id,
            "state": item.row.state.value,
            "way": item.way,
            "signs_base_units": None if item.signs is None else str(item.signs),
            "locks_base_units": None if item.locks is None else str(item.locks),
            "returns_base_units": None if item.returns is None else str(item.returns),
            "vouchers_lost": item.vouchers_lost,
            "fee_base_units": None if item.fee is None else str(item.fee.amount),
            "error": None if item.error is None else error_json(item.error),
        }
        for item in review.rows
    ]


def print_outcomes(outcomes: Iterable[SessionOutcome]) -> None:
    """One line for each channel that was tried."""
    cells = []
    for outcome in outcomes:
        row = outcome.row
        back = "" if outcome.refunded is None else f"{amount_text(outcome.refunded, row.currency)} came back"
        wait = "" if outcome.remaining is None else f"{outcome.remaining} s to wait"
        said = "  ".join(part for part in (back, wait, outcome.message) if part)
        cells.append((row.id, "ok" if outcome.ok else "failed", outcome.how, row.state.value, said))
    print_table(("id", "", "how", "state", ""), cells)


def outcome_json(outcome: SessionOutcome) -> dict[str, Any]:
    return {
        "channel": outcome.row.id,
        "ok": outcome.ok,
        "how": outcome.how,
        "state": outcome.row.state.value,
        "message": outcome.message,
        "refunded_base_units": None if outcome.refunded is None else str(outcome.refunded),
        "remaining_seconds": outcome.remaining,
        "reference": outcome.reference,
        "explorer_url": outcome.explorer_url,
        "error": None if outcome.error is None else error_json(outcome.error),
    }
