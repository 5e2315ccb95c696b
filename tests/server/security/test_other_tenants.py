"""What is another tenant's is not there: not by its id, not in a list, not in the field of a form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core.protocol import new_id
from hitl_core.testing.clock import START
from tests.server.security.fortress import Fortress, fortress, holes
from tests.server.security.table import ENDLESS, GUARDED, TABLE
from tests.server.site import somebody

OWNED = {"run_id", "request_id", "grant_id"}
BY_ID = sorted(
    route for route in TABLE if OWNED & holes(route[1]) and (route[0] == "GET" or not route[1].startswith("/api/"))
)
"""What the API does about something is in test_calls_of_others.py: it needs bodies."""
LISTS = sorted(route for route in GUARDED if route[0] == "GET" and not holes(route[1]))
THEIRS = ("customer-7", "Sale day")
FORMS: list[Any] = [
    pytest.param("/stops", {"scope": "run", "target": "run_id", "reason": "x"}, id="stop a run"),
    pytest.param("/stops", {"scope": "tenant", "target": "default", "reason": "x"}, id="stop a tenant"),
    pytest.param("/stops", {"scope": "all", "target": "", "reason": "x"}, id="stop everything"),
    pytest.param("/stops/lift", {"scope": "tool", "target": "wire_money", "reason": "x"}, id="lift for all"),
    pytest.param("/grants", {"tool": "refund", "lasts": "1h", "run_id": "run_id", "reason": "x"}, id="grant in a run"),
    pytest.param("/batch", {"pick": "request_id"}, id="look at several"),
    pytest.param("/batch/give", {"digest:request_id": "digest", "decision": "approve"}, id="approve several"),
]


async def answered(at: Fortress, route: tuple[str, str], **ids: str) -> tuple[int, str]:
    """The answer with the names of what was asked for taken out of it."""
    found = await at.ask(route[0], at.path(route[1], **ids))
    said = found.text
    for name in (ids or at.ids).values():
        said = said.replace(name, "NAME") if len(name) > 20 else said
    return found.status_code, said


async def test_by_id_it_is_as_if_it_had_never_been(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant="north"))
        before, wrong = await at.lines(), []
        for route in BY_ID:
            nobodys = {name: new_id(START) for name in OWNED}
            theirs, none = await answered(at, route), await answered(at, route, **nobodys)
            as_if = theirs == none and (theirs[0] == 404 or route[1].endswith("/seen"))  # which leads to the queue
            if not as_if or await at.lines() != before:
                wrong.append((route, theirs, none))
        assert wrong == []


async def test_in_no_list_it_is_seen(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant="north"))
        hidden = (*THEIRS, *(each for each in at.ids.values() if len(each) > 20))
        wrong = []
        for route in LISTS:
            theirs = await at.ask(*route)
            if theirs.status_code not in (200, 400, 403) or any(each in theirs.text for each in hidden):
                wrong.append((route, theirs.status_code, [each for each in hidden if each in theirs.text]))
        assert wrong == []
        assert ENDLESS.isdisjoint(LISTS)


@pytest.mark.parametrize(("path", "fields"), FORMS)
async def test_no_form_reaches_it(tmp_path: Path, path: str, fields: dict[str, str]) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant="north"))
        before, names = await at.lines(), dict(at.ids)
        request = names["request_id"]
        sent = {key.replace("request_id", request): names.get(value, value) for key, value in fields.items()}
        found = await at.ask("POST", path, data=sent)
        assert found.status_code != 200 or request not in found.text
        assert [each for each in THEIRS if each in found.text] == []
        assert await at.lines() == before
        assert at.shop.ledger.count("refund") == 1


async def test_who_sees_all_tenants_sees_it(tmp_path: Path) -> None:
    """So that the tests above do not look for what is never there."""
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant="default"))
        seen = "".join([(await at.ask(*route)).text for route in LISTS])
        names = ("run_id", "request_id", "grant_id")
        assert [each for each in (*THEIRS, *(at.ids[name] for name in names)) if each not in seen] == []
