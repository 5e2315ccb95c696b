"""`hitl undo`: take back what the tools of a run have done, in a run of its own."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from ...protocol import Undoing
from ...runtime import Runtime
from ..hints import Hints
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, Backend, ConfigFile, Exit, Reason, Roles, RunId, responder
from ..terminal import json_views
from ..terminal.listings import undo_table
from ..terminal.output import Output
from ..terminal.render import shown

Call = Annotated[
    str | None, typer.Argument(metavar="CALL", help="One call of it, as `hitl runs RUN` lists them; by default all.")
]


def undo(
    run: RunId,
    as_: As,
    call: Call = None,
    role: Roles = None,
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Take back what a run has done, the newest first. Exit status 0 all of it, 3 people are asked first, 1 not all.

    RUN may also be an undo: then this only says how it stands.
    """
    output, who, opening = Output(as_json), responder(as_, role), Opening(config, backend)

    async def work(hitl: Runtime) -> Undoing:
        found = await hitl.run(await find_run(hitl, run))
        if found.undoes is not None and call is None:
            return await hitl.undone(found.id)
        return await hitl.undo(found.id, call, by=who, reason=reason)

    undoing = opening.do(work)
    said: list[RenderableType] = [
        Text(f"undo {undoing.run.id} of run {undoing.undoes} is {undoing.run.state}"),
        undo_table(undoing),
    ]
    if undoing.run.error:
        said.append(shown(undoing.run.error, "red", lines=True))
    if undoing.run.pending:
        said.append(Text(f"people are asked first; then: {Hints(config)('resume', undoing.run.id)}", "dim"))
    elif not undoing.whole:
        said.append(Text("NOT EVERYTHING was taken back", "bold red"))
    output.result(json_views.undo_view(undoing), *said)
    if undoing.run.pending:
        return Exit.PAUSED
    return Exit.DONE if undoing.whole else Exit.FAILED
