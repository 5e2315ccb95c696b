"""The queries: what they hold, in which order, and page by page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from hitl_core.commands import (
    GetCheckpoint,
    GetRequest,
    GetRun,
    Known,
    ListCompactable,
    ListEffects,
    ListLeases,
    ListProposed,
    ListRequests,
    ListRuns,
    ListStops,
    Look,
    Page,
    Query,
    ReadAudit,
    Recall,
    Remember,
)
from hitl_core.errors import NotCanonical, RecordError, RequestNotFound, RunNotFound, TooLarge
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Approvers, Json, Kind, PauseRequest, RunState
from tests.core.stores.world import World


async def inbox(world: World, **filters: Any) -> list[str]:
    page = await world.store.fetch(ListRequests(**filters))
    return [each.request.id for each in page.items]


def ids(*requests: PauseRequest) -> list[str]:
    return [each.id for each in requests]


async def test_an_empty_store_answers_every_query(world: World) -> None:
    fetch = world.store.fetch
    pages: list[Query[Any]] = [ListRuns(), ListRequests(), ReadAudit()]
    for query in pages:
        assert await fetch(query) == Page(())
    tuples: list[Query[Any]] = [ListStops(), ListLeases(), ListEffects("nobody")]
    for query in tuples:
        assert await fetch(query) == ()
    assert await fetch(Recall("nobody")) == {}
    assert await fetch(Look("nobody", "nowhere")) == Known(None, None)
    ones: list[Query[Any]] = [GetRun("nobody"), GetCheckpoint("nobody")]
    for query in ones:
        with pytest.raises(RunNotFound):
            await fetch(query)
    with pytest.raises(RequestNotFound):
        await fetch(GetRequest("nobody"))


# ── the inbox ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_inbox_leaves_out_the_apps_that_it_is_not_of(world: World) -> None:
    _, own = await world.paused()
    claimed = await world.open(app="shop:another")
    other = world.request(claimed, "refund#1")
    await world.pause(claimed, other)
    backend, app = claimed.run.backend, "shop:another"
    assert await inbox(world) == ids(*own, other)
    assert await inbox(world, not_of=((backend, app), ("nowhere", "shop:one"))) == ids(*own)
    assert await inbox(world, not_of=(("another", app),)) == ids(*own, other)


async def test_the_inbox_is_in_order_of_arrival(world: World) -> None:
    requests = []
    for _ in range(3):
        world.later(-60)  # a clock that goes back does not change who came first
        requests += (await world.paused(count=2))[1]
    assert await inbox(world) == ids(*requests)


async def test_pages_follow_each_other_without_gap_or_overlap(world: World) -> None:
    _, requests = await world.paused(count=7)
    seen, cursor = [], None
    for _ in range(4):
        page = await world.store.fetch(ListRequests(limit=2, cursor=cursor))
        seen += [each.request.id for each in page.items]
        cursor = page.cursor
        for each in page.items:  # what is answered meanwhile moves nothing
            await world.answer(each.request.approve(by="ann"))
    assert seen == ids(*requests)
    assert cursor is None


async def test_a_page_that_is_just_full_is_followed_by_an_empty_one(world: World) -> None:
    await world.paused(count=2)
    page = await world.store.fetch(ListRequests(limit=2))
    assert page.cursor is not None
    last = await world.store.fetch(ListRequests(limit=2, cursor=page.cursor))
    assert (last.items, last.cursor) == ((), None)


async def test_the_inbox_by_state(world: World) -> None:
    _, (decided, opened) = await world.paused(count=2)
    await world.answer(decided.approve(by="ann"))
    assert await inbox(world) == ids(opened)
    assert await inbox(world, states=(RequestState.DECIDED,)) == ids(decided)
    assert await inbox(world, states=(RequestState.DECIDED, RequestState.OPEN)) == ids(decided, opened)
    assert await inbox(world, states=()) == ids(decided, opened)
    assert await inbox(world, states=(RequestState.VETOED,)) == []


async def test_the_inbox_of_one_run(world: World) -> None:
    one, first = await world.paused(count=2)
    _, second = await world.paused()
    assert await inbox(world, run_id=one.id) == ids(*first)
    assert await inbox(world, run_id="nobody") == []
    assert await inbox(world, run_id=one.id, call="refund#2") == ids(first[1])
    assert await inbox(world, run_id=one.id, call="nowhere", states=()) == []
    assert await inbox(world) == ids(*first, *second)


async def test_the_inbox_of_a_role(world: World) -> None:
    claimed = await world.open()
    anybody = world.request(claimed, "1")
    lead = world.request(claimed, "2", approvers=Approvers(roles=("lead", "boss")))
    ann = world.request(claimed, "3", approvers=Approvers(users=("ann",)))
    clerk = world.request(claimed, "4", approvers=Approvers(roles=("clerk",), users=("ann",)))
    await world.pause(claimed, anybody, lead, ann, clerk)
    assert await inbox(world, roles=("lead",)) == ids(anybody, lead)
    assert await inbox(world, roles=("clerk", "boss")) == ids(anybody, lead, clerk)
    assert await inbox(world, roles=("stranger",)) == ids(anybody)
    assert await inbox(world) == ids(anybody, lead, ann, clerk)


async def test_notices_are_listed_when_asked_for(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, "1", kind=Kind.NOTICE, allowed=())
    asked = world.request(claimed, "2")
    later = world.request(claimed, "3", kind=Kind.NOTICE, allowed=())
    await world.pause(claimed, notice, asked, later)
    assert await inbox(world) == ids(asked)
    assert await inbox(world, notices=True) == ids(notice, asked, later)
    assert await inbox(world, notices=True, limit=2) == ids(notice, asked)
    assert await inbox(world, notices=True, run_id=claimed.run.id, states=()) == ids(notice, asked, later)


async def test_requests_come_back_exactly_with_fields_of_other_releases(world: World) -> None:
    claimed = await world.open()
    request = world.request(claimed, title="ä\n✓", handle={"deep": [{"x": None}]}, novelty={"a": 1})
    await world.pause(claimed, request)
    (found,) = (await world.store.fetch(ListRequests())).items
    assert found.request == request
    assert found.request.model_extra == {"novelty": {"a": 1}}
    assert found == await world.settled(request)


# ── runs, effects, places ────────────────────────────────────────────────────────────────────────────────────


async def test_runs_come_newest_first_page_by_page(world: World) -> None:
    opened = [(await world.open()).run.id for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = await world.store.fetch(ListRuns(limit=2, cursor=cursor))
        seen += [run.id for run in page.items]
        cursor = page.cursor
    assert seen == opened[::-1]
    assert cursor is None


async def test_runs_by_state_and_without_their_requests(world: World) -> None:
    paused, _ = await world.paused()
    running = (await world.open()).run
    page = await world.store.fetch(ListRuns(states=(RunState.PAUSED,)))
    assert [(run.id, run.pending) for run in page.items] == [(paused.id, ())]
    both = await world.store.fetch(ListRuns(states=(RunState.PAUSED, RunState.RUNNING)))
    assert [run.id for run in both.items] == [running.id, paused.id]


async def test_the_undos_of_a_run(world: World) -> None:
    run = (await world.open()).run
    undos = [(await world.open(undoes=run.id)).run.id for _ in range(2)]
    await world.open(undoes="another run")
    page = await world.store.fetch(ListRuns(undoes=run.id))
    assert [each.id for each in page.items] == undos[::-1]
    assert (await world.store.fetch(ListRuns(undoes=undos[0]))).items == ()


async def test_runs_of_one_tenant_are_looked_for_among_so_many_at_a_time(world: World) -> None:
    """However rare they are, a page costs the same; it may be empty, and says where to go on."""
    rare = (await world.open(tenant="rare")).run
    for _ in range(5):
        await world.open(tenant="common")
    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await world.store.fetch(ListRuns(tenant="rare", within=2, cursor=cursor))
        pages.append([each.id for each in page.items])
        cursor = page.cursor
    assert pages == [[], [], [rare.id]]
    assert [each.id for each in (await world.store.fetch(ListRuns(tenant="rare"))).items] == [rare.id]
    assert (await world.store.fetch(ListRuns(tenant="nobody"))).cursor is None


async def test_a_place_shows_its_newest_question_and_no_notice(world: World) -> None:
    run, (first,) = await world.paused()
    await world.answer(first.revise("again", by="ann"))
    claimed = await world.claim(run)
    second = world.request(run, first.call, round=1)
    notice = world.request(run, first.call, round=2, kind=Kind.NOTICE, allowed=())
    await world.pause(claimed, second, notice)
    known = await world.store.fetch(Look(run.id, first.call))
    assert known.settled is not None
    assert known.settled.request == second
    assert known.effect is None


async def test_effects_are_listed_in_the_order_they_were_first_seen(world: World) -> None:
    claimed = await world.open()
    for call in ("c", "a", "b"):
        await world.begin(claimed.lease, call)
    effects = await world.store.fetch(ListEffects(claimed.run.id))
    assert [effect.call for effect in effects] == ["c", "a", "b"]


# ── the journal ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"x": [1.5, None, "ä"]}, "x" * 5000])
async def test_the_first_value_under_a_key_stands(world: World, value: Json) -> None:
    claimed = await world.open()
    assert repr(await world.store.apply(Remember(claimed.lease, "model#1", value, world.now))) == repr(value)
    assert repr(await world.store.apply(Remember(claimed.lease, "model#1", "other", world.now))) == repr(value)
    await world.store.apply(Remember(claimed.lease, "model#2", 2, world.now))
    assert list((await world.store.fetch(Recall(claimed.run.id))).items()) == [("model#1", value), ("model#2", 2)]


async def test_journals_of_two_runs_do_not_mix(world: World) -> None:
    one, other = await world.open(), await world.open()
    await world.store.apply(Remember(one.lease, "key", 1, world.now))
    await world.store.apply(Remember(other.lease, "key", 2, world.now))
    assert await world.store.fetch(Recall(one.run.id)) == {"key": 1}


async def test_a_journal_value_has_its_limits(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(TooLarge, match="journal value 'key'"):
        await world.store.apply(Remember(claimed.lease, "key", "x" * 1024 * 1024, world.now))
    with pytest.raises(NotCanonical, match="surrogate"):
        await world.store.apply(Remember(claimed.lease, "\ud800", 1, world.now))
    assert await world.store.fetch(Recall(claimed.run.id)) == {}


# ── the trail ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_trail_is_numbered_without_gaps_and_read_in_pages(world: World) -> None:
    await world.paused(count=3)
    numbers, after = [], 0
    for _ in range(3):
        page = await world.store.fetch(ReadAudit(after, limit=2))
        numbers += [entry.seq for entry in page.items]
        after = int(page.cursor or 0)
    assert numbers == [1, 2, 3, 4, 5]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    assert after == 0


NO_CURSORS = ["page 2", "-1", " 1", "1.5", "1_0", "\u0661", "9" * 30]
NO_CURSORS += ["1@", "1@x", "@1:1:", "1@2:1:", "1@1:4:3,2", "1@1:4:9", "1@0:0:"]


async def test_what_is_no_cursor_is_refused_by_name_and_with_what_to_do(world: World) -> None:
    await world.paused(2)
    for cursor in NO_CURSORS:
        queries: list[Query[Page[Any]]] = [
            ListRequests(cursor=cursor),
            ListRequests((), notices=True, cursor=cursor),
            ListRuns(cursor=cursor),
            ListProposed(cursor=cursor),
            ListCompactable(world.now, cursor=cursor),
        ]
        for query in queries:
            with pytest.raises(RecordError, match="give the `cursor` of the page before") as refused:
                await world.store.fetch(query)
            assert f"{cursor!r} is no cursor of this store" in str(refused.value)


async def test_a_cursor_of_the_other_engine_goes_on_at_its_key(world: World) -> None:
    _, requests = await world.paused(2)
    first = await world.store.fetch(ListRequests(limit=1))
    key = str(first.cursor).partition("@")[0]
    for cursor in (key, f"{key}@999999:999999:"):
        assert await inbox(world, cursor=cursor) == ids(requests[1])
