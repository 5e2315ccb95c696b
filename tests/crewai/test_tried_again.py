"""A model, or the store, that does not answer: the worker tries again where nothing has run, and only there."""

from __future__ import annotations

from collections.abc import Callable

from hitl_core.testing.scripted_model import Refuse, Step
from tests.tried_again import (
    is_left_to_a_person,
    is_tried_until_the_model_answers,
    is_tried_when_the_store_is_back,
)

from . import agents
from .desk import Desk, calls, ended

Made = Callable[..., Desk]
AWAY = Refuse(status=503, retry_after=0.0, times=18)
"""Twice: CrewAI begins a task three times, and its client asks three times."""
PAY = calls(("refund", {"order": "A", "amount": 12.0}))
END = Step(say="done")


async def test_a_model_that_is_away_is_asked_again(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund), PAY, PAY.model_copy(update={"fault": AWAY}), END)
    ended(await is_tried_until_the_model_answers(at), {"answer": "done"})
    assert at.effects == ["refund"]


async def test_a_store_that_is_away_is_asked_again(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund), PAY, END)
    await is_tried_when_the_store_is_back(at)
    assert at.effects == ["refund"]


async def test_after_a_tool_has_begun_nothing_is_tried_again(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund), PAY, END.model_copy(update={"fault": AWAY}))
    await is_left_to_a_person(at)
    assert at.effects == ["refund"]
