"""`hitl draft`: the versions of a draft that an agent and people share, and a person's next one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ...errors import Fault
from ...protocol import DraftVersion, PauseRequest
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..lookup import find_request
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, MaybeAs, RequestId, Roles, given_json, responder
from ..terminal import json_views
from ..terminal.drafts import draft_lines
from ..terminal.output import Output

Args = Annotated[
    str | None,
    typer.Option(
        "--args", metavar="JSON", help="All arguments of the next version; it decides nothing. Also @file or -."
    ),
]
Base = Annotated[
    int | None, typer.Option("--version", min=1, help="The version that you started from; needed with --args.")
]
Message = Annotated[str, typer.Option("--message", help="What you changed, for those who read it.")]


def draft(
    request: RequestId,
    args: Args = None,
    version: Base = None,
    as_: MaybeAs = None,
    role: Roles = None,
    message: Message = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """The versions of a shared draft; with --args, another one. Take one with `hitl respond REQUEST accept`."""
    if args is not None and (as_ is None or version is None):
        missing = [Fault("--as", "is missing: say who changes it")] if as_ is None else []
        missing += [Fault("--version", "is missing: say which version you changed")] if version is None else []
        raise WrongUsage(missing)

    async def work(hitl: Runtime) -> tuple[PauseRequest, tuple[DraftVersion, ...]]:
        asked = (await find_request(hitl, request)).request
        if args is not None and as_ is not None and version is not None:
            arguments, who = given_json(args, "--args", shape="object"), responder(as_, role)
            await hitl.change_draft(asked.id, arguments, base=version, by=who, note=message)
        return asked, await hitl.draft(asked.id)

    asked, versions = Opening(config).do(work)
    Output(as_json).result(json_views.draft_view(asked, versions), *draft_lines(versions, now=datetime.now(UTC)))
