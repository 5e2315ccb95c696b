"""P70-P81: every step is in the trail, each allowed action has an outcome, each request says which rule."""

from __future__ import annotations

import json
from typing import Any, cast

from ....audit import verify_entries
from ....capabilities import Capability
from ....config import open_store
from ....lifecycle import ActionState, RequestState
from ....protocol import AuditEntry, Level, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, ask, fail, pay
from ..world import World, free, only, rule

GATED = Capability.GATE_TOOLS

# ── P70: the trail ───────────────────────────────────────────────────────────────────────────────────────────

STEPS = [
    "run.started",
    "request.opened",
    "run.paused",
    "request.decided",
    "run.claimed",
    "effect.started",
    "effect.executed",
    "run.completed",
]


@behaviour("P70", GATED)
async def every_step_is_in_the_trail(world: World) -> None:
    """From the start to the end of a run, each step is there, in order, and the seals fit."""
    await world.decide(await world.start(Scene.of(pay())), "approve")
    expect("the steps", await world.events(), STEPS)
    report = await world.verified()
    expect("the seals", (report.exit_code, report.lines, report.findings), (0, len(STEPS), ()))


@behaviour("P70", GATED)
async def who_decided_what_is_in_the_trail(world: World) -> None:
    """The decision is there with the person, and with the digest that they saw."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve", by="mia")
    (decided,) = await world.trail("request.decided")
    expect("who", decided.actor, "mia")
    expect("what", json.loads(decided.body)["decision"], "approve")
    expect_in("the digest", only(run).digest, decided.body)


async def _tampered(world: World, change: Any) -> None:
    """A trail with `change` made to its lines does not verify."""
    await world.decide(await world.start(Scene.of(pay())), "approve")
    lines = await world.trail()
    await world.verified()
    store = cast("Any", await open_store(world.config(), world.clock))
    try:
        found = verify_entries(change(lines), store.custody)
    finally:
        await store.close()
    expect_that("it is found", found.exit_code == 1 and bool(found.findings))
    expect_that("it is located", all(finding.first >= 4 for finding in found.findings))


def _renamed(lines: list[AuditEntry]) -> list[AuditEntry]:
    return [each.model_copy(update={"actor": "eve"}) if each.event == "request.decided" else each for each in lines]


@behaviour("P70", GATED)
async def an_edited_line_is_found(world: World) -> None:
    """Another name on a decision is found, and where it is."""
    await _tampered(world, _renamed)


@behaviour("P70", GATED)
async def a_missing_line_is_found(world: World) -> None:
    """A line that was taken out is found, and where it was."""
    await _tampered(world, lambda lines: [*lines[:3], *lines[4:]])


@behaviour("P70", GATED)
async def another_order_is_found(world: World) -> None:
    """Two lines that changed places are found, and where."""
    await _tampered(world, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])


@behaviour("P70", GATED)
async def a_cut_is_found(world: World) -> None:
    """A trail that was cut at its end does not reach its anchored tip."""
    await _tampered(world, lambda lines: lines[:6])


@behaviour("P70", GATED)
async def no_words_of_people_are_in_the_trail(world: World) -> None:
    """The trail holds names and digests; arguments and reasons are kept elsewhere, where they can be erased."""
    run = await world.start(Scene.of(pay("SECRET-ORDER"), ask("SECRET-QUESTION")))
    run = await world.decide(run, "reject", "SECRET-REASON")
    await world.decide(run, "answer", "SECRET-ANSWER")
    expect_that("it holds no words", "SECRET" not in "".join(entry.body for entry in await world.trail()))


@behaviour("P70", GATED)
async def what_is_erased_is_gone_and_the_trail_verifies(world: World) -> None:
    """A run that is over can be erased: its words are gone, that it ran stays, and the trail verifies and says so."""
    run = await world.decide(
        await world.start(Scene.of(pay("PRIVATE-ORDER"))), "approve", reason="PRIVATE-REASON", by="PRIVATE-ANN"
    )
    hitl = await world.hitl()
    erased = await hitl.erase(run.id, by="dora", reason="asked for")
    (effect,) = await hitl.effects(run.id)
    asked = await world.requests(RequestState.CLOSED)
    left = "\n".join((erased.to_json(), effect.action.to_json(), str(effect.result), *asked))
    expect_that("nothing private is left", "PRIVATE" not in left)
    expect("that it ran", (erased.state, effect.state, effect.action.tool), (run.state, ActionState.EXECUTED, "pay"))
    (line,) = await world.trail("run.erased")
    expect("who erased it", line.actor, "dora")
    expect("the seals", (await world.verified()).findings, ())


# ── P71: outcomes ────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P71", GATED)
async def what_ran_has_its_result(world: World) -> None:
    """An action that ran is recorded as executed, after one attempt."""
    run = await world.decide(await world.start(Scene.of(pay())), "approve")
    (effect,) = await (await world.hitl()).effects(run.id)
    expect("the effect", (effect.state, effect.attempts), (ActionState.EXECUTED, 1))
    expect("its arguments", effect.action.arguments, pay().arguments)


@behaviour("P71", GATED)
async def what_failed_has_its_error(world: World) -> None:
    """A tool that raised is recorded as failed, is not tried again, and the agent is told."""
    run = await world.decide(await world.start(Scene.of(fail(), ask())), "approve")
    await world.resume(run)
    effect, *_ = await (await world.hitl()).effects(run.id)
    expect("the effect", effect.state, ActionState.FAILED)
    expect_in("its error", "is dead", effect.error)
    expect("attempts", world.happened("fail"), 1)
    expect_in("what the agent heard", "is dead", world.heard())


@behaviour("P71", GATED)
async def a_run_that_ends_has_nothing_under_way(world: World) -> None:
    """When a run has come to its end, every action that was allowed is executed or failed, each after one attempt."""
    world.rules(free(), free("fail"))
    run = await world.start(Scene.of((pay("A", 1.5), fail(), pay("B", 2.5))))
    if run.state is RunState.FAILED:  # a framework may end where a tool raises; tried again, it goes on
        run = await world.resume(run)
    expect("the run", (run.state, run.error), (RunState.COMPLETED, ""))
    effects = await (await world.hitl()).effects(run.id)
    expect("the effects", sorted(effect.state.value for effect in effects), ["executed", "executed", "failed"])
    expect("what was paid", sorted(world.paid()), [1.5, 2.5])


# ── P80, P81: the policy ─────────────────────────────────────────────────────────────────────────────────────


@behaviour("P80", GATED)
async def what_no_rule_is_about_asks(world: World) -> None:
    """A rule about another tool opens nothing; the request says that the default asks."""
    world.rules(free("note"))
    request = only(await world.start(Scene.of(pay())))
    expect("the rule", (request.level, request.because.rule), (Level.CONFIRM, "default"))
    expect("what was paid", world.paid(), [])


@behaviour("P80", GATED)
async def what_cannot_be_checked_asks(world: World) -> None:
    """A rule whose condition cannot be evaluated lets nothing run."""
    missing = {"argument": "discount", "above": 1}
    world.rules(rule("free", level="autonomous", when=missing, allow_irreversible="so that the suite can see it"))
    run = await world.start(Scene.of(pay()))
    expect("the run", (run.state, world.paid()), (RunState.PAUSED, []))


@behaviour("P80", GATED)
async def what_cannot_be_taken_back_asks(world: World) -> None:
    """A rule that would let it run without a written reason lets it only ask; one for what is reversible is no word."""
    world.rules(rule("free", level="autonomous"))
    run = await world.start(Scene.of(pay()))
    expect("the run", (run.state, world.paid()), (RunState.PAUSED, []))
    world.rules(rule("ask", level="confirm"), rule("freer", level="notify", match={"tool": "pay", "reversible": True}))
    other = await world.start()
    expect("the other run", (other.state, world.paid()), (RunState.PAUSED, []))


@behaviour("P81", GATED)
async def the_rule_is_on_the_request(world: World) -> None:
    """Rule, version and reason are on the request and in the trail."""
    world.rules(rule("money", level="confirm", why="money leaves the house"), version="2026-01")
    because = only(await world.start(Scene.of(pay()))).because
    expect("because", (because.rule, because.version), ("money", "2026-01"))
    expect("why", because.why, "money leaves the house")
    (opened,) = await world.trail("request.opened")
    body = json.loads(opened.body)
    expect("the trail", (body["rule"], body["version"]), ("money", "2026-01"))


@behaviour("P81", GATED)
async def a_looser_policy_changes_nothing_that_waits(world: World) -> None:
    """A request is not computed again: a policy that would not ask today does not answer it."""
    run = await world.start(Scene.of(pay()))
    world.rules(free(), version="2")
    expect("the run", (await world.wait(run)).state, RunState.PAUSED)
    expect("what was paid", world.paid(), [])


@behaviour("P81", GATED)
async def a_stricter_policy_asks_again(world: World) -> None:
    """An approval under yesterday's rule does not do where today's is stricter: the call is asked about again."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    world.rules(rule("together", level="collaborate"), version="2")
    run = await world.resume(run)
    expect("because", (only(run).because.rule, only(run).because.version), ("together", "2"))
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve")
    expect("what was paid after the second answer", world.paid(), [40.5])


@behaviour("P81", GATED)
async def a_policy_that_denies_meanwhile_wins(world: World) -> None:
    """What is denied by now does not run on an approval of before."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    world.rules(rule("never", effect="deny"), version="2")
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "never says so", world.heard())
