"""`hitl stop`, `lift`, `stops`: nothing that a stop covers starts any more, until somebody lifts it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from ...commands import Stop, StopScope
from ...errors import Fault
from ...protocol import Json
from ...runtime import Reach, Runtime
from ..errors_shown import WrongUsage
from ..hints import Hints
from ..insisting import insisted
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Exit, Reason, Roles, responder
from ..terminal import json_views
from ..terminal.listings import reach_table, stops_table
from ..terminal.output import Output
from ..terminal.render import shown

Scope = Annotated[StopScope, typer.Argument(metavar="SCOPE", help="|".join(StopScope))]
Target = Annotated[
    str | None, typer.Argument(metavar="TARGET", help="The run id, agent, tool or tenant; nothing with `all`.")
]

GiveUp = Annotated[
    float | None,
    typer.Option("--give-up", metavar="SECONDS", min=0, help="Give up once the store was away so long. Else never."),
]


def stop(
    scope: Scope,
    as_: As,
    reason: Reason,
    target: Target = None,
    role: Roles = None,
    give_up: GiveUp = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a stop in force, and say what it reaches and when. A store that is away is waited for: exit status 0 means
    that the stop is in force, and nothing else does.
    """
    who = responder(as_, role)

    async def work(hitl: Runtime) -> tuple[str, int, tuple[Reach, ...]]:
        whole = await _whole(hitl, scope, target)
        return whole, await hitl.stop(scope, whole, by=who, reason=reason), await hitl.reach(scope)

    _check_target(scope, target or "")
    output = Output(as_json)
    whole, frozen, reaches = insisted(lambda: Opening(config).do(work), output, give_up=give_up)
    document = {**_document("stopped", scope, whole, frozen), "reaches": json_views.reach_view(reaches)}
    said: list[RenderableType] = [shown(f"stopped: {scope} {whole}; requests frozen: {frozen}"), reach_table(reaches)]
    if scope not in (StopScope.ALL, StopScope.RUN) and not frozen:
        said.append(shown(f"no open request is of {scope} {whole}: if one should be, look at the spelling", "yellow"))
    output.result(document, *said)


def lift(
    scope: Scope,
    as_: As,
    reason: Reason,
    target: Target = None,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Lift a stop: a separate, recorded act. Exit status 1 if there is no such stop."""
    who = responder(as_, role)

    async def work(hitl: Runtime) -> tuple[str, bool, int, tuple[Stop, ...]]:
        whole = await _whole(hitl, scope, target)
        known = any((each.scope, each.target) == (scope, whole) for each in await hitl.stops())
        return whole, known, await hitl.lift(scope, whole, by=who, reason=reason), await hitl.stops()

    _check_target(scope, target or "")
    whole, known, count, left = Opening(config).do(work)
    state = "lifted" if known else "not_in_force"
    words = (
        f"lifted: {scope} {whole}; requests open again: {count}" if known else f"no stop of {scope} {whole} is in force"
    )
    others: list[Json] = [json_views.stop_view(each) for each in left]
    document = {**_document(state, scope, whole, count), "in_force": others}
    said: list[RenderableType] = [shown(words)]
    if known:
        go_on = Hints(config)("resume", "RUN")
        said.append(shown(f"runs that it stopped go on with: {go_on}   (a worker does it by itself)", "dim"))
    if left:
        said += [Text("still in force:"), stops_table(left, now=datetime.now(UTC))]
    Output(as_json).result(document, *said)
    return Exit.DONE if known else Exit.FAILED


def stops(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The stops in force."""
    output = Output(as_json)
    found = Opening(config).do(lambda hitl: hitl.stops())
    listed = stops_table(found, now=datetime.now(UTC)) if found else Text("no stop is in force", "dim")
    output.result({"stops": [json_views.stop_view(each) for each in found]}, listed)


async def _whole(hitl: Runtime, scope: StopScope, target: str | None) -> str:
    """The whole id of a run; what else can be stopped is named in full."""
    return await find_run(hitl, target or "") if scope is StopScope.RUN else target or ""


def _document(state: str, scope: StopScope, target: str, requests: int) -> dict[str, Json]:
    return {"state": state, "scope": scope.value, "target": target, "requests": requests}


def _check_target(scope: StopScope, target: str) -> None:
    if scope is StopScope.ALL and target:
        raise WrongUsage([Fault("TARGET", "means nothing with `all`; leave it out, or name what it is")])
    if scope is not StopScope.ALL and not target:
        raise WrongUsage([Fault("TARGET", f"is missing: which {scope}?")])
