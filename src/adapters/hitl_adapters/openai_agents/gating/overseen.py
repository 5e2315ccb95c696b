"""A function tool under oversight: one of an app, of an MCP server, an agent as a tool, or a neutral one."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from agents import FunctionTool, RunContextWrapper
from agents.tool import resolve_function_tool_failure_error_function, set_function_tool_failure_error_function
from agents.tool_context import ToolContext

from hitl_core.errors import HitlError, RecordError
from hitl_core.gate import Form, unchecked
from hitl_core.protocol import Arguments, Kind, Proceed, Substitute, Verdict, Wait
from hitl_core.tools import Tool

from ..errors import in_short
from ..mapping import CallFault, action_of, definition_of, form_of, noted, read_arguments, said
from ..suspend import Current, around, body_of, current, found, within
from .carrying import NOTHING_RAN, Body, Proposal, halting, heed_stop, in_doubt, obey, once, rule
from .edited import checks_what_runs, with_arguments
from .locals import LocalOversight
from .words import spoken

Former = Callable[[Arguments], Form]


@dataclass(frozen=True, slots=True)
class Oversight:
    """How a tool is overseen. `gated`: every call goes to the policy; otherwise only what the app wants decided is.

    `neutral` is the tool's neutral form; `form` makes the request of a tool that is a question to people.
    """

    original: FunctionTool
    gated: bool = False
    neutral: Tool | None = None
    form: Former | None = None

    @property
    def delegates(self) -> bool:
        """Whether the tool only hands work to another agent: what that one does is overseen call by call."""
        return bool(getattr(self.original, "_is_agent_tool", False))

    @property
    def name(self) -> str:
        """What policies and people know the tool by: with its namespace, if it has one."""
        return self.original.qualified_name

    @property
    def asks(self) -> bool:
        """Whether the app wants some calls decided, whatever the policy says."""
        return self.original.needs_approval is not False

    @property
    def definition(self) -> str:
        if self.neutral is not None:
            return self.neutral.definition
        tool = self.original
        return definition_of(self.name, tool.description, tool.params_json_schema)

    def proposal(self, now: Current, call_id: str, arguments: Arguments, *, asks: bool = False) -> Proposal:
        """Raises RecordError for arguments that have no single JSON form; AppRefused for a call from elsewhere."""
        path = now.lineage(call_id)
        action = action_of(self.name, arguments, definition=self.definition, path=path)
        _ = action.digest
        form = self.form(arguments) if self.form else form_of(self.neutral, self.original.params_json_schema, arguments)
        if self.delegates and form.kind is Kind.APPROVAL:
            form = replace(form, title=f"Let {self.name} work on this")
        return Proposal(action, now.place(call_id), spoken(form, now, call_id), asks)

    # ── before the SDK decides whether to pause ──────────────────────────────────────────────────────────────

    async def needs_approval(self, context: RunContextWrapper[Any], params: dict[str, Any], call_id: str) -> bool:
        now = self._now()
        if now is None:
            return await self._native(context, params, call_id)
        try:
            return await self._waits(now, context, params, call_id)
        except RecordError:
            return False  # nobody is asked about what cannot be shown; the call itself says so
        except HitlError as exc:
            now.halt(exc)
            return True

    async def _waits(self, now: Current, context: RunContextWrapper[Any], params: Arguments, call_id: str) -> bool:
        if self.fault(params):
            return False
        asks = await self._native(context, params, call_id)
        if not (asks or self._gates):
            doubtful = not self.delegates and await in_doubt(now, self.proposal(now, call_id, params))
            return bool(doubtful)
        return isinstance(await rule(now, self.proposal(now, call_id, params, asks=asks)), Wait)

    async def _native(self, context: RunContextWrapper[Any], params: dict[str, Any], call_id: str) -> bool:
        """Whether the app itself wants this call decided, as the installed SDK would find it."""
        wanted = self.original.needs_approval
        if isinstance(wanted, bool):
            return wanted
        return await _inspected(self.original, context, json.dumps(params), call_id)

    @property
    def _gates(self) -> bool:
        return self.gated and not self.delegates

    # ── what the SDK calls ───────────────────────────────────────────────────────────────────────────────────

    async def invoke(self, context: ToolContext[Any], text: str) -> Any:
        now = self._now()
        if now is None:
            return await self.original.on_invoke_tool(context, text)
        return await halting(now, self._invoked(now, context, text))

    async def _invoked(self, now: Current, context: ToolContext[Any], text: str) -> Any:
        if now.failure is not None:
            return NOTHING_RAN
        call_id = context.tool_call_id
        try:
            arguments = read_arguments(text)
            proposal = self.proposal(now, call_id, arguments)
        except (CallFault, RecordError) as exc:
            return unchecked(exc)
        if faults := self.fault(arguments):
            return faults

        async def body(given: Arguments) -> Any:
            return await self._run(context, text if given == arguments else json.dumps(given))

        decided = await self._decided(now, proposal)
        proposal = replace(proposal, asks=decided and not self._gates)
        if self.delegates:
            return await self._delegated(now, proposal, body, call_id)
        if not decided:
            return await once(now, proposal, body)
        return await obey(now, proposal, body, neutral=self.neutral, tells=self.neutral is not None)

    async def _run(self, context: ToolContext[Any], text: str) -> Any:
        """The tool itself. The SDK knows the work inside an agent tool by that tool's own context."""
        if self.delegates:
            return await self.original.on_invoke_tool(context, text)
        with body_of(f"the tool {self.name!r}"):
            changed = text != context.tool_arguments
            return await self.original.on_invoke_tool(with_arguments(context, text) if changed else context, text)

    async def _decided(self, now: Current, proposal: Proposal) -> bool:
        """Whether the gate has a say in this call: it is gated, or the app wanted it decided."""
        if self._gates or proposal.call in now.verdicts:
            return True
        if isinstance(self.original.needs_approval, bool):
            return self.original.needs_approval
        return await now.gate.settled(proposal.call) is not None

    async def _delegated(self, now: Current, proposal: Proposal, body: Body, call_id: str) -> Any:
        """Let the other agent work inside this call, with the arguments that were allowed."""
        await heed_stop(now, proposal.action)
        allowed, note = proposal.action.arguments, ""
        if proposal.asks:
            verdict: Verdict = await rule(now, proposal)
            if isinstance(verdict, Wait):
                return NOTHING_RAN
            now.used.append(proposal.call)
            if not isinstance(verdict, Proceed):
                return noted(said(verdict.result), verdict.note) if isinstance(verdict, Substitute) else verdict.text
            allowed, note = verdict.action.arguments, verdict.note
        with within(call_id):
            return noted(await body(allowed), note)

    def fault(self, arguments: Arguments) -> str:
        """What is wrong with the arguments of a neutral tool: nobody is asked about such a call."""
        if self.neutral is None:
            return ""
        try:
            self.neutral.typed(arguments)
        except ValueError as exc:
            return f"The arguments are invalid, so nothing was run: {exc}. Correct them and call again."
        return ""

    def _now(self) -> Current | None:
        return current(f"the tool {self.name!r}") if self.gated else found()


