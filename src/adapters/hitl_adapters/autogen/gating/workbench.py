"""The tool calls of an agent through the gate. Whatever happens, nothing is raised inside a tool task: AutoGen 0.7.5
would wait for ever (microsoft/autogen#7956)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never, cast

from autogen_agentchat.tools._task_runner_tool import TaskRunnerTool
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, StaticStreamWorkbench, StaticWorkbench, ToolResult, ToolSchema, Workbench

from hitl_core.errors import AdapterError, HitlError, RecordError, Stopped
from hitl_core.gate import unchecked
from hitl_core.protocol import Arguments, Proceed, Refuse, Substitute, Wait

from ..mapping import recalled, refused, said
from ..suspend import Scope, Suspended, current_scope, entered
from .proposals import Proposal

Sink = Callable[[Any], object]

DELEGATES: Final = "_hitl_delegates"
"""Attribute of a tool that only hands work to an agent: it has no effect of its own, and what that agent does is gated
call by call. AutoGen's own AgentTool and TeamTool are known."""


def _forget(item: Any) -> None:
    """Nobody looks at what a tool says on the way."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it reaches a workbench; `sink` takes what the tool says on the way."""

    name: str
    arguments: Any
    token: CancellationToken | None = None
    id: str | None = None
    sink: Sink = _forget


class GatedWorkbench(Workbench):
    """Stands in front of a workbench of one agent."""

    component_type = "workbench"

    def __init__(self, inner: Workbench, agent: str) -> None:
        self.inner = inner
        self._agent = agent
        self._listed: list[ToolSchema] = []
        self._busy: dict[str, asyncio.Lock] = {}
        self._stuck: set[str] = set()

    async def list_tools(self) -> list[ToolSchema]:
        """The tools; the same ones while calls of the last model answer are under way, so that each call that was
        counted also arrives."""
        scope = current_scope()
        if scope is None or scope.batch is None or scope.batch.over or not self._listed:
            self._listed = list(await self.inner.list_tools())
        return self._listed

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        return await self._called(Asked(name, arguments, cancellation_token, call_id))

    async def _called(self, asked: Asked) -> ToolResult:
        scope = current_scope()
        if scope is None or scope.batch is None:
            return refused(asked.name, f"{asked.name} is gated and was called outside a run; it did not run.")
        batch, now = scope.batch, scope.now
        place = batch.claim(asked.id, asked.name)
        with batch.call():
            try:
                result = await self._settled(scope, place, asked)
                scope.came(place, result.to_text())
                return result
            except Suspended:
                await batch.wait()
            except Stopped:
                now.ended.set()
                await batch.wait()
            except Exception as exc:
                now.halt(exc if isinstance(exc, HitlError) else _failure(asked.name, exc))
                await batch.wait()

    async def _settled(self, scope: Scope, place: str, asked: Asked) -> ToolResult:
        """What the call comes to. Raises Suspended while nobody has decided."""
        name = asked.name
        if not isinstance(asked.arguments, Mapping):
            return refused(name, "The arguments must be an object with names, so nothing was run.")
        native, given = self._native(name), cast("Arguments", dict(asked.arguments))
        if delegates(native):
            anew = bool(getattr(native, DELEGATES, False))
            return await self._delegated(scope.call(place, anew=anew), asked, given)
        found = await self._admitted(scope, place, asked, given)
        if isinstance(found, ToolResult):
            return found
        proposal, allowed = found
        with scope.now.working():
            return await proposal.carried_out(allowed, lambda arguments: self._run(asked, arguments))

    async def _admitted(
        self, scope: Scope, place: str, asked: Asked, given: Arguments
    ) -> ToolResult | tuple[Proposal, Proceed]:
        """Everything before a tool runs: what the model reads instead of its result, or the leave to run it."""
        name = asked.name
        try:
            proposal = Proposal(scope, place, self._agent, self._native(name), await self._schema(name), given)
            fault = await proposal.fault()
            if fault is not None:
                return refused(name, fault)
            verdict = await proposal.verdict()
        except Exception as exc:
            if isinstance(exc, HitlError) and not isinstance(exc, RecordError):
                raise
            return refused(name, unchecked(exc))
        if isinstance(verdict, Proceed):
            return proposal, verdict
        scope.now.used.append(place)
        return _answer(name, verdict)

    async def _delegated(self, scope: Scope, asked: Asked, arguments: Arguments) -> ToolResult:
        """A call of an agent or a team. AutoGen's own keep their state from call to call, so theirs take turns, and
        one that paused is not used again before the next resume."""
        name = asked.name
        if getattr(self._native(name), DELEGATES, False):
            with entered(scope):
                return await self._run(asked, arguments)
        async with self._busy.setdefault(name, asyncio.Lock()):
            if name in self._stuck:
                raise Suspended(f"{name} waits in another call")
            try:
                with entered(scope):
                    return await self._run(asked, arguments)
            except Suspended:
                self._stuck.add(name)
                raise

    async def _run(self, asked: Asked, arguments: Arguments) -> ToolResult:
        """Let the workbench run what was allowed. What it raises is what the call came to, as with AutoGen's own."""
        try:
            return await self._ran(asked, arguments)
        except HitlError:
            raise
        except Exception as exc:
            return refused(asked.name, f"{type(exc).__name__}: {exc}"[:4000])

    async def _ran(self, asked: Asked, arguments: Arguments) -> ToolResult:
        if not isinstance(self.inner, StaticStreamWorkbench):
            return await self.inner.call_tool(asked.name, arguments, asked.token, asked.id)
        result: ToolResult | None = None
        async for item in self.inner.call_tool_stream(asked.name, arguments, asked.token, asked.id):
            if isinstance(item, ToolResult):
                result = item
            else:
                asked.sink(item)
        return result or refused(asked.name, f"{asked.name} gave no result.")

    def _native(self, name: str) -> BaseTool[Any, Any] | None:
        """The tool behind a name, if the workbench holds tools that can be looked at."""
        if not isinstance(self.inner, StaticWorkbench):
            return None
        original = self.inner._override_name_to_original.get(name, name)
        return next((tool for tool in self.inner._tools if tool.name == original), None)

    async def _schema(self, name: str) -> ToolSchema:
        return next(each for each in await self.list_tools() if each["name"] == name)

    async def start(self) -> None:
        await self.inner.start()

    async def stop(self) -> None:
        await self.inner.stop()

    async def reset(self) -> None:
        await self.inner.reset()

    async def save_state(self) -> Mapping[str, Any]:
        return await self.inner.save_state()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        await self.inner.load_state(state)


