"""What a CodeExecutorAgent runs, through the gate. Its own approval function would block the event loop
(research/autogen.md §2.2), so people are asked through a request instead; where it had one, they always are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autogen_agentchat.agents import CodeExecutorAgent
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeResult

from hitl_core.errors import ResultNotKept
from hitl_core.gate import tried
from hitl_core.protocol import Executed, Failed, Json, Proceed, Refuse, Substitute, Wait
from hitl_core.tools import kept

from ..mapping import code_action, code_blocks, code_form
from ..suspend import Scope, current_scope
from .words import spoken


@dataclass(frozen=True, slots=True)
class GatedCode:
    """Stands for the agent's `execute_code_block`."""

    agent: CodeExecutorAgent
    run: Any
    asks: bool

    async def __call__(self, blocks: list[CodeBlock], token: CancellationToken) -> CodeResult:
        scope = current_scope()
        if scope is None:
            return _told("The code did not run. It was called outside a run.")
        return await self._settled(scope, blocks, token)

    async def _settled(self, scope: Scope, blocks: list[CodeBlock], token: CancellationToken) -> CodeResult:
        now, place, name = scope.now, scope.step("~code"), self.agent.name
        now.reached.add(place)
        now.talk.follows_from_the_last(scope.conversation, place)
        action, form = code_action(name, blocks, scope.path), spoken(code_form(name), scope, place)
        known = await now.gate.settled(place) if self.asks else None
        if self.asks and known is None:
            now.lifted[place] = now.gate.lift(action, call=place, form=form)
            raise now.waiting(place)
        verdict = await now.gate.propose(action, call=place, form=form)
        match verdict:
            case Wait():
                raise now.waiting(place)
            case Refuse(text=text):
                now.used.append(place)
                return _told(text)
            case Substitute(result=result, recorded=recorded, note=note):
                now.used.append(place)
                return _recalled(result) if recorded else CodeResult(exit_code=0, output=_noted(str(result), note))
            case Proceed():
                return await self._carried_out(scope, verdict, token)

    async def _carried_out(self, scope: Scope, allowed: Proceed, token: CancellationToken) -> CodeResult:
        with scope.now.working():
            await scope.now.written()
            try:
                return await self._carried_out_once(scope, allowed, token)
            except ResultNotKept as exc:
                return _told(tried(str(exc)))

    async def _carried_out_once(self, scope: Scope, allowed: Proceed, token: CancellationToken) -> CodeResult:
        async with scope.now.gate.carry_out(allowed) as effect:
            try:
                result: CodeResult = await self.run(code_blocks(effect.arguments), token)
            except Exception as exc:
                effect.outcome = Failed(f"{type(exc).__name__}: {exc}"[:4000])
                raise
            result.output = _noted(result.output, allowed.note)
            effect.outcome = Executed(kept(asdict(result)))
        return result


def _noted(output: str, note: str) -> str:
    return f"{note}\n\n{output}" if note else output


def _told(text: str) -> CodeResult:
    """What the agent reads instead of an output. The words say whether the code ran: it may have, and have failed."""
    return CodeResult(exit_code=1, output=text)


def _recalled(found: Json) -> CodeResult:
    if isinstance(found, dict) and isinstance(code := found.get("exit_code"), int):
        return CodeResult(exit_code=code, output=str(found.get("output", "")))
    return CodeResult(exit_code=0, output=str(found))
