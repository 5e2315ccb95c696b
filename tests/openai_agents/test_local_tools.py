"""The SDK's local tools: MCP servers, shell, apply_patch and custom ones, decided, edited and answered for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, ShellTool
from agents.mcp import MCPServerStdio

from hitl_adapters.openai_agents import gate_agent
from hitl_core.errors import ResponseRefused
from hitl_core.protocol import Reply, RunState
from hitl_core.testing.clock import ManualClock

from .desk import Desk, answering, approve, chat_model, choosing, editing, record, recorded, reject
from .responses import LOCAL, Says, custom_call, function_call, local, patch_call, run_commands, shell_call, text
from .specs import calls, says

Made = Callable[..., Desk]
SERVER = Path(__file__).with_name("mcp_server.py")


# ── MCP ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bank(**approval: Any) -> Callable[[str], Any]:
    """An unchanged agent with a local MCP server, as a context manager that keeps the server open."""

    def app(url: str) -> Any:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Agent[Any]]:
            command = {"command": sys.executable, "args": [str(SERVER)]}
            async with MCPServerStdio({**command, "env": dict(os.environ)}, name="bank", **approval) as server:  # type: ignore[typeddict-item]
                agent: Agent[Any] = Agent(name="desk", model=chat_model(url), mcp_servers=[server])
                yield agent if approval else gate_agent(agent)

        return opened

    return app


TRANSFER = calls(("transfer", {"order": "A", "amount": 12.0}))


@pytest.mark.parametrize(
    ("app", "say", "amounts", "told"),
    [
        (bank(require_approval="always"), approve, [12], "transferred 12.0"),
        (bank(require_approval="always"), reject, [], "too risky"),
        (bank(), editing(amount=7.5), [7.5], "transferred 7.5"),
        (bank(), answering("done by hand"), [], "done by hand"),
    ],
    ids=["native approve", "native reject", "gated edit", "gated respond"],
)
async def test_a_tool_of_an_mcp_server(desk: Made, app: Any, say: Any, amounts: list[float], told: str) -> None:
    at = desk(app, TRANSFER, says("done"))
    run = await at.start()
    assert [(each.action.tool, at.effects) for each in run.pending] == [("transfer", [])], run.error
    run = await at.answer(run, say)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert [each["amount"] for each in recorded()] == amounts
    assert told in str(at.last[-1])


# ── shell, patches, custom tools: a model of the Responses API says these ───────────────────────────────────


@pytest.mark.parametrize("tool", LOCAL)
@pytest.mark.parametrize("gated", [False, True], ids=["native", "gated"])
@pytest.mark.parametrize(("say", "ran"), [(approve, 1), (reject, 0)], ids=["approve", "reject"])
async def test_a_local_tool_is_approved_or_rejected(desk: Made, tool: str, gated: bool, say: Any, ran: int) -> None:
    model, unchanged = local(tool, needs=not gated)
    at = desk((lambda url: gate_agent(unchanged(url))) if gated else unchanged, says("unused"))
    run = await at.start()
    (request,) = run.pending
    assert (request.action.tool, request.action.origin.agent, at.effects) == (tool, "desk", []), run.error
    run = await at.answer(run, say)
    assert (run.state, run.output, len(recorded())) == (RunState.COMPLETED, {"answer": "done"}, ran), run.error
    assert (len(model.seen), "too risky" in str(model.seen[-1])) == (2, not ran)
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == ["executed"] * ran


CHANGES: dict[str, dict[str, Any]] = {
    "shell": {"commands": ["ls x"]},
    "apply_patch": {"path": "b.txt", "diff": "+bye"},
    "sql": {"input": "SELECT 1"},
}
SHELL = shell_call("rm -r x")


@pytest.mark.parametrize("tool", LOCAL)
@pytest.mark.parametrize("gated", [False, True], ids=["native", "gated"])
async def test_what_a_person_changed_is_what_runs_and_the_model_is_told(desk: Made, tool: str, gated: bool) -> None:
    """The research (§2.1) has no edit for these: the SDK's own code is behind them, and ours in front of the app's."""
    model, unchanged = local(tool, needs=not gated)
    at = desk((lambda url: gate_agent(unchanged(url))) if gated else unchanged, says("unused"))
    run = await at.start()
    run = await at.answer(run, editing(**CHANGES[tool]))
    assert (run.state, len(model.seen)) == (RunState.COMPLETED, 2), run.error
    (effect,) = recorded()
    expected = {"sql": {"query": "SELECT 1", "shown": "SELECT 1"}}.get(tool, CHANGES[tool])
    assert effect == {"effect": tool, **expected}
    (output,) = model.outputs
    told = str(output["output"])
    assert ("A person changed this call" in told, told.count(str(next(iter(CHANGES[tool].values()))))) != (False, 0)
    async with at.open() as hitl:
        (done,) = await hitl.effects(run.id)
    assert (done.state, {name: done.action.arguments[name] for name in CHANGES[tool]}) == ("executed", CHANGES[tool])


@pytest.mark.parametrize("tool", LOCAL)
@pytest.mark.parametrize("gated", [False, True], ids=["native", "gated"])
async def test_a_person_answers_in_its_place(desk: Made, tool: str, gated: bool) -> None:
    model, unchanged = local(tool, needs=not gated)
    at = desk((lambda url: gate_agent(unchanged(url))) if gated else unchanged, says("unused"))
    run = await at.answer(await at.start(), answering("done by hand"))
    assert (run.state, at.effects) == (RunState.COMPLETED, []), run.error
    (output,) = model.outputs
    assert "done by hand" in str(output["output"])
    assert output.get("status", "completed") == "completed"


@pytest.mark.parametrize(
    ("tool", "change", "fault"),
    [
        ("shell", {"commands": []}, r"arguments\.commands"),
        ("shell", {"command": "ls"}, "command"),
        ("apply_patch", {"type": "delete_file"}, r"arguments\.type"),
        ("apply_patch", {"path": ""}, r"arguments\.path"),
        ("sql", {"input": 7}, r"arguments\.input"),
    ],
)
async def test_an_edit_that_is_no_such_call_is_refused(desk: Made, tool: str, change: Any, fault: str) -> None:
    at = desk(local(tool)[1], says("unused"))
    run = await at.start()
    with pytest.raises(ResponseRefused, match=fault):
        await at.say(editing(**change)(run.pending[0]))
    assert at.effects == []


async def test_where_the_output_has_no_room_to_tell_of_an_edit_there_is_none(desk: Made) -> None:
    """The SDK cuts all output to the length that the model asked for."""
    at = desk(local("shell", shell_call("rm -r x", max_output_length=200))[1], says("unused"))
    run = await at.start()
    assert run.pending[0].allowed == (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)
    for say in (answering("no"), editing()):
        with pytest.raises(ResponseRefused, match="is not offered"):
            await at.say(say(run.pending[0]))


async def test_where_the_output_is_cut_the_length_stays_and_no_answer_is_longer(desk: Made) -> None:
    model, app = local("shell", shell_call("rm -r x", max_output_length=1500, timeout_ms=9))
    at = desk(app, says("unused"))
    run = await at.start()
    for say, fault in ((answering("x" * 1501), "value"), (editing(max_output_length=10), "max_output_length")):
        with pytest.raises(ResponseRefused, match=fault):
            await at.say(say(run.pending[0]))
    run = await at.answer(run, editing(commands=["ls"], timeout_ms=5))
    assert run.state is RunState.COMPLETED, run.error
    assert "ran ['ls']" in str(model.outputs[0]), "the note took no room from the result"


@pytest.mark.parametrize("executor", [run_commands, lambda request: "x" * 5000], ids=["cuts itself", "does not"])
async def test_a_long_change_leaves_room_for_its_result(desk: Made, executor: Any) -> None:
    model = Says([shell_call("rm -r x", max_output_length=1200)], [text("done")])
    tool = ShellTool(executor=executor, needs_approval=True)
    at = desk(lambda url: Agent(name="desk", model=model, tools=[tool]), says("unused"))
    run = await at.answer(await at.start(), editing(commands=["x" * 3000]))
    assert run.state is RunState.COMPLETED, run.error
    note, result = [each["stdout"] for each in model.outputs[0]["output"]]
    assert (note[:30], len(note) + len(result) <= 1200) == ("A person changed this call bef", True)
    assert "xxx" in result


async def test_a_changed_command_that_fails_is_told_of_as_changed_and_failed(desk: Made) -> None:
    model, app = local("shell")
    at = desk(app, says("unused"))
    run = await at.answer(await at.start(), editing(commands=["false"]))
    assert (run.state, at.effects) == (RunState.COMPLETED, ["shell"]), run.error
    told = str(model.outputs[0])
    assert "A person changed this call" in told
    assert "no shell" in told
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == ["failed"]


async def test_an_editor_that_says_it_failed_is_on_record_as_failed(desk: Made) -> None:
    model, app = local("apply_patch", patch_call("full.txt"))
    at = desk(app, says("unused"))
    run = await at.answer(await at.start(), approve)
    assert (run.state, model.outputs[0]["status"]) == (RunState.COMPLETED, "failed"), run.error
    async with at.open() as hitl:
        (effect,) = await hitl.effects(run.id)
    assert (effect.state, effect.error) == ("failed", "failed full.txt")


TWICE = (patch_call("a.txt"), patch_call("a.txt", call_id="p2"))


@pytest.mark.parametrize("approved", [0, 1], ids=["first", "second"])
async def test_of_two_equal_patches_the_approved_one_runs(desk: Made, approved: int) -> None:
    """The SDK does not tell an editor which call it works for."""
    model, app = local("apply_patch", *TWICE)
    at = desk(app, says("unused"))
    run = await at.start()
    said = [approve, reject] if approved == 0 else [reject, approve]
    asked, wanted = run.pending, run.pending[approved].call
    run = await at.answer(run, *said)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["apply_patch"]), run.error
    statuses = {each["call_id"]: each["status"] for each in model.outputs}
    assert statuses == {each.call: "completed" if each.call == wanted else "failed" for each in asked}
    async with at.open() as hitl:
        assert [(each.call, each.state) for each in await hitl.effects(run.id)] == [(wanted, "executed")]


async def test_an_equal_patch_that_ran_before_does_not_answer_for_the_next(desk: Made) -> None:
    first, second = TWICE
    model = Says([first], [second], [text("done")])
    tool = LOCAL["apply_patch"][1](True)
    at = desk(lambda url: Agent(name="desk", model=model, tools=[tool]), says("unused"))
    run = await at.answer(await at.start(), approve)
    assert (len(run.pending), at.effects) == (1, ["apply_patch"]), run.error
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["apply_patch"] * 2), run.error
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == ["executed"] * 2


OLDER = '{"type": "create_file", "path": "a.txt", "diff": "+hello"}'


@pytest.mark.parametrize("gated", [False, True], ids=["native", "gated"])
@pytest.mark.parametrize(
    "call", [function_call("apply_patch", OLDER), custom_call("apply_patch", OLDER)], ids=["function", "custom"]
)
async def test_a_patch_in_an_older_form_of_call(desk: Made, call: Any, gated: bool) -> None:
    _, unchanged = local("apply_patch", call, needs=not gated)
    at = desk((lambda url: gate_agent(unchanged(url))) if gated else unchanged, says("unused"))
    run = await at.start()
    assert [(each.action.arguments["path"], at.effects) for each in run.pending] == [("a.txt", [])], run.error
    run = await at.answer(run, editing(path="b.txt"))
    assert (run.state, [each["path"] for each in recorded()]) == (RunState.COMPLETED, ["b.txt"]), run.error


@pytest.mark.parametrize("gated", [False, True], ids=["native", "gated"])
async def test_several_operations_in_one_call_are_not_shown_as_one_and_do_not_run(desk: Made, gated: bool) -> None:
    call = custom_call("apply_patch", f'{{"operations": [{OLDER}, {OLDER.replace("a.txt", "b.txt")}]}}')
    model, unchanged = local("apply_patch", call, needs=not gated)
    at = desk((lambda url: gate_agent(unchanged(url))) if gated else unchanged, says("unused"))
    run = await at.start()
    assert (run.state, at.effects) == (RunState.COMPLETED, []), run.error
    assert "Make a call for each" in str(model.outputs[0])


async def test_a_text_of_a_custom_tool_that_looks_like_a_patch_is_its_own(desk: Made) -> None:
    _, app = local("sql", custom_call("sql", '{"operations": []}'))
    at = desk(app, says("unused"))
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["sql"]), run.error


async def test_a_local_tool_that_nobody_is_asked_about_is_in_doubt_after_a_crash(desk: Made) -> None:
    began, clock = asyncio.Event(), ManualClock()
    waits = [True]

    async def execute(request: Any) -> str:
        record("shell")
        if waits:
            waits.pop()
            began.set()
            await asyncio.Event().wait()
        return "gone"

    model = Says([SHELL], [text("done")])
    at = desk(lambda url: Agent(name="desk", model=model, tools=[ShellTool(executor=execute)]), says("no"), clock=clock)
    async with at.open() as hitl:
        work = asyncio.ensure_future(hitl.start("go"))
        await began.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        (run,) = (await hitl.runs()).items
    clock.advance(hours=1)
    run = await at.resume(run)
    assert ([each.in_doubt for each in run.pending], at.effects) == ([True], ["shell"]), run.error
    run = await at.answer(run, choosing("again"))
    assert (run.state, at.effects, len(model.seen)) == (RunState.COMPLETED, ["shell"] * 2, 2), run.error


@pytest.mark.parametrize("tool", LOCAL)
async def test_a_local_tool_that_the_app_lets_run_runs(desk: Made, tool: str) -> None:
    _, app = local(tool, needs=False)
    at = desk(app, says("unused"))
    run = await at.start()
    assert (run.state, len(recorded())) == (RunState.COMPLETED, 1), run.error


async def test_an_approval_in_the_apps_own_code_is_its_own_and_told(desk: Made) -> None:
    async def yes(context: Any, item: Any) -> Any:
        return {"approve": True}

    model = Says([SHELL], [text("done")])
    tool = ShellTool(executor=run_commands, needs_approval=True, on_approval=yes)
    at = desk(lambda url: Agent(name="desk", model=model, tools=[tool]), says("unused"))
    async with at.open() as hitl:
        assert ["decides in code" in each.message for each in await hitl.attach()] == [True]
        run = await hitl.start("go")
    assert (run.state, at.effects) == (RunState.COMPLETED, ["shell"]), run.error
    gated = Desk(lambda url: gate_agent(Agent(name="desk", model=model, tools=[tool])), at.folder / "b", at.model)
    gated.folder.mkdir()
    run = await gated.start()
    assert [each.action.tool for each in run.pending] == ["shell"], run.error
