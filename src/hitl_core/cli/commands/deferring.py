"""`hitl defer`: a request is out of everybody's inbox for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from ...commands import Settled
from ...errors import Fault
from ...policy.rules import parse_duration
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..lookup import find_request
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, RequestId, Roles, responder
from ..terminal import json_views
from ..terminal.output import Output
from ..terminal.render import moment

Until = Annotated[str, typer.Option("--until", metavar="TIME", help="How long: 2h, 3d, or a time with its offset.")]


def defer(
    request: RequestId,
    until: Until,
    as_: As,
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Put a request off: it is not in the inbox until then. Its deadline stays."""
    output, who = Output(as_json), responder(as_, role)

    async def work(hitl: Runtime) -> tuple[Settled, datetime]:
        settled = await find_request(hitl, request)
        when = moment_of(until, hitl.clock.now())
        return await hitl.defer(settled.request.id, until=when, by=who), when

    settled, when = Opening(config).do(work)
    until_then = moment(when, datetime.now(UTC))
    line = Text.assemble("request ", (settled.request.id, "bold"), f" is put off until {until_then}")
    document = {**json_views.settled_view(settled), "deferred_until": when.isoformat()}
    output.result(document, line)


def moment_of(text: str, now: datetime) -> datetime:
    """A time that is given as a duration from now, or with its offset from UTC. Raises WrongUsage."""
    try:
        return now + parse_duration(text)
    except ValueError as exc:
        problem = f"{exc}; or a time with its offset, like 2026-12-01T09:00+01:00"
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage([Fault("--until", problem)]) from None
    if when.tzinfo is None:
        raise WrongUsage([Fault("--until", f"{text!r} needs its offset from UTC, like 2026-12-01T09:00+01:00")])
    return when.astimezone(UTC)
