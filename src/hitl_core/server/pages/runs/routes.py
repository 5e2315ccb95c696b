"""/runs and /runs/{id}: the list, one run with its story, what can be done about it, and its account to take along."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from ....commands import ListRequests, ListRuns, ListUndone
from ....errors import HitlError, RunNotFound
from ....protocol import PauseRequest, Run, RunState
from ...auth import Right, RunsVisitor, Visitor
from ...feed import tip
from ...site import CurrentSite, Site
from ..environment import render
from ..forms import faults_of, status_of, stripped, typed_in
from ..routes import PageRoute, back
from ..wording import gist_of_input
from .acts import ACTS, Act, do, why_not
from .history import history_of
from .picture import picture
from .timeline import timeline
from .windows import windows

runs = APIRouter(include_in_schema=False, route_class=PageRoute)

PAGE: Final = 50
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
"""What has no place in the name of a file, or in a header: ids may be of anybody's making."""
WITHIN: Final = 2_000
"""Runs that are looked at for one page: a rare state in a long list does not make the page slow."""

Number = Annotated[int, Query(ge=0, le=2**62)]


async def run_of(site: Site, visitor: Visitor, run_id: str) -> Run:
    """The run, if it is there for this visitor. Raises HTTPException 404: what is another tenant's is not there."""
    try:
        run = await site.hitl.run(run_id)
    except RunNotFound:
        raise HTTPException(404, "there is no such run") from None
    if not visitor.sees(run.tenant):
        raise HTTPException(404, "there is no such run")
    return run


@runs.get("/runs", name="runs")
async def listed(
    request: Request, visitor: RunsVisitor, site: CurrentSite, state: str = "", cursor: str = ""
) -> Response:
    """Runs, newest first; of one state, a page at a time."""
    states = (RunState(state),) if state in list(RunState) else ()
    asked = ListRuns(states, PAGE, cursor or None, tenant=visitor.tenant, within=WITHIN)
    at = await tip(site.store)
    try:
        page = await site.store.fetch(asked)
    except HitlError as exc:
        raise HTTPException(404, str(exc)) from exc
    return render(
        request,
        "runs.html",
        visitor,
        here="runs",
        page=page,
        waits=await _waits(site, page.items),
        about=gist_of_input,
        states=list(RunState),
        state=states[0].value if states else "",
        cursor=cursor,
        looked=WITHIN,
        at=at,
    )


async def _waits(site: Site, listed: Iterable[Run]) -> dict[str, PauseRequest]:
    """What each run that is paused has waited for longest."""
    paused = [run.id for run in listed if run.state is RunState.PAUSED]
    found = [await site.store.fetch(ListRequests(run_id=id, awake=False, limit=1)) for id in paused]
    return {each.request.run_id: each.request for page in found for each in page.items}


@runs.get("/runs/{run_id}", name="run")
async def one(
    request: Request, run_id: str, visitor: RunsVisitor, site: CurrentSite, after: Number = 0, done: str = ""
) -> Response:
    """One run with its story, a page of the trail at a time."""
    at = await tip(site.store)
    run = await run_of(site, visitor, run_id)
    history = await history_of(site.store, run, after=after)
    steps = timeline(history)
    did = any(each.attempts for each in history.effects)
    mine = (act for act in ACTS.values() if act.right in visitor.rights)
    return render(
        request,
        "run.html",
        visitor,
        here="runs",
        run=run,
        history=history,
        steps=steps,
        at=at,
        picture=picture(steps),
        after=after,
        acts=[(act, why_not(act, run, site.hitl, has_done=did)) for act in mine],
        windows=windows(history, await site.store.fetch(ListUndone(run.id)), site.hitl.catalogue, site.clock.now()),
        may_operate=Right.OPERATE in visitor.rights,
        said=ACTS[done].said if done in ACTS else "",
    )


@runs.get("/runs/{run_id}/account.{form}")
async def taken_along(run_id: str, form: str, visitor: RunsVisitor, site: CurrentSite) -> Response:
    """The run's account as a file: for an auditor who has never seen this."""
    run = await run_of(site, visitor, run_id)
    if form != "json":
        raise HTTPException(404, "an account is had as .json")
    made = await site.account(run.id)
    name = f'attachment; filename="account-{_NOT_PLAIN.sub("_", run.id)}.json"'
    text = json.dumps(made.document(), ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json", headers={"content-disposition": name})


# ── what can be done about it ────────────────────────────────────────────────────────────────────────────────


def _act(name: str, visitor: Visitor) -> Act:
    act = ACTS.get(name)
    if act is None:
        raise HTTPException(404, "there is no such act")
    if act.right not in visitor.rights:
        raise HTTPException(
            403, f"{visitor.name!r} has not the right {act.right.value!r}: [server.rights] says who has"
        )
    return act


@runs.get("/runs/{run_id}/{act}")
async def asked_first(
    request: Request, run_id: str, act: str, visitor: RunsVisitor, site: CurrentSite, call: str = ""
) -> Response:
    """What an act does, before anything is done."""
    return _form(request, visitor, site, await run_of(site, visitor, run_id), _act(act, visitor), {"call": call})


@runs.post("/runs/{run_id}/{act}")
async def acted(request: Request, run_id: str, act: str, visitor: RunsVisitor, site: CurrentSite) -> Response:
    """Do it, and go and look at what has become of it."""
    run, wanted = await run_of(site, visitor, run_id), _act(act, visitor)
    fields = stripped(await typed_in(request))
    try:
        at = await do(wanted, site.hitl, run, fields, by=visitor.responder)
    except HitlError as exc:
        run = await run_of(site, visitor, run_id)
        return _form(request, visitor, site, run, wanted, fields, exc)
    return back(request, "runs", at, done=wanted.name)


def _form(
    request: Request,
    visitor: Visitor,
    site: Site,
    run: Run,
    act: Act,
    fields: dict[str, str],
    refused: HitlError | None = None,
) -> Response:
    return render(
        request,
        "run_act.html",
        visitor,
        status=200 if refused is None else status_of(refused),
        here="runs",
        run=run,
        act=act,
        fields={name: fields.get(name, "") for name in ("call", *act.asks)},
        why_not=why_not(act, run, site.hitl, call=fields.get("call", "")),
        faults=() if refused is None else faults_of(refused),
    )
