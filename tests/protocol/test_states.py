"""The two state tables: exchange (one paid request) and operation (one journal row)."""

from __future__ import annotations

from itertools import product

import pytest

from mpp_console.protocol import (
    ExchangeEvent,
    ExchangeState,
    IllegalTransition,
    OperationEvent,
    OperationState,
    advance,
    advance_operation,
)


def walk(*events: ExchangeEvent) -> ExchangeState:
    state = ExchangeState.IDLE
    for event in events:
        state = advance(state, event)
    return state


E = ExchangeEvent
TO_SENT = (E.REQUEST, E.CHALLENGE, E.AUTHORIZE, E.SEND)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((E.REQUEST, E.SERVE), ExchangeState.SERVED),
        ((E.REQUEST, E.CHALLENGE, E.DECLINE), ExchangeState.DECLINED),
        ((*TO_SENT, E.SETTLE), ExchangeState.SETTLED),
        ((*TO_SENT, E.REFUSE), ExchangeState.REFUSED),
        ((*TO_SENT, E.LOSE), ExchangeState.UNKNOWN),
        ((*TO_SENT, E.LOSE, E.SETTLE), ExchangeState.SETTLED),
    ],
)
def test_paths_of_a_paid_request(events: tuple[ExchangeEvent, ...], expected: ExchangeState) -> None:
    assert walk(*events) is expected


def test_no_path_sends_twice() -> None:
    # Every state that can be reached after SEND, by any events, offers no way to SEND again.
    reached, frontier = set(), {ExchangeState.SENT}
    while frontier:
        state = frontier.pop()
        reached.add(state)
        for event in ExchangeEvent:
            try:
                after = advance(state, event)
            except IllegalTransition:
                continue
            assert event is not ExchangeEvent.SEND
            frontier |= {after} - reached
    assert ExchangeState.UNKNOWN in reached
    assert ExchangeState.AUTHORIZING not in reached


def test_final_states_of_an_exchange_accept_nothing() -> None:
    final = {ExchangeState.SERVED, ExchangeState.SETTLED, ExchangeState.REFUSED, ExchangeState.DECLINED}
    assert {state for state in ExchangeState if state.is_final} == final
    for state, event in product(final, ExchangeEvent):
        with pytest.raises(IllegalTransition, match=state.value):
            advance(state, event)


def test_operations() -> None:
    allowed = {}
    for state, event in product(OperationState, OperationEvent):
        try:
            allowed[state.value, event.value] = advance_operation(state, event).value
        except IllegalTransition:
            continue
    assert allowed == {
        ("prepared", "send"): "sent",
        ("prepared", "refuse"): "refused",
        ("prepared", "lose"): "unknown",
        ("sent", "settle"): "settled",
        ("sent", "refuse"): "refused",
        ("sent", "lose"): "unknown",
        ("unknown", "settle"): "settled",
        ("unknown", "refuse"): "refused",
        ("unknown", "lose"): "unknown",
    }
    assert {state for state in OperationState if state.is_final} == {OperationState.SETTLED, OperationState.REFUSED}
