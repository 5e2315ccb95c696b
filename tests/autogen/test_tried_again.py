"""A model, or the store, that does not answer: the worker tries again where nothing has run, and only there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Refuse, Script, ScriptedModel, Step
from tests.tried_again import (
    is_left_to_a_person,
    is_tried_until_the_model_answers,
    is_tried_when_the_store_is_back,
)

from .desk import Desk
from .test_spec_agent import SAYS, calling, refund, spec

AWAY = Refuse(status=503, retry_after=0.0, times=6)
"""Twice, as the client itself asks three times."""
PAY = calling("refund", order="A", amount=12)


def away(step: Step) -> Step:
    return step.model_copy(update={"fault": AWAY})


@pytest.fixture
def at(desk: Callable[..., Desk], plays: Callable[[Script], ScriptedModel]) -> Callable[..., Desk]:
    return lambda *steps: desk(spec(plays(Script.of(*steps)), refund))


async def test_a_model_that_is_away_is_asked_again(at: Callable[..., Desk]) -> None:
    desk = at(PAY, away(PAY), SAYS)
    run = await is_tried_until_the_model_answers(desk)
    assert (run.state, desk.effects) == (RunState.COMPLETED, ["refund"])


async def test_a_store_that_is_away_is_asked_again(at: Callable[..., Desk]) -> None:
    desk = at(PAY, SAYS)
    await is_tried_when_the_store_is_back(desk)
    assert desk.effects == ["refund"]


async def test_after_a_tool_has_begun_nothing_is_tried_again(at: Callable[..., Desk]) -> None:
    desk = at(PAY, away(SAYS))
    await is_left_to_a_person(desk)
    assert desk.effects == ["refund"]
