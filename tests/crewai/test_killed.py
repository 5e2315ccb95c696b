"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from hitl_core.testing.crashing import die
from hitl_core.testing.processes import Ended, Order, Processes
from hitl_core.testing.scripted_model import Script, Step
from tests import crash_desk as at
from tests.crash_desk import CALLS, CrashDesk
from tests.killed import Killed, KilledAtCommands
from tests.ledger import recorded

from . import flows

pytestmark = pytest.mark.processes


def crewed(url: str) -> Any:
    """A flow with a crew inside a method."""
    flows.Crewed.url = url
    return flows.Crewed


async def recovers_with_steps(desk: dict[str, Any], answer: str, once: list[str]) -> None:
    """A method is no gated call: one that died before it was remembered runs again."""
    await at.recovers(desk, answer, once)
    effects = [each["effect"] for each in recorded()]
    assert {effects.count("prepared"), effects.count("thanked")} <= {1, 2}


async def goes_through_until_the_model(desk: dict[str, Any], nth: int) -> None:
    """Go through it, and die when the model has answered for the `nth` time and nobody has heard it yet."""
    from crewai.llms.providers.openai.completion import OpenAICompletion

    inner, seen = OpenAICompletion._call_completions, 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        answer = inner(*args, **kwargs)
        if seen == nth:
            die()
        return answer

    OpenAICompletion._call_completions = dying  # type: ignore[method-assign]
    await at.goes_through(desk)


class TestSpecKilled(Killed):
    backend = "crewai"
    everywhere = False

    def test_killed_while_the_model_answers_only_that_call_is_made_again(
        self, processes: Processes, desk: CrashDesk
    ) -> None:
        order = partial(Order.of, desk=desk.to_json())
        assert processes.run(order(goes_through_until_the_model, nth=2)).killed
        assert desk.repeated == 0
        once = ["refund", "look_up"]
        assert processes.run(order(at.recovers, answer=self.answer, once=once, apart=False)) == Ended()
        assert (len(desk.calls), desk.repeated) == (4, 1)


class TestFlowKilled(KilledAtCommands):
    backend = "crewai"
    app = staticmethod(crewed)
    script = Script.of(Step(call=CALLS[1:2]), Step(say="paid"))
    answer = "thanks: paid"
    once = ("refund",)
    everywhere = False
    recovers = staticmethod(recovers_with_steps)
