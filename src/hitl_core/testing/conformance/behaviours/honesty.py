"""P90-P92: what an adapter says about itself, what it refuses, and pauses that are the framework's own."""

from __future__ import annotations

from typing import Any

from ....capabilities import Capability
from ....errors import CapabilityNotSupported, HitlError
from ....protocol import Kind, PauseRequest, Reply, Response, RunState
from ..catalogue import behaviour
from ..expect import NotKept, expect, expect_in, expect_that, refuses
from ..kit import NotInKit, SpecKit
from ..scenes import Scene, native, pay
from ..stage import Stage
from ..world import World, answer, only

LIFTS = Capability.LIFT_NATIVE_PAUSES


@behaviour("P90", Capability.NEUTRAL_SPEC)
async def an_agent_spec_is_built(world: World) -> None:
    """The neutral recipe of an agent becomes an agent of the framework, with the gate at each tool."""
    own = world.kit

    class FromSpec(SpecKit):
        backend = world.kit.backend

        def options(self, stage: Stage) -> dict[str, Any]:
            return own.options(stage)

    world.kit = FromSpec()
    run = await world.decide(await world.start(Scene.of(pay())), "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P91")
async def every_capability_is_answered_for(world: World) -> None:
    """The declaration covers every capability, and nothing that does not exist."""
    declared = world.adapter().capabilities
    expect("without an answer", [each.value for each in Capability if each not in declared], [])
    expect("unknown", [str(each) for each in declared if each not in set(Capability)], [])


@behaviour("P91")
async def what_is_not_native_says_why(world: World) -> None:
    """`emulated` and `absent` have a reason of more than a word."""
    declared = world.adapter().capabilities
    silent = [
        name.value for name, support in declared.items() if support.level != "native" and len(support.because) < 8
    ]
    expect("without a reason", silent, [])


@behaviour("P91")
async def an_adapter_has_one_name(world: World) -> None:
    """The adapter's own name is that under which it is registered."""
    expect("the name", world.adapter().name, world.kit.backend)


# ── P92: native pauses ───────────────────────────────────────────────────────────────────────────────────────


def yes(request: PauseRequest) -> Response:
    """Agreement, in the word that the request offers for it."""
    for reply, fields in ((Reply.APPROVE, ()), (Reply.ACCEPT, ()), (Reply.ANSWER, ("yes",))):
        if reply in request.allowed:
            return answer(request, reply.value, *fields)
    raise NotKept(f"nobody can say yes to it: {request.allowed}")


def no(request: PauseRequest) -> Response:
    """Refusal, in the word that the request offers for it."""
    for reply, fields in (
        (Reply.REJECT, ("not this one",)),
        (Reply.REVISE, ("not this one",)),
        (Reply.ANSWER, ("no",)),
    ):
        if reply in request.allowed:
            return answer(request, reply.value, *fields)
    raise NotKept(f"nobody can say no to it: {request.allowed}")


@behaviour("P92", LIFTS)
async def some_native_pause_is_lifted(world: World) -> None:
    """At least one of the framework's own ways to pause is lifted to a request."""
    refused: CapabilityNotSupported | NotInKit | None = None
    for pause in ("approval", "question"):
        try:
            expect("how many requests", len((await world.start(native(pause))).pending), 1)
        except (CapabilityNotSupported, NotInKit) as exc:
            refused = exc
            await world.leave()
        else:
            return
    assert refused is not None
    raise refused


@behaviour("P92", LIFTS, may_lack=True)
async def a_native_yes_is_lowered(world: World) -> None:
    """The app's own pause waits for a person; yes makes the app pay, once."""
    run = await world.start(native("approval"))
    expect("what was paid before", world.paid(), [])
    await world.respond(yes(only(run)))
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P92", LIFTS, may_lack=True)
async def a_native_no_is_lowered(world: World) -> None:
    """No makes the app not pay."""
    run = await world.start(native("approval"))
    await world.respond(no(only(run)))
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P92", LIFTS, may_lack=True)
async def a_native_question_is_answered(world: World) -> None:
    """The app's own question is a request for words, and the app hears them as they were said."""
    run = await world.start(native("question"))
    expect_that("it asks for words", only(run).kind in (Kind.INPUT, Kind.REVIEW))
    run = await world.decide(run, "answer" if Reply.ANSWER in only(run).allowed else "revise", "no, and I mean it")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the app heard", "no, and I mean it", world.heard())


@behaviour("P92", LIFTS, may_lack=True)
async def no_meaning_is_guessed(world: World) -> None:
    """A decision that has no certain meaning at the pause is refused, and the request stays open."""
    run = await world.start(native("approval"))
    offered = set(only(run).allowed)
    others = {Reply.CHOOSE: ("yes",), Reply.ANSWER: ("yes",), Reply.ACCEPT: (), Reply.REVISE: ("yes",)}
    for reply, fields in others.items():
        if reply not in offered:
            with refuses(f"the decision {reply.value}", HitlError):
                await world.say(only(run), reply.value, *fields)
    await world.resume(run)
    expect("what was paid", world.paid(), [])
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])


@behaviour("P92", LIFTS, may_lack=True)
async def a_native_pause_survives_its_process(world: World) -> None:
    """Another process finds the same request, and answers it."""
    run = await world.start(native("approval"))
    await world.leave()
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])
    await world.respond(yes(only(run)))
    await world.leave()
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])
