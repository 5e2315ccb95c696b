"""The traps of CrewAI, as measured; each test names the section of the research page whose trap it closes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crewai import Crew, Task
from crewai.flow.flow import Flow, start
from crewai.memory.unified_memory import Memory
from crewai.tools import BaseTool
from pydantic import BaseModel

from hitl_adapters.crewai import errors
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Refuse, Script, Step

from . import agents
from .desk import ALL_GO, Desk, accept, answering, approve, calls, editing, ended, record, recorded, reject
from .test_native_pauses import TextOnly, acts, parallel, texts

Made = Callable[..., Desk]
PAY = calls(("refund", {"order": "A", "amount": 12}))
DONE = Step(say="done")


# ── §1: reviews ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_1_the_clock_of_a_task_does_not_count_the_time_of_people(desk: Made) -> None:
    """max_execution_time would count a person's hours, and the tool would run after the timeout."""
    at = desk(agents.crew(agents.Refund, max_execution_time=20), PAY, DONE)
    run = await at.start()
    assert (run.state, len(run.pending), at.effects) == (RunState.PAUSED, 1, [])
    ended(await at.answer(run, approve))
    assert at.effects == ["refund"]


async def test_1_an_error_of_the_model_lets_a_task_begin_again_and_repeats_no_tool(desk: Made) -> None:
    """CrewAI runs a task up to three times after any error, tools included."""
    broken = Step(say="done", fault=Refuse(status=400, times=1))
    at = desk(agents.crew(agents.Refund), PAY, broken, policy=ALL_GO, harmless=("refund",))
    ended(await at.start(), {"answer": "done"})
    assert at.effects == ["refund"]
    assert [entry.answered for entry in at.model.calls] == [True, False, True]


