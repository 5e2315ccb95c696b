"""P64: what the tools of a run have done is taken back once, newest first, and nothing is left out in silence."""

from __future__ import annotations

from ....capabilities import Capability
from ....lifecycle import ActionState
from ....protocol import NOT_HAPPENED, Run, RunState, UndoState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import UNDO_WINDOW, Scene, book, note, pay, reserve, ship
from ..world import World, free, only, rule

GATED = Capability.GATE_TOOLS
PAYS_TWICE = Scene.of(pay("A", 1.5), pay("B", 2.5))
UNDO = ("undo",)


def _free_undo(tool: str = "pay") -> str:
    """Rules that let a tool and its undo run unasked."""
    undone = rule(
        f"undo-{tool}-is-free", f"undo:{tool}", level="autonomous", allow_irreversible="so that the suite can see it"
    )
    return free(tool) + undone


def _repaid(world: World) -> list[object]:
    return [line["order"] for line in world.stage.happened("repay")]


async def _done(world: World, scene: Scene, *rules: str) -> Run:
    """A run that is over, whose tools have done what the scene says; another process goes on."""
    world.rules(*rules)
    run = await world.start(scene)
    expect("the run", run.state, RunState.COMPLETED)
    await world.leave()
    return run


@behaviour("P64", GATED)
async def undo_takes_back_the_newest_first(world: World) -> None:
    """Another process takes back what a run has done: the newest first, with the arguments, in a run of its own."""
    run = await _done(world, PAYS_TWICE, _free_undo())
    hitl = await world.hitl()
    undoing = await hitl.undo(run.id, by="bob", reason="wrong customer")
    expect("what was taken back", _repaid(world), ["B", "A"])
    expect("what is said of it", [each.state for each in undoing.calls], [UndoState.COMPENSATED] * 2)
    expect_in("what stays", "the fee stays", undoing.calls[0].why)
    expect("the run that it undoes", (undoing.run.undoes, (await hitl.run(run.id)).state), (run.id, run.state))
    expect("the run of the undo", undoing.run.state, RunState.COMPLETED)
    expect_in("who wanted it", "bob", str([entry.body for entry in await world.trail("run.started")]))


@behaviour("P64", GATED, Capability.EDIT_ARGUMENTS)
async def an_undo_is_given_what_the_tool_returned(world: World) -> None:
    """The receipt is the tool's own result, with its types and without what the model was told beside it."""
    run = await world.start(Scene.of(reserve()))
    run = await world.decide(run, "edit", {"order": "B"}, reason="A is full")
    await world.leave()
    world.rules(_free_undo("reserve"))
    undoing = await (await world.hitl()).undo(run.id, by="bob")
    expect("the undo", undoing.whole, True)
    released = [{name: line[name] for name in ("order", "room")} for line in world.stage.happened("release")]
    expect("what it was given", released, [{"order": "B", "room": 7}])


@behaviour("P64", GATED)
async def an_undo_asks_as_the_policy_says(world: World) -> None:
    """A rule about the undo of a tool asks; nothing is taken back before the answer, and what is refused never."""
    run = await _done(world, PAYS_TWICE, free())
    undoing = await (await world.hitl()).undo(run.id, by="bob")
    newest, oldest = undoing.run.pending
    expect("what is asked", (newest.action.tool, newest.kind.value), ("undo:pay", "approval"))
    await world.say(newest, "reject", "keep it")
    await world.resume(undoing.run)
    expect("what was taken back while the other waits", _repaid(world), [])
    await world.leave()
    await world.say(oldest, "approve")
    await world.resume(undoing.run)
    undoing = await (await world.hitl()).undone(undoing.run.id)
    expect("what was taken back", _repaid(world), ["A"])
    expect("what is said", [each.state for each in undoing.calls], [UndoState.REFUSED, UndoState.COMPENSATED])
    expect_in("why not", "keep it", undoing.calls[0].why)


@behaviour("P64", GATED)
async def a_part_that_stays_is_never_passed_over(world: World) -> None:
    """What has no undo, what came too late and what failed is said of each; what is older than a failure is left."""
    rules = (*map(_free_undo, ("pay", "note")), free("ship"))
    run = await _done(world, Scene.of(pay(), note("kept"), ship()), *rules)
    undoing = await (await world.hitl()).undo(run.id, by="bob")
    states = [each.state for each in undoing.calls]
    expect("what is said", states, [UndoState.NOT_UNDOABLE, UndoState.FAILED, UndoState.NOT_REACHED])
    expect("what was taken back", (_repaid(world), undoing.whole), ([], False))
    world.clock.advance(UNDO_WINDOW.total_seconds() + 1)
    late = await (await world.hitl()).undo(run.id, undoing.calls[2].call, by="bob")
    expect("what is said of it a day later", [each.state for each in late.calls], [UndoState.TOO_LATE])
    expect("how often it was tried", (world.happened("erase"), _repaid(world)), (1, []))


@behaviour("P64", GATED)
async def an_undo_whose_process_died_is_in_doubt(world: World) -> None:
    """Killed inside an undo: a person is asked, and it runs again on their word that it did not happen."""
    run = await _done(world, Scene.of(pay()), _free_undo())
    world.stage.kills("repay", "before")
    await world.dies(UNDO)
    hitl = await world.hitl()
    (found,) = [each for each in (await hitl.runs()).items if each.undoes == run.id]
    found = await world.wait(found)
    expect_that("somebody is asked whether it happened", only(found).in_doubt)
    expect("what is said", [each.state for each in (await hitl.undone(found.id)).calls], [UndoState.WAITING])
    expect("what was taken back", _repaid(world), [])
    await world.decide(found, "choose", NOT_HAPPENED.id)
    expect("what was taken back on their word", _repaid(world), [pay().arguments["order"]])


@behaviour("P64", GATED)
async def two_people_undo_once(world: World) -> None:
    """Two processes undo the same run at the same time: each action is taken back once."""
    run = await _done(world, PAYS_TWICE, _free_undo())
    ended = await world.elsewhere((UNDO,), (UNDO,), survive=True)
    expect("their errors", [each.error for each in ended], ["", ""])
    expect("what was taken back", sorted(map(str, _repaid(world))), ["A", "B"])
    undoing = await (await world.hitl()).undo(run.id, by="ann")
    expect("what a third one is told", [each.state for each in undoing.calls], [UndoState.COMPENSATED] * 2)
    expect("what was taken back after that", world.happened("repay"), 2)


@behaviour("P64", GATED)
async def an_undo_in_the_store_commits_with_its_record(world: World) -> None:
    """The undo of a transactional tool takes back what the tool has written there."""
    run = await _done(world, Scene.of(book()), _free_undo("book"))
    expect("what is booked", world.stage.booked(), 1)
    hitl = await world.hitl()
    undoing = await hitl.undo(run.id, by="bob")
    (effect,) = await hitl.effects(undoing.run.id)
    expect("the undo", (undoing.whole, effect.state), (True, ActionState.EXECUTED))
    expect("what is booked after it", world.stage.booked(), 0)
