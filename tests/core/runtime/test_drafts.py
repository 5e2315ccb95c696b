"""A shared draft: agent and people change one call in turns, and what people accept is what runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import AddVersion
from hitl_core.errors import (
    DraftMoved,
    NotAuthorised,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
)
from hitl_core.protocol import Arguments, DraftVersion, PauseRequest, Responder, Run, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import App, Shop, one_refund, only, policy, refund_tool, rule, trail

TOGETHER = rule("together", level="collaborate")
LESS: Arguments = {"order": "A-1042", "amount": 90.0}


def two_tries(shop: Shop) -> App:
    """An agent that is told no and tries once more, with less."""
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        try:
            return await refund("A-1042", 120.5)
        except Refused as exc:
            return {"told": str(exc), "said": await refund("A-1042", 100.0)}

    return app


@pytest.fixture
async def hitl(shop: Shop) -> AsyncIterator[Runtime]:
    shop.policy = policy(TOGETHER)
    async with shop.open(one_refund(shop.ledger)) as runtime:
        yield runtime


async def made(hitl: Runtime, request: PauseRequest) -> list[tuple[int, str, Any]]:
    """Each version of a draft: its number, who made it, and its amount."""
    return [
        (each.number, each.by.id if each.by else "the agent", each.arguments["amount"])
        for each in await hitl.draft(request.id)
    ]


async def changed(hitl: Runtime, run: Run, amount: float, *, base: int = 1, by: str = "ann") -> DraftVersion:
    arguments: Arguments = {"order": "A-1042", "amount": amount}
    return await hitl.change_draft(only(run).id, arguments, base=base, by=by, note="too much")


async def test_a_change_is_a_version_and_decides_nothing(shop: Shop, hitl: Runtime) -> None:
    run = await hitl.start(None)
    version = await changed(hitl, run, 90.0)
    assert (version.number, version.note, version.by) == (2, "too much", Responder(id="ann"))
    assert await made(hitl, only(run)) == [(1, "the agent", 120.5), (2, "ann", 90.0)]
    run = await hitl.resume(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.PAUSED, 0)


async def test_exactly_the_accepted_version_runs(shop: Shop, hitl: Runtime) -> None:
    run = await hitl.start(None)
    await changed(hitl, run, 90.0)
    version = await changed(hitl, run, 95.0, base=2, by="bob")
    await hitl.respond(only(run).accept(version, by="cleo"))
    run = await hitl.resume(run.id)
    assert [line["amount"] for line in shop.ledger.lines()] == [95.0]
    output: Any = run.output
    assert output["said"] == "paid 95.0"
    assert '"amount": 95.0' in output["notes"][0]


async def test_the_agents_own_version_runs_as_proposed_and_nothing_is_said(shop: Shop, hitl: Runtime) -> None:
    run = await hitl.start(None)
    (version,) = await hitl.draft(only(run).id)
    await hitl.respond(only(run).accept(version, by="ann"))
    run = await hitl.resume(run.id)
    assert run.output == {"said": "paid 120.5", "notes": []}


@pytest.mark.parametrize("decision", ["approve", "accept", "edit", "older"])
async def test_only_the_newest_version_can_be_let_run(shop: Shop, hitl: Runtime, decision: str) -> None:
    run = await hitl.start(None)
    older = await changed(hitl, run, 90.0)
    await changed(hitl, run, 95.0, base=2, by="bob")
    request = only(run)
    given = {
        "approve": request.approve(by="cleo"),
        "accept": request.accept(by="cleo"),
        "edit": request.edit({"order": "A-1042", "amount": 90.0}, by="cleo"),
        "older": request.accept(older, by="cleo"),
    }
    with pytest.raises(DraftMoved, match="'bob' has made version 3 since"):
        await hitl.respond(given[decision])
    await hitl.resume(run.id)
    assert shop.ledger.count() == 0
    assert "request.refused" in [entry.event for entry in await trail(hitl)]


async def test_an_untouched_draft_is_approved_or_edited_as_ever(shop: Shop, hitl: Runtime) -> None:
    run = await hitl.start(None)
    await hitl.respond(only(run).edit({"order": "A-1042", "amount": 80.0}, by="ann"))
    await hitl.resume(run.id)
    assert [line["amount"] for line in shop.ledger.lines()] == [80.0]


async def test_other_arguments_under_the_number_of_a_version_do_not_run(shop: Shop, hitl: Runtime) -> None:
    run = await hitl.start(None)
    version = await changed(hitl, run, 90.0)
    forged = version.model_copy(update={"arguments": {"order": "A-1042", "amount": 900.0}})
    with pytest.raises(DraftMoved, match="not those of version 2"):
        await hitl.respond(only(run).accept(forged, by="ann"))
    assert shop.ledger.count() == 0


async def test_who_started_from_an_older_version_changes_nothing(hitl: Runtime) -> None:
    run = await hitl.start(None)
    await changed(hitl, run, 90.0)
    with pytest.raises(DraftMoved, match="this is about version 1"):
        await changed(hitl, run, 95.0, by="bob")
    assert await made(hitl, only(run)) == [(1, "the agent", 120.5), (2, "ann", 90.0)]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [({"order": "A-1042", "amount": "90"}, "amount"), ({"order": "A-1042"}, "amount")],
)
async def test_a_version_keeps_the_form_of_the_tool(hitl: Runtime, arguments: Any, fault: str) -> None:
    run = await hitl.start(None)
    with pytest.raises(ResponseRefused, match=fault):
        await hitl.change_draft(only(run).id, arguments, base=1, by="ann")
    assert "request.refused" in [entry.event for entry in await trail(hitl)]


async def test_strangers_do_not_change_a_draft_and_who_started_the_run_does_not_accept_it(shop: Shop) -> None:
    shop.policy = policy(rule("together", level="collaborate", approvers={"users": ["ann", "bob"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="bob")
        with pytest.raises(NotAuthorised):
            await changed(hitl, run, 90.0, by="mallory")
        version = await changed(hitl, run, 90.0, by="bob")
        with pytest.raises(NotAuthorised, match="started this run"):
            await hitl.respond(only(run).accept(version, by="bob"))
        await hitl.respond(only(run).accept(version, by="ann"))
        await hitl.resume(run.id)
    assert [line["amount"] for line in shop.ledger.lines()] == [90.0]


async def test_an_accepted_version_goes_through_the_policy_again(shop: Shop) -> None:
    large = rule("large", when={"argument": "amount", "above": 500}, effect="deny")
    shop.policy = policy(rule("small", when={"argument": "amount", "at_most": 500}, level="collaborate"), large)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        version = await changed(hitl, run, 900.0)
        with pytest.raises(ResponseRefused, match="forbids"):
            await hitl.respond(only(run).accept(version, by="ann"))
    assert shop.ledger.count() == 0


async def test_a_draft_that_is_sent_back_comes_back_as_its_next_version(shop: Shop) -> None:
    shop.policy = policy(TOGETHER)
    async with shop.open(two_tries(shop)) as hitl:
        run = await hitl.start(None)
        first = only(run)
        await changed(hitl, run, 90.0)
        await hitl.respond(first.revise("not more than 100", by="bob"))
        run = await hitl.resume(run.id)
        second = only(run)
        assert (second.draft, second.follows) == (first.draft, first.id)
        assert await made(hitl, second) == [(1, "the agent", 120.5), (2, "ann", 90.0), (3, "the agent", 100.0)]
    async with shop.open(two_tries(shop)) as hitl:  # another process: all versions are there
        assert len(await hitl.draft(second.id)) == 3
        await hitl.respond(second.approve(by="bob"))
        run = await hitl.resume(run.id)
    assert [line["amount"] for line in shop.ledger.lines()] == [100.0]
    output: Any = run.output
    assert "not more than 100" in output["told"]
    assert "ann has changed it meanwhile" in output["told"]
    assert (await shop.verified()).exit_code == 0


async def test_the_next_call_of_another_tool_or_after_an_approval_is_a_draft_of_its_own(shop: Shop) -> None:
    shop.policy = policy(TOGETHER, rule("others", match={"tool": "note"}, level="collaborate"))
    refund = refund_tool(shop.ledger)

    @gate.guard
    async def note(text: str) -> str:
        return text

    async def app(input: Any) -> Any:
        try:
            await refund("A-1", 1.0)
        except Refused:
            await note("later")
        await refund("A-1", 2.0)
        return await refund("A-1", 3.0)

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        first = only(run)
        await hitl.respond(first.revise("less", by="ann"))
        run = await hitl.resume(run.id)
        assert (only(run).action.tool, only(run).follows, only(run).draft) == ("note", None, only(run).id)
        await hitl.respond(only(run).approve(by="ann"))
        run = await hitl.resume(run.id)
        assert (only(run).follows, only(run).draft) == (first.id, first.id)
        await hitl.respond(only(run).approve(by="ann"))
        run = await hitl.resume(run.id)
        assert (only(run).follows, only(run).draft) == (None, only(run).id)


async def test_a_request_that_is_decided_late_or_without_a_draft_takes_no_version(shop: Shop) -> None:
    shop.policy = policy(rule("together", level="collaborate", deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        with pytest.raises(RequestExpired):
            await changed(hitl, run, 90.0)
        await hitl.tick()
        with pytest.raises(RequestClosed, match="expired"):
            await changed(hitl, run, 90.0)
        with pytest.raises(RequestNotFound):
            await hitl.change_draft("unknown", LESS, base=1, by="ann")
        with pytest.raises(RequestNotFound):
            await hitl.store.apply(AddVersion("unknown", 1, LESS, Responder(id="ann"), "", shop.clock.now()))
    shop.policy = policy(rule("alone", level="confirm"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert (only(run).draft, await hitl.draft(only(run).id)) == (None, ())
        with pytest.raises(ResponseRefused, match="has no draft"):
            await changed(hitl, run, 90.0)
