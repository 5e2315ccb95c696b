"""/stops, /grants, /policy, /audit: what is in force is seen with who and why; each act is one step, and recorded."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_core import contracts
from hitl_core.audit import COLUMNS
from hitl_core.audit.anchor import Anchors
from hitl_core.commands import StopScope
from hitl_core.config import Serving
from hitl_core.errors import StoreUnavailable
from hitl_core.people import Authority
from hitl_core.protocol import Allowance, Run, RunState
from hitl_core.server.auth import Right
from hitl_core.server.pages.oversight import audit as audit_page
from hitl_core.server.site import Site
from tests.core.shop import Shop, decide, one_refund, policy, rule, trail
from tests.server.pages.browser import Browser, Page
from tests.server.pages.desk import HOSTILE, RULES, Desk, at_refund_desk
from tests.server.site import browsing, somebody

# ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_says_what_it_reaches_and_is_then_in_force(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        await desk.asked()
        page = await desk.browser.open("/stops", scope="tool", target="refund")
        assert "What a stop of a tool, in all runs reaches" in page.text
        assert "a tool that is running no it comes to its end" in page.text
        assert "hitl doctor" in [each.text for each in page.all("code")]
        assert "`" not in page.text
        assert await desk.hitl.stops() == (), "to look at it stops nothing"
        done = await desk.browser.send(page.form(action="/stops"), reason="It pays twice.")
        (stop,) = await desk.hitl.stops()
        assert (stop.scope, stop.target, stop.by, stop.reason) == ("tool", "refund", "ann", "It pays twice.")
        assert "The stop is in force. Questions that this froze or opened again: 1." in done.text
        assert "It pays twice." in done.text


async def test_who_is_of_one_tenant_need_not_name_it_to_stop_it(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path, somebody("ann", tenant="default")) as desk:
        await desk.asked()
        page = await desk.browser.open("/stops")
        await desk.browser.send(page.form(action="/stops"), reason="All of it is wrong.")
        (stop,) = await desk.hitl.stops()
        assert (stop.scope, stop.target) == ("tenant", "default")


async def test_the_button_of_every_page_leads_to_a_stop_with_its_scope(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        (there,) = [each for each in (await desk.browser.open(f"/runs/{run.id}")).links() if "scope=run" in each]
        page = await desk.browser.open(there)
        fields = page.form(action="/stops").fields
        assert (fields["scope"], fields["target"]) == ("run", run.id)
        await desk.browser.send(page.form(action="/stops"), reason="It loops.")
        assert [each.target for each in await desk.hitl.stops()] == [run.id]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"scope": "tool", "target": "", "reason": "x"}, "is missing: which tool?"),
        ({"scope": "tool", "target": "refund", "reason": ""}, "is missing; whoever lifts the stop"),
        ({"scope": "world", "target": "refund", "reason": "x"}, "'world' is none of run, agent"),
    ],
)
async def test_a_stop_without_all_of_it_stops_nothing(tmp_path: Path, sent: dict[str, str], why: str) -> None:
    async with at_refund_desk(tmp_path) as desk:
        page = Page(await desk.browser.client.post("/stops", data={"csrf": "csrf-of-ann", **sent}))
        assert (page.status, why in page.text) == (422, True)
        assert await desk.hitl.stops() == ()


async def test_a_stop_is_lifted_by_another_person_where_the_authority_says_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path, policy=RULES)
    shop.authority = Authority(lift_by_another=True)
    async with shop.open(one_refund(shop.ledger)) as hitl, browsing(hitl) as (client, door):
        desk = Desk(hitl, shop, Browser(client), door)
        await hitl.stop(StopScope.ALL, by="ann", reason="Fire drill.")
        page = await desk.browser.open("/stops")
        assert page.forms
        refused = await desk.browser.send(page.form(action="/stops/lift"), reason="Over.")
        assert (refused.status, "The stop is still in force" in refused.text) == (403, True)
        assert len(await hitl.stops()) == 1
        door.now = somebody("bob")
        done = await desk.browser.send((await desk.browser.open("/stops")).form(action="/stops/lift"), reason="Over.")
        assert "The stop is lifted." in done.text
        assert await hitl.stops() == ()
        (lifted,) = await trail(hitl, "stop.lifted")
        assert (lifted.actor, json.loads(lifted.body)["reason"]) == ("bob", "Over.")
        again = {"csrf": "csrf-of-bob", "scope": "all", "target": "", "reason": "x"}
        assert "No such stop was in force." in Page(await client.post("/stops/lift", data=again)).text


async def test_somebody_of_one_tenant_stops_no_other_and_sees_no_other_s(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        await desk.hitl.stop(StopScope.TENANT, "default", by="bob", reason="default's own")
        await desk.hitl.stop(StopScope.TOOL, "mail", by="bob", reason="reaches all")
        desk.door.now = somebody(tenant="north")
        page = await desk.browser.open("/stops")
        assert "reaches all" in page.text
        assert "default's own" not in page.text
        for scope, target in (("all", ""), ("tenant", "default"), ("run", run.id)):
            sent = {"csrf": "csrf-of-ann", "scope": scope, "target": target, "reason": "x"}
            assert (await desk.browser.client.post("/stops", data=sent)).status_code == 422
            assert (await desk.browser.client.post("/stops/lift", data=sent)).status_code == 422
        assert len(await desk.hitl.stops()) == 2


# ── grants ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_grant_is_given_used_and_taken_back(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        page = await desk.browser.open("/grants")
        given = await desk.browser.send(
            page.form(action="/grants"),
            tool="refund",
            lasts="2h",
            times="3",
            sum_of="amount",
            most="500",
            reason="Sale day",
        )
        assert "The grant is in force." in given.text
        assert (await desk.asked()).state is RunState.COMPLETED, "it was not asked about"
        (grant,) = await desk.hitl.grants()
        page = await desk.browser.open("/grants")
        assert "1 of 3" in page.text
        assert "Sale day" in page.text
        taken = await desk.browser.send(page.form(action=f"/grants/{grant.id}/revoke"), reason="too wide")
        assert "nothing begins under it any more" in taken.text
        assert "taken back by ann" in taken.text
        assert (await desk.asked()).state is RunState.PAUSED
        assert f"/grants/{grant.id}/revoke" not in [each.action for each in taken.forms]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"tool": "", "lasts": "2h"}, "is missing: whose calls are to run?"),
        ({"tool": "refund", "lasts": "soon"}, "soon"),
        ({"tool": "refund", "lasts": "2h", "times": "many"}, "times"),
        ({"tool": "refund", "lasts": "2h", "when": "{"}, "is no JSON"),
        ({"tool": "refund", "lasts": "2h", "when": '{"argument": "x", "over": 1}'}, "over"),
        ({"tool": "refund", "lasts": "2h", "run_id": "nobody"}, "there is no run 'nobody'"),
    ],
)
async def test_a_grant_that_is_not_clear_is_not_given(tmp_path: Path, fields: dict[str, str], why: str) -> None:
    async with at_refund_desk(tmp_path) as desk:
        refused = await desk.browser.send((await desk.browser.open("/grants")).form(action="/grants"), **fields)
        assert refused.status in (409, 422)
        assert "No grant was given" in refused.text
        assert why in refused.text
        assert refused.form(action="/grants").fields["lasts"] == fields["lasts"], "what was typed stays"
        assert await desk.hitl.grants() == ()


async def test_what_cannot_be_taken_back_is_granted_to_nobody(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path, reversible=False, undo=None, undo_window=None) as desk:
        await desk.asked()
        refused = await desk.browser.send(
            (await desk.browser.open("/grants")).form(action="/grants"), tool="refund", lasts="2h", reason="x"
        )
        assert (refused.status, "not known to be reversible" in refused.text) == (422, True)


async def test_another_tenant_s_grant_is_not_there(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        grant = await desk.hitl.grant(Allowance(tool="refund"), by="bob", lasts=timedelta(hours=1), reason="ours")
        desk.door.now = somebody(tenant="north")
        page = await desk.browser.open("/grants")
        assert "ours" not in page.text
        sent = {"csrf": "csrf-of-ann"}
        assert (await desk.browser.client.post(f"/grants/{grant.id}/revoke", data=sent)).status_code == 404
        theirs = await desk.browser.send(page.form(action="/grants"), tool="refund", lasts="1h", run_id=run.id)
        assert (theirs.status, f"there is no run '{run.id}'" in theirs.text) == (422, True)
        assert len(await desk.hitl.grants()) == 1


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────

LARGE = {"argument": "amount", "above": 100}


def two_rules() -> str:
    return (
        'version = "7"\n'
        + rule("large", level="confirm", when=LARGE, approvers={"roles": ["lead"]})
        + rule("small", level="notify")
    )


async def test_the_rules_stand_in_their_order_in_words(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        desk.shop.policy = policy(
            rule(
                "large", level="confirm", when=LARGE, approvers={"roles": ["lead"]}, deadline="2h", on_timeout="refuse"
            ),
            rule("never", effect="deny", match={"tool": {"glob": "wipe*"}}),
            rule("small", level="notify", veto="5m", allow_irreversible="small change"),
            version="7",
        )
        page = await desk.browser.open("/policy")
    for told in (
        "Version 7",
        "1. large level confirm large says so About tool refund When argument 'amount' above 100 Asks 1 of role lead",
        "2. never deny never says so About tool like wipe*",
        "runs after 5m unless somebody vetoes it",
        "what no rule is about level confirm",
    ):
        assert told in page.text


async def test_what_the_linter_finds_stands_there(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        desk.shop.policy = policy(rule("first", level="confirm"), rule("second", level="confirm"))
        assert "shadowed" in (await desk.browser.open("/policy")).text
        desk.shop.policy = RULES
        assert "Nothing is wrong with these rules by themselves." in (await desk.browser.open("/policy")).text


async def test_an_action_is_explained_with_what_would_alter_it(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        desk.shop.policy = policy(*[rule("large", level="confirm", when=LARGE), rule("small", level="notify")])
        page = await desk.browser.open("/policy")
        told = await desk.browser.send(
            page.form(action="/policy/explain"),
            tool="refund",
            arguments='{"amount": 120}',
            facts='{"reversible": true}',
        )
        assert "confirm by the rule large" in told.text
        assert "argument 'amount': 120 → 100 : then notify by small" in told.text
        assert told.form(action="/policy/explain").fields["arguments"].strip() == '{"amount": 120}'
        assert await trail(desk.hitl) == [], "nothing is written"
        for fields, why in (
            ({"tool": "refund", "arguments": "{"}, "is no JSON"),
            ({"tool": "refund", "arguments": "[1]"}, "has to be a JSON object"),
            ({"tool": "refund", "facts": '{"colour": "red"}'}, "colour"),
        ):
            refused = await desk.browser.send(page.form(action="/policy/explain"), **fields)
            assert refused.status in (409, 422)
            assert why in refused.text


async def test_a_changed_text_is_tried_on_what_is_recorded_and_nothing_is_written(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        for amount in (20.0, 30.0, 700.0):
            await decide(desk.hitl, await desk.asked(amount=amount), "approve")
        before = await trail(desk.hitl)
        page = await desk.browser.open("/policy")
        pasted = await desk.browser.send(page.form(action="/policy/backtest"), text=two_rules())
        assert "2 of 3 recorded actions would have had another fate" in pasted.text
        assert pasted.form(action="/policy/backtest").fields["text"].strip() == two_rules().strip(), "as it was typed"
        sent = await desk.browser.upload(page.form(action="/policy/backtest"), "file", two_rules().encode(), since="1h")
        assert "2 of 3 recorded actions would have had another fate" in sent.text
        for broken, why in (("[[rules]]\nid = 1", "id"), ("this is no TOML", "")):
            refused = await desk.browser.send(page.form(action="/policy/backtest"), text=broken)
            assert (refused.status, "It was not tried" in refused.text, why in refused.text) == (422, True, True)
        for content, why in ((b"\xff\xfe", "is no text"), (b"#" * 1_000_001, "is larger than")):
            refused = await desk.browser.upload(page.form(action="/policy/backtest"), "file", content)
            assert (refused.status, why in refused.text) == (422, True)
        assert (await desk.browser.send(page.form(action="/policy/backtest"), since="soon")).status == 422
        assert await trail(desk.hitl) == before


# ── the trail ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_trail_is_read_newest_first_by_run_and_by_event(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        one, other = await desk.asked(), await desk.asked()
        await decide(desk.hitl, one, "approve")
        page = await desk.browser.open("/audit")
        assert _numbers(page) == [each.seq for each in reversed(await trail(desk.hitl))]
        assert "It was decided request.decided call" not in page.text
        assert "decision approve" in page.text
        of_run = await desk.browser.open("/audit", run=other.id)
        assert len(_numbers(of_run)) == 3
        decided = await desk.browser.open("/audit", event="request.decided")
        assert len(_numbers(decided)) == 1
        family = await desk.browser.open("/audit", event="request")
        assert len(_numbers(family)) == 3
        assert "There are no lines of that." in (await desk.browser.open("/audit", run="nobody")).text


async def test_the_trail_goes_on_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in (("PAGE", 4), ("AT_ONCE", 3), ("WITHIN", 6)):
        monkeypatch.setattr(audit_page, name, count)
    async with at_refund_desk(tmp_path) as desk:
        for _ in range(5):
            await desk.asked()
        seen, path = list[int](), "/audit"
        while path:
            page = await desk.browser.open(path)
            seen += _numbers(page)
            older = [each for each in page.all("a") if each.text == "Older"]
            path = older[0].attributes["href"] if older else ""
        assert seen == list(range(15, 0, -1))
        assert "None among the 6 lines" in (await desk.browser.open("/audit", event="stop.set")).text


def _numbers(page: Page) -> list[int]:
    return [int(row.attributes["id"].removeprefix("line-")) for row in page.all("tr") if "id" in row.attributes]


async def test_a_trail_that_is_whole_is_told_so_with_its_tip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Anchors, "_rouse", lambda self: None)  # none until the end: a slow machine has one earlier
    async with at_refund_desk(tmp_path) as desk:
        await desk.asked()
        new = await desk.browser.send((await desk.browser.open("/audit")).form(action="/audit/verify"))
        assert "Whether it is intact cannot be told" in new.text, "no anchor was written yet"
    async with at_refund_desk(tmp_path) as desk:
        done = await desk.browser.send((await desk.browser.open("/audit")).form(action="/audit/verify"))
        last = (await trail(desk.hitl))[-1]
        assert "The trail is intact" in done.text
        assert f"line {last.seq}, sealed with {last.mac}" in done.text
        assert "intact" in (await desk.browser.open("/audit")).text


async def test_a_line_that_was_changed_is_found_with_its_place(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        await decide(desk.hitl, await desk.asked(), "reject", "no")
        with sqlite3.connect(tmp_path / "shop.db") as other:
            other.execute("UPDATE hitl_audit SET actor = 'eve' WHERE event = 'request.decided'")
        done = await desk.browser.send((await desk.browser.open("/audit")).form(action="/audit/verify"))
        (line,) = await trail(desk.hitl, "request.decided")
        assert "The trail is broken" in done.text
        assert f"edited: lines {line.seq}" in done.text
        assert f"/audit?before={line.seq + 1}" in done.links()
        assert _numbers(await desk.browser.open(f"/audit?before={line.seq + 1}"))[0] == line.seq


async def test_a_verification_goes_on_beside_the_page_and_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_page, "MOMENT", 0)
    async with at_refund_desk(tmp_path) as desk:
        await desk.asked()
        app: Any = desk.door.app
        held = asyncio.Event()
        fetch = desk.hitl.store.fetch

        async def slow(query: Any) -> Any:
            if type(query).__name__ == "ReadAudit":
                await held.wait()
            return await fetch(query)

        monkeypatch.setattr(desk.hitl.store, "fetch", slow)
        assert "It was not verified" in (await desk.browser.open("/audit/verify")).text
        begun = await desk.browser.send((await desk.browser.open("/audit/verify")).form(action="/audit/verify"))
        assert "Under way" in begun.text
        first = app.state.verifications.last
        await desk.browser.send(begun.form(action="/audit/verify"))
        assert app.state.verifications.last is first
        held.set()
        await app.state.verifications.finished(20)
        assert "3 lines were read" in (await desk.browser.open("/audit/verify")).text


async def test_a_trail_that_cannot_be_read_is_not_told_to_be_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_refund_desk(tmp_path) as desk:
        fetch = desk.hitl.store.fetch

        async def away(query: Any) -> Any:
            if type(query).__name__ == "ReadAudit":
                raise StoreUnavailable("the disk is gone")
            return await fetch(query)

        monkeypatch.setattr(desk.hitl.store, "fetch", away)
        done = await desk.browser.send((await desk.browser.open("/audit")).form(action="/audit/verify"))
        assert "It could not be verified" in done.text
        assert "the disk is gone" in done.text


async def test_the_trail_as_a_table_holds_no_formula(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        await desk.hitl.stop(StopScope.TOOL, "=HYPERLINK(1)", by="bob", reason="x")
        run = await desk.asked()
        had = await desk.browser.client.get("/audit/trail.csv")
        rows = list(csv.reader(io.StringIO(had.text)))
        assert had.headers["content-disposition"] == 'attachment; filename="trail.csv"'
        assert tuple(rows[0]) == COLUMNS
        assert len(rows) == 1 + len(await trail(desk.hitl))
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
        of_run = await desk.browser.client.get("/audit/trail.csv", params={"run": run.id})
        assert len(list(csv.reader(io.StringIO(of_run.text)))) == 4


async def test_the_table_is_read_as_it_is_taken_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the trail is, no more of it is held than a page, and who goes away has no more of it read."""
    monkeypatch.setattr(contracts, "PAGE", 2)
    async with at_refund_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.asked()
        whole, site = await trail(desk.hitl), Site(desk.hitl, Serving())
        read, fetch = list[int](), site.store.fetch

        async def counted(query: Any) -> Any:
            page = await fetch(query)
            read.append(len(page.items))
            return page

        monkeypatch.setattr(site.store, "fetch", counted)
        async with aclosing(audit_page._rows(site, somebody(), "")) as rows:
            taken = [await anext(rows) for _ in range(3)]
            assert read == [2, 2], "the head is there before anything is read"
        assert len(list(csv.reader(io.StringIO("".join(taken))))) == 1 + 4
        rest = [each async for each in audit_page._rows(site, somebody(), "")]
        assert (len(list(csv.reader(io.StringIO("".join(rest))))), max(read)) == (1 + len(whole), 2)


