from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.client.offers import Candidate, Ranking, Situation, Terms, accept_payment, quote_offers, rank
from mpp_console.client.origin import Origin
from mpp_console.client.policy import Action, Verdict
from mpp_console.methods.base import Check, Level, Mode, Quote, Transfer
from mpp_console.protocol import Challenge, FormatError, MppError, content_digest, format_timestamp

from .rail import COIN, PEARL, START, CoinPayer, Table

SHOP = Origin.parse("https://shop.example")
ALLOW = Verdict(action=Action.ALLOW, reasons=())


def challenge(**fields: Any) -> Challenge:
    values: dict[str, Any] = {
        "id": "c",
        "realm": "shop.example",
        "method": "coin",
        "intent": "charge",
        "request": {"amount": "100"},
    }
    return Challenge.create(**{**values, **fields})


def offer(amount: int = 100, *, method: str = "coin", **fields: Any) -> Candidate:
    asked = challenge(method=method)
    values: dict[str, Any] = {
        "challenge": asked,
        "amount": amount,
        "currency": COIN,
        "transfers": (Transfer(recipient="till", amount=amount),),
        "network": "table",
        "chain_id": 7,
        "payer": "purse",
        "mode": Mode.PULL,
        "expires_at": None,
        "checks": (),
        "fee": 0,
        "balance": 10_000,
    }
    return Candidate(challenge=asked, quote=Quote(**{**values, **fields}))


def ranked(
    *candidates: Candidate,
    judge: Callable[[Quote], Verdict] = lambda quote: ALLOW,
    terms: Terms | None = None,
    **situation: Any,
) -> Ranking:
    values = {"origin": SHOP, "now": START, "terms": terms or Terms(), **situation}
    return rank(candidates, judge=judge, situation=Situation(**values))


def chosen(ranking: Ranking) -> int | None:
    return None if ranking.chosen is None else ranking.chosen.position


PREFERRED = "you prefer the method or currency of offer 2"

BETTER: list[tuple[list[Candidate], Terms, int, str]] = [
    ([offer(200), offer(100)], Terms(), 1, "dearer in the same currency than offer 2"),
    ([offer(100), offer(200)], Terms(), 0, "dearer in the same currency than offer 1"),
    ([offer(100), offer(100)], Terms(), 0, "the server prefers offer 1"),
    ([offer(balance=None), offer(900)], Terms(), 1, "its balance could not be read, unlike that of offer 2"),
    ([offer(fee=5), offer()], Terms(), 1, "you would pay a network fee, unlike with offer 2"),
    ([offer(fee=None), offer()], Terms(), 1, "you would pay a network fee, unlike with offer 2"),
    ([offer(fee=5, sponsored=True), offer()], Terms(), 0, "the server prefers offer 1"),
    ([offer(900), offer(1, currency=PEARL)], Terms(), 0, "the server prefers offer 1"),
    ([offer(), offer(currency=PEARL)], Terms(currencies=("pearl",)), 1, PREFERRED),
    ([offer(), offer(900, currency=PEARL)], Terms(currencies=("PEARL",)), 1, PREFERRED),
    ([offer(), offer(900, method="shell")], Terms(methods=("shell",)), 1, PREFERRED),
    ([offer(), offer(900, method="shell")], Terms(methods=("shell/charge",)), 1, PREFERRED),
    ([offer(), offer(900)], Terms(offer=1), 1, "you chose offer 2"),
]  # fmt: skip


@pytest.mark.parametrize(("candidates", "terms", "best", "reason"), BETTER)
def test_the_better_offer_is_taken_and_the_other_told_why(
    candidates: list[Candidate], terms: Terms, best: int, reason: str
) -> None:
    ranking = ranked(*candidates, terms=terms)
    assert chosen(ranking) == best
    assert ranking.offers[1 - best].reason == reason
    assert ranking.offers[1 - best].usable


OTHER_BODY = "the challenge is for another request body than the one that was sent"

