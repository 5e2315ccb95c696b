"""Grants, stops, the policy, the trail, people and upkeep over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from hitl_core.audit import Verifier
from hitl_core.commands import StopScope
from hitl_core.people import PeopleFile
from tests.core.shop import trail
from tests.server.api.calling import OTHER, Api, program
from tests.server.api.test_runs import approved, started

FREE = '[[rules]]\nid = "free"\nwhy = "a test"\nmatch = { tool = "refund" }\nlevel = "autonomous"\n'
FREE += 'allow_irreversible = "x"\n'
LOOKS = {"allows": {"tool": "look_up", "times": 2}, "lasts_seconds": 3600, "reason": "routine"}


# ── grants ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_grant_is_given_once_listed_and_revoked(served_api: Api, ann: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = await ann.post("/api/grants", json=LOOKS, headers=key)
    again = await ann.post("/api/grants", json=LOOKS, headers=key)
    assert (first.status_code, first.json()["by"]["id"]) == (201, "ann")
    assert first.json() == again.json()
    (grant,) = (await ann.get("/api/grants")).json()
    revoked = await ann.post(f"/api/grants/{grant['id']}/revoke", json={"reason": "enough"})
    assert revoked.json()["revoked_by"] == "ann"
    assert (await ann.post("/api/grants/nothing/revoke")).json()["code"] == "HITL-U12"


async def test_a_whole_number_is_one_however_it_is_written(ann: httpx.AsyncClient) -> None:
    given = await ann.post("/api/grants", json=LOOKS | {"allows": {"tool": "look_up", "times": 2.0}})
    assert (given.status_code, given.json()["allows"]["times"]) == (201, 2)
    for times in (2.5, "2", True):
        assert (
            await ann.post("/api/grants", json=LOOKS | {"allows": {"tool": "x", "times": times}})
        ).status_code == 400


async def test_grants_of_another_tenant_are_not_there(served_api: Api, ann: httpx.AsyncClient) -> None:
    grant = (await ann.post("/api/grants", json=LOOKS)).json()
    eve = served_api.caller(program("eve", tenant=OTHER))
    assert (await eve.get("/api/grants")).json() == []
    assert (await eve.post(f"/api/grants/{grant['id']}/revoke")).status_code == 404
    assert (await eve.post("/api/grants", json=LOOKS)).status_code == 403
    run = await started(ann)
    of_a_run = LOOKS | {"allows": {"tool": "look_up", "run_id": run["id"]}}
    assert (await eve.post("/api/grants", json=of_a_run)).status_code == 404
    assert [each.revoked_at for each in await served_api.hitl.grants()] == [None]


# ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_holds_and_is_lifted(served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    run = await started(ann)
    stop = {"scope": "tool", "target": "refund", "reason": "a wrong price list"}
    assert (await ann.post("/api/stops", json=stop)).json() == {"count": 1}
    assert (await approved(ben, run)).json()["code"] == "HITL-D04"
    (told,) = (await ben.get("/api/stops")).json()
    assert (told["target"], told["by"], told["reason"]) == ("refund", "ann", "a wrong price list")
    assert (await ann.post("/api/stops/lift", json=stop)).json() == {"count": 1}
    assert (await ben.get("/api/stops")).json() == []
    assert (await ann.post("/api/stops", json={"scope": "all"})).status_code == 400
    reached = (await ann.get("/api/stops/reach?scope=all")).json()
    assert "open requests" in [each["what"] for each in reached]


async def test_a_stop_of_what_is_another_tenants_is_refused_and_not_shown(served_api: Api) -> None:
    theirs = await served_api.of_another()
    eve = served_api.caller(program("eve", tenant="default"))
    hidden = await eve.post("/api/stops", json={"scope": "run", "target": theirs.id, "reason": "x"})
    missing = await eve.post("/api/stops", json={"scope": "run", "target": "nothing", "reason": "x"})
    assert (hidden.status_code, hidden.text.replace(theirs.id, "nothing")) == (404, missing.text)
    refused = await eve.post("/api/stops", json={"scope": "tenant", "target": OTHER, "reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "HITL-P01")
    for wide in ({"scope": "all"}, {"scope": "tool", "target": "refund"}, {"scope": "agent", "target": "a"}):
        for place in ("/api/stops", "/api/stops/lift"):
            assert (await eve.post(place, json=wide | {"reason": "x"})).json()["code"] == "HITL-P01"
    assert await served_api.hitl.stops() == ()
    for scope, target in ((StopScope.RUN, theirs.id), (StopScope.TENANT, OTHER), (StopScope.TOOL, "refund")):
        await served_api.hitl.stop(scope, target, by="otto", reason="x")
    assert [each["scope"] for each in (await eve.get("/api/stops")).json()] == ["tool"]
    insider = served_api.caller(program("otto", tenant=OTHER))
    assert len((await insider.get("/api/stops")).json()) == 3


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_policy_in_force_is_shown_and_explained(served_api: Api, ann: httpx.AsyncClient) -> None:
    shown = (await ann.get("/api/policy")).json()
    assert [each["id"] for each in shown["rules"]] == ["refunds", "letters", "looks"]
    assert shown["text"].startswith('version = "1"')
    asked = {"tool": "refund", "arguments": {"order": "A", "amount": 5}}
    found = (await ann.post("/api/policy/explain", json={"asked": asked})).json()
    assert (found["ruling"]["rule"], found["ruling"]["level"]) == ("refunds", "confirm")
    other = (await ann.post("/api/policy/explain", json={"asked": asked, "policy": FREE})).json()
    assert other["ruling"]["level"] == "autonomous"


async def test_faults_of_what_is_asked_are_told_with_their_places(ann: httpx.AsyncClient) -> None:
    refused = await ann.post("/api/policy/explain", json={"asked": {"tol": "refund"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "HITL-C03")
    refused = await ann.post("/api/policy/backtest", json={"policy": FREE + "why = 1\nlevl = 2\n"})
    assert (refused.status_code, refused.json()["code"]) == (422, "HITL-C02")
    assert refused.json()["faults"][0]["source"] == "policy.toml"


async def test_another_policy_is_tried_on_what_was_recorded(
    served_api: Api, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    await approved(ben, await started(ann))
    found = (await ann.post("/api/policy/backtest", json={"policy": FREE})).json()
    assert (found["actions"], found["changed"]) == (1, 1)
    eve = served_api.caller(program("eve", tenant=OTHER))
    assert (await eve.post("/api/policy/backtest", json={"policy": FREE})).status_code == 403


# ── the trail ────────────────────────────────────────────────────────────────────────────────────────────────


async def entries(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = (await client.get("/api/audit", params=query)).json()
        found += page["items"]
        if page["cursor"] is None:
            return found
        query["cursor"] = page["cursor"]


async def test_the_trail_is_read_page_by_page(served_api: Api, ann: httpx.AsyncClient) -> None:
    run = await started(ann, do="look")
    lines = [each.seq for each in await trail(served_api.hitl)]
    assert [each["seq"] for each in await entries(ann, limit=2)] == lines
    assert [each["seq"] for each in await entries(ann, limit=2, newest=True)] == lines[::-1]
    assert {each["event"] for each in await entries(ann, event="run.completed")} == {"run.completed"}
    assert len(await entries(ann, run=run["id"])) >= 3
    assert (await ann.get("/api/audit?run=nothing")).status_code == 404
    assert (await ann.get("/api/audit?cursor=LTE")).status_code == 422


async def test_lines_of_another_tenant_are_not_shown(served_api: Api, ann: httpx.AsyncClient) -> None:
    theirs = await served_api.of_another(do="look")
    ours = await served_api.hitl.start({"do": "look"})
    eve = served_api.caller(program("eve", tenant="default"))
    subjects = {each["subject"] for each in await entries(eve, limit=3)}
    assert ours.id in subjects
    assert theirs.id not in str(await entries(eve))
    assert (await eve.get(f"/api/audit?run={theirs.id}")).status_code == 404
    assert (await eve.get("/api/audit/verify")).status_code == 403


async def test_the_trail_is_verified_beside_the_loop(
    served_api: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(ann, do="look")
    where: set[int] = set()
    feed = Verifier.feed

    def seen(self: Verifier, lines: Any) -> None:
        where.add(threading.get_ident())
        feed(self, lines)

    monkeypatch.setattr(Verifier, "feed", seen)
    report = (await ann.get("/api/audit/verify")).json()
    assert report["lines"] == len(await trail(served_api.hitl))
    assert not [each for each in report["findings"] if each["fault"] != "no_anchors"]
    assert where
    assert threading.get_ident() not in where


# ── people and upkeep ────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = '[people.ann]\nname = "Ann"\nroles = ["finance"]\n[people.otto]\ntenant = "acme"\n[people.all]\ntenant = "*"\n'


async def test_people_of_ones_tenant_are_listed(served_api: Api, ann: httpx.AsyncClient) -> None:
    assert (await ann.get("/api/people")).json() == []
    path = served_api.shop.folder / "people.toml"
    path.write_text(PEOPLE, encoding="utf-8")
    object.__setattr__(served_api.hitl._around, "directory", PeopleFile(path))
    eve = served_api.caller(program("eve", tenant="default"))
    assert [each["id"] for each in (await eve.get("/api/people")).json()] == ["all", "ann"]
    assert len((await ann.get("/api/people")).json()) == 3


async def test_what_is_due_is_fired_and_what_is_old_is_forgotten(served_api: Api, ann: httpx.AsyncClient) -> None:
    await started(ann, do="look")
    assert (await ann.post("/api/tick")).json() == {"count": 0}
    assert (await ann.get("/api/app")).status_code == 200
    eve = served_api.caller(program("eve", tenant="default"))
    for place, body in (("retention", {"older_than_seconds": 0}), ("people/erasure", {"person": "x", "reason": "y"})):
        assert (await eve.post(f"/api/{place}", json=body)).status_code == 403
    served_api.shop.clock.advance(10)
    assert (await ann.post("/api/retention", json={"older_than_seconds": 1})).json() == {"count": 1}
    assert (await ann.post("/api/people/erasure", json={"person": "x", "reason": "y"})).json()["code"] == "HITL-U14"


# ── what is no call ──────────────────────────────────────────────────────────────────────────────────────────


async def test_paths_and_methods_that_there_are_not_are_problems(ann: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/api/nothing", 404), ("DELETE", "/api/runs", 405), ("GET", "/api/tick", 405)):
        refused = await ann.request(method, path)
        assert refused.status_code == status
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "about:blank"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"a": "\\ud800"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"", "application/json", 400),
        (b"input=1", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_bodies_that_are_none_are_refused(ann: httpx.AsyncClient, content: bytes, kind: str, status: int) -> None:
    refused = await ann.post("/api/stops", content=content, headers={"Content-Type": kind})
    assert refused.status_code == status


async def test_what_nobody_has_foreseen_is_not_told(
    served_api: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(type(served_api.hitl), "stops", broken)
    failed = await ann.get("/api/stops")
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert "a secret" in caplog.text


async def test_nothing_of_the_api_is_kept_by_browsers(ann: httpx.AsyncClient) -> None:
    for path in ("/api/runs", "/api/runs/nothing"):
        assert (await ann.get(path)).headers["cache-control"] == "no-store"
