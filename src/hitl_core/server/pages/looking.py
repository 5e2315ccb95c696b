"""Everything that the page of one request shows, gathered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any, Final

from ...checks import authorise, draft_faults, json_type
from ...commands import ListRequests, Settled
from ...errors import Fault, HitlError
from ...lifecycle import RequestState
from ...policy import Explanation
from ...protocol import (
    Comment,
    Delegate,
    DraftVersion,
    Json,
    Kind,
    PauseRequest,
    Reject,
    Reply,
    Response,
    Run,
    sha256,
)
from ...quorum import asked_at, asked_now, standing
from ..auth import Visitor
from ..feed import tip
from ..seeing import people_of, seen, sees
from ..site import Site
from . import wording
from .changes import changes
from .deciding import Place, answer_field, arguments_field
from .holding import TAKEN_BACK, Held, held_by
from .shapes import unit_of

log = logging.getLogger("hitl_core.server")

_AT_ONCE: Final = 100
_NAMED: Final = 200
"""People whom a field offers; more are found by typing a name."""
_OPEN: Final = (RequestState.OPEN, RequestState.FROZEN)
_UNDER_A_STOP: Final = (Reply.REJECT, Reply.CANCEL)
_CONSENT: Final = (Reply.APPROVE, Reply.EDIT, Reply.ACCEPT)


@dataclass(frozen=True, slots=True)
class Looked:
    """A request with all that is known about it. `held` is what the visitor has said to it lately.

    `rounds` is what was asked at the same place before it, of a conversation what was said in it before. `next` is
    what its run waits for since it was decided, `at` where the trail ended before all this was read.
    """

    settled: Settled
    run: Run
    comments: tuple[Comment, ...]
    draft: tuple[DraftVersion, ...]
    rounds: tuple[Settled, ...]
    held: Held | None
    at: int
    next: PauseRequest | None = None

    @property
    def request(self) -> PauseRequest:
        return self.settled.request

    @property
    def place(self) -> Place:
        return Place(self.request, self.draft)

    @property
    def is_open(self) -> bool:
        return self.settled.state in _OPEN

    @property
    def tag(self) -> str:
        """Letters that change with whatever others can do to the request."""
        held = f"{self.held.key}{self.held.outcome}" if self.held and self.held.outcome != TAKEN_BACK else ""
        counts = f"{len(self.settled.votes)} {len(self.comments)} {len(self.draft)} {self.next and self.next.id}"
        return sha256(f"{self.settled.state} {counts} {held}".encode())[-16:]


async def look(site: Site, visitor: Visitor, request_id: str) -> Looked:
    """Raises RequestNotFound, also for what they do not see (seeing.py); NotPermitted for whom no directory knows."""
    at = await tip(site.store)
    settled = await seen(site, visitor, request_id)
    run, request = await site.hitl.run(settled.request.run_id), settled.request
    held = await held_by(site, visitor.responder.id, request_id=request.id)
    return Looked(
        settled,
        run,
        await site.hitl.comments(request.id),
        await site.hitl.draft(request.id),
        tuple([each async for each in _before(site, request) if await sees(site, visitor, each)]),
        next(iter(held), None),
        at,
        None if settled.state in _OPEN else await _next(site, visitor, request),
    )


async def _before(site: Site, request: PauseRequest) -> AsyncIterator[Settled]:
    """What was asked at the same place before; of a conversation, each turn of it, wherever in the run."""
    talks = request.kind is Kind.HANDOFF
    asked = ListRequests(states=(), run_id=request.run_id, call=None if talks else request.call, limit=_AT_ONCE)
    while True:
        page = await site.store.fetch(asked)
        for each in page.items:
            if _is_before(each.request, request):
                yield each
        if page.cursor is None:
            return
        asked = replace(asked, cursor=page.cursor)


def _is_before(other: PauseRequest, request: PauseRequest) -> bool:
    if request.kind is Kind.HANDOFF:
        return other.kind is Kind.HANDOFF and (other.created_at, other.id) < (request.created_at, request.id)
    return other.round < request.round


async def _next(site: Site, visitor: Visitor, request: PauseRequest) -> PauseRequest | None:
    waits = await site.store.fetch(ListRequests(states=_OPEN, run_id=request.run_id, limit=1))
    return next(iter([each.request for each in waits.items if await sees(site, visitor, each)]), None)


def barred(looked: Looked, visitor: Visitor, site: Site) -> dict[str, str]:
    """Why the visitor may not give an answer of each kind that is offered; only of kinds that they may not give."""
    request, said, now = looked.request, looked.settled.votes, site.clock.now()
    found: dict[str, str] = {}
    for reply in _offered(looked):
        decision = request.approve if reply in _CONSENT else request.reject
        response: Response = decision(by=visitor.responder.id).model_copy(update={"responder": visitor.responder})
        faults = authorise(request, response, asked_now(request, said, response, now), said)
        if looked.settled.state is RequestState.FROZEN and reply not in _UNDER_A_STOP:
            faults.append(Fault("", "a stop holds this: it can be refused, nothing else, until the stop is lifted"))
        if faults:
            found[reply] = " ".join(_sentence(each.problem) for each in faults)
    return found


def _sentence(problem: str) -> str:
    return problem if problem.endswith(".") else problem + "."


def _offered(looked: Looked) -> tuple[Reply, ...]:
    request = looked.request
    return request.allowed if Reply.DELEGATE in request.allowed else (*request.allowed, Reply.DELEGATE)


async def others(site: Site, visitor: Visitor, looked: Looked) -> tuple[tuple[str, str], ...]:
    """To whom the visitor may give it on, as far as the directory lists them: id, and what is told of them."""
    if not looked.is_open:
        return ()
    now = site.clock.now()
    try:
        found = await people_of(site, visitor)
    except Exception:  # a directory of somebody else's: what fails there lists nobody, and a name can still be typed
        log.warning("the directory of people could not list them", exc_info=True)
        return ()
    there = (each for each in found if each.id != visitor.responder.id and each.belongs_to(looked.run.tenant))
    return tuple((each.id, f"{each.name}{', away' if each.is_away(now) else ''}") for each in islice(there, _NAMED))


async def why(site: Site, looked: Looked) -> Explanation | None:
    """What the policy in force says about the action now; None where that cannot be told, or not yet."""
    if not site.app_at_hand.is_set():
        return None
    request = looked.request
    asked: dict[str, Json] = {"tool": request.action.tool, "arguments": request.action.arguments}
    if request.action.origin.agents:
        asked["agent"] = request.action.origin.agents[-1]
    if request.context.confidence is not None:
        asked["confidence"] = request.context.confidence
    try:
        return await site.hitl.explain({**asked, "tenant": looked.run.tenant})
    except HitlError:
        return None


def shown(looked: Looked, visitor: Visitor, site: Site) -> dict[str, Any]:
    """What the template shows, but for what was typed."""
    settled, request, now = looked.settled, looked.request, site.clock.now()
    asked = asked_at(request, settled.votes, now)
    bars = barred(looked, visitor, site) if looked.is_open else {}
    refused = Response.to(request, Reject(), by=visitor.responder)
    strange = authorise(request, refused, asked_now(request, settled.votes, refused, now), settled.votes)
    stage = standing(asked, settled.votes)
    drafting = draft_faults(
        request, visitor.responder, request.action.arguments, stage.now or stage.stages[-1], settled.votes
    )
    return {
        "looked": looked,
        "settled": settled,
        "request": request,
        "run": looked.run,
        "is_open": looked.is_open,
        "asks": wording.is_a_question(request),
        "besides": wording.besides(request, offered=looked.is_open and not strange),
        "leads": Reply.REPORT in request.allowed and Reply.APPROVE not in request.allowed,
        "bars": bars,
        "stranger": " ".join(_sentence(each.problem) for each in strange) if strange else "",
        "may_draft": request.draft is not None and looked.is_open and not drafting,
        "who_may": wording.who_may_decide(asked, request.requested_for),
        "missing": wording.missing(settled, now),
        "agreed": wording.agreed(settled, now),
        "votes": [each for each in settled.votes if not isinstance(each.decision, Delegate)],
        "given_on": [each for each in settled.votes if isinstance(each.decision, Delegate)],
        "escalations": wording.escalations(request),
        "words": wording,
        "changes": changes,
        "type_of": json_type,
        "units": _units(request),
        "versions": list(_versions(looked.draft)),
    }


def _units(request: PauseRequest) -> dict[str, str]:
    """What each argument is counted in, as far as its schema says so."""
    declared: Any = (request.arguments_schema or {}).get("properties")
    named = declared.items() if isinstance(declared, Mapping) else ()
    found = {name: unit_of(schema) for name, schema in named if isinstance(schema, Mapping)}
    return {name: unit for name, unit in found.items() if unit}


def forms(looked: Looked, typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The fields of each form; of the one that was sent, as it was filled in."""
    about = None if typed is None else typed.get("decision", "")

    def of(*replies: str) -> Mapping[str, str] | None:
        return typed if about in replies else None

    return {
        "arguments_form": arguments_field(looked.place, of(Reply.EDIT, "draft")).field,
        "answer_form": answer_field(looked.request, of(Reply.ANSWER)).field,
        "result_form": answer_field(looked.request, of(Reply.REPORT), name="result").field,
    }


def _versions(draft: tuple[DraftVersion, ...]) -> list[tuple[DraftVersion, list[Any]]]:
    """Each version, newest first, and what it changed; of the first, nothing."""
    changed = [list(changes(before.arguments, after.arguments)) for before, after in pairwise(draft)]
    return list(reversed(list(zip(draft, [[], *changed], strict=True)))) if draft else []
