"""The soak in short: a few hundred vouchers, every kind of blow. The long one is `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.run import Plan, soak

PLANS = [
    Plan(channels=6, vouchers=240, processes=2, kills=6, seed=4),
    Plan(channels=4, vouchers=120, processes=2, kills=4, seed=4, protocol="v1"),
]


@pytest.mark.parametrize("plan", PLANS, ids=["v2", "v1"])
async def test_every_base_unit_is_accounted_for(tmp_path: Path, plan: Plan) -> None:
    report = await soak(plan, tmp_path, say=print)
    assert [name for name, holds in report.checks if not holds] == [], f"\n{report}"
    lines = dict(report.lines)
    assert int(lines["vouchers accepted by the shop"]) >= plan.vouchers
    assert lines["kill -9 of the shop"], "the closing always has one"


@pytest.mark.parametrize("seed", [1, 4])
def test_a_plan_is_the_same_every_time_and_hits_both_sides(seed: int) -> None:
    blows = Plan(seed=seed).blows()
    assert blows == Plan(seed=seed).blows() == sorted(blows, key=lambda blow: blow[0])
    assert {victim == 0 for _, victim in blows} == {True, False}
    assert Plan(seed=seed + 1).blows() != blows
