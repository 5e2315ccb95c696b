"""`hitl override`: put something else in the place of what came out."""

from __future__ import annotations

from typing import Annotated

import typer

from ...commands import Override
from ...runtime import Runtime
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Reason, Roles, RunId, given_json, responder
from ..terminal import json_views
from ..terminal.listings import overrides_table
from ..terminal.output import Output

Call = Annotated[
    str | None,
    typer.Argument(metavar="CALL", help="One call of a run that waits; else its output."),
]
Value = Annotated[str, typer.Option("--output", metavar="JSON", help="What counts from now on: JSON, @file, or -.")]


def override(
    run: RunId,
    output: Value,
    as_: As,
    call: Call = None,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Replace the output of a run, or the result of a call. The run is completed, or the call is not used further yet.
    What it was is kept."""
    value, who = given_json(output, "--output"), responder(as_, role)

    async def work(hitl: Runtime) -> Override:
        return await hitl.override(await find_run(hitl, run), value, call, by=who, reason=reason)

    made = Opening(config).do(work)
    Output(as_json).result(json_views.override_view(made), overrides_table([made]))
