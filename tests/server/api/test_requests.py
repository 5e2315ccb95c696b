"""Requests over HTTP: shown to whom they are for, decided once, said something about, drafted together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_core.lifecycle import RequestState
from hitl_core.server.auth import Right
from hitl_core.testing.clock import START
from hitl_core.wire import forms
from tests.core.shop import only, trail
from tests.server.api.calling import OTHER, Api, program
from tests.server.api.test_runs import approved, started

READER = frozenset({Right.REQUESTS})


def approval(request: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"digest": request["digest"], "decision": {"type": "approve"}, **more}


async def test_the_inbox_has_what_is_open(ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    first, second = await started(ann), await started(ann, do="question")
    page = forms.INBOX.read((await ben.get("/api/requests")).content)
    assert [each.request.run_id for each in page.items] == [first["id"], second["id"]]
    page = forms.INBOX.read((await ben.get("/api/requests?limit=1")).content)
    assert page.cursor is not None
    rest = forms.INBOX.read((await ben.get(f"/api/requests?limit=1&cursor={page.cursor}")).content)
    assert [each.request.run_id for each in (*page.items, *rest.items)] == [first["id"], second["id"]]


async def test_who_has_no_right_to_runs_sees_what_they_may_decide(served_api: Api, ann: httpx.AsyncClient) -> None:
    await started(ann)
    decider = served_api.caller(program("eve", rights=READER))
    assert len((await decider.get("/api/requests")).json()["items"]) == 1
    for query in ("mine=false", "role=finance"):
        assert (await decider.get(f"/api/requests?{query}")).status_code == 403


async def test_the_first_answer_wins_and_the_same_again_is_harmless(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    run = await started(ann)
    (request,) = run["pending"]
    place = f"/api/requests/{request['id']}/response"
    first = await ben.post(place, json=approval(request, reason="looks right"))
    assert (first.status_code, first.json()["replayed"]) == (200, False)
    again = await ben.post(place, json=approval(request, reason="looks right"))
    assert again.json()["replayed"] is True
    other = await ben.post(place, json=approval(request) | {"decision": {"type": "reject"}})
    assert (other.status_code, other.json()["code"]) == (409, "HITL-D03")
    assert "ben" in other.json()["detail"]
    responder = first.json()["settled"]["response"]["responder"]
    assert (responder["id"], responder["channel"], responder["authenticated_by"]) == ("ben", "api", "token")


async def test_what_was_not_shown_is_not_decided(ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    (request,) = (await started(ann))["pending"]
    refused = await ben.post(f"/api/requests/{request['id']}/response", json=approval(request | {"digest": "sha256:0"}))
    assert refused.status_code == 422
    assert "digest" in refused.text


async def test_all_faults_of_an_answer_are_told_together(ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    (request,) = (await started(ann))["pending"]
    said = {"digest": request["digest"], "decision": {"type": "edit", "arguments": {"order": 7, "amount": "much"}}}
    refused = await ben.post(f"/api/requests/{request['id']}/response", json=said)
    assert (refused.status_code, refused.json()["code"]) == (422, "HITL-D01")
    assert {each["path"] for each in refused.json()["faults"]} >= {"arguments.order", "arguments.amount"}


async def test_nobody_answers_as_somebody_else(served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    run = await started(ann)
    (request,) = run["pending"]
    place = f"/api/requests/{request['id']}/response"
    assert (await ben.post(place, json=approval(request, by="carol"))).status_code == 403
    assert (await ben.post(place, json=approval(request, responder={"id": "carol"}))).status_code == 400
    assert (await served_api.hitl.request(request["id"])).state is RequestState.OPEN


async def test_many_are_answered_in_one_gesture(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    asked = [(await started(ann, order=f"A-{number}"))["pending"][0] for number in range(3)]
    alike = (await ben.get(f"/api/requests/{asked[0]['id']}/alike")).json()
    assert [each["request"]["id"] for each in alike] == [each["id"] for each in asked]
    answers = [{"request_id": each["id"], **approval(each)} for each in asked]
    batch = (await ben.post("/api/responses", json={"answers": answers})).json()
    assert [each["refused"] for each in batch["answers"]] == [None] * 3
    assert {each["recorded"]["settled"]["response"]["batch"] for each in batch["answers"]} == {batch["id"]}
    assert (await ben.post("/api/responses", json={"answers": []})).json()["code"] == "HITL-D08"


async def test_a_batch_does_not_say_what_another_tenant_has(served_api: Api) -> None:
    theirs = only(await served_api.of_another())
    eve = served_api.caller(program("eve", tenant="default"))
    said = {"request_id": theirs.id, "digest": theirs.digest, "decision": {"type": "reject"}}
    hidden = await eve.post("/api/responses", json={"answers": [said]})
    missing = await eve.post("/api/responses", json={"answers": [said | {"request_id": "nothing"}]})
    assert hidden.status_code == 422
    assert hidden.text.replace(theirs.id, "nothing") == missing.text
    assert (await served_api.hitl.request(theirs.id)).state is RequestState.OPEN


async def test_a_request_is_put_off_and_is_not_in_the_inbox(ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    (request,) = (await started(ann))["pending"]
    until = (START + timedelta(hours=1)).isoformat()
    put_off = await ben.post(f"/api/requests/{request['id']}/defer", json={"until": until})
    assert put_off.status_code == 200, put_off.text
    assert (await ben.get("/api/requests")).json()["items"] == []
    assert len((await ben.get("/api/requests?deferred=true")).json()["items"]) == 1


async def test_a_decision_is_taken_back_before_it_is_used(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    run = await started(ann)
    await approved(ben, run)
    revoked = await ann.post(f"/api/requests/{run['pending'][0]['id']}/revoke", json={"reason": "wait"})
    assert revoked.json()["state"] == "revoked"
    await ann.post(f"/api/runs/{run['id']}/resume")
    assert served_api.shop.ledger.count() == 0
    again = await ann.post(f"/api/requests/{run['pending'][0]['id']}/revoke")
    assert (again.status_code, again.json()["code"]) == (409, "HITL-U06")


async def test_what_an_edit_would_do_is_asked_and_nothing_is_done(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    (request,) = (await started(ann))["pending"]
    shown = await ben.post(f"/api/requests/{request['id']}/preview", json={"arguments": {"order": "A", "amount": 1}})
    assert (shown.status_code, shown.json()) == (200, None)
    assert served_api.shop.ledger.count() == 0


async def test_a_comment_is_said_once_and_stands_under_the_name_of_who_calls(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    (request,) = (await started(ann))["pending"]
    place, key = f"/api/requests/{request['id']}/comments", {"Idempotency-Key": "k"}
    for _ in range(2):
        assert (await ben.post(place, json={"text": "ask sales"}, headers=key)).status_code == 201
    assert (await ben.post(place, json={"text": "a model says no", "machine": True})).json()["machine"] is True
    said = (await ann.get(place)).json()
    assert [(each["text"], each["by"]["id"]) for each in said] == [("ask sales", "ben"), ("a model says no", "ben")]
    assert len(await trail(served_api.hitl, "request.commented")) == 2


# ── drafts ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_is_changed_from_the_version_that_was_seen(
    ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    (request,) = (await started(ann, do="letter"))["pending"]
    place, better = f"/api/requests/{request['id']}/draft", {"arguments": {"text": "Dear Ms Doe"}, "note": "a name"}
    draft = await ben.get(place)
    assert (draft.headers["etag"], len(draft.json())) == ('"1"', 1)
    assert (await ben.get(place, headers={"If-None-Match": '"1"'})).status_code == 304
    changed = await ben.put(place, json=better, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["by"]["id"]) == (200, '"2"', "ben")
    late = await ben.put(place, json=better, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "HITL-D07")
    assert (await ben.put(place, json=better)).status_code == 428
    for nonsense in ("*", 'W/"2"', '"x"', "2"):
        assert (await ben.put(place, json=better, headers={"If-Match": nonsense})).status_code == 412
    assert len((await ben.get(place)).json()) == 2


async def test_a_request_without_a_draft_says_so(ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    (request,) = (await started(ann))["pending"]
    place = f"/api/requests/{request['id']}/draft"
    empty = await ben.get(place)
    assert (empty.json(), empty.headers["etag"]) == ([], '"0"')
    refused = await ben.put(place, json={"arguments": {}}, headers={"If-Match": '"0"'})
    assert refused.status_code == 422


# ── answers with a grant ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_and_a_grant_are_given_together_and_once(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    (request,) = (await started(ann))["pending"]
    said = {
        "answer": {"request_id": request["id"], **approval(request)},
        "allows": {"tool": "refund", "times": 3},
        "lasts_seconds": 3600,
    }
    place, key = f"/api/requests/{request['id']}/response-and-grant", {"Idempotency-Key": "k"}
    first = await ben.post(place, json=said, headers=key)
    again = await ben.post(place, json=said, headers=key)
    assert (first.status_code, again.json()) == (200, first.json())
    assert len(await served_api.hitl.grants()) == 1


# ── tenants ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_requests_of_another_tenant_are_not_there(served_api: Api) -> None:
    theirs = only(await served_api.of_another())
    mine = only(await served_api.hitl.start({}))
    eve = served_api.caller(program("eve", tenant="default"))
    listed = (await eve.get("/api/requests")).json()["items"]
    assert [each["request"]["id"] for each in listed] == [mine.id]
    for method, part, body in (
        ("GET", "", None),
        ("POST", "/response", {"digest": theirs.digest, "decision": {"type": "reject"}}),
        ("GET", "/draft", None),
        ("POST", "/comments", {"text": "hello"}),
    ):
        hidden = await eve.request(method, f"/api/requests/{theirs.id}{part}", json=body)
        missing = await eve.request(method, f"/api/requests/nothing{part}", json=body)
        assert (hidden.status_code, missing.status_code) == (404, 404)
        assert hidden.text.replace(theirs.id, "nothing") == missing.text
    assert (await served_api.hitl.request(theirs.id)).state is RequestState.OPEN
    insider = served_api.caller(program("otto", tenant=OTHER))
    assert (await insider.get(f"/api/requests/{theirs.id}")).status_code == 200


@pytest.mark.parametrize("lasts", [0, -1, 1e400, "3600", None])
async def test_a_grant_without_a_time_is_none(ann: httpx.AsyncClient, lasts: Any) -> None:
    body = f'{{"allows": {{"tool": "refund"}}, "lasts_seconds": {"1e400" if lasts == 1e400 else repr(lasts)}}}'
    said = body.replace("'", '"').replace("None", "null")
    refused = await ann.post("/api/grants", content=said, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "HITL-R06")