async def test_1_a_failed_run_is_retried_without_repeating_anything(
    desk: Made, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Step(say="done", fault=Refuse(status=400, times=3))
    at = desk(agents.crew(agents.Refund), PAY, broken)
    run = await at.answer(await at.start(), approve)
    assert run.state is RunState.FAILED
    ours = [record for record in caplog.records if record.name.startswith("hitl_core")]
    assert [(record.name, bool(record.exc_info)) for record in ours] == [("hitl_core.endings", True)]
    ended(await at.resume(run), {"answer": "done"})
    assert at.effects == ["refund"]
    assert [entry.answered for entry in at.model.calls] == [True, False, False, False, True]


class Swallows(BaseTool):
    """Runs a crew inside and takes every exception for a result."""

    name: str = "outer"
    description: str = "Do it all."
    url: str = ""

    def _run(self, order: str) -> str:
        record("outer", order=order)
        try:
            return agents.answer_of(agents.crew(agents.Refund)(self.url)())
        except Exception:
            return "nothing to see"


INSIDE = Script.of(
    calls(("outer", {"order": "A"})),
    Step(say="all done"),
)


async def test_1_a_tool_that_swallows_the_pause_of_a_crew_inside_it(desk: Made) -> None:
    from hitl_core.testing.scripted_model import Conversation

    inner = Conversation(name="inner", system="You are a clerk.", steps=(PAY, Step(say="inner done")))
    script = Script(conversations=(inner,), steps=INSIDE.steps)

    def build(url: str) -> Callable[[], Crew]:
        def make() -> Crew:
            outer = agents.agent(url, Swallows(url=url), role="boss")
            return Crew(agents=[outer], tasks=[Task(description="Do it.", expected_output="All.", agent=outer)])

        return make

    at = desk(build, script)
    run = await at.answer(await at.start(), approve)
    assert [(r.action.tool, r.action.origin.path) for r in run.pending] == [("refund", ("boss", "clerk"))]
    ended(await at.answer(run, approve), {"answer": "all done"})
    assert (at.effects, at.told(), len(at.calls)) == (["outer", "outer", "refund"], ["inner done"], 4)


# ── §4: tools ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_4_a_tool_without_arguments_that_is_called_by_text_can_be_edited(desk: Made) -> None:
    """CrewAI loses a change of the arguments of a call that had none, in text mode."""
    at = desk(TextOnly.build(agents.Reset), acts("reset", "{}"), texts("ok"))
    ended(await at.answer(await at.start(), editing(reason="a person said so")))
    assert recorded() == [{"effect": "reset", "reason": "a person said so"}]


class Final(agents.Refund):
    """Its result ends the task."""

    result_as_answer: bool = True


async def test_4_a_refusal_does_not_become_the_result_of_the_task(desk: Made) -> None:
    """A blocked `result_as_answer` tool ends the task with its refusal, and the model never reads it."""
    at = desk(agents.crew(Final), PAY, DONE)
    run = await at.start()
    assert (run.state, len(at.calls)) == (RunState.PAUSED, 1)
    ended(await at.answer(run, reject), {"answer": "done"})
    assert "too risky" in at.told()[0]


@pytest.mark.parametrize("text", [False, True])
async def test_4_a_result_that_ends_the_task_does_so_on_a_replay_too(desk: Made, text: bool) -> None:
    """By text, a blocked call never counts as final, and all calls of a replay are blocked."""
    build = TextOnly.build(Final, human_input=True) if text else agents.crew(Final, task={"human_input": True})
    at = desk(build, acts("refund", '{"order": "A", "amount": 12}') if text else PAY, DONE)
    run = await at.answer(await at.start(), approve)
    assert run.pending[0].action.arguments == {"content": "paid 12.0 for A"}
    ended(await at.answer(run, accept), {"answer": "paid 12.0 for A"})
    assert (at.effects, len(at.calls)) == (["refund"], 1)


async def test_4_five_identical_calls_wait_for_five_answers(desk: Made) -> None:
    """CrewAI stops an agent that gets the same result of the same call for the fifth time, "please wait" among them."""
    at = desk(agents.crew(agents.Refund), calls(*[("refund", {"order": "A", "amount": 12})] * 5), DONE)
    run = await at.start()
    assert (run.state, len(run.pending), at.effects) == (RunState.PAUSED, 5, [])


async def test_4_a_limit_of_uses_counts_over_processes(desk: Made) -> None:
    """A replayed call is a blocked one, and CrewAI does not count those."""

    class Once(agents.Refund):
        max_usage_count: int | None = 1

    at = desk(agents.crew(Once), PAY, calls(("refund", {"order": "B", "amount": 1})), DONE)
    ended(await at.answer(await at.start(), approve))
    assert (at.effects, "usage limit" in at.told()[1]) == (["refund"], True)


# ── §5: what runs again ──────────────────────────────────────────────────────────────────────────────────────


async def test_5_an_approval_is_for_this_tool_and_these_arguments_only(desk: Made) -> None:
    """A model that asks something else after a restart needs a new decision."""
    at = desk(agents.crew(agents.Refund), PAY, calls(("refund", {"order": "A", "amount": 13})), DONE)
    run = await at.answer(await at.start(), approve)
    assert run.pending[0].action.arguments == {"order": "A", "amount": 13}
    assert at.effects == ["refund"]


class Hears(Flow[dict[str, Any]]):
    """Keeps a memory, and asks afterwards in the same method."""

    @start()
    def hear(self) -> str:
        kept = self.remember("A pays late", scope="/customers", categories=["money"], metadata={}, importance=0.5)
        record("kept", id=kept.id)
        return str(self.ask("Who are you?"))


async def test_5_a_memory_is_saved_once_although_its_method_runs_again(desk: Made, tmp_path: Path) -> None:
    """CrewAI would save it again with each resume."""

    def memory(url: str) -> Memory:
        def embed(texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0, 0.0] for _ in texts]

        return Memory(llm=agents.model(url), storage=str(tmp_path / "memory"), embedder=embed)

    at = desk(lambda url: lambda: Hears(memory=memory(url)), Step(say="never asked"))
    ended(await at.answer(await at.start({}), answering("Mira")), "Mira")
    (first, second) = recorded()
    assert first == second
    assert [each.id for each in memory(at.model.base_url).list_records()] == [first["id"]]


