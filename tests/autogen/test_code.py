"""What a CodeExecutorAgent runs: approved, edited, refused; its own approval function is never called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Script, ScriptedModel

from .desk import ALL_GO, Desk, answering, approve, editing, record, recorded, reject
from .teams import assistant, cast_of, client, user
from .test_teams import heard, once

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]

CODE = "Here:\n```python\nprint(1)\n```\n"


class Shell(CodeExecutor):
    """Writes down what it should run."""

    component_type = "code_executor"

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        for block in code_blocks:
            record("ran", language=block.language, code=block.code.strip())
        if "raise" in code_blocks[0].code:
            raise RuntimeError("no shell")
        if "everything" in code_blocks[0].code:
            return CodeResult(exit_code=0, output="x" * 2_000_000)
        return CodeResult(exit_code=0, output=f"output of {code_blocks[0].code.strip()}")

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def restart(self) -> None: ...


def blocking(request: ApprovalRequest) -> ApprovalResponse:
    raise AssertionError("the event loop would be blocked here")


def team(model: ScriptedModel, **options: Any) -> Callable[[], RoundRobinGroupChat]:
    def build() -> RoundRobinGroupChat:
        runner = CodeExecutorAgent("runner", Shell(), approval_func=options.get("approval_func", blocking))
        return RoundRobinGroupChat([assistant(model, "coder"), runner, assistant(model, "reader")], max_turns=3)

    return build


BY_HAND = ALL_GO.replace("autonomous", "human_leads")
OTHER: dict[str, Any] = {"blocks": [{"language": "python", "code": "print(2)"}]}


@pytest.mark.parametrize(
    ("say", "ran", "told"),
    [
        (approve, ["print(1)"], "output of print(1)"),
        (editing(**OTHER), ["print(2)"], "A person changed this call"),
        (reject, [], "too risky"),
        (answering("it prints 1"), [], "it prints 1"),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_code_is_run_as_decided(desk: Made, plays: Plays, say: Any, ran: list[str], told: str) -> None:
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    at = desk(team(model), policy=ALL_GO)
    run = await at.start("go")
    [request] = run.pending
    assert request.action.arguments == {"blocks": [{"language": "python", "code": "print(1)\n"}]}
    assert request.action.origin.path == ("runner",)
    run = await at.answer(run, say)
    assert (run.state, [each["code"] for each in recorded()]) == (RunState.COMPLETED, ran)
    assert told in heard(model)[-1]
    once(model, calls=2)


async def test_code_that_a_person_ran_is_told_as_theirs(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    at = desk(team(model), policy=BY_HAND)
    run = await at.answer(await at.start("go"), lambda request: request.report("done", "1", by="ann"))
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert "A person has done this by hand" in heard(model)[-1]
    once(model, calls=2)


async def test_code_whose_author_asks_nobody_goes_by_the_policy(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    at = desk(team(model, approval_func=None))
    with pytest.warns(UserWarning, match="No approval function"):
        run = await at.start("go")
    assert (len(run.pending), at.effects) == (1, [])


async def test_code_that_cannot_be_run_fails_the_run_and_is_not_run_again(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    at = desk(team(model))
    run = await at.answer(await at.start("go"), editing(blocks=[{"language": "python", "code": "raise"}]))
    assert (run.state, run.error) == (RunState.FAILED, "RuntimeError: no shell")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["ran"])
    assert "tried and failed" in heard(model)[-1]
    assert "did not run" not in heard(model)[-1]


async def test_of_code_whose_output_cannot_be_kept_the_agent_is_told_that_it_ran(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(coder=[CODE.replace("1", "everything")], reader=["Done."]))
    at = desk(team(model))
    run = await at.answer(await at.start("go"), approve)
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["ran"])
    assert "It ran, but its result cannot be kept" in heard(model)[-1]
    assert "did not run" not in heard(model)[-1]


async def test_an_agent_that_writes_and_runs_keeps_its_memory(desk: Made, plays: Plays) -> None:
    """AutoGen saves nothing of this agent (research/autogen.md §2.2)."""
    model = plays(cast_of(runner=[CODE, "summed up", CODE, "again"]))

    def build() -> RoundRobinGroupChat:
        runner = CodeExecutorAgent("runner", Shell(), model_client=client(model, "runner"), approval_func=blocking)
        return RoundRobinGroupChat([runner, user()], max_turns=3)

    at = desk(build)
    run = await at.answer(await at.start("go"), approve)
    run = await at.answer(run, answering("once more"))
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["ran", "ran"])
    assert "summed up" in heard(model)
    once(model, calls=4)


async def test_the_loop_is_never_blocked(desk: Made, plays: Plays) -> None:
    """Others go on while code waits (research/autogen.md §2.2: a sync approval function stops everything)."""
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    at = desk(team(model))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    run = await at.start("go")
    ticking.cancel()
    assert (len(run.pending), ticks > 3) == (1, True)
