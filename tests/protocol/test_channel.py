"""The table of a payer's channel: no way out of a deposit that the chain does not show, and none back from the end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    WITHDRAW_CUSHION,
    ChannelFact,
    ChannelState,
    IllegalTransition,
    advance_channel,
    channel_standing,
)

S, F = ChannelState, ChannelFact
ENDS = {F.GONE, F.NEVER_OPENED}


def step(state: ChannelState, fact: ChannelFact) -> ChannelState | None:
    try:
        return advance_channel(state, fact)
    except IllegalTransition:
        return None


def test_only_the_chain_ends_a_channel_and_nothing_revives_it() -> None:
    for state, fact in itertools.product(S, F):
        after = step(state, fact)
        if state is S.FINALIZED:
            assert after is None
        elif after is S.FINALIZED:
            assert fact in ENDS


def test_what_never_was_on_the_chain_is_only_an_opening_that_nobody_confirmed() -> None:
    assert {state for state in S if step(state, F.NEVER_OPENED) is not None} == {S.OPENING, S.UNKNOWN}


@pytest.mark.parametrize("fact", [F.OPEN, F.CLOSE_REQUESTED, F.GONE])
def test_the_chain_may_show_anything_of_any_channel_that_is_not_over(fact: ChannelFact) -> None:
    assert all(step(state, fact) is not None for state in S if state is not S.FINALIZED)


@pytest.mark.parametrize("state", [S.CLOSING, S.FINALIZABLE])
def test_a_top_up_brings_a_closing_channel_back(state: ChannelState) -> None:
    assert advance_channel(state, F.OPEN) is S.ACTIVE


def test_every_channel_that_may_hold_money_can_come_to_its_end() -> None:
    for start in S:
        reached, frontier = {start}, [start]
        while frontier:
            for fact in F:
                after = step(frontier[0], fact)
                if after is not None and after not in reached:
                    reached.add(after)
                    frontier.append(after)
            frontier.pop(0)
        assert S.FINALIZED in reached
        assert start is S.FINALIZED or start.holds_money


@given(st.sampled_from(S), st.integers(0, 2**33), st.integers(0, 2**33))
def test_time_makes_a_closing_channel_finalizable_and_touches_no_other(
    state: ChannelState, grace_ends: int, chain_time: int
) -> None:
    shown = channel_standing(state, grace_ends=grace_ends, chain_time=chain_time)
    if state not in (S.CLOSING, S.FINALIZABLE):
        assert shown is state
    else:
        assert (shown is S.FINALIZABLE) == (chain_time >= grace_ends + WITHDRAW_CUSHION)
    assert channel_standing(state, grace_ends=None, chain_time=chain_time) is not S.FINALIZABLE
