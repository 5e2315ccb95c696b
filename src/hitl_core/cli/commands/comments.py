"""`hitl comment`: say something about a request to whoever decides it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ...protocol import Comment
from ...runtime import Runtime
from ..hints import Hints
from ..lookup import find_request
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, RequestId, Roles, responder
from ..terminal import json_views
from ..terminal.output import Output
from ..terminal.render import shown

Words = Annotated[str, typer.Argument(metavar="TEXT", help="What whoever decides is to know; - reads standard input.")]
Machine = Annotated[bool, typer.Option("--machine", help="A model or a program says it, and --as is its name.")]


def comment(
    request: RequestId,
    text: Words,
    as_: As,
    role: Roles = None,
    machine: Machine = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say something about a request to whoever decides it. It is no vote."""
    who, words = responder(as_, role), sys.stdin.read() if text == "-" else text

    async def work(hitl: Runtime) -> Comment:
        asked = (await find_request(hitl, request)).request
        return await hitl.comment(asked.id, words, by=who, machine=machine)

    made = Opening(config).do(work)
    said = f"noted; it is shown with: {Hints(config)('show', made.request_id)}"
    Output(as_json).result(json_views.comment_view(made), shown(said))
