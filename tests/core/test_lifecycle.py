"""The four tables: nothing moves outside them, everything in them can be reached, what ended stays ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from hitl_core.lifecycle import (
    ACTION,
    GUIDANCE,
    REQUEST,
    RUN,
    ActionEvent,
    ActionState,
    GuidanceEvent,
    IllegalMove,
    Lifecycle,
    RequestEvent,
    RequestState,
    RunEvent,
)
from hitl_core.protocol import GuidanceState, RunState

TABLES: list[tuple[Lifecycle[Any, Any], type[StrEnum], type[StrEnum], StrEnum, set[StrEnum]]] = [
    (
        REQUEST,
        RequestState,
        RequestEvent,
        RequestState.OPEN,
        {RequestState.CLOSED, RequestState.CANCELLED, RequestState.SUPERSEDED, RequestState.REVOKED},
    ),
    (
        ACTION,
        ActionState,
        ActionEvent,
        ActionState.PROPOSED,
        {ActionState.REFUSED, ActionState.ANSWERED, ActionState.EXECUTED, ActionState.FAILED},
    ),
    (RUN, RunState, RunEvent, RunState.RUNNING, {RunState.CANCELLED}),
    (
        GUIDANCE,
        GuidanceState,
        GuidanceEvent,
        GuidanceState.QUEUED,
        {GuidanceState.CONSUMED, GuidanceState.DROPPED},
    ),
]
tables = pytest.mark.parametrize(
    ("table", "states", "events", "start", "final"), TABLES, ids=[each[0].name for each in TABLES]
)


@tables
def test_nothing_moves_outside_the_table(
    table: Lifecycle[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum, final: set[StrEnum]
) -> None:
    for state in states:
        for event in events:
            if (state, event) in table.moves:
                assert table.advance(state, event) == table.moves[state, event]
            else:
                with pytest.raises(IllegalMove, match=f"a {table.name} that is {state} cannot {event}"):
                    table.advance(state, event)


@tables
def test_every_state_can_be_reached(
    table: Lifecycle[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum, final: set[StrEnum]
) -> None:
    reached, new = {start}, {start}
    while new:
        new = {to for (state, _), to in table.moves.items() if state in new} - reached
        reached |= new
    assert reached == set(states)


@tables
def test_every_event_happens_somewhere_and_leads_to_one_state(
    table: Lifecycle[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum, final: set[StrEnum]
) -> None:
    for event in events:
        sources = table.sources(event)
        assert sources
        # A store writes one compare-and-set per event: its target must not depend on where it comes from.
        assert len({table.advance(state, event) for state in sources}) == 1


@tables
def test_sources_are_exactly_the_states_that_may_move(
    table: Lifecycle[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum, final: set[StrEnum]
) -> None:
    for event in events:
        assert set(table.sources(event)) == {state for state in states if (state, event) in table.moves}


@tables
def test_what_has_ended_stays_ended(
    table: Lifecycle[Any, Any], states: type[StrEnum], events: type[StrEnum], start: StrEnum, final: set[StrEnum]
) -> None:
    assert set(states) - {state for state, _ in table.moves} == final


def test_an_illegal_move_says_what_could_happen_instead() -> None:
    possible = "cancel, refuse, supersede, thaw, veto"
    with pytest.raises(IllegalMove, match=f"a request that is frozen cannot decide; possible: {possible}"):
        REQUEST.advance(RequestState.FROZEN, RequestEvent.DECIDE)
    with pytest.raises(IllegalMove, match="possible: nothing"):
        RUN.advance(RunState.CANCELLED, RunEvent.RETRY)


def test_only_an_open_request_takes_a_decision() -> None:
    assert REQUEST.sources(RequestEvent.DECIDE) == (RequestState.OPEN,)


def test_only_an_allowed_action_can_begin() -> None:
    assert ACTION.sources(ActionEvent.BEGIN) == (ActionState.ALLOWED,)


def test_a_revoked_decision_is_never_used() -> None:
    assert RequestState.REVOKED not in REQUEST.sources(RequestEvent.CONSUME)
