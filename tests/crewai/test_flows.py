"""Flows of unchanged apps: `@human_feedback` with and without outcomes, joins, branches, `ask`, crews inside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from hitl_adapters.crewai.suspend import Current
from hitl_core.protocol import Reply, RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.scripted_model import Step

from . import agents, flows
from .desk import Desk, accept, answering, approve, calls, choosing, ended, recorded, revising

Made = Callable[..., Desk]
PAY = calls(("refund", {"order": "A", "amount": 12}))


@pytest.fixture
def flow(desk: Made) -> Callable[..., Desk]:
    """`flow(cls)`: a desk for a flow class."""

    def made(cls: Any, *steps: Step, **options: Any) -> Desk:
        at = desk(lambda url: cls, *(steps or (Step(say="never asked"),)), **options)
        cls.url = at.model.base_url
        return at

    return made


async def test_an_outcome_is_chosen_exactly_without_a_model(flow: Made) -> None:
    at = flow(flows.Letters)
    run = await at.start({})
    (request,) = run.pending
    assert (request.kind, request.title) == ("choice", "Send it?")
    assert [option.id for option in request.options] == ["approved", "again", "rejected"]
    assert request.allowed == (Reply.CHOOSE, Reply.CANCEL)
    assert request.action.arguments["content"] == "draft 1"
    ended(await at.answer(run, choosing("approved", "I do not reject this, it is not bad")), "sent draft 1")
    assert recorded() == [
        {"effect": "wrote", "round": 1},
        {"effect": "showed", "text": "draft 1"},
        {"effect": "sent", "text": "draft 1", "feedback": "I do not reject this, it is not bad"},
    ]
    assert at.calls == ()


async def test_a_loop_back_to_the_writer_repeats_no_method(flow: Made) -> None:
    at = flow(flows.Letters)
    run = await at.start({})
    for number in (2, 3):
        run = await at.answer(run, choosing("again"))
        assert run.pending[0].action.arguments["content"] == f"draft {number}"
    ended(await at.answer(run, choosing("rejected")), "dropped")
    assert at.effects == ["wrote", "showed"] * 3 + ["dropped"]


@pytest.mark.parametrize(("say", "words"), [(accept, ""), (revising("shorter"), "shorter")])
async def test_free_words_about_an_output(flow: Made, say: Any, words: str) -> None:
    at = flow(flows.Notes)
    run = await at.start({})
    assert run.pending[0].allowed == (Reply.ACCEPT, Reply.REVISE, Reply.CANCEL)
    ended(await at.answer(run, say), f"a note: {words or 'fine'}")
    assert recorded() == [{"effect": "wrote"}, {"effect": "kept", "feedback": words}]


@pytest.fixture
def when_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], threading.Event]:
    """`when_waiting(n)`: an event that is set as soon as something waits at n places."""

    def made(many: int) -> threading.Event:
        event, wait_at = threading.Event(), Current.wait_at

        def waiting(now: Current, place: str, path: str = "") -> None:
            wait_at(now, place, path)
            if len(now.waiting) >= many:
                event.set()

        monkeypatch.setattr(Current, "wait_at", waiting)
        return event

    return made


async def test_two_branches_ask_at_once_and_the_join_comes(flow: Made, when_waiting: Any) -> None:
    flows.Joined.go_on = when_waiting(2)
    at = flow(flows.Joined)
    run = await at.start({})
    assert sorted(request.title for request in run.pending) == ["Left?", "Right?"]
    assert sorted(at.effects) == ["after slow", "began", "left", "right", "slow"]
    await at.say(accept(run.pending[0]))
    assert (await at.look(run)).state is RunState.PAUSED
    ended(await at.answer(await at.look(run), accept), "joined")
    assert sorted(at.effects) == ["after slow", "began", "joined", "left", "right", "slow"]
    assert recorded()[-1] == {"effect": "joined", "slow": "done"}


@pytest.mark.parametrize("slow", ["quick", "asked"])
async def test_a_branch_that_asks_and_loses_its_race_asks_nobody(
    flow: Made, when_waiting: Any, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """The other one ends after the question was made, or while the branch that would ask is still at work."""
    flows.Raced.go_on = when_waiting(2) if slow == "quick" else threading.Event()
    monkeypatch.setattr(flows.Raced, "slow", slow)
    at = flow(flows.Raced)
    run = await at.start({})
    assert [request.title for request in run.pending] == ["Beside?"]
    ended(await at.answer(run, accept), "ended")
    assert sorted(at.effects) == ["asked", "first", "quick"]
    assert agents.effects("first") == [{"effect": "first", "what": "Q"}]


async def test_of_two_branches_that_race_and_wait_one_counts(flow: Made) -> None:
    """What was decided for the one that comes second is no error, and starts nothing."""
    flows.Rivals.go_on = threading.Event()
    flows.Rivals.go_on.set()
    at = flow(flows.Rivals, PAY, Step(say="paid"))
    run = await at.start({})
    assert sorted(request.action.tool for request in run.pending) == ["human_feedback", "refund"]
    for request in run.pending:
        decided = accept if request.action.tool == "human_feedback" else approve
        await at.say(decided(request))
    flows.Rivals.go_on.clear()
    ended(await at.resume(run), "won")
    assert recorded() == [{"effect": "first", "what": "L"}]


async def test_ask_waits_for_an_answer_in_the_middle_of_a_method(flow: Made) -> None:
    at = flow(flows.Interview)
    run = await at.start({})
    assert [(r.kind, r.title) for r in run.pending] == [("input", "Your name?")]
    run = await at.answer(run, answering("Mira"))
    assert [r.title for r in run.pending] == ["Which topic?"]
    ended(await at.answer(run, answering("lamps")), "Mira: lamps")
    assert recorded() == [{"effect": "answers", "name": "Mira", "topic": "lamps"}]


async def test_a_method_that_swallows_the_pause_does_not_go_on(flow: Made) -> None:
    at = flow(flows.Careless)
    run = await at.start({})
    assert (run.state, at.effects) == (RunState.PAUSED, [])
    ended(await at.answer(run, answering("Mira")), "hello Mira")
    assert recorded() == [{"effect": "greeted", "name": "Mira"}]


async def test_a_crew_inside_a_flow(flow: Made) -> None:
    at = flow(flows.Crewed, PAY, Step(say="paid"))
    run = await at.start({})
    assert [request.action.tool for request in run.pending] == ["refund"]
    ended(await at.answer(run, approve), "thanks: paid")
    assert at.effects == ["prepared", "refund", "thanked"]
    assert len(at.calls) == 2


async def test_a_crew_that_is_awaited_is_gated_and_reviewed_round_by_round(flow: Made) -> None:
    """CrewAI's own console is broken there after its first round."""
    at = flow(flows.Awaited, PAY, Step(say="paid"), Step(say="paid 12"))
    run = await at.answer(await at.start({}), approve)
    run = await at.answer(run, revising("how much?"))
    assert run.pending[0].action.arguments == {"content": "paid 12"}
    ended(await at.answer(run, accept), "paid 12")
    assert (at.effects, len(at.calls)) == (["refund"], 3)


