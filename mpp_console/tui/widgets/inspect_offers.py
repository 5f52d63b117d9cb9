"""The offers of an answer: one row each, and one in full, field by field. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from mpp_console.protocol import FindingLevel, inert
from mpp_console.services.inspect import BINDING_RULE, InspectOffer, UnreadableOffer
from mpp_console.services.models import Level
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, GOOD, MUTED, STRONG, Lens
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, facts_content
from mpp_console.tui.widgets.inspect_summary import finding_lines, offer_state
from mpp_console.tui.widgets.inspect_view import MASKED, Lines, Shown, compared, heading, key_of, veiled

__all__ = ["OFFERS", "OfferRow", "offer_cells", "offer_content", "offer_rows"]

OFFERS = (
    Column(title="#", width=2, right=True),
    Column(title="OFFER", width=12, keep=7, grow=1),
    Column(title="AMOUNT", width=9, right=True, keep=9, whole=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="STATE", width=13, keep=8),
    Column(title="LEFT", width=7, right=True, keep=6),
)
_RAW_LINES = 400


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer as a row. `left` and `state` are part of it, so that it is drawn anew when they change."""

    id: str
    offer: InspectOffer | UnreadableOffer
    state: tuple[str, str]
    left: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OfferRow):
            return NotImplemented
        return (self.offer is other.offer) and (self.state, self.left) == (other.state, other.left)

    def __hash__(self) -> int:
        return hash((id(self.offer), self.state, self.left))


def offer_rows(shown: Shown, lens: Lens) -> list[OfferRow]:
    """In the order of the answer, those that cannot be read among them."""
    report = shown.report
    if report is None:
        return []
    rows = []
    every: list[InspectOffer | UnreadableOffer] = [*report.offers, *report.unreadable]
    for offer in sorted(every, key=lambda each: each.number):
        if isinstance(offer, UnreadableOffer):
            state, left = (lens.plain("✗ unreadable"), BAD), ""
        else:
            sign, until = offer_state(offer, lens), offer.challenge.expires_at
            state, left = (sign.text, sign.tone), lens.countdown(until) if until else lens.plain("—")
        rows.append(OfferRow(str(offer.number), offer, state, left))
    return rows


def offer_cells(row: OfferRow, lens: Lens) -> Sequence[Cell]:
    offer = row.offer
    if isinstance(offer, UnreadableOffer):
        named = dict(offer.parameters)
        name = f"{named.get('method', '?')}/{named.get('intent', '?')}"
        return ((row.id, MUTED), (inert(name, limit=40), MUTED), ("", ""), ("", ""), row.state, ("", ""))
    quote = offer.quote
    return (
        (row.id, MUTED),
        (inert(offer.key, limit=40), ""),
        (lens.column(quote.amount, quote.currency) if quote else lens.plain("—"), STRONG),
        (inert(quote.currency.symbol, limit=12) if quote else "", MUTED),
        row.state,
        (row.left, MUTED),
    )


def offer_content(row: OfferRow, shown: Shown, lens: Lens, width: int) -> Content:
    """One offer in full."""
    offer = row.offer
    if isinstance(offer, UnreadableOffer):
        lines = _unreadable(offer, lens, width)
    else:
        facts = [*_quote_facts(offer, lens), *_challenge_facts(offer, shown, lens)]
        lines = [facts_content(facts, width)]
    lines += _findings(offer.number, shown, lens, width)
    request = offer.request
    if request is not None:
        lines += [Content(""), heading("Request, as it was sent"), *_json(request, lens, width)]
    if isinstance(offer, InspectOffer) and offer.challenge.opaque_b64 is not None:
        lines += [Content(""), heading("Opaque, the server's own"), *_json(offer.challenge.opaque or {}, lens, width)]
    return Content("\n").join(lines)


def _quote_facts(offer: InspectOffer, lens: Lens) -> list[Fact]:
    quote = offer.quote
    if quote is None:
        return [Fact("unread", Content.styled(veiled(offer.problem, lens), MUTED)), GAP_FACT]
    token = lens.address(quote.currency.id, whole=True)
    units = lens.plain("••••••") if lens.privacy else f"{quote.amount}"
    facts = [
        Fact("amount", Content.styled(lens.money(quote.amount, quote.currency), STRONG)),
        Fact("", Content.styled(f"{units} base units, {quote.currency.decimals} decimals", MUTED)),
        Fact("currency", Content.assemble(inert(quote.currency.symbol), "  ", (token, MUTED))),
    ]
    several = len(quote.transfers) > 1
    for number, transfer in enumerate(quote.transfers):
        facts.append(Fact("pay to" if number == 0 else "split", compared(transfer.recipient, lens)))
        if several:
            facts.append(Fact("", Content.styled(lens.money(transfer.amount, quote.currency), STRONG)))
        if transfer.memo:
            facts.append(Fact("", Content.styled(f"memo {_masked(transfer.memo, lens)}", MUTED)))
    chain = "" if quote.chain_id is None else f" (chain {quote.chain_id})"
    facts += [
        Fact("network", f"{inert(quote.network)}{chain}"),
        Fact("mode", quote.mode.value),
        Fact("fee", _fee(offer, lens)),
    ]
    return facts


