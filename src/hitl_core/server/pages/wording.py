"""What the records say, as sentences. Pure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from ...channels.verbs import DONE
from ...commands import Settled
from ...lifecycle import RequestState
from ...policy import Change
from ...protocol import (
    Answer,
    Approvers,
    Arguments,
    Choose,
    Decision,
    Delegate,
    Escalation,
    Json,
    Kind,
    OnTimeout,
    Origin,
    PauseRequest,
    Reject,
    Reply,
    Report,
    Responder,
    Run,
    Stage,
)
from ...quorum import agreements, asked_at, in_turn, people, standing
from .filters import in_brief

_LINE: Final = 240
"""Characters that a request is told by where others stand beside it."""

_AFTERWARDS: Final = {
    OnTimeout.REFUSE: "then it is refused",
    OnTimeout.PROCEED: "then it runs",
    OnTimeout.CANCEL_RUN: "then the run is cancelled",
}
_STATES: Final = {
    RequestState.OPEN: "open",
    RequestState.FROZEN: "held by a stop: it can be refused, nothing else",
    RequestState.DECIDED: "decided; its run goes on soon",
    RequestState.CONSUMED: "decided, and used by its run",
    RequestState.CLOSED: "decided, and done",
    RequestState.EXPIRED: "over: its deadline has passed",
    RequestState.VETOED: "vetoed",
    RequestState.CANCELLED: "cancelled with its run",
    RequestState.REVOKED: "taken back before it was used",
    RequestState.SUPERSEDED: "superseded: the agent asks anew",
}


def is_a_question(request: PauseRequest) -> bool:
    """Whether nothing runs when it is answered."""
    return request.kind is not Kind.APPROVAL and not request.in_doubt and request.draft is None


def besides(request: PauseRequest, *, offered: bool) -> Arguments:
    """What an agent asks with, but for what stands elsewhere on the page: the title and, if `offered`, the options."""
    elsewhere: list[Json] = [request.title]
    if offered and request.options:
        elsewhere.append([each.id for each in request.options])
    return {name: value for name, value in request.action.arguments.items() if value not in elsewhere}


def in_a_line(request: PauseRequest) -> str:
    """What a request is about, so that it is told from others of its kind."""
    if request.preview.effect:
        return request.preview.effect[:_LINE]
    about = in_brief(request.action.arguments) if request.kind is Kind.APPROVAL else ""
    return f"{request.title}: {about}"[:_LINE] if about else request.title


def gist_of_input(run: Run) -> str:
    """What a run was given, so that it is told from others of its app; "" if nothing."""
    given = run.input
    if isinstance(given, str):
        return given.strip()[:_LINE]
    return in_brief(given)[:_LINE] if isinstance(given, dict) else ""


def who_asks(origin: Origin) -> str:
    """The agents from the first to the one that asks; "" if none is known."""
    return " > ".join(origin.agents)


def who_may_decide(approvers: Approvers, started_by: str | None) -> str:
    """Who, how many, and who not."""
    who = people(approvers) if approvers.users or approvers.roles else "anybody who can reach this inbox"
    many = f"; {approvers.quorum} people have to agree" if approvers.quorum > 1 else ""
    if approvers.stages:
        who, many = in_turn(approvers.stages), ""
    own = f"; not {started_by}, who started the run" if started_by and not approvers.allow_self else ""
    apart = f"; not who let {' or '.join(approvers.separate_from)} run" if approvers.separate_from else ""
    return f"{who}{'; it is their turn' if approvers.assign else ''}{many}{own}{apart}"


def afterwards(request: PauseRequest) -> str:
    """What the deadline means."""
    return "then it runs unless it is vetoed" if request.veto else _AFTERWARDS[request.on_timeout]


def state_words(state: RequestState) -> str:
    return _STATES[state]


def agreed(settled: Settled, now: datetime) -> str:
    """How many of how many have agreed; "" where one is enough."""
    asked = asked_at(settled.request, settled.votes, now)
    return f"{len(agreements(settled.votes))} of {asked.needed} agreed" if asked.needed > 1 else ""


def missing(settled: Settled, now: datetime) -> str:
    """Who has still to agree, where several people have to; "" if nobody."""
    asked = asked_at(settled.request, settled.votes, now)
    waits = settled.state in (RequestState.OPEN, RequestState.FROZEN)
    return standing(asked, settled.votes).missing if waits and asked.needed > 1 else ""


def escalations(request: PauseRequest) -> list[tuple[datetime, str]]:
    """When others are asked, and who."""
    return [(request.created_at + timedelta(seconds=each.after_seconds), _asked(each)) for each in request.escalation]


def _asked(step: Escalation) -> str:
    if step.reassign and not step.users:
        return "nobody else"
    return f"{people(Stage(users=step.users, roles=step.roles))}{' instead' if step.instead else ' too'}"


def done(decision: Decision) -> str:
    """What somebody has done, as the verb after their name."""
    verb = DONE[Reply(decision.type)]
    match decision:
        case Choose(option=option):
            return f"{verb} {option!r}"
        case Delegate(to=to):
            return f"{verb} to {to}"
        case Report(outcome=outcome):
            return f"{verb} {outcome.replace('_', ' ')}"
        case _:
            return verb


_HAS: Final = {"chose": "chosen", "gave": "given", "spoke": "spoken"}


def has_done(decision: Decision) -> str:
    """The same after "has": the verb that stands first changes, if it is one of these."""
    verb, *rest = done(decision).split(" ")
    return " ".join((_HAS.get(verb, verb), *rest))


def said(decision: Decision) -> str:
    """The words that came with a decision; "" for none."""
    match decision:
        case Reject(message=words):
            return words
        case Answer(value=value):
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        case _:
            fields = ("feedback", "question", "text", "note", "reason")
            return next((words for name in fields if (words := getattr(decision, name, ""))), "")


def how(who: Responder) -> str:
    """Through what somebody came, and how it is known that it was them."""
    stands_in = f"for {who.acting_for.id}, " if who.acting_for else ""
    return f"{stands_in}{who.channel}, {who.authenticated_by.replace('_', ' ')}"


def alters(change: Change) -> str:
    """What would have to be another value, and what would follow."""
    to = json.dumps(change.to, ensure_ascii=False) if change.stays else "nothing"
    ruling = change.ruling
    level = "it would be forbidden" if ruling.denied else f"the level would be {ruling.level.replace('_', ' ')}"
    return f"with {change.what} = {to}, {level} (rule {ruling.rule})"
