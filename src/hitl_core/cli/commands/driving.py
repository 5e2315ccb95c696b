"""Working on a run from a terminal: to its next pause, through the prompt, and on, until it is over or left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ...capabilities import Capability
from ...commands import Settled
from ...errors import HitlError, ResponseRefused, RunBusy
from ...lifecycle import RequestState
from ...protocol import Json, Response, Run, RunState
from ...runtime import Runtime
from ..errors_shown import in_words
from ..opening import Opening
from ..terminal.output import Output
from ..terminal.progress import Progress
from ..terminal.prompt import Prompt

_WORK_TO_DO: Final = (RunState.READY, RunState.RUNNING, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start."""

    input: Json
    by: str | None = None
    thread: str | None = None


async def start(hitl: Runtime, wanted: Start, opening: Opening, progress: Progress) -> Run:
    """Start a run and follow it to its next pause or its end."""
    await opening.attach(hitl)
    if not _can_be_watched(hitl):
        run = await hitl.start(wanted.input, by=wanted.by, thread=wanted.thread)
        return await _go_on(hitl, run.id, opening, progress)
    run_id = await progress.follow(hitl.stream(wanted.input, by=wanted.by, thread=wanted.thread))
    assert run_id is not None  # a run that was started says at least how it ended
    return await _go_on(hitl, run_id, opening, progress)


async def resume(hitl: Runtime, run_id: str, opening: Opening, progress: Progress, *, ask_again: bool = False) -> Run:
    """Follow a run for as long as there is something to do in it now. Raises RunNotFound, RunBusy.

    With `ask_again` what broke it is asked anew, once.
    """
    run = await hitl.run(run_id)
    if run.undoes is not None:  # its steps need no framework, and may need no app
        return await _in_silence(hitl, run_id, ask_again=False)
    if run.state in _WORK_TO_DO:
        await opening.attach(hitl)
    if not _can_be_watched(hitl):
        return await _in_silence(hitl, run_id, ask_again=ask_again)
    while await progress.follow(hitl.stream_resume(run_id, ask_again=ask_again)) is not None:
        ask_again = False
        if not await _is_ready(hitl, run_id):
            break
    return await hitl.run(run_id)


def _can_be_watched(hitl: Runtime) -> bool:
    """Of one that is elsewhere only its server knows; that one is waited for in silence."""
    found: object = hitl
    if not isinstance(found, Runtime):
        return False
    return hitl.adapter.capabilities[Capability.STREAM_EVENTS].level != "absent"


async def _in_silence(hitl: Runtime, run_id: str, *, ask_again: bool) -> Run:
    """What `resume` does, where the framework has nothing to tell meanwhile."""
    run = await hitl.resume(run_id, ask_again=ask_again)
    while run.state is RunState.READY:
        run = await hitl.resume(run_id)
    return run


async def _go_on(hitl: Runtime, run_id: str, opening: Opening, progress: Progress) -> Run:
    """Resume a run that is ready; if a worker was faster, wait for what it makes of it."""
    if not await _is_ready(hitl, run_id):
        return await hitl.run(run_id)
    try:
        return await resume(hitl, run_id, opening, progress)
    except RunBusy:
        return await hitl.wait(run_id)


async def _is_ready(hitl: Runtime, run_id: str) -> bool:
    return (await hitl.run(run_id)).state is RunState.READY


def answer_at_prompt(opening: Opening, run: Run, prompt: Prompt, progress: Progress, output: Output) -> Run:
    """Ask for every pending request and resume, until the run is over or the person leaves something for later.

    While the person thinks nothing is open: no store, no framework, no lease.
    """
    given: set[str] = set()
    while run.state is RunState.PAUSED:
        waiting = [request for request in run.pending if request.id not in given]
        if not waiting:
            return run
        answer = prompt.ask(Settled(waiting[0], RequestState.OPEN))
        if answer is None:
            return run
        refused, run = opening.do(_answering(answer, opening, progress))
        if refused is None:
            given.add(answer.request_id)
            continue
        for line in in_words(refused):
            output.err.print(line, soft_wrap=True)
    return run


def _answering(
    answer: Response, opening: Opening, progress: Progress
) -> Callable[[Runtime], Awaitable[tuple[HitlError | None, Run]]]:
    async def answer_and_go_on(hitl: Runtime) -> tuple[HitlError | None, Run]:
        run_id = (await hitl.request(answer.request_id)).request.run_id
        refused = None
        await opening.attach(hitl)  # the policy looks at an edited call, and only the app says what its tools are
        try:
            await hitl.respond(answer)
        except ResponseRefused as exc:
            refused = exc
        return refused, await _go_on(hitl, run_id, opening, progress)

    return answer_and_go_on
