"""Giving a standing grant: what is wrong with it is found before anything is stored, and a refusal is recorded."""

from __future__ import annotations

from datetime import timedelta

from ..commands import GiveGrant, Note, WriteNote
from ..errors import Fault, GrantNotGiven
from ..gate import Surroundings
from ..policy import allowance_problems
from ..policy.rules import duration_problem
from ..protocol import (
    Action,
    Allowance,
    AuditEvent,
    Grant,
    Json,
    PauseRequest,
    Responder,
    acting,
    canonical,
    has_mask,
    new_id,
)


async def give(
    around: Surroundings, allows: Allowance, *, by: Responder, lasts: timedelta, reason: str, tenant: str
) -> Grant:
    """Put a grant in force. Raises GrantNotGiven with every fault, or RunNotFound."""
    await require_givable(around, allows, by=by, lasts=lasts)
    now = around.now()
    grant = Grant(
        id=new_id(now), allows=allows, tenant=tenant, by=by, reason=reason, given_at=now, expires_at=now + lasts
    )
    return await around.store.apply(GiveGrant(grant, now))


async def require_givable(
    around: Surroundings, allows: Allowance, *, by: Responder, lasts: timedelta, like: Action | None = None
) -> None:
    """Raises GrantNotGiven with everything that is wrong; that it was refused is recorded. `like`: the action that
    others like it are to run after."""
    faults = [Fault(path, problem) for path, problem in allowance_problems(allows)]
    if problem := duration_problem(lasts):
        faults.append(Fault("lasts", problem))
    # A tool that this process has not met is judged where it is called: the gate lets nothing else run under a grant.
    if around.catalogue.knows(allows.tool) and around.catalogue.traits(allows.tool).reversible is not True:
        faults.append(
            Fault("tool", f"{allows.tool!r} is not known to be reversible; such calls are asked about each time")
        )
    if like is not None and has_mask(like.arguments):
        faults.append(
            Fault("arguments", "are secret in part; such calls are asked about each time, so answer without a grant")
        )
    if not faults:
        return
    body: dict[str, Json] = {"tool": allows.tool, "faults": [str(fault) for fault in faults]}
    await around.store.apply(WriteNote(Note(AuditEvent.GRANT_REFUSED, allows.tool, by.id, body), around.now()))
    raise GrantNotGiven(faults)


def like(request: PauseRequest, **limits: Json) -> Allowance:
    """What a grant would allow that is given from a request: the same tool and agent, and the same arguments unless
    `limits` has another condition (`when`)."""
    action = request.action
    given: dict[str, Json] = {"when": _same_arguments(action), **limits}
    return Allowance.model_validate(
        {"tool": action.tool, "agent": acting(action), "definition": action.definition, **given}
    )


def _same_arguments(action: Action) -> Json:
    parts: list[Json] = [_is(name, value) for name, value in action.arguments.items()]
    canonical(parts, what="arguments")
    return {"all": parts} if parts else None


def _is(name: str, value: Json) -> Json:
    return {"argument": [name], **({"type": "null"} if value is None else {"equals": value})}
