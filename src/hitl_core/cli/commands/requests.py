"""`hitl inbox`, `show`, `respond`: what waits for people, and their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from ...commands import Recorded, Settled
from ...errors import Fault
from ...lifecycle import RequestState
from ...protocol import Json, Responder, Response, Run
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..lookup import find_request
from ..opening import Opening
from ..options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Cursor,
    Exit,
    Limit,
    MaybeAs,
    RequestId,
    Roles,
    ShowProgress,
    at_a_terminal,
    responder,
)
from ..terminal import json_views
from ..terminal.listings import outcome_lines, requests_table, state_text
from ..terminal.output import Output
from ..terminal.render import request_panel
from .decisions import Given, Word, faults_in, response
from .runs import Session, asked

Notices = Annotated[bool, typer.Option("--notices", help="Show notices, too; they need no answer.")]
Decision = Annotated[
    Word | None, typer.Argument(metavar="DECISION", help="|".join(Word) + ". At a terminal: asked for if left out.")
]
Args = Annotated[
    str | None,
    typer.Option("--args", metavar="JSON", help="All arguments (edit), or a JSON value (answer). Also @file or -."),
]
Message = Annotated[
    str | None, typer.Option("--message", help="The answer, the feedback, or the reason; the agent is told.")
]
Option = Annotated[str | None, typer.Option("--option", metavar="ID", help="The option to choose, by its id.")]
Digest = Annotated[
    str | None,
    typer.Option("--digest", help="The digest that you were shown. By default that of the request as stored now."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume the run at once; exit status as of `hitl run`.")]


def inbox(
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    notices: Notices = False,
    as_json: AsJson = False,
) -> None:
    """The open requests, oldest first."""
    output, roles = Output(as_json), tuple(role or ())
    page = Opening(config).do(lambda hitl: hitl.inbox(roles=roles, limit=limit, cursor=cursor, notices=notices))
    document = json_views.page_view("requests", page, map(json_views.settled_view, page.items))
    if not page.items:
        output.result(document, Text("nothing waits for an answer", "dim"))
        return
    output.result(document, requests_table(page.items, now=datetime.now(UTC)), *output.more(page.cursor))


def show(request: RequestId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """One request with all of its content, its state, and who decided what."""
    output = Output(as_json)
    settled = Opening(config).do(lambda hitl: find_request(hitl, request))
    output.result(json_views.settled_view(settled), request_panel(settled, now=datetime.now(UTC)))


def respond(
    request: RequestId,
    decision: Decision = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_: MaybeAs = None,
    role: Roles = None,
    args: Args = None,
    message: Message = None,
    option: Option = None,
    digest: Digest = None,
    resume: Resume = False,
    progress: ShowProgress = None,
    as_json: AsJson = False,
) -> int:
    """Answer a request. The first valid answer wins; whoever is later is told who won."""
    session = Session(Opening(config), Output(as_json), progress)
    if decision is None:
        return _ask(session, request, as_, role)
    given = Given(args, message, option)
    faults = [*faults_in(decision, given), *([Fault("--as", "is missing: say who decides")] if as_ is None else [])]
    if as_ is None or faults:
        raise WrongUsage(faults)
    who = responder(as_, role)

    async def work(hitl: Runtime) -> tuple[Recorded, Run]:
        settled = await find_request(hitl, request)
        return await _record(hitl, response(settled.request, decision, given, by=who, digest=digest))

    recorded, run = session.opening.do(work)
    if resume:
        return session.resume(run.id, as_, role)
    _report(session.output, recorded, run)
    return Exit.DONE


async def _record(hitl: Runtime, answer: Response) -> tuple[Recorded, Run]:
    recorded = await hitl.respond(answer)
    return recorded, await hitl.run(recorded.settled.request.run_id)


def _ask(session: Session, given: str, as_: str | None, roles: list[str] | None) -> int:
    """`hitl respond REQUEST` at a terminal: show it, ask, record, and say how the run stands."""
    if session.output.as_json or not at_a_terminal():
        raise WrongUsage([Fault("DECISION", f"is missing: one of {', '.join(Word)}")])
    who: Responder = asked(as_, roles)
    settled = session.opening.do(lambda hitl: find_request(hitl, given))
    if settled.state is not RequestState.OPEN:
        session.output.out.print(request_panel(settled, now=datetime.now(UTC)))
        return Exit.FAILED
    answer = session.prompt(who).ask(settled)
    if answer is None:
        return Exit.PAUSED
    recorded, run = session.opening.do(lambda hitl: _record(hitl, answer))
    _report(session.output, recorded, run)
    return Exit.DONE


def _report(output: Output, recorded: Recorded, run: Run) -> None:
    settled: Settled = recorded.settled
    document: dict[str, Json] = {
        "request": json_views.settled_view(settled),
        "run": json_views.run_view(run),
        "replayed": recorded.replayed,
    }
    again = " (the same answer had been recorded before)" if recorded.replayed else ""
    line = Text.assemble("request ", (settled.request.id, "bold"), " is ", state_text(settled.state), again)
    output.result(document, line, *outcome_lines(run))
