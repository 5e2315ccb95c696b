"""The SDK's local tools under oversight: shell, apply_patch and custom tools.

The SDK keeps what they are called with to itself, and tells neither an executor nor an editor that it was changed; so
the change is laid over the request as it reaches the app's own code, and the model hears of it in the result.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from agents import ApplyPatchTool, CustomTool, ShellTool
from agents.editor import ApplyPatchOperation, ApplyPatchResult
from agents.tool import ShellCommandRequest

from hitl_core.errors import HitlError, RecordError
from hitl_core.protocol import Arguments, Proceed, Wait

from ..mapping import (
    NoResult,
    action_of,
    cut_shell,
    definition_of,
    edited_patch,
    edited_shell,
    local_arguments,
    local_form,
    patch_result,
    shell_result,
)
from ..suspend import Current, body_of, current, found, scope
from .carrying import NOTHING_RAN, Body, Proposal, halting, in_doubt, obey, once, rule
from .edited import with_arguments
from .words import spoken

LocalTool = ShellTool | ApplyPatchTool | CustomTool

UNSHOWN: Final = NoResult(
    "This operation did not run: it is not one that could be shown and decided by itself. Make a call for each."
)


@dataclass(frozen=True, slots=True)
class LocalOversight:
    """How one of the SDK's local tools is overseen. `own`: the app's own code decides in `on_approval`."""

    name: str
    wanted: Any
    gated: bool
    own: bool = False

    @property
    def asks(self) -> bool:
        """Whether the app wants some calls decided, whatever the policy says."""
        return self.wanted is not False

    async def needs_approval(self, context: Any, given: Any, call_id: str) -> bool:
        now = self.now()
        if now is None:
            return await self._native(context, given, call_id)
        if isinstance(given, ApplyPatchOperation):
            if call_id in now.several:
                return False  # nobody is asked about what cannot be shown as one; the editor says so
            now.patches[call_id] = local_arguments(given)
        if self.own:
            return await self._native(context, given, call_id)
        try:
            return await self._waits(now, context, given, call_id)
        except RecordError:
            return True  # it cannot be shown, so it is refused when the pause is settled
        except HitlError as exc:
            now.halt(exc)
            return True

    async def _waits(self, now: Current, context: Any, given: Any, call_id: str) -> bool:
        asks = await self._native(context, given, call_id)
        proposal = self.proposal(now, call_id, local_arguments(given), asks=asks)
        if not (asks or self.gated):
            return await in_doubt(now, proposal) is not None
        return isinstance(await rule(now, proposal), Wait)

    async def carry(self, now: Current, call_id: str, shown: Arguments, body: Body) -> Any:
        """What the app's own code gives for a call, or what is told in its place."""
        return await halting(now, self._carried(now, call_id, shown, body))

    async def _carried(self, now: Current, call_id: str, shown: Arguments, body: Body) -> Any:
        if now.failure is not None:
            return NOTHING_RAN
        proposal = self.proposal(now, call_id, shown)
        decided = self.gated or (self.wanted is True and not self.own) or proposal.call in now.verdicts
        if not decided and await now.gate.settled(proposal.call) is None:
            return await once(now, proposal, body)
        verdict = await rule(now, proposal)
        changed = isinstance(verdict, Proceed) and bool(verdict.note)  # an error alone would not tell of the change
        return await obey(now, proposal, body, neutral=None, tells=changed)

    def proposal(self, now: Current, call_id: str, arguments: Arguments, *, asks: bool = False) -> Proposal:
        """Raises RecordError for arguments that have no single JSON form; AppRefused for a call from elsewhere."""
        path = now.lineage(call_id)
        action = action_of(self.name, arguments, definition=definition_of(self.name, "", {}), path=path)
        _ = action.digest
        return Proposal(action, now.place(call_id), spoken(local_form(arguments), now, call_id), asks)

    def now(self) -> Current | None:
        """The turn that a call belongs to. Raises NoRun or AppRefused for a gated one that is in none."""
        return current(f"the tool {self.name!r}") if self.gated else found()

    async def _native(self, context: Any, given: Any, call_id: str) -> bool:
        if isinstance(self.wanted, bool):
            return self.wanted
        return bool(await _awaited(self.wanted(context, given, call_id)))


