"""A page in a conversation: it is asked, answers, and is usable afterwards, whatever was wrong with the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.agui import Agent, Person
from hitl_core.agui.changes import BEAT, changes
from hitl_core.agui.threads import Thread, standing
from hitl_core.agui.working import Working
from hitl_core.commands import ListRequests, StopScope
from hitl_core.errors import ConfigError
from hitl_core.policy import Policy
from hitl_core.protocol import ClientTool, Responder, RunState
from hitl_core.runtime import Runtime
from tests.agui.page import AGENT, Page, cancelled, resolved, served
from tests.agui.tasks import Work, given_away, read, with_less
from tests.core.shop import Shop, policy, rule

PICK = ClientTool(
    name="pick_a_time",
    description="Let the user pick a time.",
    parameters={"type": "object", "properties": {"purpose": {"type": "string"}}, "required": ["purpose"]},
)

WHILE = 0.3
"""Seconds after which a page that does not wait would have been told an end."""

OWN = policy(rule("refunds", match={"tool": "refund"}, level="confirm", approvers={"allow_self": True}))
"""Whoever has started a run may say yes to what it wants: as the one user of a page does."""


class Desk:
    """A shop whose app does what the user's last message says, and a page at it."""

    def __init__(self, shop: Shop, hitl: Runtime, page: Page, work: Work) -> None:
        self.shop, self.hitl, self.page, self.work = shop, hitl, page, work

    def another(self, person: str = "ann", thread: str = "") -> Page:
        """A second browser."""
        return self.page.another(person, thread)

    @property
    def refunds(self) -> list[Any]:
        return [(each["order"], each["amount"]) for each in self.shop.ledger.lines("refund")]


def app_of(shop: Shop, work: Work | None = None) -> Any:
    @gate.guard
    async def refund(order: str, amount: float) -> str:
        shop.ledger.write("refund", order=order, amount=amount)
        return f"refunded {amount} for {order}"

    async def one(order: str) -> str:
        try:
            return str(await refund(order=order, amount=10.0))
        except Refused as exc:
            return f"not refunded: {exc}"

    async def desk(given: Any) -> str:
        wanted = str(given["messages"][-1]["content"])
        gate.say(f"You said: {wanted}.")
        match wanted:
            case "refund":
                said = await one("A-1")
            case "two":
                said = ", ".join(await gate.together(one("A-1"), one("A-2")))
            case "ask":
                said = f"It is {await gate.ask('What is the order?')}"
            case "choose":
                said = f"By {await gate.choose('How?', ['post', 'courier'])}"
            case "pick":
                said = f"Picked {await gate.ask_page('pick_a_time', {'purpose': 'a call'})}"
            case "fail":
                raise RuntimeError("the secret of the shop")
            case "talk":
                said = await given_away()
            case "review":
                said = await read()
            case "less":
                said = await with_less(refund)
            case "work" if work is not None:
                said = str(await gate.step(work.done))
            case _:
                said = f"{len(given['messages'])} messages"
        gate.say(said)
        return said

    return desk


@asynccontextmanager
async def at_desk(
    folder: Path, *, rules: Policy = OWN, through: Any = served, page: Callable[..., Page] = Page, **options: Any
) -> AsyncIterator[Desk]:
    """`through` serves the runtime, and `page` is what is at it."""
    shop, work = Shop(folder, policy=rules), Work()
    async with shop.open(app_of(shop, work), transcripts=True) as hitl, through(hitl, **options) as client:
        yield Desk(shop, hitl, page(client, tools=[PICK.model_dump(mode="json")]), work)


async def test_a_page_is_asked_and_its_yes_runs_the_call_once(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        (asked,) = desk.page.interrupts
        assert asked["reason"] == "confirmation"
        assert asked["metadata"]["request"]["action"]["arguments"] == {"order": "A-1", "amount": 10.0}
        assert desk.refunds == []
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]
        assert desk.page.interrupts == []
        assert desk.page.texts == ["You said: refund.", "refunded 10.0 for A-1"]


