"""`hitl inbox`, `respond`, `delegate`: what waits for people, and their answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.text import Text

from ...commands import Page, Recorded, Settled
from ...errors import Fault, NotPermitted
from ...lifecycle import RequestState
from ...protocol import OUTCOMES, Accept, Delegate, Grant, Json, Reply, Responder, Response, Run
from ...runtime import Runtime, like
from ..errors_shown import WrongUsage
from ..frozen import Frozen, frozen_requests
from ..hints import Hints
from ..lookup import find_request
from ..opening import Opening
from ..options import (
    DEFAULT_CONFIG,
    As,
    AsJson,
    ConfigFile,
    Cursor,
    Exit,
    Limit,
    MaybeAs,
    Reason,
    RequestId,
    Roles,
    Seer,
    ShowProgress,
    at_a_terminal,
    responder,
)
from ..terminal import json_views
from ..terminal.agreement import still_needed
from ..terminal.listings import frozen_lines, outcome_lines, requests_table, state_text
from ..terminal.output import Output
from ..terminal.render import request_panel, shown
from ..watched import watch_inbox
from .batches import Exceptions, respond_many
from .decisions import WORDS, Given, faults_in, response, word_of
from .grants import Times, When, condition_of, given_line, lasting
from .runs import Session, asked

Notices = Annotated[bool, typer.Option("--notices", help="Show notices, too; they need no answer.")]
Decision = Annotated[
    str | None,
    typer.Argument(metavar="DECISION", help="|".join(WORDS) + ". At a terminal: asked for if left out."),
]
Args = Annotated[
    str | None,
    typer.Option(
        "--args", metavar="JSON", help="All arguments (edit), or a JSON value (answer, report). Also @file or -."
    ),
]
Message = Annotated[
    str | None, typer.Option("--message", help="The answer, the feedback, or the reason; the agent is told.")
]
Option = Annotated[str | None, typer.Option("--option", metavar="ID", help="The option to choose, by its id.")]
Outcome = Annotated[str | None, typer.Option("--outcome", help="What came of it: " + "|".join(OUTCOMES) + " (report).")]
Version = Annotated[
    int | None,
    typer.Option(
        "--version", min=1, help="Which version of a shared draft (accept). By default the newest as stored now."
    ),
]
Digest = Annotated[
    str | None,
    typer.Option("--digest", help="The digest that you were shown. By default that of the request as stored now."),
]
Deferred = Annotated[bool, typer.Option("--deferred", help="Show also what was put off.")]
To = Annotated[str, typer.Argument(metavar="WHO", help="Who decides instead of you.")]
Together = Annotated[
    bool,
    typer.Option("--batch", help="Answer every open request like this one (same tool, rule and kind) in one gesture."),
]
Left = Annotated[
    list[str] | None, typer.Option("--except", metavar="REQUEST", help="With --batch: leave this one open.")
]
Refused = Annotated[
    list[str] | None, typer.Option("--reject", metavar="REQUEST", help="With --batch: reject this one.")
]
Granting = Annotated[
    str | None,
    typer.Option("--grant", metavar="TIME", help="With approve: let calls like it run unasked for this long."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume the run at once; exit status as of `hitl run`.")]


Watch = Annotated[bool, typer.Option("--watch", help="A whole screen that stays current: one key for each decision.")]
Undo = Annotated[
    float, typer.Option("--undo", min=0, max=60, help="With --watch: seconds in which an answer can be taken back.")
]


def inbox(
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    notices: Notices = False,
    as_: Seer = None,
    deferred: Deferred = False,
    watch: Watch = False,
    undo: Undo = 5.0,
    as_json: AsJson = False,
) -> None:
    """The open requests, oldest first. With --watch, answer them on a whole screen; workers go on with their runs."""
    if watch:
        if as_json or not at_a_terminal():
            raise WrongUsage([Fault("--watch", "needs a terminal; leave it out, or use `hitl inbox --json`")])
        opening = Opening(config)
        watch_inbox(opening, asked(opening, as_, role), undo=undo)
        return
    output, roles = Output(as_json), tuple(role or ())
    by = None if as_ is None else responder(as_, role)

    async def look(hitl: Runtime) -> tuple[Page[Settled], tuple[Frozen, ...]]:
        page = await hitl.inbox(
            roles=() if by else roles, limit=limit, cursor=cursor, notices=notices, by=by, deferred=deferred
        )
        return page, await frozen_requests(hitl) if cursor is None else ()

    page, frozen = Opening(config).do(look)
    document = json_views.page_view("requests", page, map(json_views.settled_view, page.items))
    held: list[Json] = [json_views.frozen_view(each) for each in frozen]
    waiting = requests_table(page.items, now=datetime.now(UTC)) if page.items else _NOTHING
    output.result(
        {**document, "frozen": held}, waiting, *frozen_lines(frozen, Hints(config)), *output.more(page.cursor)
    )


_NOTHING: Final = Text("nothing waits for an answer", "dim")


def respond(
    request: RequestId,
    decision: Decision = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_: MaybeAs = None,
    role: Roles = None,
    args: Args = None,
    message: Message = None,
    option: Option = None,
    outcome: Outcome = None,
    version: Version = None,
    digest: Digest = None,
    batch: Together = False,
    left: Left = None,
    refused: Refused = None,
    grant: Granting = None,
    times: Times = None,
    when: When = None,
    resume: Resume = False,
    progress: ShowProgress = None,
    as_json: AsJson = False,
) -> int:
    """Answer a request. The first valid answer wins; whoever is later is told who won."""
    session = Session(Opening(config), Output(as_json), progress)
    if decision is None:
        return _ask(session, request, as_, role)
    given, word = Given(args, message, option, outcome, version), word_of(decision)
    faults = [*faults_in(word, given), *([Fault("--as", "is missing: say who decides")] if as_ is None else [])]
    if as_ is None or faults:
        raise WrongUsage(faults)
    who, like_it = responder(as_, role), Like.of(word, grant, times, when)
    _check_batch(batch, left, refused, resume, like_it)
    if batch:
        exceptions = Exceptions(tuple(left or ()), tuple(refused or ()))
        return respond_many(session.opening, session.output, request, word, given, exceptions, by=who, digest=digest)

    async def work(hitl: Runtime) -> tuple[Recorded, Run | None, Grant | None]:
        settled = await find_request(hitl, request)
        answer = response(settled.request, word, given, by=who, digest=digest)
        return await _record(hitl, await _of_version(hitl, settled, answer, version), settled, like_it)

    recorded, run, granted = session.opening.do(work)
    if resume:
        return session.resume(recorded.settled.request.run_id, as_, role)
    _report(session, recorded, run, granted)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Like:
    """The grant that comes with an approval: for how long, and for which calls."""

    lasts: timedelta
    limits: dict[str, Json]

    @classmethod
    def of(cls, word: Reply, grant: str | None, times: int | None, when: str | None) -> Like | None:
        """Raises WrongUsage for options that mean nothing."""
        if grant is None:
            faults = [
                Fault(f"--{name}", "means nothing without --grant")
                for name, given in (("times", times), ("when", when))
                if given is not None
            ]
            if faults:
                raise WrongUsage(faults)
            return None
        if word is not Reply.APPROVE:
            raise WrongUsage(
                [Fault("--grant", f"means nothing with {word.value!r}; approve the call, or use `hitl grant`")]
            )
        limits: dict[str, Json] = {} if when is None else {"when": condition_of(when)}
        return cls(lasting(grant, "--grant"), {"times": times, **limits})


def _check_batch(
    batch: bool, left: list[str] | None, refused: list[str] | None, resume: bool, like_it: Like | None
) -> None:
    """Raises WrongUsage for options that would be ignored."""
    faults = []
    if batch and resume:
        faults.append(Fault("--resume", "means nothing with --batch; `hitl worker --until-idle` goes on with them"))
    if batch and like_it is not None:
        faults.append(Fault("--grant", "means nothing with --batch; give it by itself with `hitl grant`"))
    if not batch:
        faults += [
            Fault(name, "means nothing without --batch")
            for name, given in (("--except", left), ("--reject", refused))
            if given
        ]
    if faults:
        raise WrongUsage(faults)


def delegate(
    request: RequestId,
    to: To,
    as_: As,
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Let somebody else decide. The request stays open, and shows the same action; you do not decide it any more."""
    session, who = Session(Opening(config), Output(as_json), None), responder(as_, role)

    async def work(hitl: Runtime) -> tuple[Recorded, Run | None, Grant | None]:
        settled = await find_request(hitl, request)
        return await _record(hitl, Response.to(settled.request, Delegate(to=to), by=who, reason=reason), settled)

    recorded, run, _ = session.opening.do(work)
    _report(session, recorded, run, more=f"; given on to {to}")
    return Exit.DONE


