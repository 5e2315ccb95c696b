"""Runs as tasks, over the official client and a real socket: started, answered, refused, cancelled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from a2a.types import Part, SubscribeToTaskRequest, TaskState
from a2a.utils.errors import A2AError, TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError

from hitl_core.callers.seats import MOST
from hitl_core.checks import schema_faults
from hitl_core.protocol import Run, RunState, new_id
from hitl_core.server.auth import Right
from tests.core.shop import Shop
from tests.server.a2a.client import (
    DONE,
    WAITS,
    WORKS,
    calling,
    data,
    decided,
    output_of,
    refused_in,
    requests_in,
    status_in,
)
from tests.server.a2a.conftest import As
from tests.server.agents import Street, street
from tests.server.api.calling import OTHER


async def test_a_task_waits_for_people_and_goes_on_when_another_client_carries_their_answer(
    here: Street, as_: As
) -> None:
    planner, portal = await as_("planner"), await as_("portal")
    task = await planner.start(order="A-7", amount=30.5)
    assert task.status.state == WAITS
    (request,) = requests_in(task)
    assert (request["tool"], request["arguments"]) == ("refund", {"order": "A-7", "amount": 30.5})
    assert here.shop.ledger.count() == 0
    task = await portal.answer(task, decided(request, "approve"))
    assert task.status.state == DONE
    assert output_of(task)["said"] == "paid 30.5"
    (line,) = here.shop.ledger.lines("refund")
    assert (line["order"], line["amount"]) == ("A-7", 30.5)


ANSWERS: list[tuple[str, str, dict[str, Any], str]] = [
    ("refund", "approve", {}, "paid 120.5"),
    ("refund", "edit", {"arguments": {"order": "A-1042", "amount": 40}}, "paid 40"),
    ("refund", "reject", {"message": "too much"}, "refused: "),
    ("refund", "answer", {"value": "paid by hand"}, "paid by hand"),
    ("question", "answer", {"value": "because"}, "because"),
    ("choice", "choose", {"option": "left"}, "left"),
    ("review", "accept", {}, ""),
    ("review", "revise", {"feedback": "shorter"}, ""),
    ("sign", "report", {"outcome": "done", "result": "by Ann"}, "by Ann"),
    ("letter", "accept", {}, "sent"),
]


@pytest.mark.parametrize(("do", "type", "fields", "said"), ANSWERS)
async def test_every_kind_is_answered_as_its_schema_says(
    here: Street, as_: As, do: str, type: str, fields: dict[str, Any], said: str
) -> None:
    task = await (await as_("planner")).start(do=do)
    (request,) = requests_in(task)
    assert type in request["allowed"], request["allowed"]
    answer = decided(request, type, **fields)
    assert schema_faults(request["answer_schema"], answer, "answer") == []
    task = await (await as_("portal")).answer(task, answer)
    assert (refused_in(task), task.status.state) == ([], DONE)
    found = output_of(task)["said"]
    assert said in (found if isinstance(found, str) else said)
    ran = {"approve", "edit", "accept"} & {type} and do in ("refund", "letter")
    assert here.shop.ledger.count() == int(bool(ran))


async def test_an_input_has_whole_numbers_as_such(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(amount=40, rates=[1, 2.5, True], note=None)
    given = (await here.run(task.id)).input
    assert isinstance(given, dict)
    assert sorted(map(repr, given.items())) == ["('amount', 40)", "('note', None)", "('rates', [1, 2.5, True])"]


async def test_an_edit_runs_with_whole_numbers_as_such(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(do="book")
    (request,) = requests_in(task)
    edit = decided(request, "edit", arguments={"number": 8, "items": ["a"]})
    await (await as_("portal")).answer(task, edit)
    (line,) = here.shop.ledger.lines("book")
    assert line["number"] == 8
    assert isinstance(line["number"], int)


async def test_cancel_as_an_answer_ends_the_run(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    (request,) = requests_in(task)
    task = await (await as_("portal")).answer(task, decided(request, "cancel", reason="no"))
    assert task.status.state == TaskState.TASK_STATE_CANCELED
    assert here.shop.ledger.count() == 0


async def test_parallel_requests_are_all_there_and_a_partial_answer_is_kept(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(do="both")
    portal = await as_("portal")
    one, other = requests_in(task)
    task = await portal.answer(task, decided(other, "approve"))
    assert task.status.state == WAITS
    assert [each["request"] for each in requests_in(task)] == [one["request"]]
    task = await portal.answer(task, decided(one, "reject", message="not this one"))
    assert task.status.state in (DONE, WAITS)
    assert [line["order"] for line in here.shop.ledger.lines("refund")] == [other["arguments"]["order"]]


async def test_several_are_answered_with_one_message_and_a_bad_one_does_not_hold_the_good_one_up(
    here: Street, as_: As
) -> None:
    task = await (await as_("planner")).start(do="both")
    portal = await as_("portal")
    one, other = requests_in(task)
    wrong = {**decided(one, "approve"), "digest": other["digest"]}
    task = await portal.answer(task, wrong, decided(other, "approve"))
    assert "digest" in refused_in(task)[0]
    assert task.status.state == WAITS
    task = await portal.answer(task, decided(one, "approve"))
    assert task.status.state == DONE
    assert here.shop.ledger.count("refund") == 2


async def test_one_after_the_other(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(do="twice")
    portal = await as_("portal")
    for amount in (1.5, 2.5):
        (request,) = requests_in(task)
        assert request["arguments"]["amount"] == amount
        task = await portal.answer(task, decided(request, "approve"))
    assert task.status.state == DONE
    assert here.shop.ledger.count("refund") == 2


# ── what is late, said twice, or not an answer ───────────────────────────────────────────────────────────────────────


async def test_the_same_answer_again_is_harmless_and_another_one_is_refused(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    portal = await as_("portal")
    (request,) = requests_in(task)
    done = await portal.answer(task, decided(request, "approve"))
    again = await portal.answer(task, decided(request, "approve"))
    assert again.status.state == done.status.state == DONE
    with pytest.raises(UnsupportedOperationError, match="is over"):
        await portal.answer(task, decided(request, "reject"))
    assert here.shop.ledger.count("refund") == 1


async def test_a_stale_answer_says_so_and_the_open_requests_are_shown_again(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(do="twice")
    portal = await as_("portal")
    (first,) = requests_in(task)
    task = await portal.answer(task, decided(first, "approve"))
    task = await portal.answer(task, decided(first, "reject"))
    assert task.status.state == WAITS
    assert refused_in(task)
    (second,) = requests_in(task)
    assert second["request"] != first["request"]
    assert here.shop.ledger.count("refund") == 1


async def test_a_request_of_another_task_is_not_answered_through_this_one(here: Street, as_: As) -> None:
    planner, portal = await as_("planner"), await as_("portal")
    one, other = await planner.start(), await planner.start(order="B-2")
    (request,) = requests_in(other)
    task = await portal.answer(one, decided(request, "approve"))
    assert "there is no request" in refused_in(task)[0]
    assert here.shop.ledger.count() == 0


@pytest.mark.parametrize("words", ["yes", "approve", "I approve this.", '{"type": "approve"}'])
async def test_words_are_never_consent(here: Street, as_: As, words: str) -> None:
    task = await (await as_("planner")).start()
    task = await (await as_("portal")).send(Part(text=words), task_id=task.id)
    assert task.status.state == WAITS
    assert "decide nothing" in refused_in(task)[0]
    assert here.shop.ledger.count() == 0


async def test_words_answer_a_question(here: Street, as_: As) -> None:
    task = await (await as_("planner")).send(Part(text="ask"))
    assert [each["kind"] for each in requests_in(task)] == ["input"]
    task = await (await as_("portal")).send(Part(text="because"), task_id=task.id)
    assert output_of(task)["said"] == "because"


async def test_a_message_that_comes_again_is_the_same_run(here: Street, as_: As) -> None:
    planner = await as_("planner")
    first = await planner.send(data({"order": "A-7"}), message_id="m-1")
    again = await planner.send(data({"order": "A-7"}), message_id="m-1")
    assert again.id == first.id
    assert len((await here.hitl.runs()).items) == 1
    with pytest.raises(A2AError, match="another message"):
        await planner.send(data({"order": "A-8"}), message_id="m-1")
    other = await (await as_("asker")).send(data({"order": "A-7"}), message_id="m-1")
    assert other.id != first.id


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_task_is_got_and_cancelled_by_its_own_client(here: Street, as_: As) -> None:
    planner = await as_("planner")
    task = await planner.start()
    assert requests_in(await planner.get(task.id)) == requests_in(task)
    task = await planner.cancel(task.id)
    assert task.status.state == TaskState.TASK_STATE_CANCELED
    with pytest.raises(TaskNotCancelableError):
        await planner.cancel(task.id)
    assert here.shop.ledger.count() == 0


async def test_what_others_have_started_does_not_exist_for_who_may_not_see_it(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    foreign = await here.of_another()
    for who, id in (("stranger", task.id), ("acme", task.id), ("portal", "no such task"), ("stranger", foreign.id)):
        caller = await as_(who)
        for call in (caller.get, caller.cancel):
            with pytest.raises(TaskNotFoundError):
                await call(id)
        with pytest.raises(TaskNotFoundError):
            await caller.send(data({}), task_id=id)
    assert (await here.run(task.id)).state is RunState.PAUSED


async def test_who_only_looks_sees_and_starts_and_ends_nothing(here: Street, as_: As) -> None:
    task, looker = await (await as_("planner")).start(), await as_("looker")
    assert requests_in(await looker.get(task.id))
    for call in (looker.start(), looker.cancel(task.id)):
        with pytest.raises(UnsupportedOperationError, match="has not the right"):
            await call
    assert len((await here.hitl.runs()).items) == 1


async def test_a_run_at_work_is_told_of_without_waiting_and_read_again(here: Street, as_: As) -> None:
    planner = await as_("planner")
    task = await planner.send(data({"do": "slow"}), wait=False)
    assert task.status.state == WORKS
    here.held.set()
    await here.hitl.wait(task.id, timeout=30)
    assert output_of(await planner.get(task.id))["said"] == "at last"


async def test_a_stream_tells_every_change_and_so_does_who_subscribes_later(here: Street, as_: As) -> None:
    planner = await as_("planner", streams=True)
    told = await planner.events(data({"order": "A-7"}))
    task = told[0].task
    assert status_in(told[-1]).state == WAITS
    (request,) = requests_in(await planner.get(task.id))
    portal = await as_("portal", streams=True)
    told = await portal.events(data(decided(request, "approve")), task_id=task.id)
    assert told[0].WhichOneof("payload") == "task"
    assert output_of(await planner.get(task.id))["said"] == "paid 120.5"
    with pytest.raises(UnsupportedOperationError, match="is over"):
        await planner.follow(task.id)


async def test_conversations_are_the_callers_own(here: Street, as_: As) -> None:
    planner, asker = await as_("planner"), await as_("asker")
    one = await planner.send(data({}), context_id="talk")
    two = await planner.send(data({}), context_id="talk")
    other = await asker.send(data({}), context_id="talk")
    threads = [(await here.run(each.id)).thread for each in (one, two, other)]
    assert threads[0] == threads[1] != threads[2]
    assert [each.context_id for each in (one, two, other)] == ["talk"] * 3
    alone = await planner.start()
    more = await planner.send(data({}), context_id=alone.context_id)
    assert (await here.run(more.id)).thread == (await here.run(alone.id)).thread
    with pytest.raises(A2AError, match="context_id"):
        await planner.send(data({}), context_id="x" * 101)
    with pytest.raises(TaskNotFoundError):
        await planner.send(data({}), task_id=one.id, context_id="another")


async def test_a_number_that_may_have_changed_on_the_wire_is_not_taken(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start(do="book")
    (request,) = requests_in(task)
    edit = decided(request, "edit", arguments={"number": float(2**60), "items": ["a"]})
    task = await (await as_("portal")).answer(task, edit)
    assert "cannot carry exactly" in refused_in(task)[0]
    assert here.shop.ledger.count() == 0


async def test_a_client_of_the_version_before_does_the_same(here: Street) -> None:
    async with (
        calling(here.url, "planner", version="0.3") as planner,
        calling(here.url, "portal", version="0.3") as portal,
    ):
        task = await planner.start(order="A-7", amount=30.5)
        assert task.status.state == WAITS
        (request,) = requests_in(task)
        task = await planner.answer(task, decided(request, "approve"))
        assert "may_answer" in refused_in(task)[0]
        task = await portal.answer(task, decided(request, "approve"))
        assert (task.status.state, output_of(task)["said"]) == (DONE, "paid 30.5")
    assert here.shop.ledger.count("refund") == 1


async def test_a_restart_between_the_pause_and_the_answer_loses_nothing(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as before, calling(before.url, "planner") as planner:
        task = await planner.start(order="A-7")
    async with (
        street(shop) as after,
        calling(after.url, "planner") as planner,
        calling(after.url, "portal") as portal,
    ):
        (request,) = requests_in(await planner.get(task.id))
        task = await portal.answer(task, decided(request, "approve"))
        assert task.status.state == DONE
    assert shop.ledger.count("refund") == 1


async def test_the_same_message_to_two_processes_is_one_run_and_one_answer(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with (
        street(shop) as one,
        street(shop) as two,
        calling(one.url, "planner") as planner,
        calling(two.url, "planner") as again,
        calling(one.url, "portal") as portal,
        calling(two.url, "portal") as other,
    ):
        started = await asyncio.gather(
            *(each.send(data({"order": "A-7"}), message_id="m-1") for each in (planner, again) * 2)
        )
        assert len({task.id for task in started}) == 1
        assert len((await one.hitl.runs()).items) == 1
        task = await planner.get(started[0].id)
        (request,) = requests_in(task)
        done = await asyncio.gather(
            *(each.answer(task, decided(request, "approve"), message_id="m-2") for each in (portal, other) * 2)
        )
        assert {each.status.state for each in done} <= {DONE, WORKS}
        assert (await one.hitl.wait(task.id, timeout=30)).state is RunState.COMPLETED
    assert shop.ledger.count("refund") == 1


async def test_conversations_of_one_name_in_two_tenants_are_two(tmp_path: Any) -> None:
    """As a framework knows a conversation by its name alone, and what was said in one is shown in the next turn."""
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "planner") as planner:
        one = await planner.send(data({}), context_id="talk")
        here.hitl.settings = replace(here.hitl.settings, tenant=OTHER)
        two = await planner.send(data({}), context_id="talk")
        assert (await here.run(one.id)).thread != (await here.run(two.id)).thread
        assert one.context_id == two.context_id == "talk"


async def slow(here: Street) -> Run:
    """A run of the planner's that is at work until `held` is set."""
    return await here.hitl.start_as(new_id(here.shop.clock.now()), {"do": "slow"}, within=0.001, by="planner")


