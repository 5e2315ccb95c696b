"""Several requests decided with one gesture: every one is shown, any can be an exception, each is judged by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from ...commands import GetSlip, PutSlip, Slip, SlipKind
from ...errors import BatchRefused, Fault, RequestNotFound
from ...lifecycle import RequestState
from ...protocol import Json, PauseRequest, Reply, Responder
from ...protocol import Response as Answer
from ...runtime import Batch
from ..auth import RequestsVisitor, Visitor
from ..site import CurrentSite, Site
from .environment import render, url
from .forms import typed_in
from .looking import Looked, look
from .routes import PageRoute, back
from .wording import done, in_a_line

MOST: Final = 100
"""Requests in one gesture: as many as a person can have looked at."""
_KEPT: Final = timedelta(hours=12)
_SAYS: Final = (Reply.APPROVE, Reply.REJECT)

together = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen to be decided together, and why that cannot be approved in one gesture, if so."""

    looked: tuple[Looked, ...]

    @property
    def requests(self) -> tuple[PauseRequest, ...]:
        return tuple(each.request for each in self.looked)

    @property
    def why_not(self) -> tuple[str, ...]:
        """Why they cannot be approved together."""
        alone = [each for each in self.requests if not each.batch]
        sorts = {(each.action.tool, each.because.rule, each.kind) for each in self.requests}
        said = []
        if len(sorts) > 1:
            said.append("They are about several things: choose what one tool, one rule and one kind of request ask.")
        if alone:
            said.append(f"{len(alone)} of them can only be approved alone: their rule wants that, or there is no undo.")
        return tuple(said)


@together.post("/batch")
async def choose(http: Request, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """Everything that was chosen, to be looked at. Nothing is decided."""
    form = await http.form()
    chosen = await _chosen(site, visitor, [str(each) for each in form.getlist("pick")])
    if not chosen.looked:
        said = "Choose what is to be decided together by its box, or with x. What is decided by now counts for nothing."
        onward = ("Back to the inbox", url(http))
        return render(http, "message.html", visitor, here="inbox", title="Nothing is chosen", said=said, next=onward)
    return _page(http, visitor, chosen)


@together.post("/batch/give")
async def give(http: Request, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """Give the answers, and go to what came of them."""
    typed = await typed_in(http)
    names = [name.removeprefix("digest:") for name in typed if name.startswith("digest:")]
    chosen = await _chosen(site, visitor, names)
    said = typed.get("decision", "")
    if said not in _SAYS:
        return _page(http, visitor, chosen, typed, (Fault("decision", "is not said: approve or reject"),))
    answers = _answers(chosen, typed, visitor.responder)
    if not answers:
        return _page(http, visitor, chosen, typed, (Fault("", "all of them are left out: nothing was decided"),))
    try:
        batch = await site.hitl.respond_many(answers)
    except BatchRefused as exc:
        return _page(http, visitor, chosen, typed, exc.faults)
    await _keep(site, visitor, chosen, batch)
    return back(http, "batch", batch.id)


@together.get("/batch/{batch_id}")
async def came_of_it(http: Request, batch_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """What became of each answer."""
    slip = await site.store.fetch(GetSlip(SlipKind.REPEAT, f"batch:{batch_id}", site.clock.now()))
    if slip is None or slip.person != visitor.responder.id:
        raise RequestNotFound(
            f"there is no batch {batch_id!r} of yours, or it was too long ago; the audit trail has it"
        )
    return render(http, "batch_done.html", visitor, here="inbox", answers=slip.body["answers"], batch=batch_id)


async def _chosen(site: Site, visitor: Visitor, names: Iterable[str]) -> Chosen:
    found = []
    for name in list(dict.fromkeys(names))[:MOST]:
        try:
            found.append(await look(site, visitor, name))
        except RequestNotFound:
            continue
    return Chosen(tuple(each for each in found if each.settled.state in (RequestState.OPEN, RequestState.FROZEN)))


def _answers(chosen: Chosen, typed: Mapping[str, str], by: Responder) -> list[Answer]:
    """An answer to each request that is not left out, to what was shown of it."""
    made: list[Answer] = []
    for request in chosen.requests:
        said = typed.get(f"say:{request.id}") or typed["decision"]
        if said not in _SAYS:
            continue
        shown = {"digest": typed.get(f"digest:{request.id}", "") or "not said"}
        message = typed.get("message", "").strip()
        answer = request.approve(by=by.id) if said == Reply.APPROVE else request.reject(message, by=by.id)
        made.append(answer.model_copy(update={"responder": by, **shown}))
    return made


async def _keep(site: Site, visitor: Visitor, chosen: Chosen, batch: Batch) -> None:
    """What came of it, for the page that is shown afterwards."""
    titles = {each.id: in_a_line(each) for each in chosen.requests}
    answers: list[Json] = [
        {
            "request": each.response.request_id,
            "title": titles[each.response.request_id],
            "done": done(each.response.decision),
            "faults": [] if each.refused is None else [fault.problem for fault in each.refused.faults],
        }
        for each in batch.answers
    ]
    now, tenant = site.clock.now(), chosen.looked[0].run.tenant
    body: dict[str, Json] = {"answers": answers}
    slip = Slip(SlipKind.REPEAT, f"batch:{batch.id}", now, tenant, visitor.responder.id, body=body, expires=now + _KEPT)
    await site.store.apply(PutSlip(slip, now))


def _page(
    http: Request,
    visitor: Visitor,
    chosen: Chosen,
    typed: Mapping[str, str] | None = None,
    faults: tuple[Fault, ...] = (),
) -> Response:
    context: dict[str, Any] = {"chosen": chosen, "typed": typed or {}, "faults": faults}
    return render(http, "batch.html", visitor, status=422 if faults else 200, here="inbox", **context)
