"""Guidance in a conversation that is told anew at each model call: each piece where it entered, or not at all."""

from __future__ import annotations

from typing import Any

from hitl_adapters.plain import gate as plain
from hitl_adapters.plain.suspend import current
from hitl_core.gate import guided
from hitl_core.protocol import GuidanceState
from tests.core.shop import Shop, decide


async def asked(*messages: Any, of: str = "desk") -> list[str]:
    """A model call with these messages, as the model gets them; guidance by the first words that a person said."""

    def told(text: str) -> Any:
        return f"<{text.splitlines()[2]}>"

    return await guided(current().gate, messages, of=of, record=lambda message: message, told=told)


async def play(shop: Shop, *calls: list[Any], of: str = "desk") -> list[list[str]]:
    """A run that is told "be brief" before the first of these calls."""
    seen: list[list[str]] = []

    async def app(input: object) -> str:
        await plain.ask("go on?")
        seen.extend([await asked(*messages, of=of) for messages in calls])
        return "done"

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.steer(run.id, "be brief", by="bob")
        run = await decide(hitl, run, "answer", "yes")
        assert [each.state for each in await hitl.guidance(run.id)] == [GuidanceState.CONSUMED]
    return seen


async def test_it_stays_where_it_entered(shop: Shop) -> None:
    seen = await play(shop, ["hi"], ["hi", "hello", "bye"])
    assert seen == [["hi", "<be brief>"], ["hi", "<be brief>", "hello", "bye"]]


async def test_an_empty_conversation_can_begin_with_it(shop: Shop) -> None:
    assert await play(shop, [], ["hi"]) == [["<be brief>"], ["<be brief>", "hi"]]


async def test_another_beginning_does_not_have_it(shop: Shop) -> None:
    seen = await play(shop, ["hi"], ["good day", "hello"], ["hi"])
    assert seen[1:] == [["good day", "hello"], ["hi", "<be brief>"]]


async def test_another_conversation_does_not_have_it(shop: Shop) -> None:
    seen: list[list[str]] = []

    async def app(input: object) -> str:
        await plain.ask("go on?")
        for conversation in ("desk", "desk/after", "clerk"):
            seen.append(await asked("hi", of=conversation))
        return "done"

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.steer(run.id, "be brief", by="bob")
        await hitl.steer(run.id, "be kind", by="bob")
        await decide(hitl, run, "answer", "yes")
    assert seen == [["hi", "<be brief>", "<be kind>"], ["hi"], ["hi"]]


async def test_messages_are_told_apart_by_what_they_are(shop: Shop) -> None:
    seen = await play(shop, [{"role": "user", "text": "ü"}], [{"text": "ü", "role": "user"}, 1], [{"text": "u"}, 1])
    assert [len(messages) for messages in seen] == [2, 3, 2]
