"""`hitl steer`: say something to an agent while it works."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ...protocol import Guidance
from ...runtime import Runtime
from ..hints import Hints
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Roles, RunId, responder
from ..terminal import json_views
from ..terminal.output import Output
from ..terminal.render import shown

Words = Annotated[str, typer.Argument(metavar="TEXT", help="What the agent is to know; - reads standard input.")]


def steer(
    run: RunId,
    text: Words,
    as_: As,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say something to the agent of a run. Its model reads it at the next safe point; it is no approval of anything."""
    who, words = responder(as_, role), sys.stdin.read() if text == "-" else text

    async def work(hitl: Runtime) -> Guidance:
        return await hitl.steer(await find_run(hitl, run), words, by=who)

    given = Opening(config).do(work)
    look = Hints(config)("runs", given.run_id)
    said = f"queued: the agent reads it at its next safe point; see whether it has with: {look}"
    Output(as_json).result(json_views.guidance_view(given), shown(said))
