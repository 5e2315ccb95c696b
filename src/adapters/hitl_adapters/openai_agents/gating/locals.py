"""The SDK's local tools under oversight: shell, apply_patch and custom tools.

The SDK keeps their arguments and the form of their results to itself, so people can approve or reject such a call;
they cannot edit it or answer for it (research §2.1, §2.2).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from agents import ApplyPatchTool, CustomTool, ShellTool
from agents.editor import ApplyPatchOperation, ApplyPatchResult
from agents.tool import ShellCommandRequest

from hitl_core.errors import HitlError, RecordError
from hitl_core.gate import Form
from hitl_core.protocol import Arguments, Wait

from ..mapping import DECISION_ONLY, action_of, definition_of, local_arguments
from ..suspend import Current, current, found
from .carrying import NOTHING_RAN, Proposal, halting, in_doubt, obey, once, rule

LocalTool = ShellTool | ApplyPatchTool | CustomTool


@dataclass(frozen=True, slots=True)
class LocalOversight:
    """How one of the SDK's local tools is overseen. `own`: the app's own code decides in `on_approval`."""

    name: str
    wanted: Any
    gated: bool
    own: bool = False

    async def needs_approval(self, context: Any, given: Any, call_id: str) -> bool:
        now = self._now()
        if now is None or self.own:
            return await self._native(context, given, call_id)
        try:
            asks = await self._native(context, given, call_id)
            proposal = self.proposal(now, call_id, arguments_in(given), asks=asks)
            if not (asks or self.gated):
                return await in_doubt(now, proposal) is not None
            return isinstance(await rule(now, proposal), Wait)
        except RecordError:
            return True  # it cannot be shown, so it is refused when the pause is settled
        except HitlError as exc:
            now.halt(exc)
            return True

    async def carry(self, call_id: str | None, given: Any, run: Callable[[], Any]) -> Any:
        """Run the tool's own code for a call, if it may."""
        now = self._now()
        if now is None:
            return await _awaited(run())
        if call_id is None:
            return NOTHING_RAN
        return await halting(now, self._carried(now, call_id, arguments_in(given), run))

    async def _carried(self, now: Current, call_id: str, arguments: Arguments, run: Callable[[], Any]) -> Any:
        if now.halted is not None:
            return NOTHING_RAN
        proposal = self.proposal(now, call_id, arguments)

        async def body(_: Arguments) -> Any:
            return await _awaited(run())

        decided = self.gated or (self.wanted is True and not self.own) or proposal.call in now.verdicts
        if decided or await now.gate.settled(proposal.call) is not None:
            return await obey(now, proposal, body, neutral=None, tells=False)
        return await once(now, proposal, body)

    def proposal(self, now: Current, call_id: str, arguments: Arguments, *, asks: bool = False) -> Proposal:
        path = now.lineage(call_id)
        action = action_of(self.name, arguments, definition=definition_of(self.name, "", {}), path=path)
        _ = action.digest
        return Proposal(action, now.place(call_id), Form(allowed=DECISION_ONLY), asks)

    async def _native(self, context: Any, given: Any, call_id: str) -> bool:
        if isinstance(self.wanted, bool):
            return self.wanted
        return bool(await _awaited(self.wanted(context, given, call_id)))

    def _now(self) -> Current | None:
        return current(f"the tool {self.name!r}") if self.gated else found()


def overseen_local(tool: LocalTool, *, gated: bool) -> LocalTool:
    """The tool with its wrapper. Gated, nobody but the gate approves: an `on_approval` of the app is left out."""
    own = tool.on_approval is not None and not gated
    oversight = LocalOversight(tool.name, tool.needs_approval, gated, own)
    made = copy.copy(tool)
    made.needs_approval = oversight.needs_approval
    made.on_approval = None if gated else tool.on_approval
    if isinstance(made, ShellTool):
        made.executor = _executor(tool, oversight)
    elif isinstance(made, ApplyPatchTool):
        made.editor = OverseenEditor(made.editor, oversight)
    else:
        made.on_invoke_tool = _invoker(tool, oversight)
    cast("Any", made).hitl_oversight = oversight
    return made


def arguments_in(given: Any) -> Arguments:
    return {"input": given} if isinstance(given, str) else local_arguments(given)


def _executor(tool: LocalTool, oversight: LocalOversight) -> Callable[[ShellCommandRequest], Awaitable[Any]]:
    inner = cast("Any", tool).executor

    async def execute(request: ShellCommandRequest) -> Any:
        return await oversight.carry(request.data.call_id, request.data.action, lambda: inner(request))

    return execute


def _invoker(tool: LocalTool, oversight: LocalOversight) -> Callable[[Any, str], Awaitable[Any]]:
    inner = cast("Any", tool).on_invoke_tool

    async def invoke(context: Any, text: str) -> Any:
        return await oversight.carry(context.tool_call_id, text, lambda: inner(context, text))

    return invoke


@dataclass(slots=True)
class OverseenEditor:
    """An editor whose operations go through the gate. The SDK does not tell an editor which call it works for; the
    model's own answers do."""

    inner: Any
    oversight: LocalOversight

    async def create_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.create_file, operation)

    async def update_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.update_file, operation)

    async def delete_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.delete_file, operation)

    async def _edit(self, edit: Callable[[ApplyPatchOperation], Any], operation: ApplyPatchOperation) -> Any:
        done = await self.oversight.carry(_call_of(operation), operation, lambda: edit(operation))
        now = found()
        if now is not None and isinstance(done, str) and (done == NOTHING_RAN or "did not run" in done):
            return ApplyPatchResult(status="failed", output=done)
        return done


def _call_of(operation: ApplyPatchOperation) -> str | None:
    """The call that an operation belongs to: of equal ones the first that has not been taken."""
    now = found()
    if now is None:
        return None
    wanted = local_arguments(operation)
    for call_id, arguments in now.patches.items():
        if arguments == wanted and call_id not in now.taken:
            now.taken.add(call_id)
            return call_id
    return None


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
