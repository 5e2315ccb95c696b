"""The request: what a person is shown, and everything needed to answer it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, JsonValue

from .action import Action
from .record import Arguments, Instant, Json, Name, Record, Text, TopRecord
from .ruling import Approvers, Escalation, Level, OnTimeout

if TYPE_CHECKING:
    from .draft import DraftVersion
    from .response import Decision, Response


class Kind(StrEnum):
    """How a request is answered. A `notice` informs and does not pause."""

    APPROVAL = "approval"
    INPUT = "input"
    CHOICE = "choice"
    REVIEW = "review"
    HANDOFF = "handoff"
    NOTICE = "notice"


class Reply(StrEnum):
    """The decisions that exist, by the `type` of their record."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    ANSWER = "answer"
    REPORT = "report"
    CHOOSE = "choose"
    ACCEPT = "accept"
    REVISE = "revise"
    ASK = "ask"
    DELEGATE = "delegate"
    TAKE_OVER = "take_over"
    HAND_BACK = "hand_back"
    CANCEL = "cancel"


class Option(Record):
    """One thing that can be chosen. `id` is what is sent back; `value` is what the agent gets (default: the id)."""

    id: Name
    label: Text = ""
    value: JsonValue = None

    @property
    def chosen(self) -> Json:
        return self.id if self.value is None else self.value


class Preview(Record):
    """What will happen, built by code from the final arguments, never from the agent's prose.

    `diff` is against the state of now, one line each, with `+` and `-`. `affects` says who is affected, `leaves` which
    data goes where.
    """

    effect: Text = ""
    target: Text = ""
    affects: Text = ""
    leaves: Text = ""
    cost: Text = ""
    reversible: bool | None = None
    diff: Text = ""
    warnings: tuple[Text, ...] = ()


class Context(Record):
    """What the agent says about its own request. Untrusted: shown apart from the facts and marked as such."""

    message: Text = ""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    confidence_source: Text = ""
    alternatives: tuple[Text, ...] = ()
    details: dict[str, JsonValue] = Field(default_factory=dict)


class Asked(Record):
    """What a person asked the agent about an earlier call of this tool, and what it said when it called again.

    `answer` is the agent's own words: untrusted, and "" where its framework does not hand them on.
    """

    request_id: Name
    by: Name
    question: Text
    answer: Text = ""


class Because(Record):
    """The rule that made the agent ask."""

    rule: Name
    version: Name
    why: Text


class PauseRequest(TopRecord):
    """One question to people. `call` names the place in the run; `round` counts questions at that place.

    `answer_schema` is what an answer, or the result in a report, must fit. `remind_seconds` and `escalation` count from
    `created_at`: they change who is asked, never what. `handle` belongs to the adapter and says where the framework
    waits; nobody else reads it. `draft` names the shared draft of which this is a version, `follows` the request that
    was sent back or asked about and that this one goes on from, with all that was `asked`. `undo_until` is on a notice.
    `batch`: its rule lets it be answered together with others, and it can be taken back.
    """

    id: Name
    run_id: Name
    call: Annotated[str, Field(min_length=1, max_length=512)]
    round: Annotated[int, Field(ge=0)] = 0
    kind: Kind
    level: Level
    title: Text
    action: Action
    digest: Name
    preview: Preview = Preview()
    context: Context = Context()
    allowed: tuple[Reply, ...]
    arguments_schema: dict[str, JsonValue] | None = None
    answer_schema: dict[str, JsonValue] | None = None
    options: tuple[Option, ...] = ()
    because: Because
    approvers: Approvers = Approvers()
    requested_for: Name | None = None
    created_at: Instant
    deadline: Instant | None = None
    on_timeout: OnTimeout = OnTimeout.REFUSE
    veto: bool = False
    remind_seconds: tuple[Annotated[float, Field(gt=0)], ...] = ()
    escalation: tuple[Escalation, ...] = ()
    batch: bool = False
    in_doubt: bool = False
    draft: Name | None = None
    follows: Name | None = None
    asked: tuple[Asked, ...] = ()
    undo_until: Instant | None = None
    handle: dict[str, JsonValue] = Field(default_factory=dict)

    def to_json(self) -> str:
        """The request as JSON text without what has its default value; this is the form that is stored."""
        return f'{{"protocol":"{self.protocol}",' + self.model_dump_json(exclude_defaults=True)[1:]

    # ── answering, one method per decision; each returns a Response ready for `hitl.respond` ──

    def approve(self, *, by: str, **details: Any) -> Response:
        """Run it exactly as shown."""
        return self._respond(by, details, type=Reply.APPROVE)

    def edit(self, arguments: Arguments, *, by: str, **details: Any) -> Response:
        """Run it with these arguments instead (all of them, with their types)."""
        return self._respond(by, details, type=Reply.EDIT, arguments=arguments)

    def reject(self, message: str = "", *, by: str, **details: Any) -> Response:
        """Do not run it; the agent is told why."""
        return self._respond(by, details, type=Reply.REJECT, message=message)

    def answer(self, value: Json, *, by: str, **details: Any) -> Response:
        """The person's words (or a value that fits `answer_schema`) are the result."""
        return self._respond(by, details, type=Reply.ANSWER, value=value)

    def report(self, outcome: str, result: Json = None, note: str = "", *, by: str, **details: Any) -> Response:
        """The person did it themselves (`done`, `not_done`, `partly`); `result` is the tool's result then."""
        return self._respond(by, details, type=Reply.REPORT, outcome=outcome, result=result, note=note)

    def choose(self, option: str, *, by: str, **details: Any) -> Response:
        """Pick one of `options` by its id."""
        return self._respond(by, details, type=Reply.CHOOSE, option=option)

    def accept(self, version: DraftVersion | None = None, *, by: str, **details: Any) -> Response:
        """Take the draft as it is; of a shared one, `version` of it."""
        taken = {} if version is None else {"version": version.number, "arguments": version.arguments}
        return self._respond(by, details, type=Reply.ACCEPT, **taken)

    def revise(self, feedback: str, *, by: str, **details: Any) -> Response:
        """Send the draft back with feedback."""
        return self._respond(by, details, type=Reply.REVISE, feedback=feedback)

    def ask(self, question: str, *, by: str, **details: Any) -> Response:
        """Ask the agent first; it answers and calls again."""
        return self._respond(by, details, type=Reply.ASK, question=question)

    def delegate(self, to: str, *, by: str, **details: Any) -> Response:
        """Let somebody else decide."""
        return self._respond(by, details, type=Reply.DELEGATE, to=to)

    def take_over(self, text: str = "", *, by: str, heard: Sequence[str] = (), **details: Any) -> Response:
        """Speak in the agent's place; the floor stays with the person. `heard`: what the end user said meanwhile."""
        return self._respond(by, details, type=Reply.TAKE_OVER, text=text, heard=tuple(heard))

    def hand_back(
        self, text: str = "", *, by: str, to: str | None = None, heard: Sequence[str] = (), **details: Any
    ) -> Response:
        """Give the conversation back to an agent; to end it with a last word, `answer`."""
        return self._respond(by, details, type=Reply.HAND_BACK, text=text, to=to, heard=tuple(heard))

    def cancel(self, reason: str = "", *, by: str, **details: Any) -> Response:
        """End the run here."""
        return self._respond(by, details, type=Reply.CANCEL, reason=reason)

    def _respond(self, by: str, details: dict[str, Any], **decision: Any) -> Response:
        from .response import Response, decision_of

        made: Decision = decision_of(decision)
        return Response.to(self, made, by=by, **details)
