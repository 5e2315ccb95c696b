"""`hitl stop`, `lift`, `stops`: nothing that a stop covers starts any more, until somebody lifts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from ...commands import StopScope
from ...errors import Fault
from ...protocol import Json
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Roles, responder
from ..terminal import json_views
from ..terminal.listings import stops_table
from ..terminal.output import Output
from ..terminal.render import shown

Scope = Annotated[StopScope, typer.Argument(metavar="SCOPE", help="|".join(StopScope))]
Target = Annotated[
    str | None, typer.Argument(metavar="[TARGET]", help="The run id, agent, tool or tenant; nothing with `all`.")
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


def stop(
    scope: Scope,
    as_: As,
    reason: Why,
    target: Target = None,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a stop in force. Open requests that it covers are frozen, unused approvals are blocked."""

    def act(hitl: Runtime, whole: str) -> Awaitable[int]:
        return hitl.stop(scope, whole, by=responder(as_, role), reason=reason)

    _carry_out("stopped", "frozen", act, scope, target or "", config, as_json)


def lift(
    scope: Scope,
    as_: As,
    reason: Why,
    target: Target = None,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Lift a stop. A separate, recorded act."""

    def act(hitl: Runtime, whole: str) -> Awaitable[int]:
        return hitl.lift(scope, whole, by=responder(as_, role), reason=reason)

    _carry_out("lifted", "open again", act, scope, target or "", config, as_json)


def stops(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The stops in force."""
    output = Output(as_json)
    found = Opening(config).do(lambda hitl: hitl.stops())
    listed = stops_table(found, now=datetime.now(UTC)) if found else Text("no stop is in force", "dim")
    output.result({"stops": [json_views.stop_view(each) for each in found]}, listed)


def _carry_out(
    done: str,
    became: str,
    act: Callable[[Runtime, str], Awaitable[int]],
    scope: StopScope,
    target: str,
    config: ConfigFile,
    as_json: bool,
) -> None:
    _check_target(scope, target)

    async def work(hitl: Runtime) -> tuple[str, int]:
        whole = await find_run(hitl, target) if scope is StopScope.RUN else target
        return whole, await act(hitl, whole)

    whole, count = Opening(config).do(work)
    document: dict[str, Json] = {"state": done, "scope": scope.value, "target": whole, "requests": count}
    Output(as_json).result(document, shown(f"{done}: {scope} {whole}; {count} requests {became}"))


def _check_target(scope: StopScope, target: str) -> None:
    if scope is StopScope.ALL and target:
        raise WrongUsage([Fault("TARGET", "means nothing with `all`; leave it out, or name what it is")])
    if scope is not StopScope.ALL and not target:
        raise WrongUsage([Fault("TARGET", f"is missing: which {scope}?")])
