"""A model client that remembers: what a model answered in this run is answered from the journal, never asked again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from typing import Any, cast

from autogen_core import FunctionCall
from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema

from hitl_core.errors import AppChanged, HitlError
from hitl_core.gate import guided
from hitl_core.protocol import Json

from .batch import Batch
from .scope import Scope, Suspended, current_scope
from .talk import MODEL, kept


class JournalClient(ChatCompletionClient):
    """Stands in front of the client of one agent, or of one team's manager (`name` "~").

    The key of an answer is its number in the turn, so the same turn run again gets the same answers in order.
    `handoffs` are the tools that no workbench answers for. An agent `hears` what people say to it; a manager does not.
    """

    component_type = "model"

    def __init__(
        self, inner: ChatCompletionClient, *, handoffs: Callable[[], Collection[str]] = tuple, hears: bool = False
    ) -> None:
        self.inner = inner
        self._hears = hears
        self._handoffs = handoffs

    async def create(self, messages: Sequence[LLMMessage], **how: Any) -> CreateResult:
        scope = current_scope()
        if scope is None:
            return await self.inner.create(messages, **how)
        place = scope.step("~model")
        result = self._recalled(scope, place)
        if result is None:
            await scope.now.written()
            asked = await self._asking(scope, messages)
            result = self._remembered(scope, place, await self.inner.create(asked, **how))
            _tell(scope, place, result)
        await self._expect(scope, place, result, how.get("tools", ()))
        return result

    async def create_stream(
        self, messages: Sequence[LLMMessage], **how: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        scope = current_scope()
        place = "" if scope is None else scope.step("~model")
        known = None if scope is None else self._recalled(scope, place)
        if scope is not None and known is not None:
            await self._expect(scope, place, known, how.get("tools", ()))
            yield known
            return
        asked, streamed = messages, False
        if scope is not None:
            await scope.now.written()
            asked = await self._asking(scope, messages)
        async for part in self.inner.create_stream(asked, **how):
            if scope is None:
                yield part
            elif isinstance(part, str):
                scope.says(place, part)
                streamed = True
                yield part
            else:
                result = self._remembered(scope, place, part)
                _tell(scope, place, result, streamed=streamed)
                await self._expect(scope, place, result, how.get("tools", ()))
                yield result

    async def _asking(self, scope: Scope, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """The messages of a call that is made now, with what people have said to the agent."""
        if not self._hears:
            return messages
        try:
            return await guided(scope.now.gate, messages, of="/".join(scope.path), record=_record, told=_told)
        except HitlError as exc:  # a team would make it an error of its own
            scope.now.halt(exc)
            raise

    def _recalled(self, scope: Scope, place: str) -> CreateResult | None:
        known = scope.now.memory[_key(place)]
        if known is None:
            return None
        result = CreateResult.model_validate(known)
        if scope.now.turn.claimed.interrupted:  # nobody knows what was told by whoever has died
            _tell(scope, place, result)
        return result

    def _remembered(self, scope: Scope, place: str, result: CreateResult) -> CreateResult:
        scope.now.memory.write(_key(place), kept(result, scope.conversation if self._hears else ""))
        return result

    async def _expect(self, scope: Scope, place: str, result: CreateResult, tools: Sequence[Tool | ToolSchema]) -> None:
        """The calls of this answer become the batch of the turn."""
        if self._hears:
            scope.now.talk.says(scope.conversation, place, result)
        if not isinstance(result.content, list):
            scope.batch = None
            return
        scope.now.places |= {call.id: f"{place}.{number}" for number, call in enumerate(result.content)}
        names = {each["name"] if isinstance(each, dict) else each.name for each in tools}
        await _refuse_lost_tools(scope, place, result.content, names)
        scope.batch = Batch.of(place, result.content, names - set(self._handoffs()), scope.stuck)

    # ── all else is the inner client's ───────────────────────────────────────────────────────────────────────

    async def close(self) -> None:
        await self.inner.close()

    def actual_usage(self) -> RequestUsage:
        return self.inner.actual_usage()

    def total_usage(self) -> RequestUsage:
        return self.inner.total_usage()

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return self.inner.count_tokens(messages, tools=tools)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return self.inner.remaining_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> Any:
        return self.inner.model_info

    @property
    def model_info(self) -> ModelInfo:
        return self.inner.model_info


def _record(message: LLMMessage) -> Json:
    """What is of a message in its conversation; an agent's instructions may be made anew each time."""
    return "instructions" if isinstance(message, SystemMessage) else cast("Json", message.model_dump(mode="json"))


def _told(text: str) -> LLMMessage:
    return UserMessage(content=text, source="person")


def _key(place: str) -> str:
    return f"{MODEL}{place}"


async def _refuse_lost_tools(scope: Scope, place: str, calls: Sequence[FunctionCall], names: set[str]) -> None:
    """A tool that somebody was asked about and that the app no longer has must not become a mistake of the model."""
    for number, call in enumerate(calls):
        if call.name not in names and await scope.now.gate.settled(f"{place}.{number}") is not None:
            lost = f"the app no longer has the tool {call.name!r} that was decided about; nothing ran"
            scope.now.halt(AppChanged(lost))
            raise Suspended(lost)


def _tell(scope: Scope, place: str, result: CreateResult, *, streamed: bool = False) -> None:
    """Tell who watches an answer; its words, unless they were told as they came."""
    text = result.content if isinstance(result.content, str) else result.thought
    if text and not streamed:
        scope.says(place, text)
    scope.calls(place, result.content if isinstance(result.content, list) else ())