USELESS: list[tuple[Candidate, dict[str, Any], str]] = [
    (offer(checks=(Check(code="wrong-chain", level=Level.REFUSE, message="the wrong chain"),)), {}, "the wrong chain"),
    (offer(balance=99), {}, "it costs 1.00 COIN and the account holds 0.99 COIN"),
    (offer(), {"terms": Terms(max_amount=Decimal("0.99"))}, "it costs 1.00 COIN, more than the 0.99 you allow"),
    (offer(), {"terms": Terms(offer=3)}, "you asked for offer 4 only"),
    (replace(offer(), challenge=challenge(expires=START)), {}, f"the challenge expired at {format_timestamp(START)}"),
    (replace(offer(), challenge=challenge(digest=content_digest(b"x"))), {"body": b"y"}, OTHER_BODY),
    (Candidate(challenge=challenge(), failure="no account"), {}, "no account"),
    (Candidate(challenge=challenge(), failure="evil\x1b[2J\u202e"), {}, "evil"),
]  # fmt: skip


@pytest.mark.parametrize(("candidate", "situation", "reason"), USELESS)
def test_what_cannot_be_paid_says_why(candidate: Candidate, situation: dict[str, Any], reason: str) -> None:
    ranking = ranked(candidate, **situation)
    assert ranking.chosen is None
    assert ranking.offers[0].reason == reason


def test_a_policy_refusal_is_a_reason() -> None:
    check = Check(code="budget-day", level=Level.REFUSE, message="the day's budget is spent")
    ranking = ranked(offer(), judge=lambda quote: Verdict(action=Action.REFUSE, reasons=(check,)))
    assert (ranking.chosen, ranking.offers[0].reason) == (None, "the day's budget is spent")
    assert ranking.offers[0].verdict is not None


def test_what_needs_no_question_comes_first() -> None:
    ask = Verdict(action=Action.CONFIRM, reasons=())
    ranking = ranked(offer(100), offer(200), judge=lambda quote: ask if quote.amount == 100 else ALLOW)
    assert chosen(ranking) == 1
    assert ranking.offers[0].reason == "it needs your confirmation, unlike offer 2"


@pytest.mark.parametrize(
    ("limit", "fits"), [("1", True), ("1.00", True), ("0.999999999999999999999999999999", False), ("0", False)]
)
def test_the_most_is_compared_exactly(limit: str, fits: bool) -> None:
    assert (ranked(offer(100), terms=Terms(max_amount=Decimal(limit))).chosen is not None) is fits


def test_huge_amounts_are_compared_exactly() -> None:
    most = 2**256 - 1
    enough, short = Decimal(f"{most // 100}.{most % 100:02d}"), Decimal(f"{most // 100}.{most % 100 - 1:02d}")
    assert ranked(offer(most, balance=None), terms=Terms(max_amount=enough)).chosen is not None
    assert ranked(offer(most, balance=None), terms=Terms(max_amount=short)).chosen is None
    assert chosen(ranked(offer(most, balance=None), offer(most - 1, balance=None))) == 1


