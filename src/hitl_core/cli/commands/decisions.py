"""The words after `hitl respond REQUEST` → a decision. Pure; says everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ...errors import Fault
from ...protocol import (
    OUTCOMES,
    Accept,
    Answer,
    Approve,
    Arguments,
    Ask,
    Cancel,
    Choose,
    Decision,
    Edit,
    HandBack,
    Json,
    PauseRequest,
    Reject,
    Reply,
    Responder,
    Response,
    Revise,
    TakeOver,
    decision_of,
)
from ..errors_shown import WrongUsage
from ..options import given_json


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were given; None means not given."""

    args: str | None = None
    message: str | None = None
    option: str | None = None
    outcome: str | None = None
    version: int | None = None


_TAKES: Final[dict[Reply, frozenset[str]]] = {
    Reply.APPROVE: frozenset({"message"}),
    Reply.EDIT: frozenset({"args", "message"}),
    Reply.REJECT: frozenset({"message"}),
    Reply.ANSWER: frozenset({"args", "message"}),
    Reply.REPORT: frozenset({"outcome", "args", "message"}),
    Reply.CHOOSE: frozenset({"option", "message"}),
    Reply.ACCEPT: frozenset({"message", "version"}),
    Reply.REVISE: frozenset({"message"}),
    Reply.ASK: frozenset({"message"}),
    Reply.TAKE_OVER: frozenset({"message"}),
    Reply.HAND_BACK: frozenset({"option", "message"}),
    Reply.CANCEL: frozenset({"message"}),
}


"""What a report can say."""

WORDS: Final = tuple(_TAKES)
"""What can be said at a terminal; the other replies need more than a line."""


def word_of(text: str) -> Reply:
    """The reply that a word stands for. Raises WrongUsage for one that cannot be given here."""
    if text not in WORDS:
        raise WrongUsage([Fault("DECISION", f"{text!r} is none; give one of {', '.join(WORDS)}")])
    return Reply(text)


def decision(word: Reply, given: Given) -> tuple[Decision, str]:
    """The decision and its reason. Raises WrongUsage with every fault: an option that means nothing is one of them."""
    if faults := faults_in(word, given):
        raise WrongUsage(faults)
    said = given.message or ""
    match word:
        case Reply.APPROVE:
            return Approve(), said
        case Reply.EDIT:
            return Edit(arguments=_arguments(given)), said
        case Reply.REJECT:
            return Reject(message=said), said
        case Reply.ANSWER:
            return Answer(value=_value(given)), ""
        case Reply.REPORT:
            return _report(given), ""
        case Reply.CHOOSE:
            return Choose(option=given.option or ""), said
        case Reply.ACCEPT:
            return Accept(), said
        case Reply.REVISE:
            return Revise(feedback=said), ""
        case Reply.ASK:
            return Ask(question=said), ""
        case Reply.TAKE_OVER:
            return TakeOver(text=said), ""
        case Reply.HAND_BACK:
            return HandBack(text=said, to=given.option), ""
        case Reply.CANCEL:
            return Cancel(reason=said), said
        case _:
            raise WrongUsage([Fault("DECISION", f"{word.value!r} cannot be given in one line")])


def response(request: PauseRequest, word: Reply, given: Given, *, by: Responder, digest: str | None = None) -> Response:
    """The whole answer to a request as stored now, or to the one with `digest` that the person saw."""
    try:
        made, reason = decision(word, given)
        answer = Response.to(request, made, by=by, reason=reason)
    except ValidationError as exc:
        raise WrongUsage(map(_fault, exc.errors())) from exc
    return answer if digest is None else answer.model_copy(update={"digest": digest})


_OPTION_OF: Final = {
    "arguments": "--args",
    "value": "--args",
    "option": "--option",
    "message": "--message",
    "note": "--message",
    "question": "--message",
    "outcome": "--outcome",
    "result": "--args",
    "feedback": "--message",
    "reason": "--message",
}


def _fault(error: ErrorDetails) -> Fault:
    """A fault in a record as one of the option that gave the value."""
    place = [str(each) for each in error["loc"]]
    option = next((_OPTION_OF[each] for each in place if each in _OPTION_OF), ".".join(place))
    return Fault(option, f"{error['input']!r}: {error['msg'].removeprefix('Value error, ')}")


def faults_in(word: Reply, given: Given) -> list[Fault]:
    """What is wrong with the options before anything is looked up."""
    return [*_unused(word, given), *_missing(word, given)]


def _unused(word: Reply, given: Given) -> Iterator[Fault]:
    """Options that would be ignored. `approve --args` must not look as if the arguments had been changed."""
    for name in ("args", "message", "option", "outcome", "version"):
        if getattr(given, name) is not None and name not in _TAKES[word]:
            hint = "; to run it with other arguments use `edit`" if (word, name) == (Reply.APPROVE, "args") else ""
            yield Fault(f"--{name}", f"means nothing with {word.value!r}{hint}")


def _missing(word: Reply, given: Given) -> Iterator[Fault]:
    match word:
        case Reply.EDIT if given.args is None:
            yield Fault("--args", "is missing: give all arguments of the call as JSON")
        case Reply.ANSWER if given.args is None and given.message is None:
            yield Fault("--message", "is missing: give your words, or a JSON value with --args")
        case Reply.ANSWER if given.args is not None and given.message is not None:
            yield Fault("--message", "and --args are two answers; give one")
        case Reply.REPORT if given.outcome not in OUTCOMES:
            problem = "is missing" if given.outcome is None else f"{given.outcome!r} is none"
            yield Fault("--outcome", f"{problem}: give one of {', '.join(OUTCOMES)}")
        case Reply.CHOOSE if not given.option:
            yield Fault("--option", "is missing: give the id of one of the options")
        case Reply.TAKE_OVER if given.message is None:
            yield Fault("--message", "is missing: say something in the agent's place")
        case Reply.ASK if given.message is None:
            yield Fault("--message", "is missing: say what you want to know")
        case Reply.REVISE if given.message is None:
            yield Fault("--message", "is missing: say what should change")
        case _:
            return


def _report(given: Given) -> Decision:
    result = None if given.args is None else given_json(given.args, "--args")
    return decision_of({"type": "report", "outcome": given.outcome, "result": result, "note": given.message or ""})


def _arguments(given: Given) -> Arguments:
    return given_json(given.args or "", "--args", shape="object")


def _value(given: Given) -> Json:
    return given.message if given.args is None else given_json(given.args, "--args")