async def test_who_follows_a_task_is_let_go_as_soon_as_they_may_not_see_it(here: Street, as_: As) -> None:
    looker, run = await as_("looker", streams=True), await slow(here)
    following = looker.client.subscribe(SubscribeToTaskRequest(id=run.id))
    assert (await anext(following)).task.status.state == WORKS
    here.known["looker"] = replace(here.known["looker"], rights=frozenset((Right.REQUESTS,)))
    here.held.set()
    with pytest.raises(TaskNotFoundError):
        await anext(following)


async def test_nobody_follows_so_many_tasks_that_others_cannot(here: Street, as_: As) -> None:
    planner, run = await as_("planner", streams=True), await slow(here)
    following = [planner.client.subscribe(SubscribeToTaskRequest(id=run.id)) for _ in range(MOST)]
    for each in following:
        assert (await anext(each)).task.id == run.id
    with pytest.raises(UnsupportedOperationError, match="listens 32 times already"):
        await planner.follow(run.id)
    assert (await planner.get(run.id)).status.state == WORKS
    looker = await as_("looker", streams=True)
    other = looker.client.subscribe(SubscribeToTaskRequest(id=run.id))
    assert (await anext(other)).task.id == run.id
    here.held.set()
    for each in (*following, other):
        assert [event.WhichOneof("payload") async for event in each] == ["artifact_update", "status_update"]


async def test_a_task_that_has_failed_is_over_for_its_clients(here: Street, as_: As) -> None:
    planner = await as_("planner", streams=True)
    told = await planner.events(data({"do": "fail"}))
    task = told[0].task
    assert status_in(told[-1]).state == TaskState.TASK_STATE_FAILED
    assert "the warehouse" not in str(await planner.get(task.id))
    for call in (planner.follow(task.id), planner.send(data({}), task_id=task.id)):
        with pytest.raises(UnsupportedOperationError, match="is over"):
            await call
