"""A request as other agents' clients are shown it: data for them, and words for the people that they show it to. Pure.

What the agent says of its own request stands apart, and is named as what it is: unverified.
"""

from __future__ import annotations

from typing import Final

from ..channels.plain_text import fold, visible
from ..protocol import Json, OnTimeout, PauseRequest, canonical
from ..quorum import in_turn
from .schemas import schema_of

_AFTER: Final = {
    OnTimeout.REFUSE: "it is refused",
    OnTimeout.PROCEED: "it runs",
    OnTimeout.CANCEL_RUN: "the run is cancelled",
}


def shown(request: PauseRequest, *, inbox: str = "") -> dict[str, Json]:
    """The request as data; people answer at `inbox`."""
    said: dict[str, Json] = {
        "request": request.id,
        "run": request.run_id,
        "kind": request.kind.value,
        "level": request.level.value,
        "title": request.title,
        "tool": request.action.tool,
        "arguments": dict(request.action.arguments),
        "digest": request.digest,
        "allowed": [reply.value for reply in request.allowed],
        "options": [each.model_dump(mode="json") for each in request.options],
        "preview": request.preview.model_dump(mode="json", exclude_defaults=True),
        "because": request.because.model_dump(mode="json"),
        "asked_by": list(request.action.origin.agents),
        "approvers": request.approvers.model_dump(mode="json", exclude_defaults=True),
        "unverified": request.context.model_dump(mode="json", exclude_defaults=True),
        "answer_schema": schema_of(request),
    }
    if request.deadline is not None:
        said |= {"deadline": request.deadline.isoformat(), "on_timeout": request.on_timeout.value}
    if inbox:
        said["inbox"] = f"{inbox}/requests/{request.id}"
    return said


def told(request: PauseRequest) -> str:
    """The request in words, with nothing in it that a screen would hide or obey."""
    lines = [visible(request.title), *_action(request), *_preview(request)]
    lines.append(f"Asked because {visible(request.because.why)} (rule {visible(request.because.rule)}).")
    if any(stage.users or stage.roles or stage.quorum > 1 for stage in request.approvers.in_order):
        lines.append(f"Decided by {visible(in_turn(request.approvers.in_order))}.")
    if request.options:
        lines.append(
            "Options: " + "; ".join(visible(f"{each.id}: {each.label or each.id}") for each in request.options)
        )
    if request.context.message:
        lines.append(f"The agent says, unverified: {_brief(request.context.message)}")
    if request.deadline is not None:
        until = request.deadline.isoformat(timespec="seconds")
        lines.append(f"Until {until}; after that {_AFTER[request.on_timeout]}.")
    return "\n".join(lines)


def _action(request: PauseRequest) -> list[str]:
    given = [f"  {visible(name)} = {_brief(_json(value))}" for name, value in request.action.arguments.items()]
    return [f"{visible(request.action.tool)}:", *given] if given else [visible(request.action.tool)]


def _preview(request: PauseRequest) -> list[str]:
    preview = request.preview
    facts = (
        ("Effect", preview.effect),
        ("Target", preview.target),
        ("Affects", preview.affects),
        ("Data that leaves", preview.leaves),
        ("Cost", preview.cost),
        ("Changes", preview.diff),
    )
    lines = [f"{name}: {_brief(said)}" for name, said in facts if said]
    if preview.reversible is not None:
        lines.append("It can be undone." if preview.reversible else "It cannot be undone.")
    return lines + [f"Warning: {_brief(each)}" for each in preview.warnings]


def _json(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _brief(text: str) -> str:
    kept, rest = fold(visible(text, lines=True))
    return f"{kept} … ({rest})" if rest else kept