async def test_nobody_reads_another_tenant_s_lines(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        desk.door.now = somebody(tenant="north")
        for path in ("/audit", f"/audit?run={run.id}", "/audit/trail.csv", f"/audit/trail.csv?run={run.id}"):
            assert run.id not in (await desk.browser.client.get(path)).text.replace(f'value="{run.id}"', "").replace(
                f"run={run.id}", ""
            )


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────


async def everything(desk: Desk) -> tuple[Run, tuple[str, ...]]:
    """A desk with something of each kind, hostile where people and agents may write; and the pages that show it."""
    run = await decide(desk.hitl, await desk.asked(HOSTILE), "approve", reason=HOSTILE)
    await desk.asked(HOSTILE)
    await desk.hitl.stop(StopScope.AGENT, HOSTILE, by=HOSTILE, reason=HOSTILE)
    await desk.hitl.grant(Allowance(tool="refund", agent=HOSTILE), by="bob", lasts=timedelta(hours=1), reason=HOSTILE)
    acts = ("cancel", "steer", "undo", "override", "rewind", "resume", "retry", "ask-again")
    pages = ("/runs", f"/runs/{run.id}", "/stops", "/audit", "/audit/verify", "/policy", "/grants")
    return run, (*pages, *(f"/runs/{run.id}/{act}" for act in acts))


async def test_looking_at_every_page_changes_nothing(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run, pages = await everything(desk)
        before, stood = await trail(desk.hitl), await desk.hitl.run(run.id)
        for path in pages:
            assert (await desk.browser.open(path)).status == 200, path
        assert await trail(desk.hitl) == before
        assert await desk.hitl.run(run.id) == stood


async def test_every_page_keeps_to_the_standards(tmp_path: Path) -> None:
    """What can be told without a browser: the rest is for axe."""
    async with at_refund_desk(tmp_path) as desk:
        _, pages = await everything(desk)
        for path in pages:
            page = await desk.browser.open(path)
            assert [each.attributes.get("lang") for each in page.all("html")] == ["en"], path
            assert len(page.all("h1")) == 1, path
            assert len(page.all("main")) == 1, path
            ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
            assert len(ids) == len(set(ids)), (path, sorted(ids))
            labelled = {each.attributes.get("for") for each in page.all("label")}
            for tag in ("input", "select", "textarea"):
                for each in page.all(tag):
                    if each.attributes.get("type") != "hidden":
                        assert each.attributes.get("id") in labelled, (path, each)
            tables = len(page.all("table"))
            assert len(page.all("caption")) == tables, path
            for form in page.forms:
                assert form.method == "get" or form.fields.get("csrf") == "csrf-of-ann", (path, form)
            assert not [each for each in page.elements if "style" in each.attributes or each.tag == "style"], path
            described = [each.attributes.get("aria-describedby") for each in page.elements]
            assert {each for each in described if each} <= set(ids), path


async def test_nothing_that_people_or_agents_write_is_more_than_text(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        _, pages = await everything(desk)
        for path in pages:
            page = await desk.browser.open(path)
            assert {"img"} & {each.tag for each in page.elements} <= {"img"}
            assert all(each.attributes.get("src", "").startswith("/static/") for each in page.all("script")), path
            assert all(each.attributes.get("src", "").startswith("/static/") for each in page.all("img")), path
            assert not [name for each in page.elements for name in each.attributes if name.startswith("on")], path
            assert not {"\u202e", "\u200b", "\x1b"} & set(page.html), path


async def test_a_form_without_its_token_changes_nothing(tmp_path: Path) -> None:
    async with at_refund_desk(tmp_path) as desk:
        run = await desk.asked()
        grant = await desk.hitl.grant(Allowance(tool="refund"), by="bob", lasts=timedelta(hours=1))
        before = await trail(desk.hitl)
        for path in (f"/runs/{run.id}/cancel", "/stops", "/stops/lift", "/grants", f"/grants/{grant.id}/revoke"):
            for token in ({}, {"csrf": "csrf-of-bob"}):
                sent = {**token, "scope": "all", "reason": "x", "tool": "refund", "lasts": "1h"}
                assert (await desk.browser.client.post(path, data=sent)).status_code == 403, path
        for path in ("/audit/verify", "/policy/explain", "/policy/backtest"):
            assert (await desk.browser.client.post(path)).status_code == 403
        assert await trail(desk.hitl) == before


@pytest.mark.parametrize(
    ("right", "paths"),
    [
        (Right.OPERATE, ("/stops", "/grants")),
        (Right.AUDIT, ("/audit", "/audit/verify", "/audit/trail.csv")),
        (Right.POLICY, ("/policy",)),
        (Right.RUNS, ("/runs",)),
    ],
)
async def test_each_page_needs_its_right(tmp_path: Path, right: Right, paths: tuple[str, ...]) -> None:
    async with at_refund_desk(tmp_path) as desk:
        for path in paths:
            desk.door.now = somebody(rights=frozenset({right}))
            assert (await desk.browser.client.get(path)).status_code == 200
            desk.door.now = somebody(rights=frozenset(Right) - {right})
            assert (await desk.browser.client.get(path)).status_code == 403
