"""Confirm: a person is shown what will really happen, and can do more than say yes or no.

python -m examples.lessons.confirm [--backend NAME] [--ask] [--dir DIR]
"""

from __future__ import annotations

from datetime import timedelta

from hitl_core.testing.clock import ManualClock

from ..stage import Stage, tell


async def shown(stage: Stage) -> None:
    """What is shown is made by code from the arguments; what the agent says stands apart, and nothing is invisible"""
    run = await stage.start("Offer the beans to the club")
    request = await stage.asked(run)
    screen = await stage.panel(request)
    if request.context.message:  # what it says beside a call, where its framework hands that on
        stage.check("the agent's own words are marked as unverified", "the agent says (unverified)" in screen)
    stage.check("right-to-left and invisible characters are written out", r"\u202e" in screen and r"\u200b" in screen)
    stage.check("the preview knows better than the agent", "no customer has this address" in screen)
    await stage.decide(request.reject("This is not the club's address.", by="mira"), main=True)
    run = await stage.hitl.wait(run.id)
    stage.check("the agent was told why", "not the club's address" in str(run.output))
    stage.ran()


async def edited(stage: Stage) -> None:
    """A person changes the arguments, by the types of the tool, and sees what the change does before it runs"""
    run = await stage.start("Offer the beans to Ines")
    request = await stage.asked(run)
    stage.tell(f"The preview: {request.preview.effect}; {request.preview.cost}.")
    wrong = {**request.action.arguments, "price": "a lot"}
    why = await stage.refused(stage.hitl.respond(request.edit(wrong, by="mira")))
    stage.check(
        "a price that is no number is refused with its place, and the request stays open", "arguments.price" in why
    )
    right = {**request.action.arguments, "price": 14.9}
    preview = await stage.hitl.preview(request, right)
    stage.tell(f"The preview of the change: {preview.effect if preview else 'none'}.")
    stage.check("the preview was made anew", preview is not None and "14.90 EUR" in preview.effect)
    await stage.decide(request.edit(right, by="mira", reason="a slip of the decimal point"), main=True)
    run = await stage.hitl.wait(run.id)
    stage.check("the agent was told that its call was changed", "A person changed" in str(run.output))
    stage.ran(("send_offer", {"address": "ines@example.com", "article": "beans", "price": 14.9}))


async def asked_back(stage: Stage) -> None:
    """A person asks the agent before deciding; the call does not run, and the next request shows both"""
    run = await stage.start("Offer the peas to the club")
    request = await stage.asked(run)
    await stage.decide(request.ask("Why below the list price?", by="jonas"), main=True)
    run = await stage.hitl.wait(run.id)
    again = await stage.asked(run)
    ((question, answer),) = [(each.question, each.answer) for each in again.asked]
    stage.tell(f"jonas asked: {question!r}. The agent says (unverified): {answer!r}")
    stage.check("the next request goes on from the first", again.follows == request.id)
    stage.ran()
    await stage.decide(again.approve(by="jonas", reason="I remember that order."))
    await stage.hitl.wait(run.id)
    stage.ran(("send_offer", {"address": "allotments@example.com", "article": "peas", "price": 3.9}))


async def given_on_and_put_off(stage: Stage) -> None:
    """Who cannot decide it gives it on; who cannot decide it now puts it off"""
    run = await stage.start("Offer the leeks to Ines")
    request = await stage.asked(run)
    await stage.decide(request.delegate("jonas", by="mira", reason="you know her"))
    why = await stage.refused(stage.hitl.respond(request.approve(by="mira")))
    stage.check("whoever has given it on does not decide it any more", "mira" in why)
    at = stage.now() + timedelta(hours=3)
    await stage.hitl.defer(request.id, until=at, by="jonas")
    stage.tell(f"jonas puts it off until {at:%H:%M}: he wants to call her first.")
    inbox = (await stage.hitl.inbox(by="jonas")).items
    stage.check("it is not in his inbox meanwhile", request.id not in [each.request.id for each in inbox])
    stage.later(hours=3)
    inbox = (await stage.hitl.inbox(by="jonas")).items
    stage.check("then it is there again", request.id in [each.request.id for each in inbox])
    await stage.decide(request.approve(by="jonas", reason="she wants them"), main=True)
    await stage.hitl.wait(run.id)
    stage.ran(("send_offer", {"address": "ines@example.com", "article": "leeks", "price": 3.0}))


async def many_at_once(stage: Stage) -> None:
    """Many alike are decided in one gesture, with an exception; what is not alike is refused whole"""
    runs = [await stage.start(f"New price: {article}") for article in ("leeks", "peas", "chard")]
    leeks, peas, chard = [await stage.asked(run) for run in runs]
    offer_run = await stage.start("Offer the leeks to Ines again")
    offer = await stage.asked(offer_run)
    answers = [each.approve(by="mira") for each in (leeks, peas, offer)]
    why = await stage.refused(stage.hitl.respond_many(answers))
    stage.check("an offer is not decided among prices: the batch is refused whole", "alone" in why)
    stage.ran()
    exception = chard.reject("2.80, not 28.", by="mira")
    batch = await stage.hitl.respond_many([leeks.approve(by="mira"), peas.approve(by="mira"), exception])
    stage.tell("mira decides three prices in one gesture: leeks and peas yes, chard no.")
    stage.check("each has a decision of its own", all(each.recorded for each in batch.answers))
    for run in runs:
        await stage.hitl.wait(run.id)
    await stage.hitl.cancel(offer_run.id, by="mira", reason="she has that offer already")
    stage.ran(("set_price", {"article": "leeks", "price": 3.4}), ("set_price", {"article": "peas", "price": 4.7}))


if __name__ == "__main__":
    raise SystemExit(
        tell(__file__, (shown, edited, asked_back, given_on_and_put_off, many_at_once), clock=ManualClock())
    )
