"""Several people, one decision: who is asked now, who has agreed, and who is missing. Pure.

Votes agree if they would let the same thing happen. A vote for something else, an edit above all, starts anew: the
votes before it were about another action.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .protocol import (
    Accept,
    Approve,
    Approvers,
    Ask,
    Cancel,
    Delegate,
    Edit,
    Escalation,
    PauseRequest,
    Reject,
    Responder,
    Response,
    Revise,
    Stage,
    canonical,
)

SETTLES_ALONE: Final = (Reject, Cancel, Revise, Ask, Delegate)
"""Decisions that let nothing happen: one person is enough for them, whoever else is asked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far people have come. `agreed` names those of each stage that was begun, in order."""

    stages: tuple[Stage, ...]
    agreed: tuple[tuple[str, ...], ...]

    @property
    def now(self) -> Stage | None:
        """Who is asked now; None if enough have agreed."""
        done = len(self.agreed) == len(self.stages) and len(self.agreed[-1]) >= self.stages[-1].quorum
        return None if done else self.stages[len(self.agreed) - 1]

    @property
    def voters(self) -> tuple[str, ...]:
        """Everybody who has agreed, in order."""
        return tuple(person for stage in self.agreed for person in stage)

    @property
    def missing(self) -> str:
        """Who has still to agree, in words; "" if nobody."""
        if self.now is None:
            return ""
        begun = len(self.agreed) - 1
        left = [self.stages[begun].quorum - len(self.agreed[begun]), *(s.quorum for s in self.stages[begun + 1 :])]
        return ", then ".join(
            f"{count} of {people(stage)}" for count, stage in zip(left, self.stages[begun:], strict=True)
        )


def people(stage: Stage | Approvers) -> str:
    """The people of a stage in words."""
    named = [f"user {user}" for user in stage.users] + [f"role {role}" for role in stage.roles]
    return " or ".join(named) or "anybody"


def needs_several(approvers: Approvers) -> bool:
    """Whether an answer is not decided by one person alone, whoever that is."""
    return approvers.needed > 1 or bool(approvers.separate_from)


def asked_after(approvers: Approvers, escalation: Iterable[Escalation], seconds: float) -> Approvers:
    """Who is asked when a request has been open for so long."""
    for step in escalation:
        if step.after_seconds <= seconds:
            approvers = _escalated(approvers, step)
    return approvers


def asked_at(request: PauseRequest, now: datetime) -> Approvers:
    """Who is asked about a request at this time."""
    return asked_after(request.approvers, request.escalation, (now - request.created_at).total_seconds())


def standing(approvers: Approvers, votes: Iterable[Response], *, judged: bool = True) -> Standing:
    """How far these votes come, in the order in which they were given; each person counts once.

    `judged`: they were taken as votes, by those who were asked then. Otherwise only those count who are asked now.
    """
    stages = approvers.in_order
    agreed: list[list[str]] = [[]]
    for vote in votes:
        if len(agreed[-1]) >= stages[len(agreed) - 1].quorum:
            if len(agreed) == len(stages):
                break
            agreed.append([])
        if _counts(vote.responder, None if judged else stages[len(agreed) - 1], agreed):
            agreed[-1].append(vote.responder.id)
    if len(agreed[-1]) >= stages[len(agreed) - 1].quorum and len(agreed) < len(stages):
        agreed.append([])
    return Standing(stages, tuple(map(tuple, agreed)))


def agreeing(request: PauseRequest, votes: Sequence[Response], response: Response) -> tuple[Response, ...]:
    """The votes that agree with this one; none if it is about something else than they are."""
    return tuple(votes) if all(_same(request, each, response) for each in votes) else ()


def asked_now(request: PauseRequest, votes: Sequence[Response], response: Response, now: datetime) -> Stage:
    """Who may give this answer now: those of the stage that the votes before it have come to."""
    alone = isinstance(response.decision, SETTLES_ALONE)
    before = standing(asked_at(request, now), votes if alone else agreeing(request, votes, response))
    return before.now or before.stages[-1]


def is_of(who: Responder, stage: Stage | Approvers) -> bool:
    """Whether somebody is one of these people."""
    named = stage.users or stage.roles
    return not named or who.id in stage.users or bool(set(who.roles) & set(stage.roles))


def _counts(who: Responder, stage: Stage | None, agreed: list[list[str]]) -> bool:
    return (stage is None or is_of(who, stage)) and not any(who.id in each for each in agreed)


def _same(request: PauseRequest, one: Response, other: Response) -> bool:
    return _letting(request, one) == _letting(request, other)


def _letting(request: PauseRequest, response: Response) -> object:
    """What a response lets happen: the digest of the action that would run, or what was said."""
    match response.decision:
        case Approve() | Accept(arguments=None):
            return request.digest
        case Edit(arguments=arguments) | Accept(arguments=dict(arguments)):
            return request.action.edited(arguments).digest
        case decision:
            return canonical(decision.model_dump(mode="json"), what="decision")


def _escalated(approvers: Approvers, step: Escalation) -> Approvers:
    if not approvers.stages:
        return approvers.model_copy(update=_joined(approvers, step))
    return approvers.model_copy(
        update={"stages": tuple(stage.model_copy(update=_joined(stage, step)) for stage in approvers.stages)}
    )


def _joined(before: Stage | Approvers, step: Escalation) -> dict[str, tuple[str, ...]]:
    anybody = not (before.users or before.roles)
    if step.instead:
        return {"users": step.users, "roles": step.roles}
    if anybody:  # who may be anybody stays so
        return {}
    return {
        "users": tuple(dict.fromkeys((*before.users, *step.users))),
        "roles": tuple(dict.fromkeys((*before.roles, *step.roles))),
    }