async def _of_version(hitl: Runtime, settled: Settled, answer: Response, number: int | None) -> Response:
    """An acceptance of a shared draft is of one version of it. Raises WrongUsage for one that does not exist."""
    versions = await hitl.draft(settled.request.id) if isinstance(answer.decision, Accept) else ()
    if not versions and number is None:
        return answer
    taken = next((each for each in versions if each.number == (number or versions[-1].number)), None)
    if taken is None:
        raise WrongUsage([Fault("--version", f"there is no version {number} of this draft; `hitl draft` shows them")])
    accepted = Accept(version=taken.number, arguments=taken.arguments)
    return answer.model_copy(update={"decision": accepted})


async def _record(
    hitl: Runtime, answer: Response, settled: Settled, like_it: Like | None = None
) -> tuple[Recorded, Run | None, Grant | None]:
    """What was recorded, and its run, if whoever answers may see it: what they said counts all the same."""
    granted: Grant | None = None
    if like_it is None:
        recorded = await hitl.respond(answer)
    else:
        allows = like(settled.request, **like_it.limits)
        recorded, granted = await hitl.respond_and_grant(answer, allows, lasts=like_it.lasts)
    with suppress(NotPermitted):
        return recorded, await hitl.run(recorded.settled.request.run_id), granted
    return recorded, None, granted


