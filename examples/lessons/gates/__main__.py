"""Gates: who must decide what, how many of them, until when, and what runs without anybody.

python -m examples.lessons.gates [--backend NAME] [--ask] [--dir DIR]
"""

from __future__ import annotations

from datetime import timedelta

from hitl_core import Run
from hitl_core.protocol import Allowance, GrantState
from hitl_core.testing.clock import ManualClock

from ..stage import Stage, tell


async def two_of_three(stage: Stage) -> None:
    """Two of three have to agree, and whoever started it is none of them"""
    run = await stage.start("Pay the new floor", by="ann")
    request = await stage.asked(run)
    why = await stage.refused(stage.hitl.respond(request.approve(by="ann")))
    stage.check("ann started it, so she does not approve it", "ann" in why)
    why = await stage.refused(stage.hitl.respond(request.approve(by="eli")))
    stage.check("eli is not on the board", "eli" in why)
    await stage.decide(request.approve(by="bob", reason="the floor is down"), main=True)
    run = await stage.hitl.wait(run.id)
    stage.check("one of two is not enough", run.state == "paused")
    await stage.hitl.respond(request.approve(by="bob", reason="as I said"))
    run = await stage.hitl.wait(run.id)
    stage.check("bob says it again, and still is one", run.state == "paused")
    stage.ran()
    await stage.decide(request.approve(by="cyn", reason="I have seen it"))
    await stage.hitl.wait(run.id)
    stage.ran(("pay_invoice", {"number": "F-1", "amount": 4200}))


async def away_and_escalated(stage: Stage) -> None:
    """Who is asked is away: her delegate decides, others are asked after a while, and silence is a no"""
    run = await stage.start("Pay the electricity")
    request = await stage.asked(run)
    stage.check("dora is away, so eli finds it in his inbox", await _finds(stage, "eli", run))
    stage.check("cyn does not yet", not await _finds(stage, "cyn", run))
    stage.later(hours=2)
    await stage.hitl.tick()
    stage.check("after two hours there is a reminder", len(await stage.trail("request.reminded")) == 1)
    stage.later(hours=2)
    stage.check("after four, cyn finds it too", await _finds(stage, "cyn", run))
    await stage.decide(request.approve(by="cyn", reason="I have the meter's reading"), main=True)
    await stage.hitl.wait(run.id)
    stage.ran(("pay_invoice", {"number": "E-7", "amount": 310}))
    run = await stage.start("Pay the water")
    request = await stage.asked(run)
    stage.later(hours=8)
    run = await stage.hitl.wait(run.id)
    stage.check("nobody said anything, and the agent was told so", "Nobody decided" in str(run.output))
    why = await stage.refused(stage.hitl.respond(request.approve(by="eli")))
    stage.check("eli is too late", "deadline" in why)
    stage.ran()


async def on_a_holiday(stage: Stage) -> None:
    """On a day off other people are asked, by the club's own calendar"""
    stage.later(hours=15)
    run = await stage.start("Pay the printer")
    request = await stage.asked(run)
    stage.check("today the chair is asked", request.because.rule == "invoices-on-holidays")
    why = await stage.refused(stage.hitl.respond(request.approve(by="eli")))
    stage.check("who stands in for the bookkeeper is not", "eli" in why)
    stage.later(hours=24)
    stage.check("the question stays as it was asked, also on a working day", await _finds(stage, "cyn", run))
    await stage.decide(request.approve(by="cyn"), main=True)
    await stage.hitl.wait(run.id)
    stage.ran(("pay_invoice", {"number": "P-2", "amount": 60}))


async def a_veto(stage: Stage) -> None:
    """What can be taken back is announced and runs by itself, unless somebody objects in time"""
    run = await stage.start("Post that the hall is closed")
    request = await stage.asked(run)
    stage.later(minutes=20)
    await stage.decide(request.reject("For a day, not for a year.", by="bob"), main=True)
    stage.later(minutes=20)
    run = await stage.hitl.wait(run.id)
    stage.check("the agent was told of the objection", "not for a year" in str(run.output))
    stage.ran()
    run = await stage.start("Post that training begins")
    stage.later(minutes=29)
    await stage.hitl.wait(run.id)
    stage.ran()
    stage.later(minutes=1)
    await stage.hitl.wait(run.id)
    stage.ran(("post_news", {"text": "Training begins on Monday."}))


async def budget_and_grant(stage: Stage) -> None:
    """A budget lets small things run; over it the chair is asked, who can say yes for a while"""
    run = await stage.start("Order balls")
    stage.check("70 of 100 EUR: nobody was asked", run.state == "completed")
    stage.ran(("order_supplies", {"item": "balls", "cost": 70}))
    nets = await stage.start("Order nets")
    request = await stage.asked(nets)
    stage.ran()
    await stage.decide(request.approve(by="cyn", reason="the old ones are torn"), main=True)
    await stage.hitl.wait(nets.id)
    stage.ran(("order_supplies", {"item": "nets", "cost": 40}))
    small = Allowance(tool="order_supplies", when={"argument": "cost", "at_most": 20}, times=2)
    why = await stage.refused(stage.hitl.grant(small, by="bob", lasts=timedelta(hours=1)))
    stage.check("bob may not let things run unasked", "bob" in why)
    grant = await stage.hitl.grant(small, by="cyn", lasts=timedelta(hours=1), reason="the tournament is tomorrow")
    stage.tell("cyn grants two more orders of up to 20 EUR, for an hour: the tournament is tomorrow.")
    for item, cost in (("cones", 15), ("chalk", 5)):
        run = await stage.start(f"Order {item}")
        stage.check("nobody was asked", run.state == "completed")
        stage.ran(("order_supplies", {"item": item, "cost": cost}))
    (grant,) = await stage.hitl.grants()
    stage.check("both uses are recorded, and the grant is used up", grant.state(stage.now()) is GrantState.USED_UP)
    run = await stage.start("Order cones")
    request = await stage.asked(run)
    await stage.decide(request.reject("That is enough for today.", by="cyn"))
    await stage.hitl.wait(run.id)
    stage.ran()


async def _finds(stage: Stage, person: str, run: Run) -> bool:
    """Whether a person's inbox has what a run asks."""
    return run.id in [each.request.run_id for each in (await stage.hitl.inbox(by=person)).items]


if __name__ == "__main__":
    scenes = (two_of_three, away_and_escalated, on_a_holiday, a_veto, budget_and_grant)
    raise SystemExit(tell(__file__, scenes, clock=ManualClock()))
