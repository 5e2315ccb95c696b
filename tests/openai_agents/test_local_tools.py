"""The SDK's other tools: MCP servers, shell, apply_patch, custom ones, and what its provider carries out."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import (
    Agent,
    ApplyPatchTool,
    CodeInterpreterTool,
    CustomTool,
    HostedMCPTool,
    Model,
    ModelResponse,
    ShellTool,
    Usage,
    WebSearchTool,
)
from agents.editor import ApplyPatchResult
from agents.mcp import MCPServerStdio
from agents.models.fake_id import FAKE_RESPONSES_ID
from agents.tool import ShellCommandOutput, ShellResult
from openai.types.responses import (
    ResponseApplyPatchToolCall,
    ResponseCustomToolCall,
    ResponseFunctionShellToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from openai.types.responses.response_apply_patch_tool_call import OperationCreateFile
from openai.types.responses.response_function_shell_tool_call import Action
from openai.types.responses.response_output_item import McpApprovalRequest

from hitl_adapters.openai_agents import gate_agent
from hitl_core.errors import AppRefused, ResponseRefused
from hitl_core.protocol import RunState

from .desk import Desk, answering, approve, chat_model, editing, record, recorded, reject
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


class Says(Model):
    """A model in the process: answers with the turn whose number is that of its calls' outputs."""

    def __init__(self, *turns: Sequence[Any]) -> None:
        self.turns = turns
        self.seen: list[list[Any]] = []

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        items = [] if isinstance(input, str) else list(input)
        self.seen.append(items)
        done = sum(str(each.get("type", "")).endswith(("_output", "_response")) for each in items)
        return ModelResponse(output=list(self.turns[min(done, len(self.turns) - 1)]), usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def text(words: str) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=words, annotations=[])
    return ResponseOutputMessage(
        id=FAKE_RESPONSES_ID, type="message", role="assistant", status="completed", content=[part]
    )


SHELL = ResponseFunctionShellToolCall(
    id="s1", call_id="s1", type="shell_call", status="completed", action=Action(commands=["rm -r x"])
)
PATCH = ResponseApplyPatchToolCall(
    id="p1",
    call_id="p1",
    type="apply_patch_call",
    status="completed",
    operation=OperationCreateFile(type="create_file", path="a.txt", diff="+hello"),
)
CUSTOM = ResponseCustomToolCall(call_id="q1", type="custom_tool_call", name="sql", input="DROP TABLE orders")


class Editor:
    def create_file(self, operation: Any) -> ApplyPatchResult:
        record("patched", path=operation.path)
        return ApplyPatchResult(status="completed", output=f"made {operation.path}")

    update_file = delete_file = create_file


async def run_commands(request: Any) -> ShellResult:
    record("shell", commands=request.data.action.commands)
    return ShellResult(output=[ShellCommandOutput(stdout="gone")])


async def run_sql(context: Any, query: str) -> str:
    record("sql", query=query)
    return "dropped"


LOCAL: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "shell": (SHELL, lambda needs: ShellTool(executor=run_commands, needs_approval=needs)),
    "apply_patch": (PATCH, lambda needs: ApplyPatchTool(editor=Editor(), needs_approval=needs)),
    "sql": (CUSTOM, lambda needs: CustomTool("sql", "Run SQL", run_sql, needs_approval=needs)),
}


def local(tool: str, *, needs: Any = True) -> tuple[Says, Callable[[str], Agent[Any]]]:
    call, make = LOCAL[tool]
    model = Says([call], [text("done")])
    return model, lambda url: Agent(name="desk", model=model, tools=[make(needs)])


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


@pytest.mark.parametrize("tool", LOCAL)
async def test_what_the_sdk_keeps_to_itself_is_not_offered(desk: Made, tool: str) -> None:
    _, app = local(tool)
    at = desk(app, says("unused"))
    run = await at.start()
    for say in (answering("no"), editing()):
        with pytest.raises(ResponseRefused, match="is not offered"):
            await at.say(say(run.pending[0]))


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


# ── what the provider carries out ────────────────────────────────────────────────────────────────────────────


HOSTED = [
    WebSearchTool(),
    CodeInterpreterTool(tool_config={"type": "code_interpreter", "container": {"type": "auto"}}),
    HostedMCPTool(
        tool_config={"type": "mcp", "server_label": "m", "server_url": "http://x", "require_approval": "never"}
    ),
]


@pytest.mark.parametrize("tool", HOSTED, ids=lambda tool: type(tool).__name__)
async def test_hosted_tools_are_told_of_and_refused_where_everything_is_to_be_gated(desk: Made, tool: Any) -> None:
    at = desk(lambda url: Agent(name="desk", model=chat_model(url), tools=[tool]), says("unused"))
    async with at.open() as hitl:
        (finding,) = await hitl.attach()
    assert (finding.level, "where no gate is" in finding.message) == ("warn", True)
    at.app = lambda url: gate_agent(Agent(name="desk", model=chat_model(url), tools=[tool]))
    with pytest.raises(AppRefused, match="where no gate is"):
        await at.start()
    assert at.asked == (0, 0)


@pytest.mark.parametrize(("say", "approved"), [(approve, True), (reject, False)], ids=["approve", "reject"])
async def test_a_hosted_mcp_call_is_decided_and_that_is_all_that_can_be_done(
    desk: Made, say: Any, approved: bool
) -> None:
    tool = HostedMCPTool(
        tool_config={"type": "mcp", "server_label": "m", "server_url": "http://x", "require_approval": "always"}
    )
    request = McpApprovalRequest(
        id="r1", type="mcp_approval_request", name="pay", server_label="m", arguments='{"amount": 3}'
    )
    model = Says([request], [text("done")])
    at = desk(lambda url: Agent(name="desk", model=model, tools=[tool]), says("unused"))
    run = await at.start()
    (asked,) = run.pending
    assert (asked.action.tool, asked.action.arguments) == ("pay", {"amount": 3}), run.error
    run = await at.answer(run, say)
    assert run.state is RunState.COMPLETED, run.error
    (reply,) = [each for each in model.seen[-1] if each.get("type") == "mcp_approval_response"]
    assert (reply["approve"], "too risky" in str(reply.get("reason"))) == (approved, not approved)