Overseer = Oversight | LocalOversight


def overseen(
    tool: FunctionTool, *, gated: bool = False, neutral: Tool | None = None, form: Former | None = None
) -> FunctionTool:
    """The tool with its wrapper: the same in everything else."""
    oversight = Oversight(_noticing(tool), gated, neutral, form)
    made = copy.copy(tool)
    made.on_invoke_tool = oversight.invoke
    made.needs_approval = oversight.needs_approval
    if tool.tool_input_guardrails:
        made.tool_input_guardrails = [checks_what_runs(each) for each in tool.tool_input_guardrails]
    cast("Any", made).hitl_oversight = oversight
    return made


def oversight_of(tool: object) -> Overseer | None:
    """The oversight of a tool that has one already."""
    return cast("Overseer | None", getattr(tool, "hitl_oversight", None))


def _noticing(tool: FunctionTool) -> FunctionTool:
    """A copy of a tool that tells us of errors which its own formatter makes into a text for the model."""
    formatter = resolve_function_tool_failure_error_function(tool)
    if formatter is None:
        return tool

    async def notice(context: RunContextWrapper[Any], error: Exception) -> str:
        now = around()
        if now is not None and isinstance(context, ToolContext):
            now.failures[now.place(context.tool_call_id)] = in_short(error)
        made = formatter(context, error)
        return await made if isinstance(made, Awaitable) else made

    made = copy.copy(tool)
    cast("Any", made).__post_init__()  # binds the copy's own invoker
    return set_function_tool_failure_error_function(made, notice)


async def _inspected(tool: FunctionTool, context: RunContextWrapper[Any], text: str, call_id: str) -> bool:
    """The app's own predicate, with the SDK's own care: newer releases ask a person where they cannot tell."""
    try:
        from agents.util._approvals import evaluate_function_tool_approval
    except ImportError:
        from agents.util._approvals import evaluate_needs_approval_setting

        return await evaluate_needs_approval_setting(tool.needs_approval, context, json.loads(text), call_id)
    return (await evaluate_function_tool_approval(tool, context, text, call_id)).outcome != "invoke"
