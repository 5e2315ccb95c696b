"""`hitl show`: one request, and what was said about it and to the agent of its run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import RenderableType

from ...commands import Settled
from ...errors import NotPermitted
from ...protocol import Comment, Guidance, Json, Responder
from ...runtime import Runtime
from ..frozen import Frozen, frozen_requests
from ..hints import Hints
from ..lookup import find_request
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, RequestId, Seer, responder
from ..terminal import json_views
from ..terminal.listings import frozen_lines, guidance_table
from ..terminal.output import Output
from ..terminal.render import comments_panel, request_panel


def show(request: RequestId, config: ConfigFile = DEFAULT_CONFIG, as_: Seer = None, as_json: AsJson = False) -> None:
    """One request with all of its content. Also its state, who decided what, and what was said meanwhile."""
    by = None if as_ is None else responder(as_, None)
    seen = Opening(config).do(lambda hitl: _look(hitl, request, by))
    now, frozen = datetime.now(UTC), [] if seen.frozen is None else [seen.frozen]
    panel = request_panel(seen.settled, now=now)
    Output(as_json).result(_document(seen), panel, *_beside(seen, now), *frozen_lines(frozen, Hints(config)))


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, whether a stop holds it, and what was said about it and to its agent."""

    settled: Settled
    frozen: Frozen | None
    comments: tuple[Comment, ...]
    guidance: tuple[Guidance, ...]


async def _look(hitl: Runtime, given: str, by: Responder | None) -> Seen:
    found = (await find_request(hitl, given)).request
    settled = await hitl.request(found.id, by=by)
    held = await frozen_requests(hitl, run_id=found.run_id)
    frozen = next((each for each in held if each.settled.request.id == found.id), None)
    return Seen(settled, frozen, await hitl.comments(found.id), await _guidance(hitl, found.run_id))


async def _guidance(hitl: Runtime, run_id: str) -> tuple[Guidance, ...]:
    """What the agent was told; nothing, for whoever may not see the run."""
    try:
        return await hitl.guidance(run_id)
    except NotPermitted:
        return ()


def _document(seen: Seen) -> dict[str, Json]:
    view = json_views.settled_view(seen.settled) if seen.frozen is None else json_views.frozen_view(seen.frozen)
    said: list[Json] = [json_views.comment_view(each) for each in seen.comments]
    told: list[Json] = [json_views.guidance_view(each) for each in seen.guidance]
    return {**view, "comments": said, "guidance": told}


def _beside(seen: Seen, now: datetime) -> list[RenderableType]:
    panel = comments_panel(seen.comments, now)
    return [*([panel] if panel else []), *([guidance_table(seen.guidance, now=now)] if seen.guidance else [])]