class Receipt(BaseModel):
    order: str
    amount: float


async def test_5_a_structured_output_is_kept_with_its_type(desk: Made) -> None:
    at = desk(
        agents.crew(agents.Refund, task={"output_pydantic": Receipt}),
        PAY,
        Step(say='{"order": "A", "amount": 12}'),
    )
    run = await at.answer(await at.start(), approve)
    ended(run, {"answer": '{"order": "A", "amount": 12}', "data": {"order": "A", "amount": 12.0}})


# ── §6, §7: threads, streams, noise ──────────────────────────────────────────────────────────────────────────


async def test_2_a_pause_in_a_task_beside_others_does_not_hang(desk: Made) -> None:
    """A BaseException would hang a crew with async tasks for ever."""
    from .test_native_pauses import PARALLEL

    at = desk(parallel, PARALLEL)
    run = await at.start()
    assert (run.state, len(run.pending)) == (RunState.PAUSED, 3)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hitl-crew")]


def test_7_the_adapter_is_imported_without_crewai() -> None:
    """Its import takes seconds; answering and listing need none of it."""
    code = "import sys, hitl_adapters.crewai; sys.exit('crewai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NOISY = """
import asyncio, sys
from crewai.flow.flow import Flow, listen, start
from crewai.telemetry import Telemetry
from opentelemetry.sdk.trace import TracerProvider
from hitl_core import AppSource, Policy, connect
from hitl_core.config import Config
from pathlib import Path

class Noisy(Flow):
    @start()
    def first(self):
        return str(self.ask("Name?"))

async def main():
    config = Config(backend="crewai", app=AppSource("x:y", Noisy), policy=Policy([]), folder=Path(sys.argv[1]))
    async with connect(config) as hitl:
        run = await hitl.start({})
        await hitl.respond(run.pending[0].answer("Mira", by="ann"))
        run = await hitl.resume(run.id)
        assert run.output == "Mira", run
    assert not Telemetry()._should_execute_telemetry()
    assert TracerProvider().get_tracer("app").start_span("own").is_recording(), "the app's own traces are not"

asyncio.run(main())
"""


def test_7_nothing_is_printed_and_nobody_is_called(tmp_path: Path) -> None:
    """Flows print panels, a pause prints warnings, and telemetry waits seconds for a network."""
    given = {
        name: value for name, value in os.environ.items() if name not in errors.QUIET and not name.startswith("OTEL_")
    }
    command = [sys.executable, "-c", NOISY, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=given)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_10_a_release_without_one_of_our_seams_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from hitl_core import versions
    from hitl_core.errors import AdapterTooOld

    monkeypatch.setattr(errors, "SEAMS", (*errors.SEAMS, "crewai.task:Task.gone"))
    with pytest.raises(AdapterTooOld, match=r"crewai\.task:Task\.gone"):
        errors.require_versions()
    monkeypatch.setattr(versions, "version", lambda name: "1.14.6")
    with pytest.raises(AdapterTooOld, match=r"1\.14\.6.*1\.15\.30"):
        errors.require_versions()


async def test_4_a_model_that_is_given_functions_to_call_itself_is_refused(desk: Made) -> None:
    """No hook sees those calls."""

    def build(url: str) -> Callable[[], Any]:
        class Direct(Flow[dict[str, Any]]):
            @start()
            def work(self) -> str:
                llm = agents.model(url)
                tools: Any = [{"type": "function", "function": {"name": "pay", "parameters": {}}}]
                return str(llm.call("pay", tools=tools, available_functions={"pay": lambda: record("paid")}))

        return Direct

    run = await desk(build, calls(("pay", {})), DONE).start({})
    assert (run.state, recorded()) == (RunState.FAILED, [])
    assert "available_functions" in run.error
