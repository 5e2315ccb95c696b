"""What a settled request means for the action behind it. Pure; whatever is not understood is a refusal."""

from __future__ import annotations

import json
from typing import Final, assert_never

from ..commands import Settled
from ..lifecycle import RequestState
from ..protocol import (
    Accept,
    Answer,
    Approve,
    Arguments,
    Ask,
    Cancel,
    Choose,
    Delegate,
    Edit,
    HandBack,
    Json,
    Kind,
    OnTimeout,
    PauseRequest,
    Proceed,
    Refuse,
    Reject,
    Report,
    Response,
    Revise,
    Substitute,
    TakeOver,
    Verdict,
    Wait,
)

DO_NOT_RETRY: Final = "Do not try this call again."


def verdict(settled: Settled) -> Verdict:
    """The verdict that a request's state and response stand for."""
    request = settled.request
    match settled.state:
        case RequestState.OPEN | RequestState.FROZEN:
            return Wait(request)
        case RequestState.DECIDED | RequestState.CONSUMED | RequestState.CLOSED:
            return _decided(request, settled.response)
        case RequestState.EXPIRED:
            return _expired(request)
        case RequestState.VETOED:
            return Refuse(_refusal(settled.response, "vetoed"))
        case RequestState.REVOKED:
            return Refuse(f"The approval of this call was revoked before it was used. {DO_NOT_RETRY}")
        case RequestState.CANCELLED | RequestState.SUPERSEDED:
            return Refuse("The request for this call was withdrawn; it did not run.")
        case _:
            assert_never(settled.state)


def _decided(request: PauseRequest, response: Response | None) -> Verdict:
    if response is None:
        return _expired(request)
    if request.kind is Kind.REVIEW:
        return _reviewed(request, response)
    if request.kind is Kind.HANDOFF:
        return _spoken(response)
    match response.decision:
        case Approve():
            return Proceed(request.action, call=request.call, request_id=request.id)
        case Edit(arguments=arguments) | Accept(arguments=arguments):
            return _changed(request, response, arguments)
        case Answer(value=value):
            return Substitute(value)
        case Report():
            return _reported(response.decision)
        case Choose(option=option):
            return _chosen(request, option)
        case Reject():
            return Refuse(_refusal(response, "refused"))
        case Cancel():
            return Refuse("A person ended this run.")
        case Revise(feedback=feedback) if request.draft is not None:
            return Refuse(_sent_back(request, response, feedback))
        case Ask(question=question):
            return Refuse(_asked(request, response, question))
        case Revise() | Delegate() | TakeOver() | HandBack():
            return Refuse(f"The decision {response.decision.type!r} does not allow this call; it did not run.")
        case _:
            assert_never(response.decision)


def _changed(request: PauseRequest, response: Response, arguments: Arguments | None) -> Proceed:
    """What people made of the call; a draft that is taken as the agent proposed it is not changed."""
    changed = request.action if arguments is None else request.action.edited(arguments)
    edited = isinstance(response.decision, Edit) or changed.digest != request.digest
    note = edit_note(changed.arguments, response.reason) if edited else ""
    return Proceed(changed, call=request.call, request_id=request.id, note=note)


def _sent_back(request: PauseRequest, response: Response, feedback: str) -> str:
    return (
        f"{response.responder.id}, a person, sent this draft back; the call did not run. They say: {feedback} "
        f"Work that in and call {request.action.tool} again: it is the next version of the same draft."
    )


def _asked(request: PauseRequest, response: Response, question: str) -> str:
    return (
        f"{response.responder.id}, a person, asks before anybody decides; the call did not run: {question} "
        f"Answer in your own words and, in the same message, call {request.action.tool} again if it is still due."
    )


def _reported(said: Report) -> Verdict:
    """What a person did in the tool's place; the agent is told that it was a person."""
    if said.outcome == "not_done":
        return Refuse(f"A person was to do this and has not done it.{_because(said.note)} {DO_NOT_RETRY}")
    done = "A person has done this in part only" if said.outcome == "partly" else "A person has done this by hand"
    return Substitute(said.result, note=f"{done}; the tool did not run.{_because(said.note, 'They say')}")


def _chosen(request: PauseRequest, option: str) -> Verdict:
    for each in request.options:
        if each.id == option:
            return Substitute(each.chosen)
    return Refuse(f"{option!r} was never offered, so this call did not run.")


def _reviewed(request: PauseRequest, response: Response) -> Verdict:
    content = request.action.arguments.get("content")
    match response.decision:
        case Accept() | Approve():
            return Substitute(_review("accepted", content))
        case Edit(arguments=arguments):
            return Substitute(_review("edited", arguments.get("content")))
        case Revise(feedback=feedback):
            return Substitute(_review("revise", content, feedback))
        case _:
            return Refuse(_refusal(response, "refused"))


def _spoken(response: Response) -> Verdict:
    """A person's turn in a conversation that was handed to them, and who has the floor after it."""
    match response.decision:
        case TakeOver(text=text, heard=heard):
            return Substitute(_floor("person", response, text, heard))
        case HandBack(text=text, to=to, heard=heard):
            return Substitute(_floor("agent", response, text, heard, to))
        case Answer(value=value):
            return Substitute(_floor("nobody", response, str(value)))
        case _:
            return Refuse(_refusal(response, "refused"))


def _floor(who: str, response: Response, text: str, heard: tuple[str, ...] = (), to: str | None = None) -> Json:
    return {"floor": who, "by": response.responder.id, "text": text, "heard": list(heard), "to": to}


def _review(outcome: str, content: Json, feedback: str = "") -> Json:
    return {"outcome": outcome, "content": content, "feedback": feedback}


def _expired(request: PauseRequest) -> Verdict:
    if request.on_timeout is OnTimeout.PROCEED:
        return Proceed(request.action, call=request.call, request_id=request.id)
    return Refuse(f"Nobody decided before the deadline, so this call did not run. {DO_NOT_RETRY}")


def edit_note(arguments: Arguments, reason: str) -> str:
    """What the model is told about a call that a person changed."""
    shown = json.dumps(arguments, ensure_ascii=False)
    return (
        f"A person changed this call before it ran; it ran with {shown}. Do not repeat the original.{_because(reason)}"
    )


def _refusal(response: Response | None, verb: str) -> str:
    if response is None:
        return f"This call was {verb}. {DO_NOT_RETRY}"
    said = response.decision.message if isinstance(response.decision, Reject) else ""
    return f"A person {verb} this call; it did not run.{_because(said or response.reason)} {DO_NOT_RETRY}"


def _because(reason: str, what: str = "Reason") -> str:
    """The person's reason as a sentence of its own."""
    words = reason.strip()
    if not words:
        return ""
    return f" {what}: {words}" if words[-1] in ".!?…" else f" {what}: {words}."
