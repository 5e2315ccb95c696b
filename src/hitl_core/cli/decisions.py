"""The words after `hitl respond REQUEST` → a decision. Pure; says everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from ..errors import Fault
from ..protocol import (
    Accept,
    Answer,
    Approve,
    Arguments,
    Cancel,
    Choose,
    Decision,
    Edit,
    HandBack,
    Json,
    PauseRequest,
    Reject,
    Responder,
    Response,
    Revise,
    TakeOver,
)
from .complaints import WrongUsage
from .options import given_json


class Word(StrEnum):
    """What can be said at a terminal."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    ANSWER = "answer"
    CHOOSE = "choose"
    ACCEPT = "accept"
    REVISE = "revise"
    TAKE_OVER = "take_over"
    HAND_BACK = "hand_back"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were given; None means not given."""

    args: str | None = None
    message: str | None = None
    option: str | None = None


_TAKES: Final[dict[Word, frozenset[str]]] = {
    Word.APPROVE: frozenset({"message"}),
    Word.EDIT: frozenset({"args", "message"}),
    Word.REJECT: frozenset({"message"}),
    Word.ANSWER: frozenset({"args", "message"}),
    Word.CHOOSE: frozenset({"option", "message"}),
    Word.ACCEPT: frozenset({"message"}),
    Word.REVISE: frozenset({"message"}),
    Word.TAKE_OVER: frozenset({"message"}),
    Word.HAND_BACK: frozenset({"option", "message"}),
    Word.CANCEL: frozenset({"message"}),
}


def decision(word: Word, given: Given) -> tuple[Decision, str]:
    """The decision and its reason. Raises WrongUsage with every fault: an option that means nothing is one of them."""
    if faults := faults_in(word, given):
        raise WrongUsage(faults)
    said = given.message or ""
    match word:
        case Word.APPROVE:
            return Approve(), said
        case Word.EDIT:
            return Edit(arguments=_arguments(given)), said
        case Word.REJECT:
            return Reject(message=said), said
        case Word.ANSWER:
            return Answer(value=_value(given)), ""
        case Word.CHOOSE:
            return Choose(option=given.option or ""), said
        case Word.ACCEPT:
            return Accept(), said
        case Word.REVISE:
            return Revise(feedback=said), ""
        case Word.TAKE_OVER:
            return TakeOver(text=said), ""
        case Word.HAND_BACK:
            return HandBack(text=said, to=given.option), ""
        case Word.CANCEL:
            return Cancel(reason=said), said


def response(request: PauseRequest, word: Word, given: Given, *, by: Responder, digest: str | None = None) -> Response:
    """The whole answer to a request as stored now, or to the one with `digest` that the person saw."""
    try:
        made, reason = decision(word, given)
        answer = Response.to(request, made, by=by, reason=reason)
    except ValidationError as exc:
        faults = (Fault(".".join(map(str, each["loc"])), each["msg"]) for each in exc.errors())
        raise WrongUsage(faults) from exc
    return answer if digest is None else answer.model_copy(update={"digest": digest})


def faults_in(word: Word, given: Given) -> list[Fault]:
    """What is wrong with the options before anything is looked up."""
    return [*_unused(word, given), *_missing(word, given)]


def _unused(word: Word, given: Given) -> Iterator[Fault]:
    """Options that would be ignored. `approve --args` must not look as if the arguments had been changed."""
    for name in ("args", "message", "option"):
        if getattr(given, name) is not None and name not in _TAKES[word]:
            hint = "; to run it with other arguments use `edit`" if (word, name) == (Word.APPROVE, "args") else ""
            yield Fault(f"--{name}", f"means nothing with {word.value!r}{hint}")


def _missing(word: Word, given: Given) -> Iterator[Fault]:
    match word:
        case Word.EDIT if given.args is None:
            yield Fault("--args", "is missing: give all arguments of the call as JSON")
        case Word.ANSWER if given.args is None and given.message is None:
            yield Fault("--message", "is missing: give your words, or a JSON value with --args")
        case Word.ANSWER if given.args is not None and given.message is not None:
            yield Fault("--message", "and --args are two answers; give one")
        case Word.CHOOSE if given.option is None:
            yield Fault("--option", "is missing: give the id of one of the options")
        case Word.TAKE_OVER if given.message is None:
            yield Fault("--message", "is missing: say something in the agent's place")
        case Word.REVISE if given.message is None:
            yield Fault("--message", "is missing: say what should change")
        case _:
            return


def _arguments(given: Given) -> Arguments:
    return given_json(given.args or "", "--args", shape="object")


def _value(given: Given) -> Json:
    return given.message if given.args is None else given_json(given.args, "--args")
