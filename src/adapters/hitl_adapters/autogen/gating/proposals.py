"""A model's tool call as a proposal: the action, how its request looks, what is decided, and how it is carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from autogen_core.tools import BaseTool, ToolResult, ToolSchema
from pydantic import BaseModel, ValidationError

from hitl_core.errors import ResultNotKept
from hitl_core.gate import tried
from hitl_core.protocol import Action, Arguments, EffectMode, Executed, Origin, Proceed, Verdict, Wait
from hitl_core.tools import Tool

from ..mapping import definition_of, kept_result, refused, said, schema_faults, strict, tool_form, with_note
from ..suspend import Scope, Suspended
from .words import spoken


class Proposal:
    """One call as the gate sees it."""

    def __init__(
        self,
        scope: Scope,
        place: str,
        agent: str,
        native: BaseTool[Any, Any] | None,
        schema: ToolSchema,
        arguments: Arguments,
    ) -> None:
        self.gate, self.now, self.scope, self.place = scope.now.gate, scope.now, scope, place
        self.native, self.arguments = native, arguments
        self.neutral = self.gate.catalogue.tool(schema["name"])
        self.schema = strict(native.args_type().model_json_schema() if native else schema.get("parameters") or {})
        definition = self.neutral.definition if self.neutral else definition_of(schema)
        self.action = Action(
            tool=schema["name"],
            arguments=arguments,
            definition=definition,
            origin=Origin(agent=agent, path=scope.path),
        )

    async def fault(self) -> str | None:
        """Why the tool would not take these arguments: nobody is asked about such a call."""
        faults = self._faults()
        if not faults or await self.gate.settled(self.place) is not None:
            return None
        return f"The arguments are invalid, so nothing was run: {'; '.join(faults)}. Correct them and call again."

    def _faults(self) -> list[str]:
        if self.neutral is not None and self.neutral.client:
            return self._misfits(self.neutral.parameters)
        if self.native is None:
            return schema_faults(self.schema, self.arguments)
        known = self.schema.get("properties")
        unknown = self.arguments.keys() - (known if isinstance(known, dict) else {}).keys()
        faults = (
            [f"{name}: is no parameter" for name in sorted(unknown)] if not self.schema["additionalProperties"] else []
        )
        return faults + self._misfits(self.native.args_type())

    def _misfits(self, model: type[BaseModel]) -> list[str]:
        try:
            model.model_validate(self.arguments)
        except ValidationError as exc:
            places = ((".".join(map(str, each["loc"])), each["msg"]) for each in exc.errors())
            return [": ".join(filter(None, each)) for each in places]
        return []

    async def verdict(self) -> Verdict:
        """The gate's verdict. Raises Suspended while nobody has decided; about a tool that was redefined meanwhile,
        people are asked again."""
        self.now.reached.add(self.place)
        form = spoken(tool_form(self.neutral, self.schema, self.arguments), self.scope, self.place)
        verdict = await self.gate.propose(self.action, call=self.place, form=form)
        if not isinstance(verdict, Wait):
            return verdict
        raise self.now.waiting(self.place)

    async def carried_out(self, allowed: Proceed, run: Callable[[Arguments], Any]) -> ToolResult:
        name = self.action.tool
        await self.now.written()
        if self.neutral is not None and self.neutral.traits.mode is EffectMode.TRANSACTIONAL:
            return await self._in_store(self.neutral, allowed)
        try:
            async with self.gate.carry_out(allowed, suspends=(Suspended,)) as effect:
                result = await _uncancelled(name, run(effect.arguments))
                effect.outcome = kept_result(result, allowed.note, returned=effect.returned)
        except ResultNotKept as exc:
            return refused(name, tried(str(exc)))
        if isinstance(effect.outcome, Executed):
            return with_note(result, allowed.note)
        return refused(name, tried(effect.outcome.error))

    async def _in_store(self, neutral: Tool, allowed: Proceed) -> ToolResult:
        try:
            done = await self.gate.carry_out_in_store(allowed, neutral.run_in)
        except RuntimeError as exc:
            return refused(neutral.name, tried(str(exc)))
        return said(neutral.name, done, allowed.note)


async def _uncancelled(tool: str, work: Awaitable[ToolResult]) -> ToolResult:
    """The tool's result. A cancellation that comes from inside the tool is its failure and goes no further, and so is
    whatever else it raises that is no Exception."""
    try:
        return await work
    except (Exception, Suspended, KeyboardInterrupt, SystemExit):
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return refused(tool, f"{tool} was cancelled from inside; it may have had effects.")
    except BaseException as exc:
        return refused(tool, f"{type(exc).__name__}: {exc}")
