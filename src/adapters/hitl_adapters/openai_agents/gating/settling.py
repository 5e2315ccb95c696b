"""On resume: each pause of the SDK is told what the store says about it; nothing else counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from agents import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    FunctionTool,
    RunContextWrapper,
    RunState,
    ShellTool,
    Tool,
    ToolApprovalItem,
)

from hitl_core.errors import AppChanged, RecordError
from hitl_core.gate import Form, unchecked
from hitl_core.protocol import Proceed, Refuse, Substitute, Verdict, Wait
from hitl_core.versions import numbers

from ..errors import BINDS, sdk_version
from ..mapping import DECISION_ONLY, CallFault, action_of, arguments_of, definition_of, said
from ..suspend import Current
from .carrying import Proposal, heed_stop, in_doubt, lost, rule
from .locals import LocalOversight
from .overseen import Overseer, Oversight, oversight_of
from .words import spoken

_LOCAL: Final = {"shell_call": ShellTool, "apply_patch_call": ApplyPatchTool, "custom_tool_call": CustomTool}
"""The SDK's own tools by the kind of their calls."""

UNCARRIED: Final = "This call is carried out elsewhere, and as it was asked for: it cannot be changed or answered here."


async def settle(now: Current, state: RunState[Any], context: Any) -> bool:
    """Approve and reject what was decided; False if everything still waits."""
    moved = False
    for item in state.get_interruptions():
        moved = await _settle_one(now, state, item, context) or moved
    return moved


async def _settle_one(now: Current, state: RunState[Any], item: ToolApprovalItem, context: Any) -> bool:
    call_id = item.call_id
    if not call_id:
        raise AppChanged(f"the SDK waits for {item.tool_name!r} without naming the call; nothing ran")
    now.lineage(call_id)
    tool = await _tool_of(item, context)
    try:
        proposal = _proposal(now, item, call_id, tool)
    except (CallFault, RecordError) as exc:
        state.reject(item, rejection_message=unchecked(exc))
        return True
    verdict = await _verdict(now, proposal, tool)
    if isinstance(verdict, Wait):
        return False
    if tool is None:
        await _let_go(now, state, item, proposal, verdict)
    elif (text := _in_its_place(now, call_id, tool, verdict)) is not None:
        now.used.append(proposal.call)
        state.reject(item, rejection_message=text)
    else:
        _hear(state, now, call_id, verdict)
        state.approve(item)
    return True


def _in_its_place(now: Current, call_id: str, tool: Overseer, verdict: Proceed | Refuse | Substitute) -> str | None:
    """What is told in place of a call that our wrapper is not to see; None for all others.

    Raises AppChanged for one that was allowed, and that the SDK will not run.
    """
    if isinstance(verdict, Refuse):
        return verdict.text
    if not _is_unbound(now, call_id, tool):
        return None
    if isinstance(verdict, Substitute):
        return said(verdict.result)
    problem = f"paused under an older SDK, and openai-agents {sdk_version()} will not run it: its state names no server"
    advice = "resume with that release, or ask anew (`hitl resume --ask-again`) and answer or reject it"
    raise AppChanged(f"the call of {tool.name!r} {problem}; {advice}. Nothing ran")


def _is_unbound(now: Current, call_id: str, tool: Overseer) -> bool:
    """Whether the SDK will not run this call of an MCP server, which waits in a state that an older release wrote."""
    binds = isinstance(tool, Oversight) and getattr(tool.original, "_mcp_tool_binding", None) is not None
    return binds and numbers(now.kept.waits.get(call_id, BINDS)) < numbers(BINDS)


async def _let_go(
    now: Current, state: RunState[Any], item: ToolApprovalItem, proposal: Proposal, verdict: Verdict
) -> None:
    """Tell the provider about a call that it carries out: nothing of ours is between that and what it lets happen."""
    if isinstance(verdict, Proceed):
        await heed_stop(now, proposal.action)
    now.used.append(proposal.call)
    if isinstance(verdict, Proceed) and verdict.action.digest == proposal.action.digest:
        state.approve(item)
    else:
        state.reject(item, rejection_message=verdict.text if isinstance(verdict, Refuse) else UNCARRIED)


async def _verdict(now: Current, proposal: Proposal, tool: Overseer | None) -> Verdict:
    if tool is None or tool.gated:
        return await rule(now, proposal)
    if lost(now, proposal) or not proposal.asks:
        question = await in_doubt(now, proposal)
        return Wait(question) if question else Proceed(proposal.action, call=proposal.call)
    return await rule(now, proposal)


def _proposal(now: Current, item: ToolApprovalItem, call_id: str, tool: Overseer | None) -> Proposal:
    arguments = arguments_of(item)
    if isinstance(tool, LocalOversight) and _kind(item) == "apply_patch_call":
        now.patches[call_id] = arguments
    if tool is not None:
        return tool.proposal(now, call_id, arguments, asks=tool.asks)
    name = item.tool_name or "tool"
    action = action_of(name, arguments, definition=definition_of(name, "", {}), path=now.lineage(call_id))
    _ = action.digest
    form = spoken(Form(allowed=DECISION_ONLY), now, call_id)
    return Proposal(action, now.place(call_id), form, asks=True)


async def _tool_of(item: ToolApprovalItem, context: Any) -> Overseer | None:
    """The overseen tool that a pause is about; None for what the provider carries out. Raises AppChanged."""
    kind, agent = _kind(item), item.agent
    if kind == "mcp_approval_request":
        return None
    async for tool in _tools(agent, context):
        if _is_about(item, kind, tool) and (known := oversight_of(tool)) is not None:
            return known
    raise AppChanged(f"agent {agent.name!r} no longer has the tool {item.tool_name!r} that waits; nothing ran")


async def _tools(agent: Agent[Any], context: Any) -> AsyncIterator[Tool]:
    """Those that an agent has for sure, then all that it has now: servers are asked only if they have to be."""
    for tool in agent.tools:
        if getattr(tool, "is_enabled", True) is True:
            yield tool
    for tool in await agent.get_all_tools(RunContextWrapper(context)):
        yield tool


def _is_about(item: ToolApprovalItem, kind: str, tool: Tool) -> bool:
    """Whether the SDK would give a call of this kind to this tool."""
    if kind == "function_call":
        return isinstance(tool, FunctionTool) and tool.qualified_name == item.qualified_name
    wanted = _LOCAL.get(kind)
    return wanted is not None and isinstance(tool, wanted) and item.tool_name == tool.name


def _kind(item: ToolApprovalItem) -> str:
    raw = item.raw_item if isinstance(item.raw_item, dict) else item.raw_item.model_dump()
    return str(raw.get("type"))


def _hear(state: RunState[Any], now: Current, call_id: str, verdict: Verdict) -> None:
    """What the end user said while a person had the conversation becomes their messages in it."""
    if not isinstance(verdict, Substitute) or not isinstance(verdict.result, dict) or "floor" not in verdict.result:
        return
    heard = verdict.result.get("heard")
    if isinstance(heard, list) and heard and len(now.lineage(call_id)) == 1:
        state.add_input([{"role": "user", "content": str(each)} for each in heard])