@pytest.mark.parametrize(
    ("payload", "refunds", "said"),
    [
        ({"approved": True, "editedArgs": {"order": "A-1", "amount": 4.5}}, [("A-1", 4.5)], "refunded 4.5 for A-1"),
        ({"approved": False, "reason": "too late"}, [], "too late"),
    ],
)
async def test_an_edit_and_a_refusal_are_what_they_are_elsewhere(
    tmp_path: Path, payload: Any, refunds: list[Any], said: str
) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        await desk.page.resolve(payload)
        assert desk.refunds == refunds
        assert said in desk.page.texts[-1]


async def test_a_question_that_is_dismissed_runs_nothing(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        await desk.page.resume(cancelled(desk.page.interrupts[0]["id"]))
        assert desk.refunds == []
        assert "dismissed on the page" in desk.page.texts[-1]


async def test_words_and_choices_come_back_to_the_app(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("ask")
        assert desk.page.interrupts[0]["reason"] == "input_required"
        await desk.page.resolve({"answer": "A-7"})
        assert desk.page.texts[-1] == "It is A-7"
        await desk.page.say("choose")
        assert desk.page.interrupts[0]["reason"] == "hitl:choice"
        options = desk.page.interrupts[0]["responseSchema"]["properties"]["option"]["enum"]
        await desk.page.resolve({"option": options[1]})
        assert desk.page.texts[-1] == "By courier"


async def test_questions_that_are_open_at_once_are_answered_in_one_post(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("two")
        first, second = desk.page.interrupts
        await desk.page.resume(resolved(second["id"], {"approved": True}), cancelled(first["id"]))
        assert desk.refunds == [("A-2", 10.0)]


async def test_two_people_answer_one_each(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("two")
        first, second = desk.page.interrupts
        await desk.page.resume(resolved(first["id"], {"approved": True}))
        assert [each["id"] for each in desk.page.interrupts] == [second["id"]]
        bob = desk.another()
        await bob.connect()
        await bob.resolve({"approved": False})
        assert desk.refunds == [("A-1", 10.0)]


@pytest.mark.parametrize("payload", [None, "yes", {"approved": "true"}, {"approve": True}, {"approved": True, "x": 1}])
async def test_an_answer_that_is_not_understood_is_asked_again_and_says_why(tmp_path: Path, payload: Any) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        before = desk.page.interrupts[0]["id"]
        await desk.page.resolve(payload)
        (again,) = desk.page.interrupts
        assert again["id"] == before
        assert again["message"].startswith("Not accepted: ")
        assert desk.refunds == []
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


async def test_an_edit_that_does_not_fit_the_tool_is_asked_again(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        await desk.page.resolve({"approved": True, "editedArgs": {"order": "A-1", "amount": "ten"}})
        assert "amount" in desk.page.interrupts[0]["metadata"]["refused"]
        assert desk.refunds == []


async def test_the_same_answer_twice_runs_the_call_once(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        entry = resolved(desk.page.interrupts[0]["id"], {"approved": True})
        await desk.page.resume(entry)
        said = desk.page.texts
        await desk.page.resume(entry)
        assert desk.refunds == [("A-1", 10.0)]
        assert desk.page.texts == said


async def test_a_stale_tab_is_told_that_its_answer_came_too_late_and_can_go_on(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        stale = desk.another()
        await stale.connect()
        await desk.page.resolve({"approved": False})
        await stale.resolve({"approved": True})
        assert desk.refunds == []
        assert stale.interrupts == []
        assert "has changed nothing" in stale.texts[-1]
        await stale.say("hello")
        assert "messages" in stale.texts[-1]


async def test_an_answer_to_nothing_that_there_is_is_told_so(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        before = desk.page.interrupts
        await desk.page.resume(resolved("no-such-request", {"approved": True}))
        assert desk.page.interrupts == before
        assert "has changed nothing" in desk.page.texts[-1]


async def test_an_answer_to_another_conversation_is_not_taken(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        other = desk.another(thread="thread-2")
        await other.resume(resolved(desk.page.interrupts[0]["id"], {"approved": True}))
        assert desk.refunds == []


async def test_a_page_that_is_loaded_again_shows_what_was_said_and_what_is_open(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        loaded = desk.another()
        await loaded.connect()
        assert loaded.messages == desk.page.messages
        assert loaded.interrupts == desk.page.interrupts
        assert [each["type"] for each in loaded.events] == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]


async def test_a_server_that_was_restarted_between_the_question_and_the_click_goes_on(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        messages, interrupts = desk.page.messages, desk.page.interrupts
    async with at_desk(tmp_path) as desk:
        desk.page.messages, desk.page.interrupts = messages, interrupts
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]
        assert desk.page.texts == ["You said: refund.", "refunded 10.0 for A-1"]


async def test_a_run_that_no_page_has_started_is_answered_on_one(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.hitl.start({"messages": [{"role": "user", "content": "refund"}]}, thread="behind", by="ann")
        page = desk.another(thread="behind")
        await page.connect()
        assert page.messages[0]["content"] == "refund"
        await page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


async def test_an_answer_that_was_given_elsewhere_appears_on_the_page(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        (request,) = (await desk.hitl.inbox()).items
        await desk.hitl.respond(request.request.approve(by="bob"))
        await desk.hitl.wait(request.request.run_id)
        await desk.page.connect()
        assert desk.page.interrupts == []
        assert desk.page.texts[-1] == "refunded 10.0 for A-1"


async def test_what_is_said_after_an_answer_from_elsewhere_is_taken_up_too(tmp_path: Path) -> None:
    """Nobody has worked on the run since it was answered: the page's message finds it so."""
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        (request,) = (await desk.hitl.inbox()).items
        await desk.hitl.respond(request.request.approve(by="bob"))
        desk.page.interrupts = []
        await desk.page.say("hello")
        assert desk.refunds == [("A-1", 10.0)]
        assert desk.page.texts[-2:] == ["You said: hello.", "4 messages"]


async def test_what_the_user_says_while_a_decision_waits_starts_nothing(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        before = desk.page.interrupts
        await desk.page.say("any news?")
        assert desk.page.interrupts == before
        assert "waits for a decision" in desk.page.texts[-1]
        assert len((await desk.hitl.runs()).items) == 1


async def test_a_message_that_is_posted_twice_starts_one_run(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        pages = [desk.another() for _ in range(4)]
        await asyncio.gather(*(each.say("refund", id="m-1") for each in pages))
        assert len((await desk.hitl.runs()).items) == 1
        assert len({each["id"] for page in pages for each in page.interrupts}) == 1


async def test_a_post_that_finds_its_run_begun_by_another_tells_what_that_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked before that was begun, and looks again while it is at work."""
    async with at_desk(tmp_path) as desk:
        first, second = desk.page, desk.another()
        looked = asyncio.Event()

        async def slow(*given: Any) -> Thread:
            thread = await standing(*given)
            if looked.is_set():
                return thread
            looked.set()
            await desk.work.begun.wait()
            return thread

        monkeypatch.setattr("hitl_core.agui.conversation.standing", slow)
        late = asyncio.create_task(second.say("work", id="m-1"))
        await looked.wait()
        early = asyncio.create_task(first.say("work", id="m-1"))
        await desk.work.begun.wait()
        done, _ = await asyncio.wait([late], timeout=WHILE)
        assert not done
        desk.work.may_end.set()
        await asyncio.gather(early, late)
        assert second.texts == first.texts == ["You said: work.", "the work"]
        assert len((await desk.hitl.runs()).items) == 1


async def test_the_next_message_of_a_conversation_is_told_with_what_was_said(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("hello")
        assert desk.page.texts[-1] == "1 messages"
        await desk.page.say("again")
        assert desk.page.texts[-1] == "4 messages"


async def test_who_may_not_decide_is_not_asked_and_can_go_on_reading(tmp_path: Path) -> None:
    rules = policy(rule("refunds", level="confirm", approvers={"users": ["bob"]}))
    async with at_desk(tmp_path, rules=rules) as desk:
        await desk.page.say("refund")
        assert desk.page.interrupts == []
        assert "asked of others" in desk.page.texts[-1]
        bob = desk.another("bob")
        await bob.connect()
        await bob.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


async def test_an_answer_of_who_may_not_decide_changes_nothing(tmp_path: Path) -> None:
    rules = policy(rule("refunds", level="confirm", approvers={"users": ["bob"]}))
    async with at_desk(tmp_path, rules=rules) as desk:
        await desk.page.say("refund")
        (waiting,) = (await desk.hitl.inbox()).items
        entry = resolved(waiting.request.id, {"approved": True}) | {"metadata": {"principal": "bob"}}
        await desk.page.resume(entry)
        assert desk.refunds == []
        assert (await desk.hitl.request(waiting.request.id)).state == "open"


async def test_a_conversation_of_somebody_else_is_not_shown_and_not_gone_on_with(tmp_path: Path) -> None:
    rules = policy(rule("refunds", level="confirm", approvers={"users": ["bob"]}))
    async with at_desk(tmp_path, rules=rules) as desk:
        await desk.page.say("refund")
        eve = desk.another("eve")
        await eve.connect()
        assert eve.interrupts == []
        assert "somebody else's" in eve.texts[-1]
        assert "You said" not in str(eve.messages)
        await eve.say("hello")
        assert len((await desk.hitl.runs()).items) == 1


async def test_who_has_answered_is_who_the_request_of_the_page_came_from(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("ask")
        await desk.page.resolve({"answer": "A-7"})
        (decided,) = (await desk.hitl.store.fetch(ListRequests(states=()))).items
        assert decided.response is not None
        who = decided.response.responder
        assert (who.id, who.channel, who.authenticated_by) == ("ann", "page", "test")


async def test_a_failure_is_told_without_its_secrets_and_the_page_can_go_on(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("fail")
        assert "has failed" in desk.page.texts[-1]
        assert "secret of the shop" not in str(desk.page.events)
        await desk.page.say("hello")
        assert "messages" in desk.page.texts[-1]


async def test_a_stop_is_told_and_the_page_can_go_on(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.hitl.stop(StopScope.ALL, by="boss", reason="maintenance")
        await desk.page.say("hello")
        assert "stop" in desk.page.texts[-1].lower()


async def test_of_what_is_stopped_a_refusal_is_taken_and_nothing_else(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        entry = resolved(desk.page.interrupts[0]["id"], {"approved": True})
        await desk.hitl.stop(StopScope.TOOL, by="boss", reason="maintenance", target="refund")
        await desk.page.resume(entry)
        assert (desk.refunds, desk.page.interrupts) == ([], [])
        assert "stopped for now" in desk.page.texts[-1]
        loaded = desk.another()
        await loaded.connect()
        assert "stopped for now" in loaded.texts[-1]
        await desk.page.resume({**entry, "payload": {"approved": False, "reason": "no more"}})
        assert "no more" in desk.page.texts[-1]
        await desk.page.say("hello")
        assert desk.page.texts[-1].endswith(" messages")
        assert desk.refunds == []


# ── tools of the page ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_tool_of_the_page_is_called_on_it_and_its_result_reaches_the_app(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        types = await desk.page.say("pick")
        assert types[-4:] == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "RUN_FINISHED"]
        assert desk.page.interrupts == []
        (call,) = desk.page.open_calls
        assert (call["function"]["name"], call["function"]["arguments"]) == ("pick_a_time", '{"purpose": "a call"}')
        await desk.page.result(call["id"], {"slot": "noon", "tool_call_id": call["id"]})
        assert desk.page.texts[-1] == "Picked {'slot': 'noon'}"
        assert desk.page.open_calls == []


async def test_a_result_that_was_meant_for_another_call_is_not_taken(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("pick")
        (call,) = desk.page.open_calls
        await desk.page.result(call["id"], {"slot": "noon", "tool_call_id": "another"})
        assert (await desk.hitl.inbox()).items
        assert "was given for the call 'another'" in str(desk.page.events)
        (again,) = desk.page.open_calls
        await desk.page.result(again["id"], {"slot": "noon", "tool_call_id": again["id"]})
        assert desk.page.texts[-1] == "Picked {'slot': 'noon'}"


async def test_a_call_of_the_page_is_there_once_after_it_was_loaded_again(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("pick")
        loaded = desk.another()
        await loaded.connect()
        (call,) = loaded.open_calls
        await loaded.result(call["id"], "noon")
        assert loaded.texts[-1] == "Picked noon"


async def test_a_page_that_does_not_have_the_tool_is_asked_in_the_other_way(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("pick")
        without = desk.another()
        without.tools = []
        await without.connect()
        assert without.open_calls == []
        assert without.interrupts[0]["reason"] == "input_required"
        await without.resolve({"answer": "noon"})
        assert without.texts[-1] == "Picked noon"


# ── the older wire, the runtime protocol ─────────────────────────────────────────────────────────────────────


async def test_an_older_page_is_asked_by_its_event_and_answers_with_it(tmp_path: Path) -> None:
    async with at_desk(tmp_path, wire="legacy") as desk:
        await desk.page.say("refund")
        assert desk.page.interrupts == []
        (asked,) = [each["value"] for each in desk.page.events if each["type"] == "CUSTOM"]
        assert asked["type"] == "approval"
        command = {"resume": {"approved": True}, "interruptEvent": asked}
        await desk.page.post(forwardedProps={"command": command})
        assert desk.refunds == [("A-1", 10.0)]


async def test_the_older_wire_says_why_an_answer_was_refused(tmp_path: Path) -> None:
    async with at_desk(tmp_path, wire="legacy") as desk:
        await desk.page.say("refund")
        asked = _on_interrupt(desk.page)
        command = {"resume": {"approved": "perhaps"}, "interruptEvent": asked}
        await desk.page.post(forwardedProps={"command": command})
        again = _on_interrupt(desk.page)
        assert (again["id"], again["content"].startswith("Not accepted: approved: is 'perhaps'")) == (asked["id"], True)
        assert "true or false" in again["requests"][0]["metadata"]["refused"]
        await desk.page.post(forwardedProps={"command": {"resume": {"approved": True}, "interruptEvent": again}})
        assert desk.refunds == [("A-1", 10.0)]


def _on_interrupt(page: Page) -> Any:
    (value,) = [each["value"] for each in page.events if each["type"] == "CUSTOM"]
    return value


async def test_the_single_endpoint_is_the_same_in_an_envelope(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        client = desk.page.client
        info = (await client.post("/copilotkit", json={"method": "info"})).json()
        assert info == (await client.get("/copilotkit/info")).json()
        assert list(info["agents"]) == [AGENT]
        assert "licenseStatus" not in info
        can = info["agents"][AGENT]["capabilities"]["humanInTheLoop"]
        assert (can["interrupts"], can["interventions"]) == (True, False)  # no route steers
        body = {"threadId": "t", "runId": "r", "messages": [{"id": "m", "role": "user", "content": "hi"}]}
        envelope = {"method": "agent/run", "params": {"agentId": AGENT}, "body": {**body, "tools": [], "context": []}}
        assert "1 messages" in (await client.post("/copilotkit", json=envelope)).text


async def test_raw_agui_is_the_same(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        body = {"threadId": "t", "runId": "r", "messages": [{"id": "m", "role": "user", "content": "hi"}]}
        response = await desk.page.client.post(f"/agui/{AGENT}", json={**body, "tools": [], "context": []})
        assert "1 messages" in response.text


@pytest.mark.parametrize(
    ("path", "body", "person", "status"),
    [
        ("/copilotkit/agent/nobody/run", {}, "ann", 404),
        (f"/copilotkit/agent/{AGENT}/run", {"threadId": 3}, "ann", 422),
        (f"/copilotkit/agent/{AGENT}/run", {}, "nobody", 401),
        ("/copilotkit", {"method": "agent/hack"}, "ann", 422),
        ("/copilotkit", [], "ann", 422),
    ],
)
async def test_what_is_no_call_is_refused(tmp_path: Path, path: str, body: Any, person: str, status: int) -> None:
    async with at_desk(tmp_path) as desk:
        response = await desk.page.client.post(path, json=body, headers={"x-person": person})
        assert response.status_code == status
        assert response.json()["error"]


async def test_a_runtime_that_keeps_no_transcript_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(app_of(shop)) as hitl:
        with pytest.raises(ConfigError, match=r"transcripts\.keep"):
            async with served(hitl):
                pass


async def test_one_stream_says_when_any_of_a_pages_conversations_has_changed(tmp_path: Path) -> None:
    named = {"users": ["ann", "bob"], "allow_self": True}
    async with at_desk(tmp_path, rules=policy(rule("refunds", level="confirm", approvers=named))) as desk:
        await desk.page.say("refund")
        other = desk.another(thread="thread-2")
        await other.say("refund")
        (person, names) = (Person(Responder(id="ann")), ("thread-1", "thread-2", "thread-3"))
        async with aclosing(changes(Agent(AGENT, desk.hitl), names, person, Working())) as stream:
            told = await _tags(stream)
            assert list(told) == ["thread-1", "thread-2", "thread-3"]
            (_, second) = (await desk.hitl.inbox()).items
            await desk.hitl.respond(second.request.reject(by="bob"))
            assert list(await _tags(stream)) == ["thread-2"]
            await _until_over(desk.hitl, second.request.run_id)
        eve = Person(Responder(id="eve"))
        async with aclosing(changes(Agent(AGENT, desk.hitl), names, eve, Working())) as hidden:
            assert list(await _tags(hidden)) == ["thread-3"], "what nobody has begun is nobody's"


async def test_a_change_is_told_of_though_somebody_else_has_heard_of_it_before(tmp_path: Path) -> None:
    """A worker, another page, a turn that is waited for: each of them waits for changes of the same store."""
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        person, ending = Person(Responder(id="ann", authenticated_by="test")), Working()
        async with aclosing(changes(Agent(AGENT, desk.hitl), ["thread-1"], person, ending)) as stream:
            before = await _tags(stream)
            await desk.page.resolve({"approved": True})
            await asyncio.create_task(desk.hitl.store.changed(timeout=0.0))
            async with asyncio.timeout(BEAT / 3):
                assert list(await _tags(stream)) == list(before)
            listens = asyncio.create_task(_tags(stream))
            await asyncio.sleep(0)
            async with asyncio.timeout(BEAT / 3):
                await ending.close()
                with pytest.raises(AssertionError, match="has ended"):
                    await listens


async def test_a_draft_that_somebody_has_changed_is_told_of(tmp_path: Path) -> None:
    together = policy(rule("refunds", level="collaborate", approvers={"allow_self": True}))
    async with at_desk(tmp_path, rules=together) as desk:
        await desk.page.say("refund")
        (asked,) = desk.page.interrupts
        person = Person(Responder(id="ann", authenticated_by="test"))
        async with aclosing(changes(Agent(AGENT, desk.hitl), ["thread-1"], person, Working())) as stream:
            before = await _tags(stream)
            await desk.hitl.change_draft(asked["id"], {"order": "A-1", "amount": 4.0}, base=1, by="bob")
            async with asyncio.timeout(BEAT / 3):
                assert list(await _tags(stream)) == list(before)
        await desk.page.connect()
        assert desk.page.interrupts[0]["metadata"]["draft"]["version"] == 2


async def _tags(stream: AsyncIterator[str]) -> dict[str, str]:
    """What a stream says until it has looked at everything once."""
    found: dict[str, str] = {}
    async for line in stream:
        if line.startswith(":"):
            return found
        told = json.loads(line.split("data: ")[1])
        found[told["threadId"]] = told["tag"]
    raise AssertionError("the stream has ended")


async def _until_over(hitl: Runtime, run_id: str) -> None:
    """It goes on because somebody looks at it."""
    assert (await hitl.wait(run_id, timeout=30)).state is RunState.COMPLETED
