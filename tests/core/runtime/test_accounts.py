"""The account of a run tells all that people did to it: one run for each, and what its account says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.audit import account
from hitl_core.commands import StopScope
from hitl_core.errors import BatchRefused, GuidanceRefused, NotAuthorised, NotPermitted
from hitl_core.people import Act, Authority
from hitl_core.protocol import Allowance, Arguments
from hitl_core.runtime import Runtime, record_of
from tests.core.runtime.test_undo import EVERYTHING, desk
from tests.core.shop import App, Ledger, Shop, decide, one_refund, only, policy, refund_tool, rule

ASKS = policy(rule("asks", level="confirm", batch=True))
HOUR = timedelta(hours=1)

Told = list[tuple[str, dict[str, str]]]


async def told(hitl: Runtime, run_id: str, part: str) -> Told:
    """The chapters of one part of the account: title and facts."""
    made = await hitl.account(run_id)
    document: Any = made.document()
    assert [each["title"] for each in document[part]] == [each.title for each in made.parts[part]]
    return [(each["title"], {fact["name"]: fact["value"] for fact in each["facts"]}) for each in document[part]]


async def only_decision(hitl: Runtime, run_id: str) -> dict[str, str]:
    ((_, facts),) = await told(hitl, run_id, "decisions")
    return facts


async def test_an_account_is_whole_however_many_pages_it_takes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.open(persistent(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "ask", "Which invoice?")
        await decide(hitl, run, "reject", by="bob")
        await hitl.stop(StopScope.RUN, run.id, by="eve", reason="enough")
        await hitl.lift(StopScope.RUN, run.id, by="eve", reason="again")
        at_once = await record_of(hitl.store, run.id)
        monkeypatch.setattr("hitl_core.contracts.PAGE", 1)
        assert await record_of(hitl.store, run.id) == at_once
    assert (len(at_once.asked), len(at_once.elsewhere)) == (3, 2)


# ── what people did with a request ───────────────────────────────────────────────────────────────────────────


async def test_a_request_that_is_put_off_asked_again_asked_of_others_and_given_on(shop: Shop) -> None:
    others = [{"after": "1h", "users": ["bob"]}, {"after": "2h", "roles": ["lead"], "instead": True}]
    shop.policy = policy(
        rule("ann", level="confirm", approvers={"users": ["ann"]}, remind=["30m"], escalate=others, deadline="9h")
    )
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        request = only(run)
        await hitl.defer(request.id, until=shop.clock.now() + HOUR / 6, by="ann")
        for _ in range(5):
            shop.clock.advance(1800)
            await hitl.tick()
        with pytest.raises(NotAuthorised):
            await hitl.respond(request.approve(by="eve"))
        lead = request.delegate("dan", by="lea", roles=("lead",), reason="knows them")
        await hitl.respond(lead)
        await hitl.respond(request.approve(by="dan"))
        facts = await only_decision(hitl, run.id)
    assert facts["Put off"].startswith("by ann at ")
    assert facts["Put off"].endswith(f"until {(request.created_at + HOUR / 6).isoformat()}")
    assert facts["Shown again"].startswith("at ")
    assert facts["Asked again"].startswith("at ")
    first, second = facts["Asked others"].split("; ")
    assert (first.endswith("bob were asked"), second.endswith("anybody in the role lead were asked")) == (True, True)
    assert facts["Who was asked later"] == "after 3600 s bob too; after 7200 s anybody in the role lead instead"
    assert facts["Given on to somebody else"].startswith("lea, as lead, who merely stated this name, through library")
    assert "gave it on to dan at " in facts["Given on to somebody else"]
    assert facts["Given on to somebody else"].endswith(": knows them")
    assert facts["Answers that were refused"].startswith("of eve at ")
    assert "Votes before the decision" not in facts
    assert (facts["Decided"], facts["How much people were involved"]) == ("approve", "confirm")


async def test_a_deadline_that_passed_and_an_approval_that_was_taken_back(shop: Shop) -> None:
    shop.policy = policy(rule("soon", level="confirm", deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        late, revoked = await hitl.start(None), await hitl.start(None)
        await hitl.respond(only(revoked).approve(by="ann"))
        await hitl.revoke(only(revoked).id, by="bob", reason="wrong customer")
        shop.clock.advance(3601)
        await hitl.tick()
        expired, closed = await only_decision(hitl, late.id), await only_decision(hitl, revoked.id)
    assert expired["Decided"] == "by nobody; the request is expired"
    assert closed["Closed by hand"].startswith("revoked by bob at ")
    assert closed["Closed by hand"].endswith(": wrong customer")
    assert shop.ledger.count() == 0


async def test_votes_and_those_that_an_edit_has_dropped(shop: Shop) -> None:
    shop.policy = policy(rule("two", level="confirm", approvers={"users": ["ann", "bob", "eve"], "quorum": 2}))
    less: Arguments = {"order": "A-1042", "amount": 7.0}
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.respond(only(run).edit(less, by="bob", reason="half"))
        await decide(hitl, run, "edit", less, by="eve")
        facts = await only_decision(hitl, run.id)
    assert facts["Votes before the decision"].startswith("bob, who merely stated this name, through library said edit")
    assert facts["Votes before the decision"].endswith(": half")
    assert facts["Votes that no longer counted"].startswith("ann at ")
    assert (facts["Decided by"].split(",")[0], shop.ledger.lines()[0]["amount"]) == ("eve", 7.0)


async def test_a_question_that_was_asked_of_the_agent(shop: Shop) -> None:
    async with shop.open(persistent(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "ask", "Which invoice?")
        await decide(hitl, run, "approve", by="bob")
        (_, first), (_, second) = await told(hitl, run.id, "decisions")
    assert (first["Decided"], "Which invoice?" in first["In these words"]) == ("ask", True)
    assert second["Goes on from"] == f"request {first['Request']}"
    assert second["Asked of the agent before"].startswith("ann asked: Which invoice?; the agent said")


def persistent(ledger: Ledger) -> App:
    """An agent that calls again when it is asked."""
    refund = refund_tool(ledger)

    async def app(input: Any) -> Any:
        for _ in range(3):
            try:
                return await refund("A-1042", 1.0)
            except Refused:
                pass
        return "gave up"

    return app


async def test_the_versions_of_a_draft(shop: Shop) -> None:
    shop.policy = policy(rule("together", level="collaborate"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        less: Arguments = {"order": "A-1042", "amount": 40.0}
        newest = await hitl.change_draft(only(run).id, less, base=1, by="ann", note="less")
        await decide(hitl, run, "accept", newest, by="bob")
        facts = await only_decision(hitl, run.id)
    first, second = facts["Versions of the draft"].split("; ")
    assert (first.startswith("version 1 by the agent at "), '"amount": 120.5' in first) == (True, True)
    assert second.startswith("version 2 by ann, who merely stated this name, through library at ")
    assert ("(less)" in second, '"amount": 40.0' in second) == (True, True)
    assert (facts["How much people were involved"], shop.ledger.lines()[0]["amount"]) == ("collaborate", 40.0)


async def test_an_answer_to_many_and_one_that_was_refused(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger)) as alone:
        lone, other = await alone.start(None), await alone.start(None)
        with pytest.raises(BatchRefused):
            await alone.respond_many([only(lone).approve(by="ann")])
        ((title, facts),) = await told(alone, lone.id, "interventions")
        assert (title, facts["By"]) == ("Refused: an answer to many at once", "ann")
        assert "looked at alone" in facts["Because"]
        assert await told(alone, other.id, "interventions") == []
        batch = await alone.respond_many([only(each).reject("no", by="ann") for each in (lone, other)])
        assert (await only_decision(alone, other.id))["Together with others"] == f"yes, in one gesture named {batch.id}"


# ── what ran, and under what ─────────────────────────────────────────────────────────────────────────────────


async def test_the_grants_that_something_ran_under(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        given = await hitl.grant(Allowance(tool="refund", times=5), by="ann", lasts=HOUR, reason="a busy day")
        other = await hitl.grant(Allowance(tool="refund"), by="mia", lasts=HOUR)
        run, asked = await hitl.start(None), await hitl.start({"order": "B"})
        await hitl.revoke_grant(given.id, by="eve", reason="enough")
        ((_, done),) = await told(hitl, run.id, "actions")
        ((title, facts),) = await told(hitl, run.id, "grants")
        ((revoking, taken),) = await told(hitl, run.id, "interventions")
        await hitl.revoke_grant(other.id, by="eve")
        assert len(await told(hitl, asked.id, "interventions")) == 1
        unlimited = await hitl.grant(Allowance(tool="refund"), by="mia", lasts=HOUR)
        free = await hitl.start(None)
        ((_, open_facts),) = await told(hitl, free.id, "grants")
    assert done["Allowed by"] == f"standing grant {given.id}, without asking again"
    assert (title, facts["Grant"], facts["Within"]) == ("refund without asking each time", given.id, '{"times": 5}')
    assert (facts["Given by"].split(",")[0], facts["Reason given"]) == ("ann", "a busy day")
    assert (facts["Used in this run at"], facts["Used in all"]) == ("refund#1", "2 times so far")
    assert facts["Taken back"].startswith("by eve at ")
    assert (revoking, taken["By"].split(",")[0], taken["Reason given"]) == ("A grant was taken back", "eve", "enough")
    assert (open_facts["Grant"], open_facts["Within"]) == (unlimited.id, "no other limit than its time")
    assert "Taken back" not in open_facts


async def test_what_people_were_told_of(shop: Shop) -> None:
    shop.policy = policy(rule("noticed", level="notify", allow_irreversible="a test"))
    async with shop.open(one_refund(shop.ledger, undo=str, undo_window=HOUR)) as hitl:
        run = await hitl.start(None)
        ((_, facts),) = await told(hitl, run.id, "actions")
        assert await told(hitl, run.id, "decisions") == []
        (notice,) = (await hitl.inbox(notices=True)).items
    assert notice.request.undo_until is not None
    assert f"taken back until {notice.request.undo_until:%Y-%m-%d %H:%M:%S}" in facts["People were told"]
    async with shop.open(one_refund(shop.ledger)) as hitl:
        ((_, facts),) = await told(hitl, (await hitl.start(None)).id, "actions")
    assert facts["People were told"].endswith("(rule noticed)")


async def test_what_was_overridden(shop: Shop) -> None:
    shop.policy = policy(rule("pay", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"))
    async with shop.open(desk(shop.ledger, "pay", "ship")) as hitl:
        run = await hitl.start(None)
        await hitl.override(run.id, None, "pay#1", by="bob", reason="it bounced")
        run = await decide(hitl, run, "approve")
        await hitl.override(run.id, "red", by="mia")
        result, output = await told(hitl, run.id, "overrides")
    assert (result[0], result[1]["What it was"], result[1]["What it is"]) == (
        "The result of pay#1",
        '"pay of A-1"',
        "null",
    )
    assert (result[1]["By"], result[1]["Reason given"]) == ("bob", "it bounced")
    assert (output[0], output[1]["What it was"], output[1]["What it is"]) == (
        "The output of the run",
        '"done"',
        '"red"',
    )


async def test_what_was_taken_back_and_the_account_of_the_undo_itself(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "mail")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob", reason="wrong customer")
        await hitl.undo(run.id, "pay#1", by="mia")
        (title, first), (_, second) = await told(hitl, run.id, "undos")
        its_own = account(await record_of(hitl.store, undoing.run.id))
    assert (title, first["Wanted by"], first["Reason given"]) == (f"Undo {undoing.run.id}", "bob", "wrong customer")
    assert (first["All of it"], first["pay at pay#1"]) == ("NO, see each of them", "undone")
    assert first["mail at mail#1"] == "not undoable: mail declares no undo"
    assert (second["All of it"], second["Wanted by"]) == ("yes", "mia")
    what = {fact.name: fact.value for fact in its_own.summary.facts}["What ran"]
    assert what.startswith(f"an undo of what run {run.id} has done")
    assert [each.title for each in its_own.actions] == ["undo:pay"]


# ── what people did to it besides ────────────────────────────────────────────────────────────────────────────


async def test_the_stops_that_reached_it_and_no_others(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(StopScope.ALL, by="eve", reason="before it")
        await hitl.lift(StopScope.ALL, by="mia", reason="before it")
        run = await hitl.start(None)
        shop.clock.advance(1)
        for tool in ("refund", "mail"):
            await hitl.stop(StopScope.TOOL, tool, by="eve", reason=f"stop {tool}")
        await hitl.stop(StopScope.TENANT, "another", by="eve", reason="not ours")
        await hitl.stop(StopScope.RUN, run.id, by="eve", reason="this one")
        frozen = await told(hitl, run.id, "interventions")
        await hitl.lift(StopScope.TOOL, "refund", by="mia", reason="found it")
        await hitl.lift(StopScope.RUN, run.id, by="mia", reason="found it too")
        await decide(hitl, run, "reject", "no")
        shop.clock.advance(1)
        await hitl.stop(StopScope.ALL, by="eve", reason="after it")
        found = await told(hitl, run.id, "interventions")
    assert [(title, facts["About"]) for title, facts in frozen] == [
        ("A stop", "tool:refund"),
        ("A stop", f"run:{run.id}"),
    ]
    assert [(title, facts["Reason given"]) for title, facts in found] == [
        ("A stop", "stop refund"),
        ("A stop", "this one"),
        ("A stop was lifted", "found it"),
        ("A stop was lifted", "found it too"),
    ]
    assert (found[0][1]["Requests that it froze"], found[3][1]["Requests that are open again"]) == ("1", "1")
    assert found[0][1]["By"] == "eve, who merely stated this name"


async def test_a_stop_from_before_it_began_that_held_it_back(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="eve", reason="not today")
        run = await hitl.start(None)
        ((title, facts),) = await told(hitl, run.id, "interventions")
    assert (title, facts["Reason given"], run.state, shop.ledger.count()) == ("A stop", "not today", "stopped", 0)


async def test_what_was_refused_to_people_and_how_it_ended(shop: Shop) -> None:
    shop.people('[people.ann]\nroles = ["clerk"]\n[people.dora]\nroles = ["chief"]\n')
    shop.authority = Authority({Act.CANCEL: ("chief",), Act.STOP: ("chief",)})
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run, other = await hitl.start(None), await hitl.start(None)
        for refused in (
            hitl.cancel(run.id, by="ann"),
            hitl.stop(StopScope.RUN, run.id, by="ann", reason="no"),
            hitl.cancel(other.id, by="ann"),
        ):
            with pytest.raises(NotPermitted):
                await refused
        await hitl.cancel(run.id, by="dora", reason="enough")
        found = await told(hitl, run.id, "interventions")
    assert [(title, facts["What"] if "What" in facts else facts["Reason given"]) for title, facts in found] == [
        ("Refused: somebody may not do this", "cancel"),
        ("Refused: somebody may not do this", "stop"),
        ("The run was cancelled", "enough"),
    ]


async def test_guidance_that_was_refused_and_a_failure_that_was_tried_again(shop: Shop) -> None:
    failing = [True]

    async def app(input: Any) -> Any:
        await refund("A-1", 1.0)
        if failing:
            failing.clear()
            raise ConnectionError("the line is dead")
        return "done"

    refund = refund_tool(shop.ledger)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        await hitl.resume(run.id)
        assert [title for title, _ in await told(hitl, run.id, "interventions")] == [
            "It was tried again after a failure"
        ]
        with pytest.raises(GuidanceRefused):
            await hitl.steer((waits := await hitl.start(None)).id, "", by="ann")
        ((title, facts),) = await told(hitl, waits.id, "interventions")
        assert (title, facts["By"], "text" in facts["Because"]) == (
            "Refused: something to be said to the agent",
            "ann",
            True,
        )
    assert shop.ledger.count() == 1


async def test_a_stop_of_an_agent_that_held_back_a_call_nobody_was_asked_about(shop: Shop) -> None:
    shop.policy = EVERYTHING
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        with gate.acting_as("desk"):
            return await refund("A-1", 1.0)

    async with shop.open(app) as hitl:
        for agent in ("desk", "helper"):
            await hitl.stop(StopScope.AGENT, agent, by="eve", reason="it lies")
        run = await hitl.start(None)
        ((_, facts),) = await told(hitl, run.id, "interventions")
    assert (facts["About"], shop.ledger.count()) == ("agent:desk", 0)