async def test_a_crew_that_is_kicked_off_for_each_of_a_list(flow: Made) -> None:
    at = flow(flows.Each, PAY, Step(say="paid"))
    run = await at.answer(await at.start({}), approve)
    assert [request.action.tool for request in run.pending] == ["refund"]
    ended(await at.answer(run, approve), "paid and paid")
    assert (at.effects, len(at.model.calls)) == (["refund", "refund"], 4)


async def test_an_agent_without_a_crew_inside_a_flow(flow: Made) -> None:
    at = flow(flows.Alone, PAY, Step(say="paid"))
    ended(await at.answer(await at.start({}), approve), "paid")
    assert (at.effects, len(at.calls)) == (["refund"], 2)


async def test_a_router_that_loops_back(flow: Made) -> None:
    at = flow(flows.Routed)
    run = await at.answer(await at.start({}), revising("no"))
    assert run.pending[0].action.arguments["content"] == "v2"
    ended(await at.answer(run, accept), "published v2")


DEADLINE = """
[[rules]]
id = "quick"
why = "a test"
match = { tool = { glob = "*" } }
level = "confirm"
deadline = "1h"
"""


async def test_silence_means_what_the_flow_declares(flow: Made) -> None:
    clock = ManualClock()
    at = flow(flows.Declared, policy=DEADLINE, clock=clock)
    run = await at.start({})
    clock.advance(hours=2)
    async with at.open() as hitl:
        await hitl.tick()
    ended(await at.resume(run), "stayed")


async def test_silence_is_no_answer_to_a_question(flow: Made) -> None:
    """As CrewAI has it: None. The deadline is the policy's, not the `timeout` of a flow that nobody runs meanwhile."""
    clock = ManualClock()
    at = flow(flows.Careless, policy=DEADLINE, clock=clock)
    run = await at.start({})
    clock.advance(hours=2)
    ended(await at.resume(run), "hello None")


async def test_silence_is_never_the_first_outcome(flow: Made) -> None:
    clock = ManualClock()
    at = flow(flows.Undeclared, policy=DEADLINE, clock=clock)
    run = await at.start({})
    clock.advance(hours=2)
    async with at.open() as hitl:
        await hitl.tick()
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.FAILED, [])
    assert "default_outcome" in run.error


async def test_inputs_reach_the_state_of_a_flow(flow: Made) -> None:
    at = flow(flows.Letters)
    run = await at.start({"rounds": 4})
    assert run.pending[0].action.arguments["content"] == "draft 5"
    assert agents.effects("wrote") == [{"effect": "wrote", "round": 5}]
