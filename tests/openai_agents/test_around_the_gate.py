"""What runs where no gate is: told of when an unchanged app is attached, refused where everything is to be gated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agents import (
    Agent,
    CodeInterpreterTool,
    ComputerTool,
    FileSearchTool,
    Handoff,
    HostedMCPTool,
    ImageGenerationTool,
    LocalShellTool,
    ProgrammaticToolCallingTool,
    RunHooks,
    ShellTool,
    ToolSearchTool,
    WebSearchTool,
    function_tool,
    handoff,
    tool_namespace,
)
from agents.computer import Computer
from agents.mcp import MCPServerStdio
from agents.realtime import RealtimeAgent
from agents.sandbox import SandboxAgent
from openai.types.responses.response_output_item import McpApprovalRequest

from hitl_adapters.openai_agents import AgentApp, gate_agent
from hitl_core.errors import AppRefused, ResponseRefused
from hitl_core.protocol import Reply, RunState

from .desk import READS, Desk, answering, approve, chat_model, editing, record, recorded, reject
from .native import function_tools
from .responses import Says, function_call, text
from .specs import LOOK_UP, REFUND, calls, says

Made = Callable[..., Desk]
PROVIDERS = "where no gate is"
HERE = "runs here without asking anybody"


class Screen(Computer):
    """A computer that nobody may touch."""

    environment = "browser"
    dimensions = (1, 1)

    def _touched(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("no call of this tool is to run")

    screenshot = click = double_click = scroll = type = wait = move = keypress = drag = _touched


def _never(*args: Any) -> Any:
    raise AssertionError("no call of this tool is to run")


def hosted_mcp(**more: Any) -> HostedMCPTool:
    config: Any = {"type": "mcp", "server_label": "m", "server_url": "http://x", **more}
    return HostedMCPTool(tool_config=config)


AROUND: list[tuple[Any, str]] = [
    (WebSearchTool(), PROVIDERS),
    (FileSearchTool(vector_store_ids=["v"]), PROVIDERS),
    (CodeInterpreterTool(tool_config={"type": "code_interpreter", "container": {"type": "auto"}}), PROVIDERS),
    (ImageGenerationTool(tool_config={"type": "image_generation"}), PROVIDERS),
    (ShellTool(environment={"type": "container_auto"}), PROVIDERS),
    (ProgrammaticToolCallingTool(), PROVIDERS),
    (hosted_mcp(require_approval="never"), PROVIDERS),
    (hosted_mcp(require_approval="always"), "people are asked first, but what it did cannot be recorded"),
    (ComputerTool(computer=Screen()), HERE),
    (LocalShellTool(executor=_never), HERE),
]


async def told(desk: Made, app: Any, problem: str) -> None:
    """An unchanged app runs and is told of; the same app with every call gated is refused before its model is asked."""
    at = desk(app, says("unused"))
    async with at.open() as hitl:
        findings = [each for each in await hitl.attach() if problem in each.message]
    assert [each.level for each in findings] == ["warn"], findings
    at.app = lambda url: gate_agent(app(url))
    with pytest.raises(AppRefused, match=problem):
        await at.start()
    assert at.asked == (0, 0)


@pytest.mark.parametrize(("tool", "problem"), AROUND, ids=lambda each: type(each).__name__)
async def test_a_tool_that_no_gate_is_before(desk: Made, tool: Any, problem: str) -> None:
    await told(desk, lambda url: Agent(name="desk", model=chat_model(url), tools=[tool]), problem)


async def test_a_kind_of_tool_that_came_later_is_not_taken_for_harmless(desk: Made) -> None:
    class Later:
        name = "later"

    tools: list[Any] = [Later()]
    await told(desk, lambda url: Agent(name="desk", model=chat_model(url), tools=tools), "does not know")


async def test_the_tools_of_a_sandbox_are_its_own(desk: Made) -> None:
    """They are made when it starts, in a copy of the agent that nobody else sees."""
    await told(desk, lambda url: SandboxAgent(name="desk", model=chat_model(url)), "has tools of its sandbox")


async def test_a_handoff_that_does_not_show_its_agent(desk: Made) -> None:
    def app(url: str) -> Agent[Any]:
        shown = handoff(Agent(name="Clerk", model=chat_model(url)))
        hidden: Handoff[Any, Any] = Handoff(
            tool_name="ask_clerk",
            tool_description="",
            input_json_schema={},
            on_invoke_handoff=shown.on_invoke_handoff,
            agent_name="Clerk",
        )
        return Agent(name="desk", model=chat_model(url), handoffs=[hidden])

    await told(desk, app, "which cannot be looked at")


async def test_an_mcp_server_that_tries_again_by_itself(desk: Made) -> None:
    server = MCPServerStdio({"command": "true"}, name="bank", max_retry_attempts=2)
    await told(
        desk, lambda url: Agent(name="desk", model=chat_model(url), mcp_servers=[server]), "max_retry_attempts=2"
    )


async def test_an_agent_in_a_live_session_is_refused(desk: Made) -> None:
    at = desk(lambda url: RealtimeAgent(name="voice"), says("unused"))
    with pytest.raises(AppRefused, match="no pause can outlive"):
        await at.start()


async def test_what_a_refused_app_has_opened_is_closed_at_each_try(desk: Made) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        record("opened")
        yield RealtimeAgent(name="voice")
        record("closed")

    at = desk(lambda url: opened, says("unused"))
    async with at.open() as hitl:
        for _ in range(2):
            with pytest.raises(AppRefused, match="no pause can outlive"):
                await hitl.attach()
        assert at.effects == ["opened", "closed"] * 2


async def test_every_agent_that_can_be_reached_is_looked_at(desk: Made) -> None:
    def app(url: str) -> Agent[Any]:
        inner = Agent(name="inner", model=chat_model(url), tools=[WebSearchTool()])
        clerk = Agent(name="clerk", model=chat_model(url), tools=[inner.as_tool("ask_inner", "Ask")])
        return Agent(name="desk", model=chat_model(url), handoffs=[clerk])

    at = desk(app, says("unused"))
    async with at.open() as hitl:
        assert [each.place for each in await hitl.attach() if each.level == "warn"] == ["inner.web_search"]


# ── what looks like a way around, and is none ────────────────────────────────────────────────────────────────


async def test_what_a_search_for_tools_finds_is_gated(desk: Made) -> None:
    """Two tools of one name in two namespaces are two tools, for the policy too."""

    @function_tool(defer_loading=True)
    def refund(order: str) -> str:
        """Pay back."""
        record("refund", order=order)
        return "paid"

    tools = tool_namespace(name="crm", description="Customers", tools=[refund])
    more = tool_namespace(name="billing", description="Bills", tools=[refund])
    call = function_call("refund", '{"order": "A"}', namespace="billing")
    model = Says([call], [text("done")])
    policy = '[[rules]]\nid = "r"\nwhy = "free"\nmatch = { tool = "crm.refund" }\nlevel = "autonomous"\n'
    at = desk(
        lambda url: gate_agent(Agent(name="desk", model=model, tools=[*tools, *more, ToolSearchTool()])),
        says("unused"),
        policy=policy,
        harmless=("crm.refund",),
    )
    run = await at.start()
    assert [(each.action.tool, at.effects) for each in run.pending] == [("billing.refund", [])], run.error
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error


async def test_a_tool_that_the_apps_code_adds_while_agents_work_is_gated(desk: Made) -> None:
    class Adds(RunHooks[Any]):
        async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            if tool.name == "look_up":
                agent.tools.extend(function_tools()[1:])

    def app(url: str) -> AgentApp:
        look_up = function_tools()[:1]
        return AgentApp(gate_agent(Agent(name="desk", model=chat_model(url), tools=look_up)), hooks=Adds())

    at = desk(app, calls(LOOK_UP), calls(REFUND), says("done"), policy=READS)
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.effects) == (["refund"], ["look_up"]), run.error


# ── a call that the provider carries out: decided, and that is all that can be done ─────────────────────────


def asking_provider() -> tuple[Says, Callable[[str], Agent[Any]]]:
    request = McpApprovalRequest(
        id="r1", type="mcp_approval_request", name="pay", server_label="m", arguments='{"amount": 3}'
    )
    model = Says([request], [text("done")])
    return model, lambda url: Agent(name="desk", model=model, tools=[hosted_mcp(require_approval="always")])


@pytest.mark.parametrize(("say", "approved"), [(approve, True), (reject, False)], ids=["approve", "reject"])
async def test_a_hosted_mcp_call_is_decided(desk: Made, say: Any, approved: bool) -> None:
    model, app = asking_provider()
    at = desk(app, says("unused"))
    run = await at.start()
    (asked,) = run.pending
    assert (asked.action.tool, asked.action.arguments) == ("pay", {"amount": 3}), run.error
    run = await at.answer(run, say)
    assert run.state is RunState.COMPLETED, run.error
    (reply,) = [each for each in model.seen[-1] if each.get("type") == "mcp_approval_response"]
    assert (reply["approve"], "too risky" in str(reply.get("reason"))) == (approved, not approved)


async def test_everything_else_about_a_hosted_mcp_call_is_not_offered_and_refused(desk: Made) -> None:
    model, app = asking_provider()
    at = desk(app, says("unused"))
    run = await at.start()
    (asked,) = run.pending
    assert asked.allowed == (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)
    others = (answering("no"), editing(amount=2), lambda request: request.take_over("I do it", by="ann"))
    for say in others:
        with pytest.raises(ResponseRefused, match="is not offered here; offered: approve, reject, cancel"):
            await at.say(say(asked))
    assert (len(model.seen), recorded()) == (1, [])


async def test_where_people_lead_a_hosted_mcp_call_can_only_be_rejected(desk: Made) -> None:
    policy = '[[rules]]\nid = "r"\nwhy = "ours"\nmatch = { tool = "pay" }\nlevel = "human_leads"\n'
    model, app = asking_provider()
    at = desk(app, says("unused"), policy=policy)
    run = await at.start()
    assert run.pending[0].allowed == (Reply.REJECT, Reply.CANCEL)
    run = await at.answer(run, reject)
    assert run.state is RunState.COMPLETED, run.error
    assert [each["approve"] for each in model.seen[-1] if each.get("type") == "mcp_approval_response"] == [False]