def _fee(offer: InspectOffer, lens: Lens) -> str:
    quote = offer.quote
    if quote is None or quote.sponsored:
        return "none: the server pays it"
    return f"at most {lens.money(quote.fee, quote.fee_currency)}" if quote.fee is not None else "paid by the client"


def _challenge_facts(offer: InspectOffer, shown: Shown, lens: Lens) -> list[Fact]:
    challenge = offer.challenge
    facts = [Fact("method", lens.plain(inert(offer.key))), *_expiry(offer, lens), GAP_FACT]
    facts += [
        Fact("realm", inert(challenge.realm, limit=300)),
        Fact("id", inert(challenge.id, limit=300)),
        Fact("HMAC", _binding(offer, shown, lens)),
    ]
    if challenge.digest:
        facts.append(Fact("digest", inert(challenge.digest, limit=200)))
    facts.append(Fact("send in", inert(challenge.credential_header, limit=60)))
    if challenge.description:
        quoted = Content.styled(f"“{veiled(challenge.description, lens)[:500]}”", MUTED)
        facts.append(Fact("server says", quoted))
    checks = [check for check in (offer.quote.checks if offer.quote else ()) if check.level is not Level.OK]
    if checks:
        facts.append(GAP_FACT)
    for number, check in enumerate(checks):
        sign = lens.level(check.level)
        text = Content.assemble((f"{sign.glyph} ", sign.tone), veiled(check.message, lens))
        facts.append(Fact("checks" if number == 0 else "", text))
    return facts


def _expiry(offer: InspectOffer, lens: Lens) -> list[Fact]:
    until = offer.challenge.expires_at
    if until is None:
        return [Fact("expires", Content.styled(lens.plain("! it never says when"), "$warning"))]
    if offer.challenge.is_expired(lens.now):
        text = Content.styled(lens.plain(f"✗ expired {lens.age(until)} ago"), BAD)
    else:
        text = Content.assemble((lens.countdown(until), STRONG), (" left", MUTED))
    return [Fact("expires", text), Fact("", Content.styled(lens.moment(until), MUTED))]


def _binding(offer: InspectOffer, shown: Shown, lens: Lens) -> Content:
    """What the server's own secret says of the id."""
    if not shown.with_secret:
        return Content.styled(f"not checked: {key_of('inspect.secret')} takes the server's secret", MUTED)
    failed = any(
        each.id == BINDING_RULE and each.offer == offer.number and each.level is FindingLevel.FAIL
        for each in shown.findings
    )
    if failed:
        return Content.styled(lens.plain("✗ the id is not the HMAC under this secret"), BAD)
    return Content.styled(lens.plain("✓ the id is the HMAC under this secret"), GOOD)


def _unreadable(offer: UnreadableOffer, lens: Lens, width: int) -> Lines:
    head = Content.styled(lens.plain("✗ no strict parser takes this challenge"), f"bold {BAD}")
    facts = [Fact(inert(name, limit=24), veiled(value, lens)) for name, value in offer.parameters]
    return [head, Content.styled("What could be read of it:", MUTED), facts_content(facts, width)]


def _findings(number: int, shown: Shown, lens: Lens, width: int) -> Lines:
    found = [each for each in shown.findings if each.offer == number and each.level is not FindingLevel.PASS]
    lines: Lines = [Content(""), heading("Findings about it")] if found else []
    for each in found:
        lines += finding_lines(each, shown.report, lens, width)
    return lines


def _json(value: Mapping[str, Any], lens: Lens, width: int) -> Lines:
    if lens.privacy:
        return [Content.styled(MASKED, MUTED)]
    text = inert(json.dumps(value, indent=2, ensure_ascii=False), keep_newlines=True)
    lines = text.split("\n")
    cut = [Content.styled(lens.plain("…"), MUTED)] if len(lines) > _RAW_LINES else []
    return [*(part for line in lines[:_RAW_LINES] for part in Content(line).wrap(max(width, 8))), *cut]


def _masked(text: str, lens: Lens) -> str:
    return lens.plain("••••••") if lens.privacy else inert(text, limit=200)
