"""The response: what a person said. A decision is one of thirteen small records, never one record with many options."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from pydantic import Field, JsonValue, TypeAdapter

from .record import Arguments, Instant, Name, Record, Text, TopRecord

if TYPE_CHECKING:
    from .request import PauseRequest

Outcome = Literal["done", "not_done", "partly"]
"""What came of an action that a person carried out."""
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class Approve(Record):
    """Run the action exactly as shown."""

    type: Literal["approve"] = "approve"


class Edit(Record):
    """Run the action with these arguments instead. The tool is pinned; the model is told."""

    type: Literal["edit"] = "edit"
    arguments: Arguments


class Reject(Record):
    """Never run the action; `message` reaches the model."""

    type: Literal["reject"] = "reject"
    message: Text = ""


class Answer(Record):
    """The tool does not run; `value` is its result, or the answer to the question."""

    type: Literal["answer"] = "answer"
    value: JsonValue


class Report(Record):
    """Where people lead: the person did it, or did not, and says what came of it. The tool does not run.

    `result` is the tool's result then. `note` reaches the agent.
    """

    type: Literal["report"] = "report"
    outcome: Outcome
    result: JsonValue = None
    note: Text = ""


class Choose(Record):
    """One of the offered options, by id."""

    type: Literal["choose"] = "choose"
    option: Name


class Accept(Record):
    """The reviewed draft is good. Of a shared draft that people have changed, `version` with its `arguments` runs."""

    type: Literal["accept"] = "accept"
    version: Annotated[int, Field(ge=1)] | None = None
    arguments: Arguments | None = None


class Revise(Record):
    """Send the draft back; the agent works `feedback` in and asks again."""

    type: Literal["revise"] = "revise"
    feedback: Text


class Ask(Record):
    """Ask the agent before deciding. The call does not run; the agent answers and calls again: a new request."""

    type: Literal["ask"] = "ask"
    question: Text


class Delegate(Record):
    """Somebody else shall decide. Changes who is asked, never what was asked."""

    type: Literal["delegate"] = "delegate"
    to: Name


class TakeOver(Record):
    """The person takes the conversation and says `text`; the floor stays with the person.

    `heard` is what the end user said meanwhile, in order; it comes before the person's words.
    """

    type: Literal["take_over"] = "take_over"
    text: Text = ""
    heard: tuple[Text, ...] = ()


class HandBack(Record):
    """The person gives the conversation back (to the named agent, else to the one that handed over).

    `heard` is as in TakeOver.
    """

    type: Literal["hand_back"] = "hand_back"
    text: Text = ""
    to: Name | None = None
    heard: tuple[Text, ...] = ()


class Cancel(Record):
    """End the run; nothing that waits in it runs."""

    type: Literal["cancel"] = "cancel"
    reason: Text = ""


Decision = Annotated[
    Approve
    | Edit
    | Reject
    | Answer
    | Report
    | Choose
    | Accept
    | Revise
    | Ask
    | Delegate
    | TakeOver
    | HandBack
    | Cancel,
    Field(discriminator="type"),
]

_decisions: TypeAdapter[Decision] = TypeAdapter(Decision)


def decision_of(value: object) -> Decision:
    """Read a decision from JSON-like data. Raises pydantic.ValidationError on unknown kinds."""
    return _decisions.validate_python(value)


def changed_arguments(decision: Decision) -> Arguments | None:
    """The arguments that a decision puts in the place of those that the request shows; None if it leaves them."""
    return decision.arguments if isinstance(decision, Edit | Accept) else None


class ActingFor(Record):
    """Somebody who is away, for whom another person decides, and the roles that are theirs."""

    id: Name
    roles: tuple[Name, ...] = ()


class Responder(Record):
    """Who answered, through which channel, and how we know that it was them.

    `authenticated_by` is "assertion" where a name was merely stated (a terminal, a script). Where there is a directory
    of people, the runtime takes `roles` from it and fills in `acting_for`; what an answer says of these does not count.
    """

    id: Name
    roles: tuple[Name, ...] = ()
    channel: Name = "library"
    authenticated_by: Name = "assertion"
    acting_for: ActingFor | None = None


class Response(TopRecord):
    """An answer to one request. `digest` is that of the action the person saw.

    `batch` names the gesture if several requests were answered with it at once; a request that needs a look of its
    own refuses such an answer.
    """

    request_id: Name
    digest: Name
    decision: Decision
    responder: Responder
    reason: Text = ""
    decided_at: Instant
    idempotency_key: Name | None = None
    batch: Name | None = None

    @classmethod
    def to(
        cls,
        request: PauseRequest,
        decision: Decision,
        *,
        by: str | Responder,
        roles: tuple[str, ...] = (),
        channel: str = "library",
        reason: str = "",
        at: datetime | None = None,
        idempotency_key: str | None = None,
        batch: str | None = None,
    ) -> Response:
        """Answer `request` as shown: its id and digest are filled in. `at` is advice; the store's clock decides."""
        responder = Responder(id=by, roles=roles, channel=channel) if isinstance(by, str) else by
        return cls(
            request_id=request.id,
            digest=request.digest,
            decision=decision,
            responder=responder,
            reason=reason,
            decided_at=at or datetime.now(UTC),
            idempotency_key=idempotency_key,
            batch=batch,
        )
