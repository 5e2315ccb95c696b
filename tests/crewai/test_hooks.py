"""Hooks: ours fail closed where CrewAI's fail open and survive what an app does to hooks; the app's own still count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crewai.flow.flow import Flow, start
from crewai.hooks import clear_all_hooks
from crewai.hooks.dispatch import (
    HookAborted,
    InterceptionPoint,
    get_global_hook_list,
    register,
    scoped_hooks,
    unregister,
)
from crewai.hooks.tool_hooks import ToolCallHookContext

from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Step

from . import agents
from .desk import ALL_GO, Desk, answering, approve, calls, ended

Made = Callable[..., Desk]
PAY = calls(("refund", {"order": "A", "amount": 12}))
DONE = Step(say="done")
PRE, POST = InterceptionPoint.PRE_TOOL_CALL, InterceptionPoint.POST_TOOL_CALL


@pytest.fixture
def hook() -> Iterator[Callable[[InterceptionPoint, Any], None]]:
    """Register hooks of the app's own, for one test."""
    registered: list[tuple[InterceptionPoint, Any]] = []

    def add(point: InterceptionPoint, function: Any) -> None:
        register(point, function)
        registered.append((point, function))

    yield add
    for point, function in registered:
        unregister(point, function)


async def test_4_an_error_of_our_own_means_not_run(desk: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CrewAI an exception in a hook lets the tool run."""
    from hitl_adapters.crewai.gating import hooks

    def fails(*args: Any) -> Any:
        raise RuntimeError("the gate is broken")

    at = desk(agents.crew(agents.Refund), PAY, DONE, policy=ALL_GO)
    monkeypatch.setattr(hooks, "through_the_gate", fails)
    run = await at.start()
    assert (run.state, at.effects) == (RunState.FAILED, [])
    assert "the gate is broken" in run.error


def test_4_a_call_outside_every_run_is_never_given_the_result_of_another_one() -> None:
    """Results are found by the place of the arguments in memory, which CrewAI uses again for a later call's."""
    from hitl_adapters.crewai.gating import hooks
    from hitl_adapters.crewai.gating.tools import Result

    context: Any = ToolCallHookContext("refund", {"order": "A"}, tool=None)  # type: ignore[arg-type]  # never looked at
    hooks._results[id(context.tool_input)] = Result("that of a call which CrewAI gave up half-way")
    assert hooks.before_tool(context) is None
    assert hooks.after_tool(context) is None


async def test_4_hooks_that_the_app_clears_are_back_before_its_next_tool(desk: Made, hook: Any) -> None:
    """clear_all_hooks() in a callback of the app would leave its tools without a gate."""
    cleared: list[str] = []

    def clears(context: Any) -> None:
        if context.kind == "task":
            cleared.append("all")
            clear_all_hooks()

    hook(InterceptionPoint.PRE_STEP, clears)
    at = desk(agents.crew(agents.Refund), PAY, DONE)
    run = await at.start()
    assert (cleared, [r.action.tool for r in run.pending], at.effects) == (["all"], ["refund"], [])


@pytest.mark.parametrize("veto", [lambda context: False, "abort", "raise"], ids=["False", "HookAborted", "error"])
async def test_4_a_veto_of_the_app_counts_although_ours_comes_first(desk: Made, hook: Any, veto: Any) -> None:
    """Our hook blocks CrewAI's own call, which would keep CrewAI from asking the hooks behind it."""

    def objects(context: Any) -> Any:
        if veto == "abort":
            raise HookAborted("not today")
        if veto == "raise":
            raise RuntimeError("not today")
        return False

    at = desk(agents.crew(agents.Refund), PAY, DONE, policy=ALL_GO)
    async with at.open() as hitl:
        await hitl.attach()
    hook(PRE, objects)
    ended(await at.start())
    assert at.effects == []
    assert "stopped this call" in at.told()[0]


async def test_4_a_scope_of_the_apps_own_hooks_does_not_hide_the_gate(desk: Made) -> None:
    """A nested scoped_hooks replaces the outer one."""

    def build(url: str) -> Callable[[], Any]:
        class Scoped(Flow[dict[str, Any]]):
            @start()
            def work(self) -> str:
                with scoped_hooks({PRE: [lambda context: None], POST: [lambda context: "changed"]}):
                    return agents.answer_of(agents.crew(agents.Refund)(url)())

        return Scoped

    at = desk(build, PAY, DONE)
    run = await at.start({})
    assert (len(run.pending), at.effects) == (1, [])
    ended(await at.answer(run, approve), "done")
    assert (at.effects, at.told()) == (["refund"], ["changed"])


async def test_4_outside_a_run_our_hooks_do_nothing(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund, agents.LookUp), calls(("look_up", {"order": "A"})), DONE)
    async with at.open() as hitl:
        await hitl.attach()
    crew = agents.crew(agents.LookUp)(at.model.base_url)()
    assert await asyncio.to_thread(agents.answer_of, crew) == "done"
    assert at.effects == ["looked"]


# ── hooks that ask ───────────────────────────────────────────────────────────────────────────────────────────────


def asks_before(context: Any) -> bool | None:
    """A hook as CrewAI's documentation shows one."""
    said = context.request_human_input(prompt="Allow it?", default_message="Type 'yes':")
    return None if said == "yes" else False


@pytest.mark.parametrize("early", [True, False], ids=["before ours", "after ours"])
@pytest.mark.parametrize(("said", "paid"), [("yes", 1), ("no", 0)])
async def test_4_a_hook_that_asks_at_a_terminal_asks_people(
    desk: Made, hook: Any, said: str, paid: int, early: bool
) -> None:
    """CrewAI would block at input(), also in a worker that has no terminal."""
    at = desk(agents.crew(agents.Refund), PAY, DONE, policy=ALL_GO, harmless=("refund",))
    async with at.open() as hitl:
        await hitl.attach()
    hook(PRE, asks_before)
    if early:
        get_global_hook_list(PRE).reverse()
    run = await at.start()
    (request,) = run.pending
    assert (request.kind, request.title, at.effects) == ("input", "Allow it?", [])
    assert request.action.arguments == {
        "question": "Allow it?",
        "tool": "refund",
        "arguments": {"order": "A", "amount": 12},
    }
    ended(await at.answer(run, answering(said)))
    assert (at.effects.count("refund"), len(at.calls)) == (paid, 2)


async def test_4_a_hook_of_a_model_call_that_asks_at_a_terminal_asks_people(desk: Made, hook: Any) -> None:
    hook(InterceptionPoint.PRE_MODEL_CALL, lambda context: context.request_human_input(prompt="Spend it?") and None)
    at = desk(agents.crew(), DONE)
    run = await at.start()
    assert ([request.title for request in run.pending], len(at.calls)) == (["Spend it?"], 0)
    ended(await at.answer(run, answering("yes")), {"answer": "done"})
    assert len(at.calls) == 1
