"""How a request looks: from an action, a ruling and what the adapter knows, the PauseRequest that people see."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ..errors import ConfigError
from ..protocol import (
    Action,
    Because,
    Context,
    Escalation,
    Json,
    Kind,
    Level,
    OnTimeout,
    Option,
    PauseRequest,
    Preview,
    Reply,
    Ruling,
    Run,
    later,
    new_id,
)
from ..tools import Traits
from . import lookalikes
from .surroundings import Surroundings
from .undoable import undo_until

OFFERED: Final[dict[Kind, tuple[Reply, ...]]] = {
    Kind.APPROVAL: (Reply.APPROVE, Reply.EDIT, Reply.REJECT, Reply.ANSWER, Reply.ASK, Reply.CANCEL),
    Kind.INPUT: (Reply.ANSWER, Reply.REJECT, Reply.CANCEL),
    Kind.CHOICE: (Reply.CHOOSE, Reply.REJECT, Reply.CANCEL),
    Kind.REVIEW: (Reply.ACCEPT, Reply.EDIT, Reply.REVISE, Reply.REJECT, Reply.CANCEL),
    Kind.HANDOFF: (Reply.TAKE_OVER, Reply.HAND_BACK, Reply.ANSWER, Reply.CANCEL),
    Kind.NOTICE: (),
}
"""The decisions that a request of each kind offers unless its level or its adapter says less."""


SHARED: Final = (
    *(Reply.ACCEPT, Reply.APPROVE, Reply.EDIT, Reply.REVISE),
    *(Reply.REJECT, Reply.ANSWER, Reply.ASK, Reply.CANCEL),
)
"""What is offered where an agent and people share a draft."""

_CONSENT: Final = (Reply.APPROVE, Reply.EDIT, Reply.ACCEPT)

_NO_CONTEXT: Final = Context()

Since = Callable[[PauseRequest], str | None]
"""What the agent has said since the call of an earlier request; None if that was made in another conversation."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the adapter knows about a request beyond the action itself.

    `allowed` None means what the kind offers. `confidence` and `facts` go to the policy. `handle` is the adapter's
    own and comes back with the request. `since` None: nothing is known but the words of this call, in the context.
    """

    kind: Kind = Kind.APPROVAL
    title: str = ""
    context: Context = _NO_CONTEXT
    allowed: tuple[Reply, ...] | None = None
    options: tuple[Option, ...] = ()
    arguments_schema: dict[str, Json] | None = None
    answer_schema: dict[str, Json] | None = None
    confidence: float | None = None
    facts: dict[str, Json] = field(default_factory=dict)
    handle: dict[str, Json] = field(default_factory=dict)
    in_doubt: bool = False
    since: Since | None = None


DEFAULT_FORM: Final = Form()


def compose(
    around: Surroundings, run: Run, action: Action, *, call: str, round: int, form: Form, ruling: Ruling
) -> PauseRequest:
    """The request for `action` at the place `call` of a run. Its id is new; the digest is the action's."""
    now = around.now()
    new = new_id(now)
    traits = around.catalogue.traits(action.tool)
    shown = _with(preview(traits, action), lookalikes.in_prose(form.context))
    deadline, remind, escalation = _times(ruling, now)
    return PauseRequest(
        id=new,
        run_id=run.id,
        call=call,
        round=round,
        kind=form.kind,
        level=ruling.level,
        title=form.title or traits.title or action.tool.replace("_", " ").capitalize(),
        action=action,
        digest=action.digest,
        preview=shown,
        context=form.context,
        allowed=offered(form, ruling),
        arguments_schema=form.arguments_schema,
        answer_schema=_fits(around, action, form, ruling),
        options=form.options,
        because=Because(rule=ruling.rule, version=ruling.version, why=ruling.why),
        approvers=ruling.approvers,
        requested_for=run.started_by,
        created_at=now,
        deadline=deadline,
        on_timeout=lapse(ruling),
        veto=ruling.veto_seconds is not None,
        remind_seconds=remind,
        escalation=escalation,
        batch=ruling.batch and traits.reversible is True and shown.reversible is True,
        in_doubt=form.in_doubt,
        undo_until=_promise(traits, action, now) if form.kind is Kind.NOTICE else None,
        draft=new if shares_draft(form, ruling) else None,
        handle=form.handle,
    )


