"""What a client sends back, read strictly. Pure.

    {"request": "…", "digest": "…", "decision": {"type": "approve"}, "reason": "…"}

What has a field more is refused: who answers is never said in an answer. Free text is never consent; it is read where
words are what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import Fault, NotUnderstood
from ..protocol import Answer, Decision, Json, Kind, PauseRequest, Reply
from ..protocol.record import Name, Text

MOST: Final = 200
"""Answers that one message may have."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An answer to one request, as it was shown. Who gives it is known elsewhere."""

    request_id: str
    digest: str
    decision: Decision
    reason: str = ""


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Name
    digest: Name
    decision: Decision
    reason: Text = ""


def read_answers(sent: Sequence[Json]) -> tuple[Submission, ...]:
    """The answers in what was sent, one value each. Raises NotUnderstood with every fault."""
    if len(sent) > MOST:
        raise NotUnderstood([Fault("answers", f"are {len(sent):,}; at most {MOST} at once")])
    given, faults = list[Submission](), list[Fault]()
    for index, each in enumerate(sent):
        try:
            read = _Sent.model_validate(each)
        except ValidationError as exc:
            faults += [Fault(_place(index, found["loc"]), found["msg"]) for found in exc.errors()]
            continue
        faults += [Fault(f"answers[{index}].decision.{name}", "is no part of it") for name in _strange(read.decision)]
        given.append(Submission(read.request, read.digest, read.decision, read.reason))
    asked = [each.request_id for each in given]
    faults += [
        Fault("answers", f"has two for request {id!r}") for id in sorted({i for i in asked if asked.count(i) > 1})
    ]
    if faults:
        raise NotUnderstood(faults)
    return tuple(given)


def in_words(text: str, pending: Sequence[PauseRequest]) -> Submission:
    """What words answer: the one question that waits for words. Raises NotUnderstood for anything else."""
    if len(pending) == 1 and takes_words(pending[0]):
        request = pending[0]
        return Submission(request.id, request.digest, Answer(value=text))
    raise NotUnderstood(
        [
            Fault(
                "parts",
                "are words, which decide nothing: a decision is data, one part for each request, as the schema that is "
                "shown with it says",
            )
        ]
    )


def takes_words(request: PauseRequest) -> bool:
    """Whether words are an answer to it, and let nothing run."""
    schema = request.answer_schema
    asks_for_text = schema is None or schema.get("type") == "string"
    return request.kind is Kind.INPUT and Reply.ANSWER in request.allowed and asks_for_text and not request.in_doubt


def _strange(decision: Decision) -> Sequence[str]:
    return sorted(decision.model_extra or ())


def _place(index: int, loc: tuple[int | str, ...]) -> str:
    return ".".join((f"answers[{index}]", *map(str, loc)))
