"""Runs: listed, started, watched and resumed, and what is known of each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query, Request, Response

from ...commands import ListRuns
from ...errors import RunBusy
from ...protocol import Run, RunState
from ...wire import bodies, forms
from ..auth import RunsVisitor, StartVisitor, Visitor
from ..auth.tenants import require_home
from ..site import CurrentSite, Site
from .calls import Calls, answer, sent
from .idempotency import REPLAYED, Idempotent
from .parameters import Cursor, Limit, RunId, Wait, opened, page_of
from .visibility import require_own, require_same, seen_run

MOST_LOOKED_AT = 10_000
"""Runs that one page looks at; then it is short, or empty, and its cursor goes on."""

router = Calls("runs", "/api/runs")

States = Annotated[tuple[RunState, ...], Query(alias="state", description="Only runs that stand like this.")]
Undoes = Annotated[str | None, Query(description="Only the undos of this run.", min_length=1, max_length=256)]
InThread = Annotated[
    str | None, Query(alias="thread", description="Only runs of this thread.", min_length=1, max_length=256)
]
ThroughPauses = Annotated[bool, Query(description="Go on waiting while people decide.")]


@router.call("GET", "", "listRuns", forms.RUNS)
async def list_runs(
    visitor: RunsVisitor,
    site: CurrentSite,
    states: States = (),
    limit: Limit = 50,
    cursor: Cursor = None,
    undoes: Undoes = None,
    thread: InThread = None,
) -> Response:
    """Runs, newest first, without their requests.

    A page may be short, or empty, where most runs are others'; as long as it has a cursor there may be more.
    """
    query = ListRuns(tuple(states), limit, opened(cursor), undoes, visitor.tenant, MOST_LOOKED_AT, thread)
    return answer(forms.RUNS, page_of(await site.store.fetch(query)))


@router.call("POST", "", "startRun", forms.RUN, status=201, problems=(409,), headers={"Location": "The run."})
async def start_run(
    visitor: StartVisitor,
    site: CurrentSite,
    request: Request,
    idempotent: Idempotent,
    body: Annotated[bodies.Start, sent(bodies.Start)],
    wait: Wait = 10,
) -> Response:
    """Start a run, and answer when it pauses, ends, or has been at work for as long as you wait.

    It runs for whoever calls, who may then not approve its actions. It goes on when this call is over: read it.
    """
    require_same(visitor, body.by)
    require_home(site, visitor, "a run that is started")
    await require_own(site, visitor, body.thread)
    await site.hitl.attach()
    run_id, ours = await idempotent.run()
    run = await _started(site, visitor, run_id, body, wait)
    place = {"Location": str(request.url_for("read_run", id=run.id))}
    return answer(forms.RUN, run, status=201, headers=place if ours else place | REPLAYED)


async def _started(site: Site, visitor: Visitor, run_id: str, body: bodies.Start, wait: float) -> Run:
    """The run under this id. One that was started before, by the same call, is waited for as if it were this one's."""
    by, thread = visitor.responder.id, body.thread
    try:
        return await site.hitl.start_as(
            run_id, body.input, within=max(wait, 0.001), by=by, thread=thread, tools=body.tools
        )
    except RunBusy:  # it is there already
        return await standing(site, await seen_run(site, visitor, run_id), wait)


@router.call("GET", "/{id}", "readRun", forms.RUN, problems=(404,))
async def read_run(
    visitor: RunsVisitor, site: CurrentSite, run_id: RunId, wait: Wait = 0, through_pauses: ThroughPauses = False
) -> Response:
    """One run with its open requests.

    With `wait`, answers when it pauses or ends, or when the time is over. Nothing is begun by this: a run that is
    ready waits for a worker, or for `resumeRun`.
    """
    run = await seen_run(site, visitor, run_id)
    return answer(forms.RUN, await standing(site, run, wait, through_pauses=through_pauses))


async def standing(site: Site, run: Run, wait: float, *, through_pauses: bool = False) -> Run:
    """A run at its next pause or end, or as it stands after `wait` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait):
            while run.state.at_work or (through_pauses and run.state is RunState.PAUSED):
                await site.store.changed(timeout=1.0)
                run = await site.hitl.run(run.id)
    return run


@router.call("POST", "/{id}/resume", "resumeRun", forms.RUN, problems=(404, 409))
async def resume_run(
    visitor: StartVisitor,
    site: CurrentSite,
    run_id: RunId,
    body: Annotated[bodies.Resume, sent(bodies.Resume, optional=True)],
    wait: Wait = 10,
) -> Response:
    """Work on a run now if there is something to do: it is ready, it failed, or its worker died.

    Answers when it pauses, ends, or has been at work for as long as you wait; it goes on when this call is over.
    """
    await seen_run(site, visitor, run_id)
    work = site.hitl.resume(run_id, ask_again=body.ask_again)
    return answer(forms.RUN, await in_time(site, visitor, run_id, work, wait))


async def in_time(site: Site, visitor: Visitor, run_id: str, work: Coroutine[Any, Any, Run], wait: float) -> Run:
    """What comes of work on a run, or the run as it stands when the time is over."""
    try:
        return await site.hitl.going_on(work, within=max(wait, 0.001))
    except TimeoutError:
        return await seen_run(site, visitor, run_id)


# ── what is known of a run ───────────────────────────────────────────────────────────────────────────────────


@router.call("GET", "/{id}/effects", "listEffects", forms.EFFECTS, problems=(404,))
async def list_effects(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """What the run's actions came to, in the order they were first seen."""
    await seen_run(site, visitor, run_id)
    return answer(forms.EFFECTS, await site.hitl.effects(run_id))


@router.call("GET", "/{id}/account", "readAccount", forms.ACCOUNT, problems=(404,))
async def read_account(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """The account of the run for an auditor: what was asked, decided and done, why, and what it cannot know."""
    run = await seen_run(site, visitor, run_id)
    return answer(forms.ACCOUNT, await site.account(run.id))


@router.call("GET", "/{id}/overrides", "listOverrides", forms.OVERRIDES, problems=(404,))
async def list_overrides(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """What people have put in the place of the run's output and results, oldest first, and what it was."""
    await seen_run(site, visitor, run_id)
    return answer(forms.OVERRIDES, await site.hitl.overrides(run_id))


@router.call("GET", "/{id}/guidance", "listGuidance", forms.GUIDANCES, problems=(404,))
async def list_guidance(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """The guidance that the run was given, oldest first, and what became of each."""
    await seen_run(site, visitor, run_id)
    return answer(forms.GUIDANCES, await site.hitl.guidance(run_id))


@router.call("GET", "/{id}/undos", "listUndos", forms.UNDOINGS, problems=(404,))
async def list_undos(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """The undos of the run, oldest first, and how each stands."""
    await seen_run(site, visitor, run_id)
    return answer(forms.UNDOINGS, await site.hitl.undos(run_id))


@router.call("GET", "/{id}/undone", "readUndo", forms.UNDOING, problems=(404, 409))
async def read_undo(visitor: RunsVisitor, site: CurrentSite, run_id: RunId) -> Response:
    """How an undo stands, by its own run: each action, and what became of it."""
    await seen_run(site, visitor, run_id)
    return answer(forms.UNDOING, await site.hitl.undone(run_id))
