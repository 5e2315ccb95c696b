"""A request as AG-UI's Interrupt: what a page shows, and what it is to send back. Pure.

What a page of today cannot bear is never sent: no `expiresAt` (one that has passed locks the page; our deadline is in
the metadata, and the server's to keep), no `toolCallId` (the page would make up the tool's result), no null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from ag_ui.core import Interrupt

from ..errors import Fault
from ..protocol import DraftVersion, Json, Kind, PauseRequest
from .answers import answer_schema

REASONS: Final = {
    Kind.APPROVAL: "confirmation",
    Kind.INPUT: "input_required",
    Kind.CHOICE: "hitl:choice",
    Kind.REVIEW: "hitl:review",
    Kind.HANDOFF: "hitl:handoff",
    Kind.NOTICE: "hitl:notice",
}
"""`reason` by kind: the protocol's own words where it has them."""


def interrupt_of(
    request: PauseRequest, faults: Iterable[Fault] = (), *, newest: DraftVersion | None = None
) -> Interrupt:
    """The interrupt of an open request. With `faults`, an answer was refused for them: they come before the title.

    `newest` is the version of a shared draft that people have made last; the one that they may take.
    """
    refused = "; ".join(str(each) for each in faults)
    message = f"Not accepted: {refused}. {request.title}" if refused else request.title
    return Interrupt(
        id=request.id,
        reason=REASONS[request.kind],
        message=message,
        response_schema=answer_schema(request),
        metadata=_metadata(request, refused) | _draft(newest),
    )


def _draft(newest: DraftVersion | None) -> dict[str, Json]:
    if newest is None or newest.by is None:
        return {}
    told: dict[str, Json] = {"version": newest.number, "by": newest.by.id, "arguments": newest.arguments}
    return {"draft": told | ({"note": newest.note} if newest.note else {})}


def _metadata(request: PauseRequest, refused: str) -> dict[str, Json]:
    """`type` is the app's own word for its interrupt where it has one (as LangGraph's often do), else the kind."""
    named = request.context.details.get("type")
    found: dict[str, Json] = {
        "type": named if isinstance(named, str) and named else request.kind.value,
        "request": shown(request),
    }
    return {**found, "refused": refused} if refused else found


def shown(request: PauseRequest) -> dict[str, Json]:
    """The request as a page shows it: all of it but the adapter's handle; nothing that is null or a default."""
    return cast("dict[str, Json]", request.model_dump(mode="json", exclude={"handle"}, exclude_defaults=True))


def legacy_value(interrupts: Iterable[Interrupt]) -> dict[str, Json]:
    """The value of CopilotKit's older event `on_interrupt`, which a page shows the last of: so there is one, with all.

    The first is at the top, as pages of that time read it; `requests` has every one. The page sends it back with its
    answer, which is taken for the request whose `id` stands there.
    """
    told = [each.model_dump(mode="json", by_alias=True) for each in interrupts]
    first = told[0]
    top: dict[str, Json] = {"id": first["id"], "type": first["metadata"]["type"], "content": first["message"]}
    return {**top, "requests": cast("Json", told)}
