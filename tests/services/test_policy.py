"""The spending policy out of the settings: amounts become base units, and no limit gets lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.client.origin import Origin
from mpp_console.client.policy import PaymentFacts, Verdict
from mpp_console.methods.tempo.networks import MAINNET, MODERATO, SANDBOX, Network
from mpp_console.protocol import ParseError
from mpp_console.services.errors import SettingsError
from mpp_console.services.policy import Allowances, allowance, check_currencies, policy_lines, spending_policy
from mpp_console.services.settings import OriginLimits, PolicySettings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SHOP = Origin.parse("https://shop.example")
PATH_USD = SANDBOX.currency(SANDBOX.default_token)


class Spent:
    """A ledger in which one amount was spent."""

    def __init__(self, amount: int = 0) -> None:
        self._amount = amount

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        return self._amount


def decide(rules: PolicySettings, amount: int, network: Network = MODERATO, spent: int = 0, **more: Any) -> Verdict:
    facts = PaymentFacts(
        origin=SHOP,
        method="tempo",
        intent="charge",
        amount=amount,
        currency=PATH_USD,
        recipients=("0x3325a78425F17a7E487Eb5666b2bFd93aBb06c70",),
        network=network.name,
        chain_id=network.chain_id,
        loopback=False,
        now=NOW,
    )
    return spending_policy(rules, network, more.get("allowed", ())).decide(facts, Spent(spent))


def test_play_money_needs_no_question_and_real_money_does() -> None:
    assert decide(PolicySettings(), 1, SANDBOX).action == "allow"
    assert decide(PolicySettings(), 1, MODERATO).action == "confirm"
    assert decide(PolicySettings(), 1, MAINNET).action == "confirm"
    assert decide(PolicySettings(confirm=True), 1, SANDBOX).action == "confirm"


def test_amounts_are_exact() -> None:
    rules = PolicySettings(per_payment={"pathusd": "0.000002"}, confirm=False)
    assert decide(rules, 2).action == "allow"
    assert decide(rules, 3).action == "refuse"


def test_budgets_roll() -> None:
    rules = PolicySettings(per_day={"pathUSD": "1"}, per_month={"pathUSD": "2"}, confirm=False)
    assert decide(rules, 1_000_000, spent=0).action == "allow"
    assert decide(rules, 1_000_000, spent=1).action == "refuse"


def test_small_payments_pass_without_a_question() -> None:
    rules = PolicySettings(confirm_above={"pathUSD": "0.01"})
    assert decide(rules, 10_000).action == "allow"
    assert decide(rules, 10_001).action == "confirm"


def test_origins_and_recipients() -> None:
    assert decide(PolicySettings(deny_origins=("https://SHOP.example:443",)), 1).action == "refuse"
    assert decide(PolicySettings(allow_origins=()), 1).action == "refuse"
    assert (
        decide(PolicySettings(allow_recipients=("0x3325A78425F17A7E487EB5666B2BFD93ABB06C70",)), 1).action == "confirm"
    )
    assert decide(PolicySettings(deny_recipients=("0x3325a78425f17a7e487eb5666b2bfd93abb06c70",)), 1).action == "refuse"
    limits = OriginLimits(origin="https://shop.example", currency="pathUSD", per_payment="0.5")
    assert decide(PolicySettings(origins=(limits,), confirm=False), 500_001).action == "refuse"


@pytest.mark.parametrize(
    "rules",
    [
        PolicySettings(deny_origins=("not an origin",)),
        PolicySettings(per_day={"pathUSD": "0.0000001"}),
    ],
)
def test_what_does_not_hold_is_told(rules: PolicySettings) -> None:
    with pytest.raises(SettingsError, match="policy"):
        spending_policy(rules, SANDBOX)


def test_a_misspelt_currency_does_not_make_a_limit_vanish() -> None:
    check_currencies(PolicySettings(per_day={"USDC.e": "1"}), (SANDBOX, MAINNET))
    with pytest.raises(SettingsError, match="pathUDS"):
        check_currencies(PolicySettings(per_day={"pathUDS": "1"}), (SANDBOX, MAINNET))
    with pytest.raises(SettingsError, match="NOPE"):
        check_currencies(
            PolicySettings(origins=(OriginLimits(origin="https://a.example", currency="NOPE"),)), (SANDBOX,)
        )


def test_an_allowance_spares_the_question_until_it_runs_out(tmp_path: Path) -> None:
    store = Allowances(tmp_path / "deep" / "allowances.json")
    assert store.load(NOW) == ()
    rule = allowance(origin=SHOP, currency=PATH_USD, per_payment="0.01", total="1", now=NOW, lasts=timedelta(hours=1))
    store.add(rule, NOW)
    assert (tmp_path / "deep" / "allowances.json").stat().st_mode & 0o777 == 0o600
    assert store.load(NOW) == (rule,)
    assert decide(PolicySettings(), 10_000, allowed=store.load(NOW)).action == "allow"
    assert decide(PolicySettings(), 10_001, allowed=store.load(NOW)).action == "confirm"
    assert store.load(NOW + timedelta(hours=1)) == ()


def test_a_newer_allowance_takes_the_place_of_the_older(tmp_path: Path) -> None:
    store = Allowances(tmp_path / "allowances.json")
    for amount in ("0.01", "0.02"):
        rule = allowance(
            origin=SHOP, currency=PATH_USD, per_payment=amount, total="1", now=NOW, lasts=timedelta(hours=1)
        )
        store.add(rule, NOW)
    assert [rule.per_payment for rule in store.load(NOW)] == [20_000]


def test_a_damaged_file_of_allowances_allows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "allowances.json"
    for content in (b"", b"[1]", b'[{"origin":"https://a.example"}]', b"\xff"):
        path.write_bytes(content)
        assert Allowances(path).load(NOW) == ()


def test_an_allowance_wants_real_amounts() -> None:
    with pytest.raises(ParseError):
        allowance(origin=SHOP, currency=PATH_USD, per_payment="lots", total="1", now=NOW, lasts=timedelta(hours=1))


def test_the_policy_in_words() -> None:
    limits = OriginLimits(origin="https://shop.example", currency="pathUSD", per_day="1")
    rules = PolicySettings(per_payment={"pathUSD": "0.5"}, deny_origins=("https://bad.example",), origins=(limits,))
    lines = policy_lines(spending_policy(rules, MODERATO), MODERATO).lines
    assert ("per payment", "0.500000 pathUSD") in lines
    assert ("denied origin", "https://bad.example") in lines
    assert ("otherwise", "asks before paying") in lines
    assert ("limited origin", "https://shop.example: 1.000000 pathUSD a day") in lines
