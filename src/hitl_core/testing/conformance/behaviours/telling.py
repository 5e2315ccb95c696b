"""P75, P76: what an agent says, calls and gets back is told under ids that last, and kept for its thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from ....capabilities import Capability
from ....protocol import Json, LiveEvent, LiveKind, Role, Run, Said
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, delegate, pay, saying
from ..world import World, supported

GATED, WATCHED, WORDS = Capability.GATE_TOOLS, Capability.STREAM_EVENTS, Capability.SHOW_WORDS
PARALLEL, NESTED, THREADS = Capability.PARALLEL_PAUSES, Capability.NESTED_PAUSES, Capability.KEEP_THREADS

_WORDS: Final = "I shall pay it back."


class _Heard:
    """What was told in the turns of one run, by ids."""

    def __init__(self, *turns: list[LiveEvent]) -> None:
        self.turns = turns

    def _of(self, kind: LiveKind) -> list[LiveEvent]:
        return [event for turn in self.turns for event in turn if event.kind is kind]

    def texts(self) -> dict[str, str]:
        """Each message, whole. Raises if a turn that says it again says something else."""
        found: dict[str, str] = {}
        for turn in self.turns:
            said: dict[str, str] = {}
            for event in turn:
                if event.kind is LiveKind.TEXT:
                    said[event.id] = said.get(event.id, "") + event.text
            for id, text in said.items():
                expect("what is said again", text, found.get(id, text))
            found |= said
        return found

    def calls(self, tool: str) -> dict[str, Any]:
        """The arguments of each call of a tool."""
        told = [(event.id, event.data) for event in self._of(LiveKind.TOOL_CALL)]
        return {id: data["arguments"] for id, data in told if isinstance(data, dict) and data.get("tool") == tool}

    def results(self) -> dict[str, str]:
        """What came of each call. Raises if one came to two things."""
        found: dict[str, str] = {}
        for event in self._of(LiveKind.TOOL_RESULT):
            expect("the result of a call", event.text, found.setdefault(event.id, event.text))
        return found


async def _watched(world: World, events: AsyncIterator[LiveEvent]) -> list[LiveEvent]:
    heard = [event async for event in events]
    supported(await (await world.hitl()).run(heard[0].run_id))
    return heard


async def _paused(world: World, scene: Scene) -> tuple[Run, list[LiveEvent]]:
    world.sets(scene)
    hitl = await world.hitl()
    before = await _watched(world, hitl.stream("This is run 1."))
    return await hitl.run(before[0].run_id), before


async def _resumed(world: World, run: Run) -> list[LiveEvent]:
    """In a process that has not heard what was said before."""
    await world.leave()
    return await _watched(world, (await world.hitl()).stream_resume(run.id))


@behaviour("P76", GATED, WATCHED, WORDS)
async def what_is_said_keeps_its_name_over_a_pause(world: World) -> None:
    """Words and call of one message are told once each, or again under the same ids; the result is that call's."""
    run, before = await _paused(world, Scene.of(saying(_WORDS, pay())))
    expect("the words before the pause", [*_Heard(before).texts().values()], [_WORDS])
    (call,) = _Heard(before).calls("pay")
    expect("results before the pause", _Heard(before).results().keys() & {call}, set())
    await world.say(run.pending[0], "approve")
    heard = _Heard(before, await _resumed(world, run))
    expect("the messages with these words", [*heard.texts().values()].count(_WORDS), 1)
    expect("the call", heard.calls("pay"), {call: {"order": "A-1042", "amount": 40.5}})
    expect_in("its result", "paid 40.5", heard.results().get(call, ""))
    expect_that("everything has a name", "" not in (*heard.texts(), *heard.calls("pay"), *heard.results()))


@behaviour("P76", GATED, WATCHED, PARALLEL)
async def each_result_is_told_of_its_own_call(world: World) -> None:
    """Of two calls of one tool one is rejected: its result is the refusal, the other one's what the tool returned."""
    run, before = await _paused(world, Scene.of((pay("A", 1.5), pay("B", 2.5))))
    for request in run.pending:
        said = ("approve",) if request.action.arguments["order"] == "A" else ("reject", "too much")
        await world.say(request, *said)
    heard = _Heard(before, await _resumed(world, run))
    by_order = {arguments["order"]: call for call, arguments in heard.calls("pay").items()}
    expect("the calls", (sorted(by_order), len(heard.calls("pay"))), (["A", "B"], 2))
    expect_in("the result of A", "paid 1.5", heard.results().get(by_order["A"], ""))
    expect_in("the result of B", "too much", heard.results().get(by_order["B"], ""))


@behaviour("P76", GATED, WATCHED, NESTED)
async def a_sub_agent_is_heard_too(world: World) -> None:
    """What it calls inside a call of the agent that uses it is told, before and after its pause, under one id."""
    run, before = await _paused(world, Scene.of(delegate(), helper=(pay(),)))
    await world.say(run.pending[0], "approve")
    heard = _Heard(before, await _resumed(world, run))
    (call,) = heard.calls("pay")
    expect_in("its result", "paid 40.5", heard.results().get(call, ""))


@behaviour("P76", GATED, WATCHED)
async def what_is_heard_is_what_is_kept(world: World) -> None:
    """The calls, the results and the words of a thread's transcript are those that were told, under the same ids."""
    world.transcripts = True
    run, before = await _paused(world, Scene.of(pay()))
    await world.say(run.pending[0], "approve")
    heard = _Heard(before, await _resumed(world, run))
    kept = (await (await world.hitl()).transcript(run.thread)).items
    calls = {each.id: each.arguments for said in kept for each in said.calls}
    expect("the calls", calls, heard.calls("pay"))
    results = {said.call: said.text for said in kept if said.role is Role.TOOL}
    expect("the results", results, heard.results())
    words = {said.id: said.text for said in kept if said.role is Role.ASSISTANT and said.text}
    expect("the words", {id: words.get(id) for id in heard.texts()}, heard.texts())


# ── P75: transcripts ─────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P75", GATED, THREADS)
async def what_was_said_is_read_in_another_process(world: World) -> None:
    """What the run was given comes first, and each message stands there once, over a pause and another process; the
    thread's next run is told it once."""
    world.transcripts = True
    run = await world.start(Scene.of(pay()).of_runs(2))
    await world.leave()
    before = (await (await world.hitl()).transcript(run.thread)).items
    expect("what was said first", [(each.role, each.text) for each in before[:1]], [(Role.USER, "This is run 1.")])
    await world.decide(run, "approve")
    after = (await (await world.hitl()).transcript(run.thread)).items
    expect("what was said before", after[: len(before)], before)
    expect("how often each stands there", len({each.id for each in after}), len(after))
    await world.leave()
    await _goes_on(world, run.thread, after, "This is run 2.")
    told = {text: world.stage.told(text) for text in ("This is run 1.", "This is run 2.")}
    expect("how often the next run is told", told, {"This is run 1.": 1, "This is run 2.": 1})


async def _goes_on(world: World, thread: str, said: tuple[Said, ...], text: str) -> None:
    """The next run of a thread, given what was said in it where the framework does not keep that itself."""
    hitl = await world.hitl()
    native = hitl.adapter.capabilities[THREADS].level == "native"
    kept = () if native else [each for each in said if each.role is not Role.TOOL and each.text]
    messages: list[Json] = [{"role": each.role.value, "content": each.text, "id": each.id} for each in kept]
    supported(await hitl.start({"messages": [*messages, {"role": "user", "content": text}]}, thread=thread))
