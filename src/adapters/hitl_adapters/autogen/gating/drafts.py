"""What an agent wrote, before its team sees it: accepted, edited, or sent back to the agent for another round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_core.models import AssistantMessage

from hitl_core.protocol import Action, Json, Origin, Substitute, Wait

from ..mapping import review_form, text_of
from ..suspend import Scope

Speak = Callable[[Sequence[BaseChatMessage]], AsyncIterator[Any]]


async def reviewed(
    scope: Scope, agent: BaseChatAgent, speak: Speak, messages: Sequence[BaseChatMessage]
) -> AsyncIterator[Any]:
    """One turn of an agent whose answer is reviewed. Raises Suspended while nobody has decided."""
    while True:
        async for item in speak(messages):
            if not isinstance(item, Response):
                yield item
                continue
            found = await _judged(scope, agent.name, text_of(item.chat_message))
            if found["outcome"] != "revise":
                yield await _with_text(agent, item, str(found["content"]))
                return
            messages = [TextMessage(content=str(found["feedback"]), source="reviewer")]


async def _judged(scope: Scope, name: str, text: str) -> dict[str, Json]:
    place = scope.step("~review")
    now = scope.now
    now.reached.add(place)
    action = Action(tool=name, arguments={"content": text}, origin=Origin(agent=name, path=scope.path))
    verdict = await now.gate.propose(action, call=place, form=review_form(name))
    if isinstance(verdict, Wait):
        raise now.waiting(place)
    now.used.append(place)
    if isinstance(verdict, Substitute):
        return cast("dict[str, Json]", verdict.result)
    return {"outcome": "refused", "content": getattr(verdict, "text", "Nobody reviewed this before its deadline.")}


async def _with_text(agent: BaseChatAgent, item: Response, text: str) -> Response:
    """The answer with the reviewed text, in the team and in the agent's own memory."""
    message = item.chat_message
    if text == text_of(message):
        return item
    await _remember(agent, text)
    said = TextMessage(content=text, source=message.source, models_usage=message.models_usage)
    return Response(chat_message=said, inner_messages=item.inner_messages)


async def _remember(agent: BaseChatAgent, text: str) -> None:
    context = getattr(agent, "model_context", None)
    if context is None:
        return
    known = await context.get_messages()
    await context.clear()
    last = next((each for each in reversed(known) if isinstance(each, AssistantMessage)), None)
    for each in known:
        own = isinstance(each, AssistantMessage) and each is last
        await context.add_message(each.model_copy(update={"content": text}) if own else each)
