"""Override: people step in. Stop and lift, steer, revoke, undo after a crash, replace an output, go back.

python -m examples.lessons.override [--backend NAME] [--ask] [--dir DIR]

What is typed stands behind a `$`, and runs in a process of its own. One of these processes is killed.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from hitl_core import Run
from hitl_core.capabilities import Capability

from ..stage import INDENT, Stage, hitl_process, tell


async def stop_and_lift(stage: Stage) -> None:
    """A stop comes before what it stops, or after it, and never in the middle; somebody else lifts it"""
    run = await stage.start("Warm the ferns")
    request = await stage.asked(run)
    await stage.decide(request.approve(by="tom"), main=True)
    stage.tell("Two processes at the same time: one goes on with the run, the other stops the tool.")
    stop = ("stop", "tool", "set_heating", "--as", "tom", "--reason", "the sensor is wrong")
    with ThreadPoolExecutor(2) as both:
        *_, stopped = both.map(lambda words: typed(stage, *words), (("resume", run.id), stop))
    stage.check("the stop is in force", stopped.returncode == 0)
    events = [line.event for line in await stage.trail()]
    stage.check("nothing has begun after it", "effect.started" not in events[events.index("stop.set") :])
    lift = ("lift", "tool", "set_heating", "--reason", "I have changed the sensor")
    stage.check("tom's role does not lift stops", typed(stage, *lift, "--as", "tom").returncode == 1)
    stage.check("lea's does", typed(stage, *lift, "--as", "lea").returncode == 0)
    await stage.hitl.wait(run.id)
    stage.ran(("set_heating", {"house": "ferns", "degrees": 18}))


async def steer(stage: Stage) -> None:
    """A person says something to an agent at work: its model reads it at its next call, and it permits nothing"""
    run = await stage.start("Warm the palms, then water them")
    await stage.decide((await stage.asked(run)).approve(by="tom"))
    typed(stage, "steer", run.id, "Only 20 litres, they were watered yesterday.", "--as", "tom")
    await stage.hitl.wait(run.id)
    (guidance,) = await stage.hitl.guidance(run.id)
    stage.check("its model has read it", guidance.state == "consumed")
    request = await stage.asked(run)
    stage.check("it wants 20 litres now, and it still has to ask", request.action.arguments["litres"] == 20)
    await stage.decide(request.approve(by="tom"), main=True)
    await stage.hitl.wait(run.id)
    stage.ran(("set_heating", {"house": "palms", "degrees": 21}), ("water", {"house": "palms", "litres": 20}))


async def revoke(stage: Stage) -> None:
    """A yes that has not been used yet is taken back"""
    run = await stage.start("Warm the cacti")
    request = await stage.asked(run)
    await stage.decide(request.approve(by="tom"), main=True)
    typed(stage, "revoke", request.id, "--as", "lea", "--reason", "24 is for the palms")
    run = await stage.hitl.wait(run.id)
    stage.tell(f"The agent says: {run.output}")
    stage.check("the agent knows that it may not", "revoked" in str(run.output))
    stage.ran()


async def undo_after_a_crash(stage: Stage) -> None:
    """A process is killed inside a tool; a person finds out what happened, and another takes all of it back"""
    run = await stage.start("Get the orchids through the night")
    for _ in range(2):
        await stage.decide((await stage.asked(run)).approve(by="tom"))
        await stage.hitl.wait(run.id)
    await stage.decide((await stage.asked(run)).approve(by="tom"))
    stage.tell("While it waters the power fails: SIGKILL.")
    died = typed(stage, "resume", run.id, LESSON_POWER_FAILS="water")
    stage.check("that process is dead", died.returncode == -signal.SIGKILL)
    await found_out(stage, await stage.hitl.wait(run.id))
    stage.ran(
        ("set_heating", {"house": "orchids", "degrees": 22}),
        ("order_plants", {"kind": "orchids", "count": 40}),
        ("water", {"house": "orchids", "litres": 30}),
    )
    undo = await stage.hitl.undo(run.id, by="lea", reason="wrong house")
    (request,) = undo.run.pending
    stage.tell(f"lea takes the run back. {request.title} has to ask: {request.because.why}")
    await stage.decide(request.approve(by="kim", reason="that is less than forty orchids"), main=True)
    await stage.hitl.wait(undo.run.id)
    calls = (await stage.hitl.undone(undo.run.id)).calls
    for each in calls:
        stage.tell(f"{each.tool}: {each.state.value}{each.why and f', {each.why}'}")
    stage.check("the newest first, and what stays is said", [each.state.value for each in calls] == TAKEN_BACK)
    stage.check("a part is no success", typed(stage, "undo", undo.run.id, "--as", "lea").returncode == 1)
    stage.ran(
        ("undo:order_plants", {"kind": "orchids", "count": 40}),
        ("undo:set_heating", {"house": "orchids", "degrees": 22}),
    )


TAKEN_BACK = ["not_undoable", "compensated", "undone"]
"""What becomes of the water, the order and the heating."""


async def found_out(stage: Stage, run: Run) -> None:
    """Nobody knows whether the call came through, so nobody but a person says so."""
    (doubt,) = run.pending
    stage.check("whether it watered is in doubt: it is neither done again nor passed over", doubt.in_doubt)
    stage.tell(f"tom looks at the ledger. Its last line: {json.dumps(stage.ledger()[-1]['arguments'])}")
    await stage.decide(doubt.choose("happened", by="tom", reason="the floor is wet"), main=True)
    await stage.hitl.wait(run.id)


async def override_and_rewind(stage: Stage) -> None:
    """What came out is replaced, and what it was is kept; a run goes back to its last pause, where that can be"""
    run = (await stage.hitl.runs(limit=1000)).items[-1]
    output = json.dumps("The ferns are at 18 degrees. The sensor is a new one.")
    typed(stage, "override", run.id, "--output", output, "--as", "lea", "--reason", "for the day shift")
    (override,) = await stage.hitl.overrides(run.id)
    run = await stage.hitl.run(run.id)
    stage.check("what it was is kept", "16" in str(override.original) and "new one" in str(run.output))
    support = stage.hitl.adapter.capabilities[Capability.UNDO_BY_FORK]
    if support.level == "absent":
        why = await stage.refused(stage.hitl.rewind(run.id, by="lea"))
        stage.check("this framework cannot go back, and says so", support.because in why)
    else:
        run = await stage.hitl.rewind(run.id, by="lea", reason="18 was too much")
        stage.tell("lea takes the run back to its last pause: 18 was too much.")
        await stage.decide((await stage.asked(run)).reject("They are warm enough.", by="lea"), main=True)
        await stage.hitl.wait(run.id)
    stage.ran()


def typed(stage: Stage, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One `hitl` command, as somebody would type it, and how it ended."""
    ended = hitl_process(stage.folder, *words, **environment)
    print(f"{INDENT}$ hitl {shlex.join(words)}", flush=True)
    return ended


if __name__ == "__main__":
    raise SystemExit(tell(__file__, (stop_and_lift, steer, revoke, undo_after_a_crash, override_and_rewind)))
