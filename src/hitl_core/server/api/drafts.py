"""Shared drafts: their versions, and a person's next one. `ETag` and `If-Match` name the version that one has seen."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Header, HTTPException, Response

from ...errors import DraftMoved
from ...protocol import DraftVersion
from ...wire import bodies, forms
from ..auth import RequestsVisitor
from ..site import CurrentSite
from .calls import HEADERS, Calls, answer, sent
from .parameters import RequestId
from .visibility import require_same, seen_request

router = Calls("requests", "/api/requests/{id}/draft")

_NUMBER: Final = re.compile(r'"([0-9]{1,9})"').fullmatch
_SAID: Final = {"ETag": "The number of the newest version, in quotes."}

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` of the version that this one comes after.", max_length=100),
]
IfNoneMatch = Annotated[str | None, Header(description="The `ETag` that is known.", max_length=1_000)]


@router.call("GET", "", "readDraft", forms.VERSIONS, problems=(404,), headers=_SAID)
async def read_draft(
    visitor: RequestsVisitor, site: CurrentSite, request_id: RequestId, if_none_match: IfNoneMatch = None
) -> Response:
    """The versions of a draft that an agent and people share, oldest first; none for a request that has no draft."""
    await seen_request(site, visitor, request_id)
    versions = await site.hitl.draft(request_id)
    tag = tag_of(versions[-1] if versions else None)
    if if_none_match is not None and tag["ETag"] in [each.strip() for each in if_none_match.split(",")]:
        return Response(status_code=304, headers={**HEADERS, **tag})
    return answer(forms.VERSIONS, versions, headers=tag)


@router.call("PUT", "", "changeDraft", forms.VERSION, problems=(404, 409, 412, 428), headers=_SAID)
async def change_draft(
    visitor: RequestsVisitor,
    site: CurrentSite,
    request_id: RequestId,
    body: Annotated[bodies.Drafting, sent(bodies.Drafting)],
    if_match: IfMatch = None,
) -> Response:
    """Make these arguments the next version of a draft; the request stays open, and nothing is decided.

    412 if there is a newer version than the one in `If-Match`: read it, and decide what becomes of both.
    """
    require_same(visitor, body.by)
    await seen_request(site, visitor, request_id)
    version = await site.hitl.change_draft(
        request_id, body.arguments, base=_base(if_match), by=visitor.responder, note=body.note
    )
    return answer(forms.VERSION, version, headers=tag_of(version))


def tag_of(version: DraftVersion | None) -> dict[str, str]:
    return {"ETag": f'"{0 if version is None else version.number}"'}


def _base(if_match: str | None) -> int:
    """The version that a change comes after."""
    if if_match is None:
        raise HTTPException(428, "say in If-Match which version this one comes after: the ETag of the draft as it was")
    found = _NUMBER(if_match.strip())
    if found is None:
        raise DraftMoved(f"{if_match!r} is no version of this draft; give its ETag, as it was")
    return int(found[1])