@pytest.mark.parametrize("limit", ["NaN", "Infinity", "-1"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(FormatError):
        Terms(max_amount=Decimal(limit))


@pytest.mark.parametrize(
    ("realm", "origin", "trusted", "given"),
    [
        ("shop.example", "https://shop.example", (), True),
        ("https://shop.example:8443/api", "https://shop.example", (), True),
        ("SHOP.example", "https://shop.example", (), True),
        ("bank.example", "https://shop.example", (), False),
        ("bank.example", "https://shop.example", ("bank.example",), True),
        ("My Shop", "https://shop.example", (), False),
        ("My Shop", "http://127.0.0.1:1", (), True),
        ("shop.example.evil.test", "https://shop.example", (), False),
    ],
)
def test_a_proof_is_given_to_its_own_realm(realm: str, origin: str, trusted: tuple[str, ...], given: bool) -> None:
    quoted = offer(0, mode=Mode.PROOF).quote
    assert quoted is not None
    asked = challenge(realm=realm)
    candidate = Candidate(challenge=asked, quote=replace(quoted, challenge=asked))
    ranking = ranked(candidate, origin=Origin.parse(origin), trusted_realms=frozenset(trusted))
    assert (ranking.chosen is not None) is given


async def test_rails_that_fail_become_reasons() -> None:
    payer = CoinPayer(Table())

    async def quoted(asked: Challenge) -> str | None:
        (candidate,) = await quote_offers([asked], [payer])
        return candidate.failure

    assert await quoted(challenge()) is None
    assert await quoted(challenge(method="shell")) == "no account here pays shell/charge"
    assert await quoted(challenge(intent="session")) == "no account here pays coin/session"
    assert await quoted(challenge(request={})) == "the request cannot be read: the request has no amount"
    payer.hooks["quote"] = lambda: (_ for _ in ()).throw(MppError("away"))
    assert await quoted(challenge()) == "it could not be quoted: away"


async def test_of_several_accounts_the_one_that_can_pay_is_taken() -> None:
    blind = CoinPayer(Table())
    blind.hooks["quote"] = lambda: (_ for _ in ()).throw(MppError("away"))
    able = CoinPayer(Table())
    (candidate,) = await quote_offers([challenge()], [blind, able])
    assert candidate.payer is able
    (candidate,) = await quote_offers([challenge(request={"amount": "1", "bad": True})], [blind, able])
    assert candidate.quote is not None
    assert candidate.quote.refusals


async def test_a_flood_of_offers_is_not_quoted() -> None:
    payer = CoinPayer(Table())
    candidates = await quote_offers([challenge()] * 64, [payer])
    assert (len(candidates), len(payer.calls)) == (64, 16)
    assert candidates[-1].failure == "only the first 16 offers of an answer are looked at"


def test_accept_payment_names_every_rail_once() -> None:
    rails = [CoinPayer(Table()), CoinPayer(Table()), CoinPayer(Table(), method="shell", intent="session")]
    assert accept_payment(rails) == "coin/charge, shell/session"
    assert accept_payment([]) == ""


offers = st.builds(
    offer,
    st.integers(0, 300),
    currency=st.sampled_from([COIN, PEARL]),
    balance=st.sampled_from([None, 150, 1000]),
    fee=st.sampled_from([None, 0, 7]),
    sponsored=st.booleans(),
    network=st.sampled_from(["table", "shelf"]),
)
wishes = st.builds(
    Terms,
    max_amount=st.sampled_from([None, Decimal(1), Decimal("2.5")]),
    offer=st.sampled_from([None, 0, 2]),
    currencies=st.sampled_from([(), ("pearl",)]),
)


@given(st.lists(offers, max_size=6), wishes)
def test_every_offer_has_a_reason_and_the_best_is_one_of_the_usable(candidates: list[Candidate], terms: Terms) -> None:
    ranking = ranked(*candidates, terms=terms)
    assert [entry.position for entry in ranking.offers] == list(range(len(candidates)))
    assert all(entry.reason for entry in ranking.offers)
    if ranking.chosen is None:
        assert terms.offer is not None or not any(entry.usable for entry in ranking.offers)
        return
    best = ranking.chosen
    assert best is ranking.offers[best.position]
    assert best.usable
    assert best.quote is not None
    if terms.offer is None and not terms.currencies:
        rivals = [entry.quote for entry in ranking.offers if entry.usable and entry.quote is not None]
        same = [
            rival for rival in rivals if (rival.currency, rival.network) == (best.quote.currency, best.quote.network)
        ]
        known = [rival for rival in same if rival.balance is not None]
        assert best.quote.amount == min(rival.amount for rival in known or same)


def test_an_hour_later_it_is_expired() -> None:
    asked = challenge(expires=START + timedelta(hours=1))
    candidate = replace(offer(), challenge=asked)
    assert ranked(candidate).chosen is not None
    assert ranked(candidate, now=START + timedelta(hours=1)).chosen is None
