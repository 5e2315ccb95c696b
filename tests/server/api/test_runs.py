"""Runs over HTTP: started once, watched without being touched, resumed, and hidden from whoever may not see them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from hitl_core.protocol import RunState
from hitl_core.server.auth import Right
from tests.server.api.calling import EVERYTHING, Api, program


async def started(client: httpx.AsyncClient, **input: Any) -> dict[str, Any]:
    answered = await client.post("/api/runs", json={"input": input})
    assert answered.status_code == 201, answered.text
    run: dict[str, Any] = answered.json()
    return run


async def approved(client: httpx.AsyncClient, run: dict[str, Any]) -> httpx.Response:
    (request,) = run["pending"]
    said = {"digest": request["digest"], "decision": {"type": "approve"}}
    return await client.post(f"/api/requests/{request['id']}/response", json=said)


async def test_a_run_is_started_decided_and_resumed(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    run = await started(ann, order="A-7", amount=30.5)
    assert run["state"] == "paused"
    assert served_api.shop.ledger.count() == 0
    assert (await approved(ben, run)).json()["run_state"] == "ready"
    resumed = (await ann.post(f"/api/runs/{run['id']}/resume")).json()
    assert (resumed["state"], resumed["output"]["said"]) == ("completed", "paid 30.5")
    (line,) = served_api.shop.ledger.lines("refund")
    assert (line["order"], line["amount"]) == ("A-7", 30.5)
    (effect,) = (await ann.get(f"/api/runs/{run['id']}/effects")).json()
    assert effect["state"] == "executed"


async def test_a_run_is_for_whoever_starts_it_and_they_do_not_approve_it(
    served_api: Api, ann: httpx.AsyncClient
) -> None:
    run = await started(ann)
    assert run["started_by"] == "ann"
    refused = await approved(ann, run)
    assert (refused.status_code, refused.json()["code"]) == (403, "HITL-D06")
    assert served_api.shop.ledger.count() == 0


async def test_nobody_acts_under_another_name(served_api: Api, ann: httpx.AsyncClient) -> None:
    refused = await ann.post("/api/runs", json={"by": "ben"})
    assert (refused.status_code, refused.json()["code"]) == (403, "HITL-P01")
    assert (await served_api.hitl.runs()).items == ()
    run = await started(ann)
    refused = await ann.post(f"/api/runs/{run['id']}/cancel", json={"by": "ben"})
    assert refused.status_code == 403
    assert (await served_api.hitl.run(run["id"])).state is RunState.PAUSED


async def test_who_waits_long_enough_sees_the_end_and_who_does_not_leaves_the_run_at_work(
    served_api: Api, ann: httpx.AsyncClient
) -> None:
    answered = await ann.post("/api/runs?wait=0", json={"input": {"do": "slow"}})
    run = answered.json()
    assert (answered.status_code, run["state"]) == (201, "running")
    assert answered.headers["location"].endswith(f"/api/runs/{run['id']}")
    waiting = asyncio.create_task(ann.get(f"/api/runs/{run['id']}?wait=25"))
    served_api.held.set()
    assert (await waiting).json()["output"]["said"] == "at last"


async def test_looking_begins_nothing(served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    run = await started(ann)
    await approved(ben, run)
    looked = (await ann.get(f"/api/runs/{run['id']}?wait=0.05")).json()
    assert looked["state"] == "ready"
    assert served_api.shop.ledger.count() == 0


async def test_who_waits_through_pauses_is_told_when_it_goes_on(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    run = await started(ann)
    waiting = asyncio.create_task(ann.get(f"/api/runs/{run['id']}?wait=25&through_pauses=true"))
    await approved(ben, run)
    await ann.post(f"/api/runs/{run['id']}/resume")
    assert (await waiting).json()["state"] == "completed"


async def test_the_same_key_starts_one_run(served_api: Api, ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-A-1042"}
    first = await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    again = await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert served_api.shop.ledger.count("look_up") == 1


async def test_the_same_key_at_the_same_time_starts_one_run(served_api: Api, ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    calls = [ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key) for _ in range(5)]
    answered = await asyncio.gather(*calls)
    assert {each.status_code for each in answered} == {201}, [each.text for each in answered]
    assert len({each.json()["id"] for each in answered}) == 1
    assert served_api.shop.ledger.count("look_up") == 1


async def test_the_same_key_for_something_else_is_refused(served_api: Api, ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    other = await ann.post("/api/runs", json={"input": {"do": "refund"}}, headers=key)
    assert other.status_code == 422
    assert len((await served_api.hitl.runs()).items) == 1


async def test_keys_of_two_callers_never_meet(served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    one = await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    other = await ben.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    assert one.json()["id"] != other.json()["id"]


async def test_a_start_that_is_refused_can_be_repeated(served_api: Api, ann: httpx.AsyncClient) -> None:
    key, stop = {"Idempotency-Key": "k"}, {"scope": "all", "reason": "a test"}
    assert (await ann.post("/api/stops", json=stop)).status_code == 200
    refused = await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "HITL-E02")
    assert (await ann.post("/api/stops/lift", json=stop)).status_code == 200
    assert (await ann.post("/api/runs", json={"input": {"do": "look"}}, headers=key)).status_code == 201
    assert served_api.shop.ledger.count("look_up") == 1


async def test_pages_go_on_behind_each_other(served_api: Api, ann: httpx.AsyncClient) -> None:
    ids = [(await started(ann, do="look"))["id"] for _ in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = (await ann.get(f"/api/runs?limit=2{cursor}")).json()
        found += [each["id"] for each in page["items"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert found == ids[::-1]
    assert (await ann.get("/api/runs?state=paused")).json()["items"] == []
    assert len((await ann.get("/api/runs?state=completed&state=paused")).json()["items"]) == 5


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limt=5", "state=sleeping", "cursor=%00", "cursor=nothing"]
)
async def test_what_is_out_of_bounds_is_refused_with_its_place(ann: httpx.AsyncClient, query: str) -> None:
    refused = await ann.get(f"/api/runs?{query}")
    assert refused.status_code in (400, 422)
    assert query.partition("=")[0] in refused.text
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [{"inputs": 1}, {"input": 1, "thread": 7}, {"input": 1, "by": ""}, [], "x"],
    ids=["unknown", "type", "empty", "list", "text"],
)
async def test_a_body_that_is_not_as_it_has_to_be_starts_nothing(
    served_api: Api, ann: httpx.AsyncClient, body: Any
) -> None:
    refused = await ann.post("/api/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "HITL-R06")
    assert refused.json()["faults"]
    assert (await served_api.hitl.runs()).items == ()


async def test_tools_that_a_run_cannot_have_start_nothing(served_api: Api, ann: httpx.AsyncClient) -> None:
    whole = {"type": "object", "description": "x" * 70_000}
    refused = await ann.post("/api/runs", json={"tools": [{"name": "a", "parameters": whole}]})
    assert (refused.status_code, refused.json()["code"]) == (422, "HITL-U15")
    assert "the limit is 65,536" in refused.json()["faults"][0]["problem"]
    refused = await ann.post("/api/runs", json={"tools": [{"name": "a b"}, {"name": "c", "parameters": []}]})
    assert (refused.status_code, refused.json()["code"]) == (400, "HITL-R06")
    assert [each["path"] for each in refused.json()["faults"]] == ["tools.0.name", "tools.1.parameters"]
    assert (await served_api.hitl.runs()).items == ()


async def test_an_input_over_its_limit_is_refused(served_api: Api, ann: httpx.AsyncClient) -> None:
    refused = await ann.post("/api/runs", json={"input": "x" * 1_100_000})
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await served_api.hitl.runs()).items == ()


# ── what people do to runs ───────────────────────────────────────────────────────────────────────────────────


async def test_a_run_is_cancelled_and_says_so(served_api: Api, ann: httpx.AsyncClient) -> None:
    run = await started(ann)
    assert (await ann.post(f"/api/runs/{run['id']}/cancel", json={"reason": "enough"})).json()["state"] == "cancelled"
    again = await ann.post(f"/api/runs/{run['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "HITL-U04")


async def test_what_was_done_is_undone_once_however_often_it_is_called(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    run = await started(ann)
    await approved(ben, run)
    await ann.post(f"/api/runs/{run['id']}/resume")
    key = {"Idempotency-Key": "take-it-back"}
    first = await ann.post(f"/api/runs/{run['id']}/undo", json={"reason": "wrong order"}, headers=key)
    again = await ann.post(f"/api/runs/{run['id']}/undo", json={"reason": "wrong order"}, headers=key)
    assert first.status_code == 200, first.text
    assert first.json() == again.json()
    (undoing,) = (await ann.get(f"/api/runs/{run['id']}/undos")).json()
    assert (await ann.get(f"/api/runs/{undoing['run']['id']}/undone")).json() == undoing
    assert (await ann.get(f"/api/runs/{run['id']}/undone")).json()["code"] == "HITL-U09"


async def test_guidance_is_given_once(served_api: Api, ann: httpx.AsyncClient) -> None:
    run = await started(ann)
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        given = await ann.post(f"/api/runs/{run['id']}/steer", json={"text": "be brief"}, headers=key)
        assert given.json()["by"]["id"] == "ann"
    assert [each["text"] for each in (await ann.get(f"/api/runs/{run['id']}/guidance")).json()] == ["be brief"]


async def test_an_output_is_replaced_and_what_it_was_is_kept(served_api: Api, ann: httpx.AsyncClient) -> None:
    run = await started(ann, do="look")
    replaced = await ann.post(f"/api/runs/{run['id']}/override", json={"value": "lost", "reason": "it is"})
    assert replaced.status_code == 200, replaced.text
    (override,) = (await ann.get(f"/api/runs/{run['id']}/overrides")).json()
    assert (override["value"], override["original"]["said"], override["by"]) == ("lost", "found", "ann")


async def test_what_a_framework_cannot_is_said_by_name(ann: httpx.AsyncClient) -> None:
    run = await started(ann)
    refused = await ann.post(f"/api/runs/{run['id']}/rewind")
    assert (refused.status_code, refused.json()["code"]) == (409, "HITL-A09")
    assert refused.json()["about"]["capability"] == "undo_by_fork"


async def test_a_run_that_is_over_is_erased(ann: httpx.AsyncClient) -> None:
    run = await started(ann, do="look")
    erased = await ann.post(f"/api/runs/{run['id']}/erase", json={"reason": "asked for"})
    assert (erased.status_code, erased.json()["output"]) == (200, None)
    assert (await ann.post(f"/api/runs/{run['id']}/erase", json={})).status_code == 400


# ── live events ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_run_tells_what_it_does(served_api: Api, ann: httpx.AsyncClient) -> None:
    answered = await ann.post("/api/runs/stream", json={"input": {"do": "look"}})
    assert answered.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("event: ") for line in answered.text.splitlines() if line.startswith("event: ")]
    assert events[0] == "live"
    assert events[-1] == "end"
    (run,) = (await served_api.hitl.runs()).items
    assert run.state is RunState.COMPLETED
    again = await ann.post(f"/api/runs/{run.id}/stream")
    assert "event: end" in again.text


async def test_a_stream_that_cannot_begin_is_a_problem(ann: httpx.AsyncClient) -> None:
    await ann.post("/api/stops", json={"scope": "all", "reason": "a test"})
    refused = await ann.post("/api/runs/stream", json={"input": {"do": "look"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "HITL-E02")


# ── tenants ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_runs_of_another_tenant_are_not_there(served_api: Api) -> None:
    theirs = await served_api.of_another(do="look")
    ours = await served_api.hitl.start({"do": "look"})
    of_one = served_api.caller(program("eve", tenant="default"))
    assert [each["id"] for each in (await of_one.get("/api/runs")).json()["items"]] == [ours.id]
    hidden, missing = await of_one.get(f"/api/runs/{theirs.id}"), await of_one.get("/api/runs/nothing")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.text.replace(theirs.id, "nothing") == missing.text


async def test_a_run_is_started_in_the_tenant_of_the_server_or_not_at_all(served_api: Api) -> None:
    stranger = served_api.caller(program("eve", tenant="acme"))
    refused = await stranger.post("/api/runs", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "HITL-P01")
    assert (await served_api.hitl.runs()).items == ()


async def test_without_the_right_nothing_is_started(served_api: Api) -> None:
    reader = served_api.caller(program("eve", rights=EVERYTHING - {Right.START}))
    refused = await reader.post("/api/runs", json={})
    assert refused.status_code == 403
    assert "start" in refused.json()["detail"]
    assert (await served_api.hitl.runs()).items == ()