def _times(ruling: Ruling, now: datetime) -> tuple[datetime | None, tuple[float, ...], tuple[Escalation, ...]]:
    """When it ends, and after how many seconds who is reminded or asked too: by the clock, whatever the rule counts."""
    seconds = ruling.deadline_seconds
    deadline = None if seconds is None else later(ruling.hours, now, seconds)
    if ruling.veto_seconds is not None:
        deadline = now + timedelta(seconds=ruling.veto_seconds)
    if ruling.hours is None:
        return deadline, ruling.remind_seconds, ruling.escalation
    after = {each: (later(ruling.hours, now, each) - now).total_seconds() for each in _moments(ruling)}
    steps = (step.model_copy(update={"after_seconds": after[step.after_seconds]}) for step in ruling.escalation)
    return deadline, tuple(after[each] for each in ruling.remind_seconds), tuple(steps)


def _moments(ruling: Ruling) -> tuple[float, ...]:
    return (*ruling.remind_seconds, *(step.after_seconds for step in ruling.escalation))


def _fits(around: Surroundings, action: Action, form: Form, ruling: Ruling) -> dict[str, Json] | None:
    """What an answer must fit: what the adapter says, and where people lead what the tool itself would return."""
    tool = around.catalogue.tool(action.tool)
    leads = ruling.level is Level.HUMAN_LEADS and form.kind is Kind.APPROVAL
    return tool.result_schema if form.answer_schema is None and leads and tool is not None else form.answer_schema


def _promise(traits: Traits, action: Action, now: datetime) -> datetime | None:
    """Until when what a notice tells of can be taken back at least; an undo that cannot be loaded promises nothing."""
    try:
        return undo_until(traits, action, now)
    except ConfigError:
        return None


def offered(form: Form, ruling: Ruling) -> tuple[Reply, ...]:
    """The decisions that a request offers. Where people lead none of them lets the agent's own action run."""
    leads = ruling.level is Level.HUMAN_LEADS
    if form.allowed is not None:
        return tuple(reply for reply in form.allowed if not (leads and reply in _CONSENT))
    if form.kind is Kind.APPROVAL and leads:
        return (Reply.REPORT, Reply.ASK, Reply.REJECT, Reply.CANCEL)
    if shares_draft(form, ruling):
        return SHARED
    if form.kind is Kind.APPROVAL and ruling.veto_seconds is not None:
        return (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)
    return OFFERED[form.kind]


def shares_draft(form: Form, ruling: Ruling) -> bool:
    """Whether the agent and people work on the call together before it runs."""
    works = ruling.level is Level.COLLABORATE and ruling.veto_seconds is None
    return works and form.kind is Kind.APPROVAL and form.allowed is None


def lapse(ruling: Ruling) -> OnTimeout:
    """What the end of a request's time means. Where people lead, silence does not let the action run either."""
    if ruling.veto_seconds is not None:
        return OnTimeout.PROCEED
    leads = ruling.level is Level.HUMAN_LEADS
    return OnTimeout.REFUSE if leads and ruling.on_timeout is OnTimeout.PROCEED else ruling.on_timeout


def is_reversible(traits: Traits, action: Action) -> bool:
    """Whether an action is known to be reversible, by its tool, and by what its preview says of these arguments."""
    return traits.reversible is True and _by_tool(traits, action).reversible is True


def preview(traits: Traits, action: Action) -> Preview:
    """What will happen, by code: by the tool's own, and what is wrong with the domains in its arguments."""
    return _with(_by_tool(traits, action), lookalikes.in_arguments(action.arguments))


def _with(preview: Preview, warnings: list[str]) -> Preview:
    return preview.model_copy(update={"warnings": (*preview.warnings, *warnings)}) if warnings else preview


def _by_tool(traits: Traits, action: Action) -> Preview:
    """What the tool's own code says; a preview that fails says so instead of hiding the request."""
    if traits.preview is None:
        return Preview(reversible=traits.reversible)
    try:
        made = traits.preview(deepcopy(action.arguments))
        made = Preview(effect=made) if isinstance(made, str) else Preview.model_validate(made)
    except Exception as exc:
        # It might have said of these arguments that nothing takes them back.
        known = False if traits.reversible is False else None
        return Preview(reversible=known, warnings=(f"The preview failed: {exc}",))
    return made if made.reversible is not None else made.model_copy(update={"reversible": traits.reversible})
