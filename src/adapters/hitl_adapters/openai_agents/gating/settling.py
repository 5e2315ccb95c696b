"""On resume: each pause of the SDK is told what the store says about it; nothing else counts."""

from __future__ import annotations

from typing import Any

from agents import FunctionTool, RunContextWrapper, RunState, ToolApprovalItem

from hitl_core.errors import AppChanged, RecordError
from hitl_core.gate import Form
from hitl_core.protocol import Proceed, Refuse, Substitute, Verdict, Wait

from ..mapping import DECISION_ONLY, CallFault, action_of, arguments_of, definition_of
from ..suspend import Current
from .carrying import Proposal, heed_stop, in_doubt, lost, rule
from .overseen import Oversight, oversight_of


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
    tool = await _tool_of(item, context)
    try:
        proposal = _proposal(now, item, call_id, tool)
    except (CallFault, RecordError) as exc:
        state.reject(item, rejection_message=f"This call cannot be shown to anybody, so it did not run: {exc}")
        return True
    verdict = await _verdict(now, proposal, tool)
    carried = _is_carried(item, tool)
    if isinstance(verdict, Proceed) and not carried:
        await heed_stop(now, proposal.action)  # nothing of ours is between this approval and what it lets happen
    match verdict:
        case Wait():
            return False
        case Refuse(text=text):
            now.used.append(proposal.call)
            state.reject(item, rejection_message=text)
        case Proceed() | Substitute():
            _hear(state, now, call_id, verdict)
            state.approve(item)
    if not carried:
        now.used.append(proposal.call)
    return True


async def _verdict(now: Current, proposal: Proposal, tool: Oversight | None) -> Verdict:
    if tool is None or tool.gated:
        return await rule(now, proposal)
    if lost(now, proposal) or not proposal.asks:
        question = await in_doubt(now, proposal)
        return Wait(question) if question else Proceed(proposal.action, call=proposal.call)
    return await rule(now, proposal)


def _proposal(now: Current, item: ToolApprovalItem, call_id: str, tool: Oversight | None) -> Proposal:
    arguments = arguments_of(item)
    if tool is not None:
        return tool.proposal(now, call_id, arguments, asks=tool.original.needs_approval is not False)
    name = item.tool_name or "tool"
    action = action_of(name, arguments, definition=definition_of(name, "", {}), path=now.lineage(call_id))
    _ = action.digest
    return Proposal(action, now.place(call_id), Form(allowed=DECISION_ONLY), asks=True)


async def _tool_of(item: ToolApprovalItem, context: Any) -> Oversight | None:
    """The overseen function tool that a pause is about; None for the SDK's other tools. Raises AppChanged."""
    if _kind(item) != "function_call":
        return None
    agent = item.agent
    names = (item.tool_name, item.qualified_name)
    for tool in agent.tools:
        if isinstance(tool, FunctionTool) and tool.name in names:
            return oversight_of(tool)
    for served in await agent.get_mcp_tools(RunContextWrapper(context)) if agent.mcp_servers else ():
        if served.name in names:
            return oversight_of(served)
    raise AppChanged(f"agent {agent.name!r} no longer has the tool {item.tool_name!r} that waits; nothing ran")


def _is_carried(item: ToolApprovalItem, tool: Oversight | None) -> bool:
    """Whether a wrapper of ours carries the call out, and so uses its decision."""
    return tool is not None or _kind(item) not in ("mcp_approval_request", "function_call")


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
