"""How a payment by session would be made, as facts of its review: what is locked and what is the price. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from mpp_console.protocol import Currency, inert
from mpp_console.services.models import OfferView
from mpp_console.tui.display import INFO, MUTED, WARN, Lens
from mpp_console.tui.widgets.facts import Fact

__all__ = ["Sum", "plan_facts", "sums"]

Sum = tuple[str, int | None, str, str]
"""A label, base units, a tone, and what is said after it."""


def sums(rows: Sequence[Sum], currency: Currency, lens: Lens) -> list[Fact]:
    """Amounts of one currency below one another, their points in one column, each with its unit."""
    texts = [lens.column(amount, currency) for _, amount, _, _ in rows]
    widest = max((cell_len(text) for text in texts), default=0)
    symbol = inert(currency.symbol, limit=12)
    facts = []
    for (label, _, tone, note), text in zip(rows, texts, strict=True):
        padded = " " * (widest - cell_len(text)) + text
        said = (f"  {lens.plain(note)}", MUTED) if note else ""
        facts.append(Fact(label, Content.assemble((padded, tone), (f" {symbol}", MUTED), said)))
    return facts


def plan_facts(offer: OfferView, lens: Lens) -> list[Fact]:
    """The plan of an offer by session; nothing for any other offer."""
    plan, currency = offer.session, offer.currency
    if plan is None or currency is None:
        return []
    arrow = lens.plain("→")

    def change(before: int, after: int) -> str:
        return f"{lens.money(before, currency, unit=False)} {arrow} {lens.money(after, currency)}"

    way = {
        "open": "opens a channel, then pays by its first voucher",
        "top-up": "adds to the channel's deposit, then pays by a voucher",
        "voucher": "pays by a voucher of the open channel, without a transaction",
    }[plan.plan]
    facts = [Fact("way", Content.styled(way, INFO))]
    if plan.channel_id is not None:
        facts.append(Fact("channel", lens.reference(plan.channel_id)))
    facts.append(Fact("voucher", Content.assemble(change(plan.voucher_before, plan.voucher), ("  in all", MUTED))))
    if plan.locks:
        locks = Content.assemble(
            (lens.money(plan.locks, currency), f"bold {WARN}"),
            ("  put aside: no price, what is not spent comes back", MUTED),
        )
        facts.append(Fact("locks", locks))
    facts.append(Fact("deposit", change(plan.deposit_before, plan.deposit) if plan.locks else _unchanged(offer, lens)))
    facts.append(Fact("escrow", lens.address(plan.escrow, whole=True)))
    if plan.protocol == "v1":
        facts.append(Fact("version", Content.styled("1: a close pays out all of the last voucher", WARN)))
    return facts


def _unchanged(offer: OfferView, lens: Lens) -> Content:
    plan = offer.session
    held = lens.money(plan.deposit if plan else None, offer.currency)
    return Content.assemble(held, ("  as it is", MUTED))
