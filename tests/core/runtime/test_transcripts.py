"""Transcripts: what a run is given, says, calls and hears is kept for its thread, and costs nobody who does not ask."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from hitl_adapters.plain import PlainAdapter, Refused, gate
from hitl_core.apps import AppSource
from hitl_core.commands import KeepSaid, ListSaid
from hitl_core.contracts import Completed, Ending, Turn
from hitl_core.errors import NotPermitted, RunBusy, StoreUnavailable
from hitl_core.protocol import (
    SAID_LIMIT,
    Json,
    LiveEvent,
    LiveKind,
    Role,
    Run,
    RunState,
    Said,
    asked_id,
    new_id,
    output_id,
    result_id,
    said_id,
    state_id,
)
from hitl_core.runtime import Runtime, Words, converse
from hitl_core.testing.around import StoreAround
from hitl_core.tools import Catalogue
from tests.core.shop import Shop, only, policy, refund_tool, rule

FREE = policy(rule("free", level="autonomous", allow_irreversible="a test"))


def talks(shop: Shop) -> Callable[[Any], Any]:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        gate.say("I look at it.")
        try:
            with gate.acting_as("clerk"):
                said = await refund("A-1042", 120.5)
                gate.say("Done.")
        except Refused as exc:
            said = str(exc)
        return {"said": said}

    return app


async def heard(hitl: Runtime, thread: str, **how: Any) -> tuple[Said, ...]:
    return (await hitl.transcript(thread, **how)).items


async def texts(hitl: Runtime, thread: str) -> list[tuple[str, str]]:
    return [(each.role.value, each.text) for each in await heard(hitl, thread)]


async def test_a_conversation_is_kept_over_a_pause_and_another_process(shop: Shop) -> None:
    async with shop.open(talks(shop), transcripts=True) as hitl:
        run = await hitl.start("Pay me back.", by="ann", thread="t")
        asked, spoken, calling = await heard(hitl, "t")
        assert (asked.id, asked.role, asked.text, asked.by) == (asked_id(run.id), Role.USER, "Pay me back.", "ann")
        assert (spoken.text, spoken.node, spoken.calls) == ("I look at it.", "", ())
        (call,) = calling.calls
        assert (call.tool, call.arguments, calling.node) == ("refund", {"order": "A-1042", "amount": 120.5}, "clerk")
        await hitl.respond(only(run).approve(by="bob"))
    async with shop.open(talks(shop), transcripts=True) as hitl:
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        found = await heard(hitl, "t")
    assert found[:3] == (asked, spoken, calling), "what was said again is there once, as it was"
    result, done = found[3:]
    assert (result.id, result.role, result.call) == (result_id(run.id, call.id), Role.TOOL, call.id)
    assert (result.text, done.text, done.node) == ("paid 120.5", "Done.", "clerk")
    assert {each.run_id for each in found} == {run.id}


async def test_a_rejection_is_the_result_of_its_call(shop: Shop) -> None:
    async with shop.open(talks(shop), transcripts=True) as hitl:
        run = await hitl.start("Pay.", thread="t")
        await hitl.respond(only(run).reject("not now", by="bob"))
        await hitl.resume(run.id)
        assert "not now" in (await heard(hitl, "t"))[-1].text
        assert shop.ledger.count() == 0


@pytest.mark.parametrize("kept", [True, False])
async def test_words_that_have_names_of_their_own_begin_one_run_of_a_given_id(shop: Shop, kept: bool) -> None:
    async with shop.open(talks(shop), transcripts=kept) as hitl:
        how: dict[str, Any] = {"words": [Words("page-1", "Pay.")], "thread": "t", "run_id": new_id(shop.clock.now())}
        assert [event.kind async for event in converse(hitl, {"pay": 1}, **how)][-1] is LiveKind.PAUSED
        with pytest.raises(RunBusy):
            await anext(converse(hitl, {"pay": 1}, **how))
        assert [run.id for run in (await hitl.runs()).items] == [how["run_id"]]
        said = [(each.id, each.text) for each in (await heard(hitl, "t"))[:1]]
        assert said == ([("page-1", "Pay.")] if kept else [])


async def test_whoever_does_not_ask_for_transcripts_has_none(shop: Shop) -> None:
    applied: list[Any] = []

    class Listening(StoreAround):
        async def apply(self, command: Any) -> Any:
            applied.append(command)
            return await self.inner.apply(command)

    shop.policy = FREE
    async with shop.open(talks(shop), wrap=Listening) as hitl:
        await hitl.start("Pay.", thread="t")
        assert await heard(hitl, "t") == ()
    assert not [each for each in applied if isinstance(each, KeepSaid)]


async def test_two_runs_of_a_thread_are_one_conversation(shop: Shop) -> None:
    async def echo(input: Any) -> str:
        return f"you said {input['messages'][-1]['content']}"

    async with shop.open(echo, transcripts=True) as hitl:
        first = await hitl.start({"messages": [{"role": "user", "content": "one", "id": "page-1"}]}, thread="t")
        parts = [{"type": "text", "text": "t"}, {"type": "image", "url": "x"}, {"type": "text", "text": "wo"}]
        history = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}]
        second = await hitl.start({"messages": [*history, {"role": "user", "content": parts}]}, thread="t")
        found = await heard(hitl, "t")
        assert [each.id for each in found[:3:2]] == ["page-1", asked_id(second.id)]
        assert [each.text for each in found] == ["one", "you said one", "two", f"you said {parts}"]
        assert found[1].id == output_id(first.id)
        assert [run.id for run in (await hitl.runs(thread="t")).items] == [second.id, first.id]
        page = await hitl.transcript("t", limit=3)
        rest = await hitl.transcript("t", limit=3, cursor=page.cursor)
        assert (page.items + rest.items, rest.cursor) == (found, None)


async def test_a_page_begins_a_run_in_its_own_words(shop: Shop) -> None:
    """Whatever shape the input is of: the transcript knows each message by the id that the page has for it."""

    async def echo(input: Any) -> str:
        return f"It is {input['order']}."

    long = "m" * 300
    said = (Words("page-1", "My order is A."), Words(long, "Are you there?"))
    async with shop.open(echo, transcripts=True) as hitl:
        how: dict[str, Any] = {"words": said, "thread": "t", "run_id": new_id(shop.clock.now()), "by": "ann"}
        events = [event async for event in converse(hitl, {"order": "A"}, **how)]
        first, second, answer = await heard(hitl, "t")
        (run,) = (await hitl.runs(thread="t")).items
    assert (events[0].kind, events[-1].kind) == (LiveKind.STARTED, LiveKind.COMPLETED)
    assert {event.run_id for event in events} == {run.id}
    assert (first.id, first.role, first.text, first.by) == ("page-1", Role.USER, "My order is A.", "ann")
    assert (second.id, second.text, second.by) == (said_id(long), "Are you there?", "ann")
    assert answer.text == "It is A."


@pytest.mark.parametrize(
    ("input", "said"),
    [
        (None, []),
        ("", []),
        ("hello", ["hello"]),
        ({"order": "A"}, ['{"order": "A"}']),
        ([1, 2], ["[1, 2]"]),
        ({"messages": "all"}, ['{"messages": "all"}']),
        (
            {"messages": [{"role": "assistant", "content": "1"}]},
            ['{"messages": [{"role": "assistant", "content": "1"}]}'],
        ),
        ({"messages": [{"type": "human", "content": "hi"}, {"type": "ai", "content": "1"}, 7]}, ["hi"]),
        ({"messages": [{"role": "user", "content": "hi"}, "and again"]}, ["and again"]),
        ({"messages": [["user", "hi"], ["assistant", "1"]]}, ["hi"]),
        ({"messages": [{"source": "user", "content": "hi"}]}, ["hi"]),
        ({"messages": [{"role": "user", "content": {"a": 1}, "id": ""}]}, ['{"a": 1}']),
        ({"messages": [{"role": "user"}]}, []),
    ],
)
async def test_what_a_run_is_given_is_what_its_user_said(shop: Shop, input: Any, said: list[str]) -> None:
    async with shop.open(lambda input: None, transcripts=True) as hitl:
        await hitl.start(input, thread="t")
        assert await texts(hitl, "t") == [("user", each) for each in said]


async def test_what_cannot_be_kept_harms_no_run(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    class Forgets(StoreAround):
        async def apply(self, command: Any) -> Any:
            if isinstance(command, KeepSaid):
                raise StoreUnavailable("the disk is full")
            return await self.inner.apply(command)

    shop.policy = FREE
    with caplog.at_level(logging.WARNING):
        async with shop.open(talks(shop), transcripts=True, wrap=Forgets) as hitl:
            run = await hitl.start("Pay.", thread="t")
            assert run.state is RunState.COMPLETED
            assert await heard(hitl, "t") == ()
    assert shop.ledger.count() == 1
    assert "the disk is full" in caplog.text


async def test_it_is_kept_before_the_turn_ends_for_others(shop: Shop) -> None:
    """Whoever sees that the run has paused or ended finds what was said."""
    seen: list[tuple[str, int]] = []

    class Looks(StoreAround):
        async def apply(self, command: Any) -> Any:
            if type(command).__name__ in ("PauseRun", "FinishRun"):
                seen.append((type(command).__name__, len((await self.inner.fetch(ListSaid("t"))).items)))
            return await self.inner.apply(command)

    async with shop.open(talks(shop), transcripts=True, wrap=Looks) as hitl:
        run = await hitl.start("Pay.", thread="t")
        await hitl.respond(only(run).approve(by="bob"))
        await hitl.resume(run.id)
    assert seen == [("PauseRun", 3), ("FinishRun", 5)]


# ── what adapters tell ───────────────────────────────────────────────────────────────────────────────────────


class Telling(PlainAdapter):
    """An adapter that tells what the test says, whether anybody watches or not."""

    def __init__(self, *events: dict[str, Any], output: Any = None) -> None:
        super().__init__(AppSource("shop:app", lambda input: None), catalogue=Catalogue())
        self.events, self.output = events, output
        self.watched: list[bool] = []

    async def advance(self, turn: Turn) -> Ending:
        self.watched.append(turn.watched)
        for event in self.events:
            turn.emit(LiveEvent(run_id=turn.run.id, **event))
        return Completed(self.output)


class ShowsFirst(PlainAdapter):
    """An adapter whose app has a state, which is shown before it does anything."""

    def __init__(self, source: AppSource, state: Json) -> None:
        super().__init__(source, catalogue=Catalogue())
        self.state = state

    async def advance(self, turn: Turn) -> Ending:
        turn.emit(LiveEvent(run_id=turn.run.id, kind=LiveKind.STATE, data=self.state))
        return await super().advance(turn)


async def told(shop: Shop, *events: dict[str, Any], output: Any = None) -> tuple[Said, ...]:
    adapter = Telling(*events, output=output)
    async with shop.open(None, adapter=adapter, transcripts=True) as hitl:
        await hitl.start(None, thread="t")
        assert adapter.watched == [True], "an adapter tells only where somebody looks"
        return await heard(hitl, "t")


async def test_a_message_that_comes_in_parts_is_one(shop: Shop) -> None:
    call = {"tool": "pay", "arguments": {"order": "A"}, "message": "m1"}
    one, other, result = await told(
        shop,
        {"kind": LiveKind.TEXT, "id": "m1", "text": "Good "},
        {"kind": LiveKind.TEXT, "id": "m2", "text": "O", "node": "helper"},
        {"kind": LiveKind.TEXT, "id": "m1", "text": "morning."},
        {"kind": LiveKind.TOOL_CALL, "id": "c1", "data": call},
        {"kind": LiveKind.TOOL_RESULT, "id": "c1", "text": "paid"},
        {"kind": LiveKind.TOOL_RESULT, "id": "c1", "text": "paid"},
        {"kind": LiveKind.STEP, "node": "helper", "id": "s"},
        {"kind": LiveKind.TEXT, "text": "nobody's"},
        output="Good morning.",
    )
    assert (one.id, one.text, [each.id for each in one.calls]) == ("m1", "Good morning.", ["c1"])
    assert (other.text, other.node, result.text) == ("O", "helper", "paid")


async def test_what_is_odd_in_an_event_costs_nothing_else(shop: Shop) -> None:
    long = "c" * 300
    first, second, cut = await told(
        shop,
        {"kind": LiveKind.TOOL_CALL, "id": "c0", "data": {"tool": "\ud800"}},
        {"kind": LiveKind.TOOL_CALL, "id": "c1", "data": {"arguments": "[1"}},
        {"kind": LiveKind.TOOL_CALL, "id": long, "data": "odd"},
        *({"kind": LiveKind.TEXT, "id": "m", "text": "x" * 65_536} for _ in range(SAID_LIMIT // 65_536 + 1)),
    )
    assert [(each.tool, each.arguments) for each in (*first.calls, *second.calls)] == [("?", {}), ("?", {})]
    assert len(second.calls[0].id) <= 256
    assert (len(cut.text), cut.cut) == (SAID_LIMIT, True)


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ([], None),
        ([{"order": "A-1042", "paid": False}, {"paid": 1}], {"paid": 1}),
        ([{"order": "half \ud800"}], {"order": "half \ud800"}),
        ([{"order": "x" * SAID_LIMIT}], None),
    ],
)
async def test_the_last_state_of_a_turn_is_kept_and_is_nothing_that_was_said(
    shop: Shop, states: list[Any], kept: Any
) -> None:
    events = [{"kind": LiveKind.STATE, "data": each} for each in states]
    adapter = Telling({"kind": LiveKind.TEXT, "id": "m1", "text": "Hello."}, *events)
    async with shop.open(None, adapter=adapter, transcripts=True) as hitl:
        run = await hitl.start(None, thread="t")
        assert [each.text for each in await heard(hitl, "t")] == ["Hello."]
        found = (await hitl.store.fetch(ListSaid("t", id=state_id(run.id)))).items
    assert [json.loads(each.text) for each in found] == ([] if kept is None else [kept])


async def test_an_app_that_says_nothing_has_its_text_for_words(shop: Shop) -> None:
    assert [each.text for each in await told(shop, output="all of it")] == ["all of it"]


async def test_a_secret_that_comes_in_parts_is_not_kept(shop: Shop) -> None:
    @gate.guard(secret=("card",))
    async def charge(card: str) -> str:
        gate.say(f"the card {card[:4]}")
        return f"charged {card}"

    async def app(input: Any) -> None:
        await charge("4111-1111-1111")

    shop.policy = policy(rule("free", match={"tool": "charge"}, level="autonomous", allow_irreversible="a test"))
    adapter = ShowsFirst(AppSource("shop:app", app), {"last": "of 4111-1111-1111"})
    async with shop.open(None, adapter=adapter, transcripts=True) as hitl:
        run = await hitl.start(None, thread="t")
        found = await heard(hitl, "t")
        (state,) = (await hitl.store.fetch(ListSaid("t", id=state_id(run.id)))).items
    assert "4111-1111-1111" not in "".join(each.to_json() for each in (*found, state))
    assert "charged" in found[-1].text
    assert json.loads(state.text) == {"last": "of [secret]"}


# ── who reads ────────────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = """
[people.ann]
name = "Ann"
tenant = "default"
[people.zoe]
name = "Zoe"
tenant = "acme"
[people.root]
name = "Root"
tenant = "*"
"""


async def test_a_thread_is_read_by_its_tenant(shop: Shop) -> None:
    async with shop.open(lambda input: input, transcripts=True, tenant="acme") as hitl:
        await hitl.start("theirs", thread="t")
    shop.people(PEOPLE)
    async with shop.open(lambda input: input, transcripts=True) as hitl:
        await hitl.start("ours", thread="t")
        for by, seen in (("ann", ["ours"]), ("zoe", ["theirs"]), ("root", ["theirs", "ours"]), (None, ["ours"])):
            found = await heard(hitl, "t", by=by)
            assert [each.text for each in found if each.role is Role.USER] == seen, by
        with pytest.raises(NotPermitted):
            await hitl.transcript("t", by="nobody")


async def test_an_undo_says_nothing(shop: Shop) -> None:
    refund = refund_tool(shop.ledger, undo=lambda receipt, arguments: None, reversible=True)

    async def app(input: Any) -> Any:
        return await refund("A", 1.0)

    shop.policy = policy(rule("free", level="autonomous"), rule("u", match={"tool": "undo:refund"}, level="autonomous"))
    async with shop.open(app, transcripts=True) as hitl:
        run: Run = await hitl.start("Pay.", thread="t")
        undoing = await hitl.undo(run.id, by="bob")
        assert await heard(hitl, undoing.run.thread) == ()
