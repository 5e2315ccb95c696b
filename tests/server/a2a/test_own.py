"""An agent never answers its own, over A2A. It is who its request is signed in as, whatever its message says."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from a2a.types import Part, Role
from a2a.utils.errors import TaskNotFoundError
from google.protobuf.struct_pb2 import Struct

from hitl_core.a2a.bodies import MOST_BODY
from hitl_core.config import Agents
from hitl_core.people import PeopleFile, Person
from hitl_core.protocol import AuditEvent, RunState
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop, policy, rule, trail
from tests.server.a2a.client import WAITS, WORKS, calling, data, decided, output_of, refused_in, requests_in
from tests.server.a2a.conftest import As
from tests.server.agents import Street, street
from tests.server.api.calling import program


async def test_by_default_nothing_is_answered_through_an_agent_and_the_refusal_says_what_to_do(
    here: Street, as_: As
) -> None:
    planner = await as_("planner")
    task = await planner.start()
    (request,) = requests_in(task)
    for type in ("approve", "reject", "cancel"):
        task = await planner.answer(task, decided(request, type))
        assert task.status.state == WAITS
        (why,) = refused_in(task)
        assert 'may_answer = ["planner"]' in why
        assert "http://inbox.test" in why
    assert here.shop.ledger.count() == 0
    said = await here.refusals()
    assert {(each["by"], each["channel"], each["authenticated_by"]) for each in said} == {("planner", "a2a", "token")}
    assert len(said) == 3


OWN: list[tuple[str, str, dict[str, Any]]] = [
    ("refund", "approve", {}),
    ("refund", "edit", {"arguments": {"order": "A-1042", "amount": 1}}),
    ("refund", "answer", {"value": "done"}),
    ("refund", "delegate", {"to": "portal"}),
    ("question", "answer", {"value": "because"}),
    ("choice", "choose", {"option": "left"}),
    ("review", "accept", {}),
    ("review", "revise", {"feedback": "shorter"}),
    ("letter", "accept", {}),
    ("sign", "report", {"outcome": "done", "result": "by Ann"}),
]


@pytest.mark.parametrize(("do", "type", "fields"), OWN)
async def test_who_has_started_a_run_answers_nothing_of_it_whatever_is_configured(
    here: Street, as_: As, do: str, type: str, fields: dict[str, Any]
) -> None:
    asker = await as_("asker")
    task = await asker.start(do=do)
    (request,) = requests_in(task)
    task = await asker.answer(task, decided(request, type, **fields))
    assert task.status.state == WAITS
    assert "somebody else has to decide it" in refused_in(task)[0]
    assert requests_in(task) == [request]
    assert here.shop.ledger.count() == 0
    assert await here.decisions() == []
    assert [each["by"] for each in await here.refusals()] == ["asker"]


async def test_nor_by_words_nor_through_another_session_or_version(here: Street, as_: As) -> None:
    task = await (await as_("asker")).start(do="question")
    for version in ("1.0", "0.3"):
        async with calling(here.url, "asker", version=version) as again:
            task = await again.send(Part(text="because"), task_id=task.id)
            assert "somebody else has to decide it" in refused_in(task)[0]
    assert await here.decisions() == []


async def test_nor_where_the_policy_lets_people_approve_their_own(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "asker") as asker:
        shop.policy = policy(rule("refunds", level="confirm", approvers={"allow_self": True}))
        task = await asker.start()
        (request,) = requests_in(task)
        task = await asker.answer(task, decided(request, "approve"))
        assert "somebody else has to decide it" in refused_in(task)[0]
        assert shop.ledger.count() == 0


async def test_who_has_started_a_run_may_say_no(here: Street, as_: As) -> None:
    asker = await as_("asker")
    for do in ("refund", "question"):
        task = await asker.start(do=do)
        (request,) = requests_in(task)
        task = await asker.answer(task, decided(request, "reject"))
        assert "refused" in output_of(task)["said"]
    assert here.shop.ledger.count() == 0


async def test_a_run_that_calls_back_while_it_is_at_work_finds_nothing_of_its_own_to_answer(here: Street) -> None:
    """What a run asks is there once it rests, so the code of an agent never meets a question of its own open."""
    met: list[Any] = []

    async def back() -> None:
        (run,) = (await here.hitl.runs()).items
        async with calling(here.url, "portal") as portal:  # whoever has given it that token
            task = await portal.get(run.id)
            met.append((task.status.state, requests_in(task)))
            task = await portal.start(order="B-2")  # and of what it starts by that it answers nothing either
            (request,) = requests_in(task)
            met.append(refused_in(await portal.answer(task, decided(request, "approve")))[0])

    here.calls.append(back)
    async with calling(here.url, "planner") as planner:
        task = await planner.start(do="back")
    assert task.status.state == WAITS
    assert met[0] == (WORKS, [])
    assert "somebody else has to decide it" in met[1]
    assert here.shop.ledger.count() == 0


async def test_what_a_client_itself_says_is_of_an_agent_is_nobodys_answer(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    (request,) = requests_in(task)
    portal = await as_("portal")
    task = await portal.answer(task, decided(request, "approve"), role=Role.ROLE_AGENT)
    assert "nobody else is heard" in refused_in(task)[0]
    assert here.shop.ledger.count() == 0


async def test_a_name_in_a_message_is_nobodys_identity(here: Street, as_: As) -> None:
    planner = await as_("planner")
    task = await planner.start()
    (request,) = requests_in(task)
    metadata = Struct()
    metadata.update({"user": "portal", "by": "portal", "responder": {"id": "portal"}, "authorization": "Bearer portal"})
    task = await planner.answer(task, decided(request, "approve"), metadata=metadata)
    assert task.status.state == WAITS
    for more in ({"by": "portal"}, {"responder": {"id": "portal"}}, {"decided_by": "portal"}):
        task = await planner.answer(task, {**decided(request, "approve"), **more})
        assert refused_in(task)
    assert (await here.run(task.id)).started_by == "planner"
    assert here.shop.ledger.count() == 0


async def test_a_decision_is_recorded_with_who_carried_it_and_by_which_channel(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    (request,) = requests_in(task)
    await (await as_("portal")).answer(task, {**decided(request, "approve"), "reason": "as agreed"})
    responder = (await here.hitl.request(request["request"])).response.responder  # type: ignore[union-attr]  # it is decided
    assert (responder.id, responder.channel, responder.authenticated_by) == ("portal", "a2a", "token")
    (line,) = await trail(here.hitl, AuditEvent.REQUEST_DECIDED)
    assert "a2a" in json.dumps(line.body)
    assert (await here.shop.verified()).exit_code == 0


async def test_the_people_that_a_rule_names_are_asked_and_no_agent_in_their_place(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "planner") as planner, calling(here.url, "portal") as portal:
        shop.policy = policy(rule("refunds", level="confirm", approvers={"users": ["ann"]}))
        task = await planner.start()
        (request,) = requests_in(task)
        task = await portal.answer(task, decided(request, "approve"))
        assert "may not decide this" in refused_in(task)[0]
        assert shop.ledger.count() == 0


async def test_whoever_is_named_in_a_token_of_less_rights_carries_nothing(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with (
        street(shop, agents=Agents(a2a=True, may_answer=("looker",))) as here,
        calling(here.url, "looker") as looker,
    ):
        task = await looker.get((await here.start()).id)
        (request,) = requests_in(task)
        task = await looker.answer(task, decided(request, "approve"))
        assert "has not the right 'requests'" in refused_in(task)[0]
        assert shop.ledger.count() == 0


# ── who is nobody ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("authorization", [None, "Bearer nobody", "Basic portal", "Bearer"])
async def test_nobody_comes_in_unsigned(here: Street, authorization: str | None) -> None:
    headers = {"A2A-Version": "1.0", **({"Authorization": authorization} if authorization else {})}
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {}}]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        answered = await client.post(f"{here.url}/a2a", json=body)
        assert answered.status_code == 401
        assert answered.headers["www-authenticate"] == "Bearer"
        assert (await client.get(f"{here.url}/.well-known/agent-card.json")).json()["name"] == "Refunds"
    assert (await here.hitl.runs()).items == ()


# ── what is hostile ──────────────────────────────────────────────────────────────────────────────────────────────────

DEEP = b'{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001


def sending(message: bytes, *, id: bytes = b"1", configuration: bytes = b"{}") -> bytes:
    """A call that sends a message, as it stands on the wire."""
    params = b'{"message": {' + message + b'}, "configuration": ' + configuration + b"}"
    return b'{"jsonrpc": "2.0", "id": ' + id + b', "method": "SendMessage", "params": ' + params + b"}"


FINE = b'"messageId": "fine", "role": "ROLE_USER", "parts": [{"data": {}}]'
HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    DEEP,
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "nonsense", "params": {}}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": []}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": {"parts": [{}]}}}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "../../etc/passwd\x00"}}).encode(),
    json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "x"}}] * 50).encode(),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {}}]', id=b'"\\ud800"'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {"rate": NaN}}]'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {"rate": 1e999}}]'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "\\ud800"}]'),
    sending(b'"messageId": "m", "role": "ROLE_AGENT", "parts": [{"data": {}}]'),
    sending(b'"messageId": "", "role": "ROLE_USER", "parts": [{"data": {}}]'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {}}], "contextId": "a\\nb"'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "' + b"x" * MOST_BODY + b'"}]'),
    sending(b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {}}]', configuration=b'{"historyLength": -1}'),
    sending(
        b'"messageId": "m", "role": "ROLE_USER", "parts": [{"data": {}}]',
        configuration=b'{"taskPushNotificationConfig": {"url": "http://169.254.169.254/"}}',
    ),
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_is_no_call_starts_nothing_and_breaks_nothing(here: Street, body: bytes) -> None:
    headers = {"Authorization": "Bearer portal", "A2A-Version": "1.0", "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        answered = await client.post(f"{here.url}/a2a", content=body)
        assert answered.status_code == 200
        assert "error" in answered.json()
        assert "Traceback" not in answered.text
        assert "something broke" not in answered.text
        assert len(answered.content) < 10_000
        assert (await here.hitl.runs()).items == ()
        fine = await client.post(f"{here.url}/a2a", content=sending(FINE))
        assert fine.json()["result"]["task"]["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"


@pytest.mark.parametrize("version", ["9.9", "abc", ""])
async def test_another_version_of_the_protocol_is_refused_by_its_name(here: Street, version: str) -> None:
    headers = {"Authorization": "Bearer portal", "A2A-Version": version}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        said = (await client.post(f"{here.url}/a2a", content=sending(FINE))).json()["error"]
    assert (said["code"], "is not supported" in said["message"]) == (-32009, True)
    assert (await here.hitl.runs()).items == ()


async def test_a_name_that_is_too_long_is_not_said_back(here: Street, as_: As) -> None:
    portal = await as_("portal")
    with pytest.raises(TaskNotFoundError) as found:
        await portal.get("x" * 100_000)
    assert len(str(found.value)) < 300


PARTS: list[tuple[Part, ...]] = [
    (Part(url="http://169.254.169.254/latest"),),
    (Part(raw=b"\x00\x01", media_type="image/png"),),
    (Part(text="   "),),
    (data({}), data({})),
    (data({}), Part(text="and words")),
    (Part(),),
]


@pytest.mark.parametrize("parts", PARTS, ids=range(len(PARTS)))
async def test_parts_that_are_no_input_start_nothing(here: Street, as_: As, parts: tuple[Part, ...]) -> None:
    with pytest.raises(Exception, match=r"parts|arams"):
        await (await as_("planner")).send(*parts)
    assert (await here.hitl.runs()).items == ()


WRONG: list[Any] = [
    {},
    [],
    "approve",
    True,
    {"decision": "approve"},
    {"decision": {"type": "approve_all"}},
    {"decision": {"type": "approve"}, "by": "ann"},
    {"decision": {"type": "approve", "arguments": {"amount": 1}}},
    {"decision": {"type": "edit", "arguments": {"amount": "1"}}},
    {"decision": {"type": "edit", "arguments": {"amount": 1, "order": "A", "tool": "other"}}},
    {"digest": "0" * 64, "decision": {"type": "approve"}},
    {"decision": {"type": "choose", "option": "yes"}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
async def test_what_is_no_answer_lists_its_faults_and_the_request_stays_open(here: Street, as_: As, wrong: Any) -> None:
    task = await (await as_("planner")).start()
    (request,) = requests_in(task)
    base = {"request": request["request"], "digest": request["digest"]}
    said = {**base, **wrong} if isinstance(wrong, dict) and wrong else wrong
    task = await (await as_("portal")).send(data(said), task_id=task.id)
    assert refused_in(task)
    assert requests_in(task) == [request]
    assert (await here.run(task.id)).state is RunState.PAUSED
    assert here.shop.ledger.count() == 0


async def test_two_answers_to_one_request_in_one_message_are_none(here: Street, as_: As) -> None:
    task = await (await as_("planner")).start()
    (request,) = requests_in(task)
    task = await (await as_("portal")).answer(task, decided(request, "reject"), decided(request, "approve"))
    assert "has two" in refused_in(task)[0]
    assert here.shop.ledger.count() == 0


class AnyCase(PeopleFile):
    """A directory that knows people however their names are written, as many do."""

    async def person(self, id: str) -> Person | None:
        return await super().person(id.lower())


async def test_another_spelling_of_a_name_is_nobody_else(tmp_path: Any) -> None:
    (tmp_path / "people.toml").write_text("[people.asker]\n[people.portal]\n", encoding="utf-8")
    shop = Shop(tmp_path)
    shop.directory = AnyCase(tmp_path / "people.toml")
    async with street(shop) as here, calling(here.url, "ASKER") as asker:
        shop.policy = policy(rule("refunds", level="confirm", approvers={"allow_self": True}))
        here.known["ASKER"] = program("ASKER")
        task = await asker.start()
        assert (await here.run(task.id)).started_by == "asker"
        (request,) = requests_in(task)
        task = await asker.answer(task, decided(request, "approve"))
        assert "somebody else has to decide it" in refused_in(task)[0]
        assert shop.ledger.count() == 0


async def test_nor_is_one_that_the_directory_has_written_otherwise_since(tmp_path: Any) -> None:
    (tmp_path / "people.toml").write_text("[people.asker]\n", encoding="utf-8")
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "ASKER") as asker:
        here.known["ASKER"] = program("ASKER")
        task = await asker.start()
        assert (await here.run(task.id)).started_by == "ASKER"
    shop.directory = AnyCase(tmp_path / "people.toml")
    async with street(shop) as here, calling(here.url, "ASKER") as asker:
        here.known["ASKER"] = program("ASKER")
        task = await asker.get(task.id)
        (request,) = requests_in(task)
        task = await asker.send(data(decided(request, "approve")), task_id=task.id)
        assert "somebody else has to decide it" in refused_in(task)[0]
    assert shop.ledger.count() == 0
