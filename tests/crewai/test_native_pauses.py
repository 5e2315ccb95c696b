"""`Task(human_input=True)` of unchanged crews: lifted to reviews, round by round, and lowered (P08, P92)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from crewai import Crew, Process, Task

from hitl_adapters.crewai.gating.callbacks import Once, oversee_callbacks
from hitl_core.protocol import Reply, RunState
from hitl_core.testing.scripted_model import Conversation, Script, Step

from . import agents
from .desk import READS, Desk, accept, approve, calls, editing, ended, record, reject, revising

Made = Callable[..., Desk]
REVIEWED = {"human_input": True}
SAYS = (Step(say="first draft"), Step(say="second draft"), Step(say="third draft"))


def texts(answer: str) -> Step:
    """What a model says that calls tools by text."""
    return Step(say=f"Thought: I know enough.\nFinal Answer: {answer}")


async def test_a_draft_is_accepted_without_another_model_call(desk: Made) -> None:
    at = desk(agents.crew(task=REVIEWED), *SAYS)
    run = await at.start()
    (request,) = run.pending
    assert (request.kind, request.action.arguments) == ("review", {"content": "first draft"})
    assert "Handle order A." in request.context.message
    assert request.allowed == (Reply.ACCEPT, Reply.EDIT, Reply.REVISE, Reply.CANCEL)
    ended(await at.answer(run, accept), {"answer": "first draft"})
    assert len(at.calls) == 1


async def test_an_edited_draft_is_the_result(desk: Made) -> None:
    at = desk(agents.crew(task=REVIEWED), *SAYS)
    ended(await at.answer(await at.start(), editing(content="mine")), {"answer": "mine"})
    assert len(at.calls) == 1


@pytest.mark.parametrize("tools", [(), (agents.LookUp,)], ids=["no tools", "native tools"])
async def test_feedback_goes_round_and_the_draft_is_in_the_conversation(desk: Made, tools: Any) -> None:
    at = desk(agents.crew(*tools, task=REVIEWED), *SAYS)
    run = await at.answer(await at.start(), revising("shorter"))
    assert run.pending[0].action.arguments == {"content": "second draft"}
    run = await at.answer(run, revising("longer"))
    ended(await at.answer(run, accept), {"answer": "third draft"})
    said = at.messages()
    assert [text for role, text in said if role == "assistant"] == ["first draft", "second draft"]
    assert [("shorter" in text, "longer" in text) for role, text in said if role == "user"][-2:] == [
        (True, False),
        (False, True),
    ]
    assert len(at.calls) == 3


async def test_a_review_after_a_gated_tool(desk: Made) -> None:
    pay = calls(("refund", {"order": "A", "amount": 12}))
    at = desk(agents.crew(agents.Refund, task=REVIEWED), pay, Step(say="paid it"), Step(say="paid it well"))
    run = await at.answer(await at.start(), approve)
    assert run.pending[0].kind == "review"
    run = await at.answer(run, revising("better"))
    ended(await at.answer(run, accept), {"answer": "paid it well"})
    assert (at.effects, len(at.calls)) == (["refund"], 3)


def two_tasks(url: str, **options: Any) -> Callable[[], Crew]:
    def make() -> Crew:
        clerk, writer = agents.agent(url, agents.LookUp(), agents.Refund()), agents.agent(url, role="writer")
        pay = Task(description="Pay order A.", expected_output="A receipt.", agent=clerk)
        write = Task(description="Write a letter.", expected_output="A letter.", agent=writer, human_input=True)
        return Crew(agents=[clerk, writer], tasks=[pay, write], **options)

    return make


TWO = Script(
    conversations=(
        Conversation(name="writer", system="You are a writer.", steps=(Step(say="Dear"), Step(say="Dear Mira"))),
    ),
    steps=(calls(("look_up", {"order": "A"})), calls(("refund", {"order": "A", "amount": 12})), Step(say="receipt")),
)


@pytest.mark.parametrize("streaming", [False, True])
async def test_two_tasks_over_four_processes(desk: Made, streaming: bool) -> None:
    at = desk(lambda url: two_tasks(url, stream=streaming), TWO, policy=READS)
    run = await at.answer(await at.start(), editing(amount=7.0))
    run = await at.answer(run, revising("her name"))
    ended(await at.answer(run, accept), {"answer": "Dear Mira"})
    assert at.effects == ["looked", "refund"]
    assert len(at.calls) == 5
    assert "receipt" in at.messages()[1][1]


def heard(output: Any) -> None:
    record("heard", raw=output.raw)


@pytest.mark.filterwarnings("ignore:function callbacks cannot be serialized:UserWarning")
async def test_callbacks_of_a_task_that_ended_are_not_repeated(desk: Made) -> None:
    at = desk(lambda url: two_tasks(url, task_callback=heard), TWO, policy=READS)
    run = await at.answer(await at.start(), approve)
    ended(await at.answer(run, accept))
    assert [each["raw"] for each in agents.effects("heard")] == ["receipt", "Dear"]


def test_a_callback_that_is_held_is_written_down_by_its_own_name() -> None:
    """CrewAI refuses to write a crew down whose callback has none."""
    task = Task(description="Look.", expected_output="A price.", callback=heard)
    written = task.model_dump(mode="json", include={"callback"})
    oversee_callbacks(task)
    assert isinstance(task.callback, Once)
    assert task.model_dump(mode="json", include={"callback"}) == written


# ── tools by text ────────────────────────────────────────────────────────────────────────────────────────────


class TextOnly:
    """A crew whose agent calls its tools by text, as models without function calling do."""

    @staticmethod
    def build(*tools: type, **task: Any) -> Callable[[str], Callable[[], Crew]]:
        def build(url: str) -> Callable[[], Crew]:
            def make() -> Crew:
                llm = agents.model(url)
                object.__setattr__(llm, "supports_function_calling", lambda: False)
                clerk = agents.agent(url, *[each() for each in tools], llm=llm)
                work = Task(description="Handle order A.", expected_output="A summary.", agent=clerk, **task)
                return Crew(agents=[clerk], tasks=[work])

            return make

        return build


def acts(tool: str, arguments: str) -> Step:
    return Step(say=f"Thought: use it\nAction: {tool}\nAction Input: {arguments}")


PAYS = acts("refund", '{"order": "A", "amount": 12}')


@pytest.mark.parametrize(
    ("say", "paid", "read"),
    [(approve, [12], "paid 12.0 for A"), (editing(amount=7.5), [7.5], "paid 7.5 for A"), (reject, [], "too risky")],
)
async def test_a_tool_called_by_text(desk: Made, say: Any, paid: list[Any], read: str) -> None:
    at = desk(TextOnly.build(agents.Refund), PAYS, texts("ok"))
    ended(await at.answer(await at.start(), say), {"answer": "ok"})
    assert [each["amount"] for each in agents.effects("refund")] == paid
    assert any(read in text for _, text in at.messages())
    assert len(at.calls) == 2


async def test_a_review_of_an_agent_that_calls_tools_by_text(desk: Made) -> None:
    at = desk(TextOnly.build(agents.Refund, human_input=True), PAYS, texts("one"), texts("two"))
    run = await at.answer(await at.start(), approve)
    run = await at.answer(run, revising("again"))
    ended(await at.answer(run, accept), {"answer": "two"})
    assert ("assistant", "one") in at.messages()
    assert (at.effects, len(at.calls)) == (["refund"], 3)


# ── several agents ───────────────────────────────────────────────────────────────────────────────────────────


def parallel(url: str) -> Callable[[], Crew]:
    def make() -> Crew:
        clerks = [agents.agent(url, agents.Refund(), role=name) for name in ("joe", "bob", "eve")]
        tasks = [
            Task(description=f"Pay {each.role}.", expected_output="A receipt.", agent=each, async_execution=True)
            for each in clerks
        ]
        adder = agents.agent(url, role="adder")
        last = Task(description="Sum up.", expected_output="A sum.", agent=adder, context=tasks)
        return Crew(agents=[*clerks, adder], tasks=[*tasks, last])

    return make


def pays(name: str) -> Conversation:
    steps = (calls(("refund", {"order": name, "amount": 5})), Step(say=f"{name} is paid"))
    return Conversation(name=name, system=f"You are a {name}.", steps=steps)


PARALLEL = Script(conversations=tuple(map(pays, ("joe", "bob", "eve"))), steps=(Step(say="all paid"),))


async def test_three_tasks_side_by_side_pause_at_once(desk: Made) -> None:
    at = desk(parallel, PARALLEL)
    run = await at.start()
    assert sorted(str(r.action.arguments["order"]) for r in run.pending) == ["bob", "eve", "joe"]
    for request in run.pending:
        await at.say(reject(request) if request.action.arguments["order"] == "bob" else approve(request))
    ended(await at.resume(run), {"answer": "all paid"})
    assert sorted(each["order"] for each in agents.effects("refund")) == ["eve", "joe"]
    assert len(at.calls) == 7


def delegating(url: str, **options: Any) -> Callable[[], Crew]:
    def make() -> Crew:
        boss = agents.agent(url, role="boss", allow_delegation=True)
        clerk = agents.agent(url, agents.Refund(), role="clerk")
        work = Task(description="Have order A paid.", expected_output="A receipt.", agent=None if options else boss)
        if options:
            return Crew(agents=[clerk], tasks=[work], process=Process.hierarchical, manager_agent=boss)
        return Crew(agents=[boss, clerk], tasks=[work])

    return make


DELEGATION = Script(
    conversations=(
        Conversation(
            name="clerk",
            system="You are a clerk.",
            steps=(calls(("refund", {"order": "A", "amount": 12})), Step(say="the clerk paid")),
        ),
    ),
    steps=(
        calls(("delegate_work_to_coworker", {"task": "pay A", "context": "it is due", "coworker": "clerk"})),
        Step(say="it was paid"),
    ),
)


@pytest.mark.parametrize("hierarchical", [False, True])
async def test_a_pause_inside_a_coworker_climbs_out(desk: Made, hierarchical: bool) -> None:
    at = desk(lambda url: delegating(url, **({"h": True} if hierarchical else {})), DELEGATION)
    run = await at.start()
    (request,) = run.pending
    assert (request.action.tool, request.action.origin.path) == ("refund", ("boss", "clerk"))
    ended(await at.answer(run, approve), {"answer": "it was paid"})
    assert (at.effects, len(at.calls), at.told()) == (["refund"], 4, ["the clerk paid"])


async def test_a_cancelled_review_ends_the_run(desk: Made) -> None:
    at = desk(agents.crew(task=REVIEWED), *SAYS)
    run = await at.start()
    await at.say(run.pending[0].cancel("not needed", by="ann"))
    assert (await at.look(run)).state is RunState.CANCELLED
