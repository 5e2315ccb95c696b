"""`hitl run`, `runs`, `resume`, `rewind`, `cancel`: starting runs, going on, going back, ending them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from ...commands import Effect, ListRequests, Override, Settled
from ...contracts import every
from ...protocol import Guidance, Responder, Run, RunState, Undoing
from ...runtime import Runtime
from ..drafting import StoredDrafts
from ..frozen import Frozen, frozen_requests
from ..hints import Hints
from ..lookup import find_run
from ..opening import Opening
from ..options import (
    DEFAULT_CONFIG,
    As,
    AsJson,
    Backend,
    ConfigFile,
    Cursor,
    Exit,
    Limit,
    MaybeAs,
    Reason,
    Roles,
    RunId,
    ShowProgress,
    at_a_terminal,
    exit_for,
    given_json,
    responder,
)
from ..terminal import json_views
from ..terminal.listings import (
    effects_table,
    frozen_lines,
    guidance_table,
    outcome_lines,
    overrides_table,
    requests_table,
    run_panel,
    runs_table,
    undos_table,
)
from ..terminal.output import Output
from ..terminal.progress import Progress
from ..terminal.prompt import Prompt
from .driving import Start, answer_at_prompt, resume, start

Input = Annotated[
    str, typer.Option("--input", metavar="JSON", help="What the run works on: JSON, @file, or - for standard input.")
]
StartedBy = Annotated[
    str | None, typer.Option("--by", metavar="WHO", help="For whom it runs; they may not approve its actions.")
]
Thread = Annotated[
    str | None, typer.Option("--thread", metavar="T", help="The framework's conversation. By default a new one.")
]
States = Annotated[list[RunState] | None, typer.Option("--state", help="Only runs in this state; repeat for more.")]
Stay = Annotated[
    bool, typer.Option("--stay", help="Hold a run that waits in memory until killed, to try what a crash does to it.")
]
AskAgain = Annotated[
    bool,
    typer.Option("--ask-again", help="Ask anew for what a failed run was answered, instead of using the answers."),
]
MaybeRunId = Annotated[
    str | None, typer.Argument(metavar="RUN", help="One run, with all that was asked in it and what came of it.")
]


def run(
    input: Input,
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    by: StartedBy = None,
    thread: Thread = None,
    as_: MaybeAs = None,
    role: Roles = None,
    progress: ShowProgress = None,
    stay: Stay = False,
    as_json: AsJson = False,
) -> int:
    """Start a run and work on it until it pauses or ends. Exit status 0 completed, 3 paused, 1 failed.

    At a terminal it goes on to ask you for the decisions that it waits for.
    """
    wanted = Start(given_json(input, "--input"), by, thread)
    session = Session(Opening(config, backend), Output(as_json), progress, stay)

    async def work(hitl: Runtime) -> Run:
        return await session.stayed(await start(hitl, wanted, session.opening, session.progress))

    return session.finish(session.opening.do(work), as_, role)


def resume_run(
    run: RunId,
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    as_: MaybeAs = None,
    role: Roles = None,
    ask_again: AskAgain = False,
    progress: ShowProgress = None,
    stay: Stay = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run that was answered or broke off. Exit status 0 completed, 3 paused, 1 failed."""
    session = Session(Opening(config, backend), Output(as_json), progress, stay)
    return session.resume(run, as_, role, ask_again=ask_again)


