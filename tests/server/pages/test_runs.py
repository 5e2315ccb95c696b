"""/runs and a run's page: everything that happened is told, with who and why; acts say what they do, then do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import StopScope
from hitl_core.errors import NotAuthorised
from hitl_core.protocol import RunState
from hitl_core.server.auth import Right
from hitl_core.server.pages.changes import NOTHING, changes
from hitl_core.server.pages.runs import history, routes
from tests.core.shop import decide, only, trail
from tests.server.pages.desk import HOSTILE, at_refund_desk
from tests.server.site import somebody


async def test_the_list_has_what_a_run_is_and_how_it_stands(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        waiting, done = await desk.asked(), await desk.asked("B-7")
        done = await decide(desk.hitl, done, "approve")
        page = await desk.browser.open("/runs")
        assert page.links().index(f"/runs/{done.id}") < page.links().index(f"/runs/{waiting.id}"), "newest first"
        assert "customer-7" in page.text
        named = [each.text for each in page.all("a") if each.attributes.get("href") == f"/runs/{waiting.id}"]
        assert named == ["order A-1042, amount 120.5"]
        assert [each for each in page.links() if each.startswith("/requests/")] == [f"/requests/{only(waiting).id}"]
        assert page.text.count("waits: Refund") == 1
        only_done = await desk.browser.open("/runs", state="completed")
        assert f"/runs/{done.id}" in only_done.links()
        assert f"/runs/{waiting.id}" not in only_done.links()


async def test_the_list_goes_on_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PAGE", 2)
    monkeypatch.setattr(routes, "WITHIN", 3)
    async with at_refund_desk(tmp_path) as desk:
        runs = [await desk.asked() for _ in range(5)]
        seen, page = list[str](), await desk.browser.open("/runs")
        while True:
            seen += [link for link in page.links() if link.startswith("/runs/")]
            older = [each for each in page.all("a") if each.text == "Older"]
            if not older:
                break
            page = await desk.browser.open(older[0].attributes["href"])
        assert seen == [f"/runs/{run.id}" for run in reversed(runs)]
        rare = await desk.browser.open("/runs", state="failed")
        assert "None among the 3 runs that were looked at" in rare.text
        assert (await desk.browser.client.get("/runs?cursor=nonsense")).status_code == 404


async def test_a_run_tells_its_story(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        await desk.hitl.comment(only(run).id, "Looks like a double charge.", by="bob")
        given = {"order": "A-1042", "amount": 99.0}
        run = await decide(desk.hitl, run, "edit", given, reason="The shipping fee stays.")
        await desk.hitl.override(run.id, {"said": "by hand"}, by="bob", reason="Ledger was corrected.")
        page = await desk.browser.open(f"/runs/{run.id}")
    titles = [each.text for each in page.all("h3")]
    assert titles == [
        "The run began",
        "People are asked: Refund",
        "It waits for people",
        "Somebody said something about it",
        "Approved with changes",
        "A worker took it up",
        "refund: it begins",
        "refund: it ran",
        "The run is complete",
        "A person replaced what came out",
    ]
    for told in (
        "refunds says so (rule refunds, version 1)",
        "who may decide user ann or user bob",
        "if nobody answers it is refused",
        "Looks like a double charge.",
        "by ann who merely stated this name",
        "The shipping fee stays.",
        "amount 120.5 99.0",
        "Ledger was corrected.",
        "paid 99.0",
        "customer-7",
    ):
        assert told in page.text
    assert '<dt>deadline</dt><dd><time datetime="' in page.html, "in the reader's zone, as all times"


async def test_what_was_refused_and_what_time_decided_is_told_too(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        with pytest.raises(NotAuthorised):
            await desk.hitl.respond(only(run).approve(by="eve"))
        desk.shop.clock.advance(hours=3)
        await desk.hitl.tick()
        await desk.hitl.resume(run.id)
        await desk.hitl.override(run.id, "x", by="bob", reason="")
        page = await desk.browser.open(f"/runs/{run.id}")
    titles = [each.text for each in page.all("h3")]
    assert titles[3:6] == ["An answer was refused", "The deadline passed", "A worker took it up"]
    assert "by eve" in page.text
    assert "'eve' may not decide this" in page.text


async def test_a_page_listens_from_where_it_was_read(tmp_path: Path) -> None:
    """What happens until its browser listens is told then."""
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        last = (await trail(desk.hitl))[-1].seq
        for path, name in (("/runs", "runs"), (f"/runs/{run.id}", f"run.{run.id}"), ("/stops", "stops")):
            page = await desk.browser.open(path)
            (there,) = [each.attributes["sse-connect"] for each in page.elements if "sse-connect" in each.attributes]
            assert there == f"/feed?on={name}&after={last}"


async def test_the_path_is_drawn_and_told_in_words(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "reject", "no", reason="fraud")
        page = await desk.browser.open(f"/runs/{run.id}")
    (drawn,) = page.all("svg")
    names = [each for each in page.elements if each.attributes.get("id", "") in ("path-t", "path-d")]
    assert drawn.attributes["role"] == "img"
    assert drawn.attributes["aria-labelledby"] == "path-t path-d"
    assert "People: Rejected by ann" in names[1].text
    assert names[0].text


async def test_a_long_run_is_told_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LINES", 4)
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "approve")
        lines = [each.seq for each in await trail(desk.hitl)]
        seen, path = list[int](), f"/runs/{run.id}"
        while path:
            page = await desk.browser.open(path)
            steps = [each.attributes.get("id", "") for each in page.all("li")]
            seen += [int(each.removeprefix("step-")) for each in steps if each.startswith("step-")]
            more = [each for each in page.all("a") if each.text == "What happened next"]
            path = more[0].attributes["href"] if more else ""
    assert seen == lines


async def test_what_a_failed_run_said_is_there_and_it_is_tried_again(tmp_path: Path) -> None:
    works = False

    async def shaky(input: Any) -> str:
        if not works:
            raise RuntimeError("the shop is closed")
        return "open"

    async with at_refund_desk(tmp_path, app=shaky) as desk:
        run = await desk.hitl.start({})
        page = await desk.browser.open(f"/runs/{run.id}")
        assert "the shop is closed" in page.text
        works = True
        asked = await desk.browser.open(f"/runs/{run.id}/retry")
        assert (await desk.hitl.run(run.id)).state is RunState.FAILED, "to look at it does nothing"
        done = await desk.browser.send(asked.form(action=f"/runs/{run.id}/retry"))
        assert "It is tried again" in done.text
        assert (await desk.hitl.run(run.id)).output == "open"


async def test_cancel_says_what_it_does_and_does_it_once(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        asked = await desk.browser.open(f"/runs/{run.id}/cancel")
        assert "The run ends for good" in asked.text
        assert (await desk.hitl.run(run.id)).state is RunState.PAUSED
        done = await desk.browser.send(asked.form(action=f"/runs/{run.id}/cancel"), reason="The customer withdrew.")
        assert "The run is cancelled." in done.text
        (cancelled,) = await trail(desk.hitl, "run.cancelled")
        assert (cancelled.actor, json.loads(cancelled.body)["reason"]) == ("ann", "The customer withdrew.")
        again = await desk.browser.send(asked.form(action=f"/runs/{run.id}/cancel"))
        assert (again.status, "This was not done" in again.text) == (409, True)
        assert len(await trail(desk.hitl, "run.cancelled")) == 1


async def test_an_undo_is_a_run_of_its_own_that_is_shown(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "approve")
        page = await desk.browser.open(f"/runs/{run.id}")
        assert f"/runs/{run.id}/undo?call=refund%231" in page.links()
        asked = await desk.browser.open(f"/runs/{run.id}/undo", call="refund#1")
        done = await desk.browser.send(asked.form(action=f"/runs/{run.id}/undo"), reason="Paid twice.")
        (undo,) = await desk.hitl.undos(run.id)
        assert done.url.partition("?")[0].endswith(f"/runs/{undo.run.id}")
        assert "It waits for people" in done.text, "its steps meet the policy"
        assert f"/runs/{undo.run.id}" in (await desk.browser.open(f"/runs/{run.id}")).links()
        await decide(desk.hitl, undo.run, "approve", by="bob")
        assert "cannot be taken back: its undo is executed" in (await desk.browser.open(f"/runs/{run.id}")).text
        late = await desk.browser.open(f"/runs/{undo.run.id}/undo")
        assert "it is an undo itself" in late.text


async def test_where_no_tool_has_done_anything_no_undo_is_offered(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "reject")
        page = await desk.browser.open(f"/runs/{run.id}")
        assert f"/runs/{run.id}/undo" not in page.links()
        assert "its tools have done nothing" in page.text
        run = await decide(desk.hitl, await desk.asked(), "approve")
        assert f"/runs/{run.id}/undo" in (await desk.browser.open(f"/runs/{run.id}")).links()


async def test_until_when_a_call_can_be_taken_back_stands_beside_it(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "approve")
        page = await desk.browser.open(f"/runs/{run.id}")
        assert "can be taken back until 2026-01-05 11:00 UTC ( in 2 h )" in page.text
        desk.shop.clock.advance(hours=3)
        late = await desk.browser.open(f"/runs/{run.id}")
        assert "cannot be taken back: that was possible until 2026-01-05 11:00 UTC" in late.text
        assert f"/runs/{run.id}/undo?call=refund%231" not in late.links()
    async with at_refund_desk(tmp_path, undo=None, undo_window=None) as desk:
        kept = await decide(desk.hitl, await desk.asked(), "approve")
        assert "cannot be taken back: refund declares no undo" in (await desk.browser.open(f"/runs/{kept.id}")).text


async def test_an_output_is_replaced_by_json_and_by_nothing_else(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "approve")
        asked = await desk.browser.open(f"/runs/{run.id}/override")
        wrong = await desk.browser.send(asked.form(action=f"/runs/{run.id}/override"), value="{said: 1}", reason="x")
        assert (wrong.status, "is no JSON" in wrong.text) == (422, True)
        assert wrong.form(action=f"/runs/{run.id}/override").fields["value"].strip() == "{said: 1}", (
            "what was typed stays"
        )
        await desk.browser.send(asked.form(action=f"/runs/{run.id}/override"), value='{"said": 1.0}', reason="x")
        assert (await desk.hitl.run(run.id)).output == {"said": 1.0}


async def test_what_a_framework_cannot_do_is_said_beforehand(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        page = await desk.browser.open(f"/runs/{run.id}")
        assert "Take it back to its last pause: a plain function has no checkpoints" in page.text
        asked = await desk.browser.open(f"/runs/{run.id}/rewind")
        refused = await desk.browser.send(asked.form(action=f"/runs/{run.id}/rewind"))
        assert refused.status == 409
        steered = await desk.browser.open(f"/runs/{run.id}/steer")
        sent = await desk.browser.send(steered.form(action=f"/runs/{run.id}/steer"), text="Be brief.")
        assert "It is queued" in sent.text
        assert [each.text for each in await desk.hitl.guidance(run.id)] == ["Be brief."]


async def test_stops_that_hold_a_run_stand_on_its_page(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        await desk.hitl.stop(StopScope.RUN, run.id, by="bob", reason="It loops.")
        page = await desk.browser.open(f"/runs/{run.id}")
        assert "Stops that hold it" in page.text
        assert "It loops." in page.text
        assert f"/stops?scope=run&target={run.id}#stop" in page.links()


async def test_the_account_is_taken_along_as_a_file(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await decide(desk.hitl, await desk.asked(), "approve")
        had = await desk.browser.client.get(f"/runs/{run.id}/account.json")
        assert had.headers["content-disposition"].startswith("attachment")
        assert had.json()["title"] == f"Account of run {run.id}"
        assert (await desk.browser.client.get(f"/runs/{run.id}/account.exe")).status_code == 404


async def test_another_tenant_s_run_is_not_there(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        desk.door.now = somebody(tenant="north")
        for path in ("", "/cancel", "/account.json", "/undo?call=refund%231"):
            assert (await desk.browser.client.get(f"/runs/{run.id}{path}")).status_code == 404
        sent = {"csrf": "csrf-of-ann"}
        for act in ("cancel", "steer", "undo", "override", "rewind", "resume", "retry", "ask-again"):
            assert (await desk.browser.client.post(f"/runs/{run.id}/{act}", data=sent)).status_code == 404
        assert run.id not in (await desk.browser.open("/runs")).html
        assert (await desk.hitl.run(run.id)).state is RunState.PAUSED


@pytest.mark.parametrize(
    ("rights", "acts"),
    [
        ({Right.RUNS}, set()),
        ({Right.RUNS, Right.START}, {"resume", "retry", "ask-again"}),
        ({Right.RUNS, Right.OPERATE}, {"steer", "undo", "override", "rewind", "cancel"}),
    ],
)
async def test_each_act_needs_its_right(tmp_path: Path, rights: set[Right], acts: set[str]) -> None:
    async with at_refund_desk(tmp_path, somebody(rights=frozenset(rights))) as desk:
        run = await desk.asked()
        before = len(await trail(desk.hitl))
        allowed = set()
        for act in ("resume", "retry", "ask-again", "steer", "undo", "override", "rewind", "cancel"):
            if (await desk.browser.client.get(f"/runs/{run.id}/{act}")).status_code == 200:
                allowed.add(act)
            else:
                sent = await desk.browser.client.post(f"/runs/{run.id}/{act}", data={"csrf": "csrf-of-ann"})
                assert sent.status_code == 403
        assert allowed == acts
        assert len(await trail(desk.hitl)) == before
        desk.door.now = somebody(rights=frozenset(Right) - {Right.RUNS})
        assert (await desk.browser.client.get("/runs")).status_code == 403
        assert (await desk.browser.client.get(f"/runs/{run.id}")).status_code == 403


async def test_what_is_not_there_is_not_there(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        for path in ("/runs/nobody", f"/runs/{run.id}/dance", "/runs/nobody/cancel"):
            page = await desk.browser.open(path)
            assert (page.status, "There is nothing here" in page.text, "/" in page.links()) == (404, True, True)
        assert "after: " in (await desk.browser.open(f"/runs/{run.id}", after="-1")).text
        desk.door.now = somebody(rights=frozenset())
        page = await desk.browser.open("/runs")
        assert (page.status, "This is not yours to do" in page.text) == (403, True)


async def test_a_hostile_run_is_text_everywhere(tmp_path: Path) -> None:
    async def app(input: Any) -> Any:
        return input

    async with at_refund_desk(tmp_path, app=app) as desk:
        run = await desk.hitl.start({"note": HOSTILE}, by=HOSTILE)
        await desk.hitl.override(run.id, HOSTILE, by="bob", reason=HOSTILE)
        for path in ("/runs", f"/runs/{run.id}", f"/runs/{run.id}/override"):
            page = await desk.browser.open(path)
            scripts = {each.attributes.get("src", "") for each in page.all("script")}
            assert all(src.startswith("/static/") for src in scripts)
            assert "onerror" not in {name for each in page.elements for name in each.attributes}
            assert not {"\u202e", "\u200b", "\x1b"} & set(page.html)
            assert "49" not in [each.text for each in page.all("b")]


def test_changes_are_told_place_by_place() -> None:
    before: Any = {"a": 1, "b": [1, {"c": True}], "gone": None}
    after: Any = {"a": 1.0, "b": [1, {"c": 1}], "new": [1]}
    found = [(each.path, each.before_as_json, each.after_as_json) for each in changes(before, after)]
    assert found == [
        ("a", "1", "1.0"),
        ("b[1].c", "true", "1"),
        ("gone", "null", NOTHING),
        ("new", NOTHING, "[1]"),
    ]
    assert [(each.path, each.before, each.after) for each in changes([1], [1, 2])] == [("(the whole)", [1], [1, 2])]
