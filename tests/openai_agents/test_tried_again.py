"""A model, or the store, that does not answer: the worker tries again where nothing has run, and only there."""

from __future__ import annotations

from collections.abc import Callable

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Refuse
from tests.tried_again import (
    is_left_to_a_person,
    is_tried_until_the_model_answers,
    is_tried_when_the_store_is_back,
)

from .desk import Desk
from .specs import REFUND, calls, desk_spec, says

AWAY = Refuse(status=503, retry_after=0.0, times=6)
"""Twice, as the client itself asks three times."""


async def test_a_model_that_is_away_is_asked_again(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND), calls(REFUND).model_copy(update={"fault": AWAY}), says("done"))
    run = await is_tried_until_the_model_answers(at)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_a_store_that_is_away_is_asked_again(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND), says("done"))
    await is_tried_when_the_store_is_back(at)
    assert at.effects == ["refund"]


async def test_after_a_tool_has_begun_nothing_is_tried_again(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND), says("done").model_copy(update={"fault": AWAY}))
    run = await is_left_to_a_person(at)
    assert "503" in run.error
    assert at.effects == ["refund"]


async def test_what_the_model_refuses_for_good_is_not_tried_again(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND), says("done").model_copy(update={"fault": Refuse(status=400)}))
    assert "400" in (await is_left_to_a_person(at)).error
