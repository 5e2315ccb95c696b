"""Threads over HTTP: what was said is read page by page, by whoever sees the thread's runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_core.client import RemoteRuntime, Server
from hitl_core.commands import ListRuns
from hitl_core.contracts import every
from hitl_core.errors import NotPermitted
from hitl_core.server.auth import Right
from tests.core.shop import Shop
from tests.server.api.calling import EVERYTHING, OTHER, Api, api, program
from tests.server.site import served


@pytest.fixture
async def talking(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(Shop(tmp_path), transcripts=True) as made:
        yield made


async def asked(client: httpx.AsyncClient, thread: str, **input: Any) -> Any:
    answered = await client.post("/api/runs", json={"input": input, "thread": thread})
    assert answered.status_code == 201, answered.text
    return answered.json()


async def test_what_was_said_is_read_page_by_page(talking: Api) -> None:
    ann = talking.caller(program("ann"))
    run = await asked(ann, "desk/7 é", do="look")
    page = (await ann.get("/api/threads/desk%2F7%20%C3%A9?limit=2")).json()
    assert [(each["role"], each["run_id"]) for each in page["items"]] == [("user", run["id"]), ("assistant", run["id"])]
    assert page["items"][1]["calls"][0]["tool"] == "look_up"
    rest = (await ann.get("/api/threads/desk%2F7%20%C3%A9", params={"cursor": page["cursor"]})).json()
    assert [(each["role"], each["text"]) for each in rest["items"]] == [("tool", "found")]
    assert rest["cursor"] is None
    found = (await ann.get("/api/runs", params={"thread": "desk/7 é"})).json()
    assert [each["id"] for each in found["items"]] == [run["id"]]


async def test_another_tenants_thread_is_as_if_it_did_not_exist(talking: Api) -> None:
    ann, zoe = talking.caller(program("ann", tenant="default")), talking.caller(program("zoe", tenant=OTHER))
    await asked(ann, "t", do="look")
    assert (await zoe.get("/api/threads/t")).json() == (await zoe.get("/api/threads/none")).json()
    assert len((await ann.get("/api/threads/t")).json()["items"]) == 3
    without = talking.caller(program("ben", rights=EVERYTHING - {Right.RUNS}))
    assert (await without.get("/api/threads/t")).status_code == 403


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/stream"])
async def test_nobody_begins_anything_in_a_thread_that_they_may_not_read(talking: Api, path: str) -> None:
    """An agent remembers what was said in its thread, and would tell whoever goes on with it; so would the thread."""
    ann, only_starts = talking.caller(program("ann")), EVERYTHING - {Right.RUNS}
    await asked(ann, "t", do="look")
    again = {"input": {"do": "look"}, "thread": "t"}
    for stranger in (program("ben", rights=only_starts), program("ann", tenant=OTHER)):
        assert (await talking.caller(stranger).post(path, json=again)).status_code == 403
    assert len((await talking.hitl.runs()).items) == 1
    for other in (program("ann", rights=only_starts), program("ben")):
        assert (await talking.caller(other).post(path, json=again)).status_code in (200, 201)
    assert len((await talking.hitl.runs(thread="t")).items) == 3


async def test_a_runtime_elsewhere_reads_the_same(talking: Api) -> None:
    talking.door.known["ann"] = program("ann")
    async with served(talking.door) as port, RemoteRuntime(Server(f"http://127.0.0.1:{port}", "ann")) as elsewhere:
        run = await elsewhere.start({"do": "look"}, thread="a/b")
        page = await elsewhere.transcript("a/b", by="ann", limit=2)
        rest = await elsewhere.transcript("a/b", cursor=page.cursor)
        assert (*page.items, *rest.items) == (await talking.hitl.transcript("a/b")).items
        assert (await elsewhere.runs(thread="a/b")).items == (run,)
        assert [each async for each in every(elsewhere.store, ListRuns(thread="a/b"))] == [run]  # type: ignore[arg-type]  # read-only
        with pytest.raises(NotPermitted):
            await elsewhere.transcript("a/b", by="ben")