def _ask(session: Session, given: str, as_: str | None, roles: list[str] | None) -> int:
    """`hitl respond REQUEST` at a terminal: show it, ask, record, and say how the run stands."""
    if session.output.as_json or not at_a_terminal():
        raise WrongUsage([Fault("DECISION", f"is missing: one of {', '.join(WORDS)}")])
    who: Responder = asked(session.opening, as_, roles)
    settled = session.opening.do(lambda hitl: find_request(hitl, given))
    if settled.state is not RequestState.OPEN:
        session.output.out.print(request_panel(settled, now=datetime.now(UTC)))
        return Exit.FAILED
    answer = session.prompt(who).ask(settled)
    if answer is None:
        return Exit.PAUSED
    recorded, run, _ = session.opening.do(lambda hitl: _record(hitl, answer, settled))
    _report(session, recorded, run)
    return Exit.DONE


def _report(
    session: Session, recorded: Recorded, run: Run | None, granted: Grant | None = None, more: str = ""
) -> None:
    settled, frozen = recorded.settled, () if run is None else session.frozen(run)
    document: dict[str, Json] = {
        "request": json_views.settled_view(settled),
        "run": None if run is None else json_views.run_view(run, frozen),
        "replayed": recorded.replayed,
        **({} if granted is None else {"grant": json_views.grant_view(granted, datetime.now(UTC))}),
    }
    again = f" (the same answer had been recorded before){more}" if recorded.replayed else more
    if missing := still_needed(settled, datetime.now(UTC)):
        again += f"; still needed: {missing}"
    line = Text.assemble("request ", (settled.request.id, "bold"), " is ", state_text(settled.state), shown(again))
    hints = Hints(session.opening.config)
    lines = [line] if granted is None else [line, given_line(granted, hints)]
    session.output.result(document, *lines, *(() if run is None else outcome_lines(run, hints, frozen)))