def overseen_local(tool: LocalTool, *, gated: bool) -> LocalTool:
    """The tool with its wrapper. Gated, nobody but the gate approves: an `on_approval` of the app is left out."""
    own = tool.on_approval is not None and not gated
    oversight = LocalOversight(tool.name, tool.needs_approval, gated, own)
    made = copy.copy(tool)
    made.needs_approval = oversight.needs_approval
    made.on_approval = None if gated else tool.on_approval
    if isinstance(made, ShellTool):
        made.executor = _Executor(made.executor, oversight)
    elif isinstance(made, ApplyPatchTool):
        made.editor = OverseenEditor(made.editor, oversight)
    else:
        made.on_invoke_tool = _Invoker(made.on_invoke_tool, oversight)
    cast("Any", made).hitl_oversight = oversight
    return made


@dataclass(frozen=True, slots=True)
class _Executor:
    """An executor of shell commands whose requests go through the gate."""

    inner: Any
    oversight: LocalOversight

    async def __call__(self, request: ShellCommandRequest) -> Any:
        now = self.oversight.now()
        if now is None:
            return await _awaited(self.inner(request))
        shown = local_arguments(request.data.action)

        async def body(given: Arguments) -> Any:
            with body_of(f"the tool {self.oversight.name!r}"):
                if given == shown:
                    return await _awaited(self.inner(request))
                return cut_shell(await _awaited(self.inner(edited_shell(request, given))), given)

        return shell_result(await self.oversight.carry(now, request.data.call_id, shown, body))


@dataclass(frozen=True, slots=True)
class _Invoker:
    """The function of a custom tool, whose calls go through the gate."""

    inner: Any
    oversight: LocalOversight

    async def __call__(self, context: Any, text: str) -> Any:
        now = self.oversight.now()
        if now is None:
            return await _awaited(self.inner(context, text))

        async def body(given: Arguments) -> Any:
            made = str(given["input"])
            with body_of(f"the tool {self.oversight.name!r}"):
                return await _awaited(self.inner(context if made == text else with_arguments(context, made), made))

        return await self.oversight.carry(now, context.tool_call_id, local_arguments(text), body)


@dataclass(frozen=True, slots=True)
class OverseenEditor:
    """An editor whose operations go through the gate."""

    inner: Any
    oversight: LocalOversight

    async def create_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.create_file, operation)

    async def update_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.update_file, operation)

    async def delete_file(self, operation: ApplyPatchOperation) -> Any:
        return await self._edit(self.inner.delete_file, operation)

    async def _edit(self, edit: Callable[[ApplyPatchOperation], Any], operation: ApplyPatchOperation) -> Any:
        now = self.oversight.now()
        if now is None:
            return await _awaited(edit(operation))
        call_id = _call_of(now, self.oversight.name, operation)
        if call_id is None:
            return patch_result(UNSHOWN)
        shown = local_arguments(operation)

        async def body(given: Arguments) -> ApplyPatchResult:
            asked = operation if given == shown else edited_patch(operation, given)
            with body_of(f"the tool {self.oversight.name!r}"):
                made = patch_result(await _awaited(edit(asked)))
            if made.status == "failed":
                now.failures[now.place(call_id)] = made.output or "the editor says that it failed"
            return made

        return patch_result(await self.oversight.carry(now, call_id, shown, body))


def _call_of(now: Current, name: str, operation: ApplyPatchOperation) -> str | None:
    """The call that an operation belongs to, which the SDK does not tell an editor. Of equal ones that may run, those
    that were approved come first, and each is taken once."""
    wanted, context = local_arguments(operation), cast("Any", operation.ctx_wrapper)
    equal = [call_id for call_id, arguments in now.patches.items() if arguments == wanted and _is_here(now, call_id)]
    free = []
    for call_id in equal:
        approved = context.is_tool_approved(name, call_id)
        if approved:
            now.taken.add(call_id)
            return call_id
        waits = isinstance(now.verdicts.get(now.place(call_id)), Wait)
        free += [call_id] if approved is None and not waits else []
    now.taken.update(free[:1])
    return free[0] if free else None


def _is_here(now: Current, call_id: str) -> bool:
    """Whether a call is one of the agent that works here, and still to be carried out."""
    caller = now.callers.get(call_id)
    return call_id not in now.taken and caller is not None and caller.scope == scope()


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
