"""What the review sheet says, as facts: the dry run, the progress, the result. Pure; the sheet itself only places it.

Decoded facts lead. What the server says of itself is quoted, dim, and never relied upon.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress

from textual.content import Content

from mpp_console.protocol import format_units, inert
from mpp_console.services.models import Check, Level, OfferView, PayResult, ProfileView, ReviewView, Stage
from mpp_console.tui.display import BAD, GOOD, MUTED, WARN, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.session_plan import plan_facts
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

__all__ = [
    "GRAVE_CODES",
    "address_content",
    "amount_to_type",
    "check_content",
    "is_grave",
    "progress_lines",
    "result_body",
    "result_facts",
    "review_facts",
    "review_headline",
]

GRAVE_CODES = frozenset(
    {"auto-allow-exceeded", "confirm-above", "new-recipient", "first-payment", "recipient-uninitialised"}
)
"""Checks that make a payment unusual enough to be typed out."""

_BODY_BYTES = 16_384
_BODY_CHARACTERS = 4_000
_BODY_LINES = 12
_ORIGIN = (60, 60)
"""What is seen of an origin that is long: its end says whose it is."""
_SAID = 300
"""Characters of what strangers say on a sheet, so that nothing of ours is pushed out of sight."""


def is_grave(review: ReviewView, profile: ProfileView) -> bool:
    """Real money, or something that the policy or the rail warns of by name."""
    checks = (*review.reasons, *(review.offer.checks if review.offer else ()))
    return profile.kind == "mainnet" or any(
        check.code in GRAVE_CODES and check.level is not Level.OK for check in checks
    )


def amount_to_type(review: ReviewView) -> str:
    """What a person must type to allow a grave payment: the amount, as it stands on the sheet but without grouping."""
    price = review.offer.price if review.offer else None
    return format_units(price.amount, price.currency.decimals) if price else ""


def review_headline(review: ReviewView, lens: Lens) -> Content:
    """Who asks, and for how much."""
    badge = (
        Content.styled(" LOOPBACK TEST ", "bold $background on $warning") if review.insecure_loopback else Content("")
    )
    origin = Content.assemble((lens.id(review.origin, *_ORIGIN), "bold $primary"), "  ", badge)
    if review.offer is None:
        reason = review.error.message if review.error else "nothing here can be paid"
        return Content.assemble(origin, "\n", (lens.plain("✗ ") + inert(reason, limit=_SAID), BAD), "\n")
    amount = lens.money(review.offer.amount, review.offer.currency)
    unit = inert(review.offer.session.unit, limit=24) if review.offer.session else ""
    per = (f" per {unit}", MUTED) if unit else ""
    return Content.assemble(origin, "\n", ("asks for ", MUTED), (amount, "bold"), per, "\n")


def review_facts(review: ReviewView, lens: Lens) -> list[Fact]:
    """The dry run: every decoded fact and every check."""
    facts = [Fact("request", inert(f"{review.http_method} {review.url}", limit=_SAID))]
    if review.offer is not None:
        facts += _offer_facts(review.offer, lens)
    facts.append(GAP_FACT)
    checks = (*review.reasons, *(review.offer.checks if review.offer else ()))
    facts += [Fact("checks" if number == 0 else "", check_content(check, lens)) for number, check in enumerate(checks)]
    others = [offer for offer in review.offers if not offer.chosen]
    if others:
        facts.append(GAP_FACT)
    facts += [Fact("not taken" if number == 0 else "", _other(offer, lens)) for number, offer in enumerate(others)]
    if review.server_says:
        quoted = Content.styled(f"“{masked(inert(review.server_says, limit=_SAID), lens)}”", MUTED)
        facts += [GAP_FACT, Fact("server says", quoted)]
    if review.error and review.error.hint:
        facts += [GAP_FACT, Fact("next", inert(review.error.hint, limit=_SAID))]
    return facts


def _offer_facts(offer: OfferView, lens: Lens) -> list[Fact]:
    facts: list[Fact] = []
    several = len(offer.transfers) > 1
    for number, transfer in enumerate(offer.transfers):
        share = (f"  {lens.money(transfer.amount, offer.currency)}", MUTED) if several else ""
        facts.append(
            Fact("pay to" if number == 0 else "", Content.assemble(address_content(transfer.recipient, lens), share))
        )
    if not offer.transfers and offer.recipient:
        facts.append(Fact("pay to", address_content(offer.recipient, lens)))
    facts += plan_facts(offer, lens)
    mode = f" · {offer.mode}" if offer.mode else ""
    facts.append(Fact("method", lens.plain(f"{inert(offer.key, limit=40)}{mode}")))
    network = inert(offer.network or "", limit=40) or lens.plain("—")
    facts.append(Fact("network", f"{network} (chain {offer.chain_id})" if offer.chain_id is not None else network))
    facts.append(Fact("fee", _fee(offer, lens)))
    if offer.session is None or offer.session.locks:
        facts.append(Fact("balance", _balance(offer, lens)))
    return facts


def _fee(offer: OfferView, lens: Lens) -> str:
    if offer.sponsored:
        return "none: the server pays it"
    if offer.session is not None and not offer.session.locks:
        return "none: a voucher is no transaction"
    return f"at most {lens.money(offer.fee, offer.fee_currency)}" if offer.fee is not None else "unknown"


def _balance(offer: OfferView, lens: Lens) -> str:
    if offer.balance is None or offer.amount is None:
        return lens.money(offer.balance, offer.currency)
    # A voucher moves nothing: what leaves the account is the deposit.
    leaves = offer.amount if offer.session is None else offer.session.locks
    after = lens.money(offer.balance - leaves, offer.currency)
    return f"{lens.money(offer.balance, offer.currency, unit=False)} {lens.plain('→')} {after}"


def address_content(address: str, lens: Lens) -> Content:
    """Whole, its first and last six characters bold: what people compare."""
    text = lens.address(address, whole=True)
    if lens.privacy or len(text) < 16:
        return Content(text)
    head, tail = 8 if text.startswith("0x") else 6, 6
    return Content.assemble((text[:head], "bold"), (text[head:-tail], MUTED), (text[-tail:], "bold"))


def check_content(check: Check, lens: Lens) -> Content:
    sign = lens.level(check.level)
    return Content.assemble(
        (f"{sign.glyph} ", sign.tone),
        (masked(inert(check.message, limit=_SAID), lens), "" if check.level is not Level.OK else MUTED),
    )


def _other(offer: OfferView, lens: Lens) -> Content:
    price = lens.money(offer.amount, offer.currency)
    return Content.styled(
        f"{inert(offer.key, limit=40)} {price}: {masked(inert(offer.reason, limit=_SAID), lens)}", MUTED
    )


PAYMENT_STEPS = (
    (Stage.SIGNED, "signed"),
    (Stage.SENT, "sent to the server"),
    (Stage.ACCEPTED, "accepted"),
    (Stage.DONE, "receipt stored"),
)


def progress_lines(
    stage: Stage,
    past: Collection[Stage],
    lens: Lens,
    steps: Sequence[tuple[Stage, str]] = PAYMENT_STEPS,
) -> Content:
    """The steps of a payment, or of what else is named: what is done (`past` holds what was heard of), what is under
    way, what is to come.
    """
    lines: list[Content] = []
    ended = stage.final and stage is not Stage.DONE
    current = True
    for step, word in steps:
        reached = stage is Stage.DONE or step in past or (not stage.final and stage.position >= step.position)
        if reached:
            lines.append(Content.assemble((lens.plain("✓ "), GOOD), word))
        elif ended:
            lines.append(Content.styled(lens.plain(f"○ {word}"), MUTED))
        else:
            glyph, tone = ("◐", "$primary") if current else ("○", MUTED)
            lines.append(Content.styled(lens.plain(f"{glyph} {word}"), tone))
            current = False
    return Content("\n").join([*lines, Content("")])


def result_facts(result: PayResult, lens: Lens) -> list[Fact]:
    """How it ended, and what to do next when it did not end well."""
    sign = lens.stage(result.stage)
    facts = [Fact("outcome", sign.content)]
    if result.status is not None:
        facts.append(Fact("answer", Content.styled(f"HTTP {result.status}", GOOD if result.status < 400 else BAD)))
    if result.stage is Stage.DONE and not result.paid:
        facts.append(Fact("cost", "free: nothing was paid"))
    if result.operation is not None:
        facts.append(Fact("amount", lens.money(result.operation.amount, result.operation.currency)))
    if result.receipt is not None:
        facts.append(Fact("receipt", lens.reference(result.receipt.reference, whole=True)))
    if result.timings:
        legs = lens.plain(" · ").join(f"{timing.leg} {timing.milliseconds:.0f} ms" for timing in result.timings)
        facts.append(Fact("timing", Content.styled(legs, MUTED)))
    if result.problem is not None:
        facts += [
            GAP_FACT,
            Fact("problem", Content.styled(inert(result.problem.title or result.problem.slug, limit=120), BAD)),
            Fact("detail", masked(inert(result.problem.detail, limit=_SAID), lens)),
        ]
        if result.problem.hint:
            facts.append(Fact("next", inert(result.problem.hint, limit=_SAID)))
    if result.error is not None:
        tone = WARN if result.stage in {Stage.UNKNOWN, Stage.DECLINED} else BAD
        facts += [GAP_FACT, Fact("error", Content.styled(masked(inert(result.error.message, limit=_SAID), lens), tone))]
        if result.error.hint:
            facts.append(Fact("next", inert(result.error.hint, limit=_SAID)))
    return facts


def result_body(result: PayResult) -> Content:
    """The beginning of the answer's body, inert; all of it is on the screen of the response."""
    whole = len(result.body) <= _BODY_BYTES
    text = result.body[:_BODY_BYTES].decode("utf-8", errors="replace")
    if "\0" in text:
        return Content.styled(f"\n{len(result.body)} bytes that are no text", MUTED)
    if whole:
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    shown = inert(text, keep_newlines=True, limit=_BODY_CHARACTERS).splitlines()
    cut = ["…"] if len(shown) > _BODY_LINES or not whole else []
    return Content.styled("\n".join(["", *shown[:_BODY_LINES], *cut]) if shown else "", MUTED)
