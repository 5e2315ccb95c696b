"""What an agent says of itself, the tasks that a caller has, and what was said about one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from a2a.types import Role, TaskState
from a2a.utils.errors import InvalidParamsError, PushNotificationNotSupportedError
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from tests.cli.shop import PATIENCE
from tests.core.shop import Shop, policy, rule
from tests.server.a2a.client import DONE, WAITS, calling, data, decided, requests_in
from tests.server.a2a.conftest import As
from tests.server.agents import Street, street


async def ids(of: Any, **which: Any) -> list[str]:
    return [task.id for task in (await of.tasks(**which)).tasks]


async def test_the_tasks_of_a_caller_are_listed_newest_first_and_nobody_elses(here: Street, as_: As) -> None:
    planner, asker, portal = await as_("planner"), await as_("asker"), await as_("portal")
    assert await ids(planner) == []
    one, two = await planner.start(order="A-1"), await planner.start(order="A-2")
    other, foreign = await asker.start(order="B-1"), await here.of_another()
    assert await ids(planner) == [two.id, one.id]
    assert await ids(asker) == [other.id]
    assert await ids(portal) == [foreign.id, other.id, two.id, one.id], "it may see them, and is of all tenants"
    assert await ids(await as_("acme")) == [foreign.id]
    found = (await planner.tasks()).tasks[0]
    assert (found.status.state, requests_in(found)) == (WAITS, requests_in(two))


async def test_they_are_listed_page_by_page_and_as_is_asked(here: Street, as_: As) -> None:
    planner, portal = await as_("planner"), await as_("portal")
    tasks = [await planner.send(data({"order": f"A-{number}"}), context_id=f"talk-{number % 2}") for number in range(3)]
    done = await portal.answer(tasks[0], decided(requests_in(tasks[0])[0], "approve"))
    page = await planner.tasks(page_size=2)
    rest = await planner.tasks(page_size=2, page_token=page.next_page_token)
    assert [each.id for each in (*page.tasks, *rest.tasks)] == [tasks[2].id, tasks[1].id, tasks[0].id]
    assert (await planner.tasks()).total_size == 3
    assert await ids(planner, context_id="talk-1") == [tasks[1].id]
    assert await ids(portal, context_id="talk-1") == [], "a conversation is the caller's own"
    assert await ids(planner, status=DONE) == [done.id]
    assert await ids(planner, status=WAITS) == [tasks[2].id, tasks[1].id]
    assert await ids(planner, status=TaskState.TASK_STATE_REJECTED) == []
    assert not (await planner.tasks(status=DONE)).tasks[0].artifacts
    assert (await planner.tasks(status=DONE, include_artifacts=True)).tasks[0].artifacts == done.artifacts


async def test_what_has_changed_since_is_listed(here: Street, as_: As) -> None:
    planner, portal = await as_("planner"), await as_("portal")
    one, _ = await planner.start(), await planner.start()
    here.shop.clock.advance(60)
    since = Timestamp()
    since.FromDatetime(here.shop.clock.now() - timedelta(seconds=1))
    await portal.answer(one, decided(requests_in(one)[0], "approve"))
    assert await ids(planner, status_timestamp_after=since) == [one.id]


@pytest.mark.parametrize(
    "which", [{"page_size": 101}, {"page_size": 0}, {"page_token": "../.."}, {"history_length": -1}]
)
async def test_a_list_that_cannot_be_had_is_refused(here: Street, as_: As, which: dict[str, Any]) -> None:
    planner = await as_("planner")
    await planner.start()
    with pytest.raises(InvalidParamsError, match=next(iter(which)).replace("_token", "|cursor")):
        await planner.tasks(**which)


async def test_the_history_of_a_task_is_what_was_given_asked_and_said(here: Street, as_: As) -> None:
    planner, portal = await as_("planner"), await as_("portal")
    task = await planner.start(do="twice")
    (first,) = requests_in(task)
    task = await portal.answer(task, {**decided(first, "approve"), "reason": "as agreed"})
    assert not (await planner.get(task.id)).history
    given, asked, said = (await planner.get(task.id, 50)).history
    assert [each.role for each in (given, asked, said)] == [Role.ROLE_USER, Role.ROLE_AGENT, Role.ROLE_USER]
    assert MessageToDict(given.parts[0].data) == {"do": "twice"}
    assert MessageToDict(asked.parts[1].data) == first
    told = MessageToDict(said.parts[0].data)
    assert (told["decision"]["type"], "by" in told, "reason" in told) == ("approve", False, False)
    told = MessageToDict((await portal.get(task.id, 1)).history[0].parts[0].data)
    assert (told["by"], told["decision"]["type"], told["reason"]) == ("portal", "approve", "as agreed")
    assert [each.message_id for each in (await planner.get(task.id, 1)).history] == [said.message_id]
    assert len((await planner.tasks(history_length=2)).tasks[0].history) == 2


async def test_the_message_of_a_task_has_what_a_person_needs(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "planner") as planner:
        approvers = {"roles": ["lead"], "quorum": 2}
        shop.policy = policy(rule("refunds", level="confirm", approvers=approvers, deadline="2h", on_timeout="refuse"))
        task = await planner.start(order="A-7", amount=30.5)
    words = task.status.message.parts[0].text
    for each in ("order = A-7", "amount = 30.5", "rule refunds", "refunds says so", "2 of role lead", "it is refused"):
        assert each in words, words
    (request,) = requests_in(task)
    assert request["approvers"] == {"roles": ["lead"], "quorum": 2}
    assert (request["on_timeout"], "deadline" in request) == ("refuse", True)
    assert (request["because"]["rule"], request["inbox"].endswith(request["request"])) == ("refunds", True)


async def test_nobody_waits_for_a_push_that_never_comes(here: Street, as_: As) -> None:
    planner = await as_("planner")
    with pytest.raises(PushNotificationNotSupportedError, match="subscribe"):
        await planner.send(data({}), push="http://127.0.0.1:1/")
    assert (await here.hitl.runs()).items == ()


async def test_the_card_names_both_versions_and_how_to_come_in(here: Street) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as nobody:
        for place in ("/.well-known/agent-card.json", "/a2a/.well-known/agent-card.json"):
            card = (await nobody.get(f"{here.url}{place}")).json()
            served = [(each["protocolVersion"], each["url"]) for each in card["supportedInterfaces"]]
            assert served == [("1.0", "http://inbox.test/a2a"), ("0.3", "http://inbox.test/a2a")]
            assert (card["url"], card["preferredTransport"]) == ("http://inbox.test/a2a", "JSONRPC"), "as 0.3 reads it"
            assert card["capabilities"] == {"streaming": True, "pushNotifications": False}
            assert card["securitySchemes"]["token"]["httpAuthSecurityScheme"]["scheme"] == "Bearer"
            assert (card["name"], card["description"]) == ("Refunds", "Pays money back.")
