"""`hitl grant`, `hitl grants`, `hitl grants revoke`: what runs for a time without being asked about each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from ...errors import Fault
from ...policy.rules import parse_duration
from ...protocol import Allowance, Grant, Json
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..hints import Hints
from ..lookup import find_grant, find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Limit, Reason, Roles, given_json, responder
from ..terminal import json_views
from ..terminal.listings import grants_table, state_text
from ..terminal.output import Output
from ..terminal.render import moment, shown

ToolName = Annotated[str, typer.Argument(metavar="TOOL", help="The tool, by its exact name.")]
Lasts = Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 90s, 15m, 2h, 3d. At most a year.")]
Times = Annotated[int | None, typer.Option("--times", min=1, help="How many calls at most.")]
SumOf = Annotated[str | None, typer.Option("--sum", metavar="PATH", help="An argument whose sum has a limit.")]
Most = Annotated[float | None, typer.Option("--most", help="The limit of that sum.")]
When = Annotated[
    str | None,
    typer.Option("--when", metavar="JSON", help="A condition on the arguments, as in a policy file. Also @file or -."),
]
Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent.")]
OneRun = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only this run.")]
GrantId = Annotated[
    str, typer.Argument(metavar="GRANT", help="The id of a grant, or the unique beginning or end of one.")
]

grants_app = typer.Typer(
    name="grants", help="The standing grants, newest first.", invoke_without_command=True, rich_markup_mode=None
)


def grant(
    tool: ToolName,
    as_: As,
    lasts: Lasts,
    role: Roles = None,
    times: Times = None,
    sum_of: SumOf = None,
    most: Most = None,
    when: When = None,
    agent: Agent = None,
    run: OneRun = None,
    reason: Reason = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let calls of a tool run for a time without asking. Never what cannot be taken back, nor what needs more."""
    who, duration, condition = responder(as_, role), lasting(lasts, "--for"), condition_of(when)
    limits: dict[str, Json] = {"times": times, "sum_of": sum_of, "most": most, "when": condition, "agent": agent}

    async def work(hitl: Runtime) -> Grant:
        run_id = None if run is None else await find_run(hitl, run)
        return await hitl.grant(allowance(tool=tool, run_id=run_id, **limits), by=who, lasts=duration, reason=reason)

    given = Opening(config).do(work)
    Output(as_json).result(json_views.grant_view(given, datetime.now(UTC)), given_line(given, Hints(config)))


@grants_app.callback()
def grants(
    context: typer.Context, config: ConfigFile = DEFAULT_CONFIG, limit: Limit = 50, as_json: AsJson = False
) -> None:
    """The standing grants, newest first, and what was made of them."""
    if context.invoked_subcommand is not None:
        return
    now, found = datetime.now(UTC), Opening(config).do(lambda hitl: hitl.grants(limit=limit))
    listed = grants_table(found, now=now) if found else Text("there are no grants", "dim")
    Output(as_json).result({"grants": [json_views.grant_view(each, now) for each in found]}, listed)


@grants_app.command("revoke")
def revoke(
    grant: GrantId,
    as_: As,
    role: Roles = None,
    reason: Reason = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take a grant back: nothing begins under it any more."""
    who = responder(as_, role)

    async def work(hitl: Runtime) -> Grant:
        return await hitl.revoke_grant(await find_grant(hitl, grant), by=who, reason=reason)

    taken, now = Opening(config).do(work), datetime.now(UTC)
    line = Text.assemble("grant ", (taken.id, "bold"), " is ", state_text(taken.state(now)))
    Output(as_json).result(json_views.grant_view(taken, now), line)


def given_line(given: Grant, hints: Hints) -> Text:
    """That a grant is in force, and how it ends."""
    until = moment(given.expires_at, datetime.now(UTC))
    end = hints("grants", "revoke", given.id, "--as", "WHO")
    return shown(f"grant {given.id}: {given.allows.tool} runs unasked until {until}; end it with: {end}")


def lasting(text: str, option: str) -> timedelta:
    """The duration in an option. Raises WrongUsage."""
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise WrongUsage([Fault(option, str(exc))]) from exc


def condition_of(when: str | None) -> Json:
    """The condition in --when, as data. Raises WrongUsage."""
    return None if when is None else given_json(when, "--when", shape="object")


def allowance(**fields: Json) -> Allowance:
    """Raises WrongUsage with every fault."""
    try:
        return Allowance.model_validate(fields)
    except ValidationError as exc:
        raise WrongUsage(
            Fault(f"--{each['loc'][0]}", f"{each['input']!r}: {each['msg']}") for each in exc.errors()
        ) from exc
