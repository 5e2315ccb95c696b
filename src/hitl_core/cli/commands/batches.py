"""`hitl respond REQUEST DECISION --batch`: every request like it, shown one by one and answered in one gesture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import typer
from rich.console import RenderableType
from rich.text import Text

from ...commands import Settled
from ...errors import Fault
from ...protocol import Json, Reply, Responder, Response
from ...runtime import Answered, Batch, Runtime, shown_digest
from ..errors_shown import WrongUsage
from ..lookup import find_request
from ..opening import Opening
from ..options import Exit, at_a_terminal
from ..terminal import json_views
from ..terminal.listings import requests_table, state_text
from ..terminal.output import Output
from ..terminal.render import arguments_table, shown
from .decisions import Given, response


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Which of the requests are left open, and which are refused; ids as they were given."""

    left: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def respond_many(
    opening: Opening,
    output: Output,
    request: str,
    word: Reply,
    given: Given,
    exceptions: Exceptions,
    *,
    by: Responder,
    digest: str | None,
) -> Exit:
    """Show all that are like `request`, and answer them once somebody has said so, or has named what was shown."""
    alike, answers = opening.do(lambda hitl: _look(hitl, request, word, given, exceptions, by))
    seen = shown_digest(each.request for each in alike)
    _check_seen(digest, seen)
    if digest is None and not _agrees(output, alike, answers):
        output.result(_shown(alike, seen), *_lines(output, alike), _how(seen))
        return Exit.PAUSED
    batch = opening.do(lambda hitl: hitl.respond_many(answers))
    output.result(_done(batch), *(_line(each) for each in batch.answers))
    return Exit.FAILED if any(each.refused for each in batch.answers) else Exit.DONE


async def _look(
    hitl: Runtime, request: str, word: Reply, given: Given, exceptions: Exceptions, by: Responder
) -> tuple[tuple[Settled, ...], list[Response]]:
    """The requests that are alike, and the answer to each but those that are left open."""
    alike = await hitl.alike((await find_request(hitl, request)).request.id)
    known = {each.request.id for each in alike}
    left = {await _one_of(hitl, each, known, "--except") for each in exceptions.left}
    refused = {await _one_of(hitl, each, known, "--reject") for each in exceptions.refused}
    if twice := left & refused:
        raise WrongUsage([Fault("--except", f"and --reject both name {', '.join(sorted(twice))}")])
    answers = []
    for each in alike:
        if each.request.id not in left:
            no = each.request.id in refused
            answers.append(response(each.request, Reply.REJECT if no else word, Given() if no else given, by=by))
    return alike, answers


async def _one_of(hitl: Runtime, given: str, known: set[str], option: str) -> str:
    found = (await find_request(hitl, given)).request.id
    if found not in known:
        raise WrongUsage([Fault(option, f"{given!r} is not open, or not like the others; leave it out")])
    return found


def _check_seen(digest: str | None, seen: str) -> None:
    if digest not in (None, seen):
        problem = f"is {digest!r}, but what is open now is {seen}; look at it again without --digest"
        raise WrongUsage([Fault("--digest", problem)])


def _agrees(output: Output, alike: Sequence[Settled], answers: list[Response]) -> bool:
    """Whether the person at this terminal says yes to what is shown."""
    if output.as_json or not at_a_terminal():
        return False
    for each in _lines(output, alike):
        output.out.print(each)
    return typer.confirm(f"answer {len(answers)} of these {len(alike)}?", default=False)


def _lines(output: Output, alike: Sequence[Settled]) -> list[RenderableType]:
    """Every request with its arguments."""
    now = datetime.now(UTC)
    found: list[RenderableType] = []
    for each in alike:
        found += [requests_table([each], now=now), arguments_table(each.request.action.arguments)]
    return found


def _how(seen: str) -> Text:
    return shown(f"nothing was answered yet; to answer exactly these, say it again with --digest {seen}")


def _shown(alike: Sequence[Settled], seen: str) -> dict[str, Json]:
    listed: list[Json] = [json_views.settled_view(each) for each in alike]
    return {"requests": listed, "digest": seen, "answered": False}


def _done(batch: Batch) -> dict[str, Json]:
    answers: list[Json] = [_answer_view(each) for each in batch.answers]
    return {"batch": batch.id, "answered": True, "answers": answers}


def _answer_view(each: Answered) -> dict[str, Json]:
    refused: Json = None if each.refused is None else {"code": each.refused.code, "message": str(each.refused)}
    state = None if each.recorded is None else each.recorded.settled.state.value
    answer = each.response.decision.type
    return {"request": each.response.request_id, "decision": answer, "state": state, "refused": refused}


def _line(each: Answered) -> Text:
    what = Text.assemble("request ", (each.response.request_id, "bold"), f" {each.response.decision.type}: ")
    if each.refused is not None:
        return what.append_text(shown(str(each.refused), "red"))
    assert each.recorded is not None
    return what.append_text(state_text(each.recorded.settled.state))