class GatedStreamWorkbench(GatedWorkbench, StaticStreamWorkbench):
    """The same for a workbench that streams: AssistantAgent looks for the class, to show what agents in tools say."""

    async def call_tool_stream(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any, None]:
        said: list[Any] = []
        result = await self._called(Asked(name, arguments, cancellation_token, call_id, said.append))
        for each in said:
            yield each
        yield result


class OwnCalls(GatedWorkbench):
    """The same for an agent of the app's own, which calls in an order of its own: nothing else has to be waited for."""

    async def _called(self, asked: Asked) -> ToolResult:
        scope = current_scope()
        if scope is None:
            return refused(asked.name, f"{asked.name} is gated and was called outside a run; it did not run.")
        if asked.name not in {each["name"] for each in await self.list_tools()}:
            return refused(asked.name, f"There is no tool {asked.name!r}; nothing ran.")
        place = scope.step("~call")
        told = scope.now.places.get(asked.id or "", place)
        if told == place:  # its model is not under oversight, and has told nobody of the call
            scope.tells_call(place, asked.name, asked.arguments)
        try:
            result = await self._settled(scope, place, asked)
            scope.came(told, result.to_text())
            return result
        except HitlError as exc:
            scope.now.halt(exc)
            raise Suspended(str(exc)) from exc


def own_calls(inner: Workbench, agent: str) -> GatedWorkbench:
    """The workbench of an agent of the app's own behind the gate."""
    return OwnCalls(inner, agent)


def gated(inner: Workbench, agent: str) -> GatedWorkbench:
    """The workbench behind the gate."""
    return (GatedStreamWorkbench if isinstance(inner, StaticStreamWorkbench) else GatedWorkbench)(inner, agent)


def delegates(native: BaseTool[Any, Any] | None) -> bool:
    """Whether a tool only hands work to an agent or a team."""
    return isinstance(native, TaskRunnerTool) or bool(getattr(native, DELEGATES, False))


def _failure(tool: str, error: Exception) -> AdapterError:
    """For what neither the gate nor the tool raised: it may have begun, so nothing is told of it but the error."""
    return AdapterError(f"the call of {tool!r} ended in {type(error).__name__}: {error}")


def _answer(tool: str, verdict: Refuse | Substitute | Wait) -> ToolResult:
    """The result of a call that does not run."""
    match verdict:
        case Refuse(text=text):
            return refused(tool, text)
        case Substitute(result=result, recorded=True, note=note):
            return recalled(tool, result, note)
        case Substitute(result=result, note=note):
            return said(tool, result, note)
        case Wait():
            return refused(tool, "Nobody has decided about this call; it did not run.")
        case _:
            assert_never(verdict)
