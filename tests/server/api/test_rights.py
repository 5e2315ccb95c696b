"""Every call asks who calls, and for one right. Held for all of them, by the document that describes them."""

from __future__ import annotations

import re
from typing import Any, get_args

import httpx

from hitl_core.server.auth import Right
from hitl_core.wire.bodies import RightName
from tests.server.api.calling import EVERYTHING, HOST, Api, program

EVERYBODYS = ("/api/events", "/api/me")
"""What everybody who has come in may call: the first asks for each event who may be told of it, the second says who one
is."""
RIGHT = re.compile(r"Needs the right `(\w+)`")


def operations(served_api: Api) -> list[tuple[str, str, Right]]:
    """Every call of the API with the right that its description names."""
    paths: dict[str, dict[str, Any]] = served_api.hitl_app.openapi()["paths"]
    found = []
    for path, methods in paths.items():
        for method, operation in methods.items():
            said = RIGHT.search(operation.get("description", ""))
            if path.startswith("/api/") and path not in EVERYBODYS:
                assert said, f"{method} {path} does not say what right it needs"
                found.append((method.upper(), path.replace("{id}", "nothing"), Right(said[1])))
    return found


def test_rights_have_the_names_that_travel() -> None:
    assert get_args(RightName) == tuple(right.value for right in Right)


async def test_nobody_comes_in_without_a_token(served_api: Api) -> None:
    stranger = served_api.caller(None)
    for method, path in (*(each[:2] for each in operations(served_api)), *(("GET", each) for each in EVERYBODYS)):
        refused = await stranger.request(method, path)
        assert refused.status_code == 401, (method, path)
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["content-type"] == "application/problem+json"


async def test_who_has_every_right_but_one_is_refused_where_it_is_needed(served_api: Api) -> None:
    clients = {right: served_api.caller(program("eve", rights=EVERYTHING - {right})) for right in Right}
    asked = set()
    for method, path, right in operations(served_api):
        refused = await clients[right].request(method, path)
        assert refused.status_code == 403, (method, path)
        assert right.value in refused.json()["detail"]
        asked.add(right)
    assert asked == set(Right)


async def test_who_has_only_that_right_is_let_in(served_api: Api) -> None:
    for method, path, right in operations(served_api):
        only = served_api.caller(program("eve", rights=frozenset({right})))
        let_in = await only.request(method, path)
        assert let_in.status_code not in (401, 500), (method, path, let_in.text)
        if let_in.status_code == 403:
            assert let_in.json()["code"] is not None, (method, path, "a right is missing that it does not name")


async def test_what_a_token_may_is_made_by_who_may_do_it(served_api: Api) -> None:
    ann = served_api.caller(program("ann", rights=frozenset({Right.TOKENS, Right.RUNS})))
    made = await ann.post("/api/tokens", json={"rights": ["runs"], "name": "a script"})
    assert made.status_code == 201, made.text
    assert made.json()["token"]["person"] == "ann"
    (token,) = (await ann.get("/api/tokens")).json()
    assert made.json()["secret"] not in str(token)
    for rights, status in ((["start"], 403), (["fly"], 400), ([], 400)):
        assert (await ann.post("/api/tokens", json={"rights": rights})).status_code == status
    ben = served_api.caller(program("ben"))
    assert (await ben.get("/api/tokens")).json() == []
    assert (await ben.delete(f"/api/tokens/{token['id']}")).status_code == 404
    assert (await ann.delete(f"/api/tokens/{token['id']}")).json() == {"count": 1}
    assert (await ann.get("/api/tokens")).json() == []


async def test_a_token_opens_the_served_api(served_api: Api) -> None:
    ann = served_api.caller(program("ann"))
    made = (await ann.post("/api/tokens", json={"rights": ["runs"]})).json()
    transport = httpx.ASGITransport(served_api.hitl_app)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as program_of_ann:
        assert (await program_of_ann.get("/api/runs")).status_code == 200
        assert (await program_of_ann.post("/api/runs", json={})).status_code == 403
        await ann.delete(f"/api/tokens/{made['token']['id']}")
        assert (await program_of_ann.get("/api/runs")).status_code == 401
