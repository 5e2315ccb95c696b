"""Several people, one decision: who is asked now, who has agreed, and who is missing. Pure.

Votes agree if they would let the same thing happen. A vote for something else, an edit above all, starts anew: the
votes before it were about another action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from .protocol import (
    Accept,
    ActingFor,
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

ANYBODY: Final = "anybody"
"""The people of a stage that names nobody."""


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
        return ", then ".join(so_many(count, people(of)) for count, of in zip(left, self.stages[begun:], strict=True))


def people(stage: Stage | Approvers) -> str:
    """The people of a stage in words."""
    named = [f"user {user}" for user in stage.users] + [f"role {role}" for role in stage.roles]
    return " or ".join(named) or ANYBODY


def so_many(count: int, who: str) -> str:
    """How many of whom, in words: `2 of role lead`; where nobody is named, `any one person` or `any 2 people`."""
    if who != ANYBODY:
        return f"{count} of {who}"
    return "any one person" if count == 1 else f"any {count} people"


def in_turn(stages: Iterable[Stage]) -> str:
    """How many of whom, stage after stage: `2 of role lead, then 1 of user fay`."""
    return ", then ".join(so_many(stage.quorum, people(stage)) for stage in stages)


def needs_several(approvers: Approvers) -> bool:
    """Whether an answer is not decided by one person alone, whoever that is."""
    return approvers.needed > 1 or bool(approvers.separate_from)


def newly_apart(wanted: Approvers, asked: Approvers) -> str:
    """The tools, in words, that `wanted` keeps people apart from and `asked` did not; "" if none."""
    return " or ".join(repr(tool) for tool in wanted.separate_from if tool not in asked.separate_from)


def asked_after(
    approvers: Approvers, escalation: Iterable[Escalation], seconds: float, said: Iterable[Response] = ()
) -> Approvers:
    """Who is asked when a request has been open for so long, and whoever gave it on in `said` has done so."""
    for step in escalation:
        if step.after_seconds <= seconds:
            approvers = _changed(approvers, partial(_joined, step=step))
    for given in given_on(said):
        approvers = _changed(approvers, partial(_in_their_place, given=given))
    return approvers


def asked_at(request: PauseRequest, said: Iterable[Response], now: datetime) -> Approvers:
    """Who is asked about a request at this time, after what was said about it."""
    return asked_after(request.approvers, request.escalation, (now - request.created_at).total_seconds(), said)


def given_on(said: Iterable[Response]) -> tuple[Response, ...]:
    """Of what was said, where somebody let somebody else decide."""
    return tuple(each for each in said if isinstance(each.decision, Delegate))


def agreements(said: Iterable[Response]) -> tuple[Response, ...]:
    """Of what was said, the votes."""
    return tuple(each for each in said if not isinstance(each.decision, Delegate))


def voices(who: Responder) -> frozenset[str]:
    """Whose word it is: the person's, and that of whom they stand in for. Each counts once."""
    return frozenset((who.id, who.acting_for.id) if who.acting_for else (who.id,))


def standing(approvers: Approvers, votes: Iterable[Response], *, judged: bool = True) -> Standing:
    """How far these votes come, in the order in which they were given; each person counts once.

    `judged`: they were taken as votes, by those who were asked then. Otherwise only those count who are asked now.
    """
    stages = approvers.in_order
    agreed: list[list[str]] = [[]]
    heard: set[str] = set()
    for vote in agreements(votes):
        if len(agreed[-1]) >= stages[len(agreed) - 1].quorum:
            if len(agreed) == len(stages):
                break
            agreed.append([])
        asked = judged or is_of(vote.responder, stages[len(agreed) - 1])
        if asked and not heard & voices(vote.responder):
            agreed[-1].append(vote.responder.id)
            heard |= voices(vote.responder)
    if len(agreed[-1]) >= stages[len(agreed) - 1].quorum and len(agreed) < len(stages):
        agreed.append([])
    return Standing(stages, tuple(map(tuple, agreed)))


def agreeing(request: PauseRequest, votes: Sequence[Response], response: Response) -> tuple[Response, ...]:
    """The votes that agree with this one; none if it is about something else than they are."""
    found = agreements(votes)
    return found if all(_same(request, each, response) for each in found) else ()


def asked_now(request: PauseRequest, votes: Sequence[Response], response: Response, now: datetime) -> Stage:
    """Who may give this answer now: those of the stage that the votes before it have come to."""
    alone = isinstance(response.decision, SETTLES_ALONE)
    before = standing(asked_at(request, votes, now), votes if alone else agreeing(request, votes, response))
    return before.now or before.stages[-1]


def is_of(who: Responder, stage: Stage | Approvers) -> bool:
    """Whether somebody is one of these people."""
    named = stage.users or stage.roles
    return not named or any(_is_named(each, stage) for each in (who, who.acting_for) if each is not None)


def _is_named(who: Responder | ActingFor, stage: Stage | Approvers) -> bool:
    return who.id in stage.users or bool(set(who.roles) & set(stage.roles))


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


_Names = dict[str, tuple[str, ...]]


def _changed(approvers: Approvers, names: Callable[[Stage | Approvers], _Names]) -> Approvers:
    """The same in every stage, or where there is none, for the approvers themselves."""
    if not approvers.stages:
        return approvers.model_copy(update=names(approvers))
    stages = tuple(stage.model_copy(update=names(stage)) for stage in approvers.stages)
    return approvers.model_copy(update={"stages": stages})


def _joined(before: Stage | Approvers, step: Escalation) -> _Names:
    anybody = not (before.users or before.roles)
    if step.reassign and not step.users:  # not assigned: all of them are asked as it is
        return {}
    if step.instead:
        return {"users": step.users, "roles": step.roles}
    if anybody:  # who may be anybody stays so
        return {}
    return {
        "users": tuple(dict.fromkeys((*before.users, *step.users))),
        "roles": tuple(dict.fromkeys((*before.roles, *step.roles))),
    }


def _in_their_place(before: Stage | Approvers, given: Response) -> _Names:
    """Who is asked instead of somebody who gave it on. Whoever else is asked besides them stays so."""
    assert isinstance(given.decision, Delegate)
    if not is_of(given.responder, before):
        return {}
    left = (user for user in before.users if user not in voices(given.responder))
    return {"users": tuple(dict.fromkeys((*left, given.decision.to)))}