def rewind(
    run: RunId,
    as_: As,
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    role: Roles = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Take a run back to its last pause and ask again. What its tools did stays done; that is for `undo`."""
    session, who = Session(Opening(config, backend), Output(as_json), None), responder(as_, role)

    async def work(hitl: Runtime) -> Run:
        run_id = await find_run(hitl, run)
        await session.opening.attach(hitl)
        return await hitl.rewind(run_id, by=who, reason=reason)

    return session.report(session.opening.do(work))


_LOOKS_EVERY: Final = 0.2
"""Seconds between two looks whether the process that asked for --stay is still there."""


class Session:
    """One command's work on one run, up to its exit status."""

    def __init__(self, opening: Opening, output: Output, progress: bool | None, stay: bool = False) -> None:
        self.opening = opening
        self.output = output
        self.stay = stay
        followed = not output.as_json if progress is None else progress
        self.progress = Progress(output.err if followed else None)

    def resume(self, given: str, as_: str | None, roles: list[str] | None, *, ask_again: bool = False) -> int:
        """Work on a run by its id or a part of it."""

        async def work(hitl: Runtime) -> Run:
            run_id = await find_run(hitl, given)
            return await self.stayed(await resume(hitl, run_id, self.opening, self.progress, ask_again=ask_again))

        return self.finish(self.opening.do(work), as_, roles)

    async def stayed(self, run: Run) -> Run:
        """With --stay, a run that waits is reported and kept in memory, all open, until this process is killed."""
        if not self.stay or run.state is not RunState.PAUSED:
            return run
        self.output.result(json_views.run_view(run), *outcome_lines(run, Hints(self.opening.config)))
        parent = os.getppid()
        while os.getppid() == parent:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKS_EVERY)  # nothing wakes us when a process ends that we did not start
        return run

    def finish(self, run: Run, as_: str | None, roles: list[str] | None) -> int:
        """Ask at the terminal if there is one, and report how the run stands."""
        if run.state is RunState.PAUSED and not self.output.as_json and at_a_terminal():
            prompt = self.prompt(asked(self.opening, as_, roles))
            run = answer_at_prompt(self.opening, run, prompt, self.progress, self.output)
        return self.report(run)

    def report(self, run: Run) -> int:
        """How a run stands, and the exit status for that."""
        frozen = self.frozen(run)
        self.output.result(json_views.run_view(run, frozen), *outcome_lines(run, Hints(self.opening.config), frozen))
        return exit_for(run.state)

    def frozen(self, run: Run) -> tuple[Frozen, ...]:
        """What a stop holds in it. Only a run that waits can have such requests."""
        if run.state is not RunState.PAUSED:
            return ()
        return self.opening.do(lambda hitl: frozen_requests(hitl, run_id=run.id))

    def prompt(self, who: Responder) -> Prompt:
        from ..terminal.keyboard import Keyboard

        opening, drafts = self.opening, StoredDrafts(self.opening)
        return Prompt(
            self.output.out, Keyboard(), who, preview=opening.preview, comments=opening.comments, drafts=drafts
        )


def asked(opening: Opening, name: str | None, roles: list[str] | None) -> Responder:
    """The person at this terminal."""
    return responder(name or opening.person(), roles)


def runs(
    run: MaybeRunId = None,
    config: ConfigFile = DEFAULT_CONFIG,
    state: States = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """The runs, newest first; or one with all of it."""
    output, opening = Output(as_json), Opening(config)
    if run is not None:
        _one_run(output, opening, run)
        return
    page = opening.do(lambda hitl: hitl.runs(states=tuple(state or ()), limit=limit, cursor=cursor))
    document = json_views.page_view("runs", page, map(json_views.run_view, page.items))
    output.result(document, runs_table(page.items, now=datetime.now(UTC)), *output.more(page.cursor))


@dataclass(frozen=True, slots=True)
class _Everything:
    """What `hitl runs RUN` shows of one run."""

    run: Run
    requests: tuple[Settled, ...]
    effects: tuple[Effect, ...]
    guidance: tuple[Guidance, ...]
    frozen: tuple[Frozen, ...]
    overrides: tuple[Override, ...]
    undos: tuple[Undoing, ...]


def _one_run(output: Output, opening: Opening, given: str) -> None:
    async def everything(hitl: Runtime) -> _Everything:
        run_id = await find_run(hitl, given)
        asked = every(hitl.store, ListRequests((), run_id=run_id, notices=True))
        return _Everything(
            run=await hitl.run(run_id),
            requests=tuple([each async for each in asked]),
            effects=await hitl.effects(run_id),
            guidance=await hitl.guidance(run_id),
            frozen=await frozen_requests(hitl, run_id=run_id),
            overrides=await hitl.overrides(run_id),
            undos=await hitl.undos(run_id),
        )

    found, now = opening.do(everything), datetime.now(UTC)
    shown = [run_panel(found.run, now=now)]
    shown += [requests_table(found.requests, now=now)] if found.requests else []
    shown += [effects_table(found.effects)] if found.effects else []
    shown += [guidance_table(found.guidance, now=now)] if found.guidance else []
    shown += [overrides_table(found.overrides)] if found.overrides else []
    shown += [undos_table(found.undos, now=now)] if found.undos else []
    shown += frozen_lines(found.frozen, Hints(opening.config))
    told = (found.guidance, found.frozen, found.overrides, found.undos)
    output.result(json_views.run_detail_view(found.run, found.requests, found.effects, *told), *shown)


def cancel(
    run: RunId,
    as_: As,
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """End a run. Nothing that waits in it ever runs."""
    output, who = Output(as_json), responder(as_, role)

    async def work(hitl: Runtime) -> Run:
        return await hitl.cancel(await find_run(hitl, run), by=who, reason=reason)

    cancelled = Opening(config).do(work)
    output.result(json_views.run_view(cancelled), *outcome_lines(cancelled, Hints(config)))
    return Exit.DONE
