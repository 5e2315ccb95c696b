"""What happens while a run works: live events for those who watch, and the words of the audit trail."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from .record import Instant, Name, Record, Text


class LiveKind(StrEnum):
    """Events that adapters stream. They are a courtesy: the store, not the stream, says what is true."""

    STARTED = "started"
    TEXT = "text"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    STEP = "step"
    STATE = "state"
    CUSTOM = "custom"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


class LiveEvent(Record):
    """One event of a working run. `node` is the place in the app, `id` the message or the call that it is about.

    docs/transcripts.md says what each kind has in it. A turn that is replayed says it again under the same ids.
    """

    run_id: Name
    kind: LiveKind
    node: Text = ""
    id: Text = ""
    text: Text = ""
    data: JsonValue = None


class AuditEvent(StrEnum):
    """What the audit trail can say."""

    RUN_STARTED = "run.started"
    RUN_CLAIMED = "run.claimed"
    RUN_RETRIED = "run.retried"
    RUN_HELD_BACK = "run.held_back"
    RUN_RELEASED = "run.released"
    RUN_PAUSED = "run.paused"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_STOPPED = "run.stopped"
    RUN_ERASED = "run.erased"
    RUN_COMPACTED = "run.compacted"
    PERSON_ERASED = "person.erased"
    REQUEST_OPENED = "request.opened"
    REQUEST_DECIDED = "request.decided"
    REQUEST_REFUSED = "request.refused"
    REQUEST_REMINDED = "request.reminded"
    REQUEST_DELEGATED = "request.delegated"
    REQUEST_COMMENTED = "request.commented"
    REQUEST_DEFERRED = "request.deferred"
    REQUEST_WOKEN = "request.woken"
    REQUEST_ESCALATED = "request.escalated"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_CLOSED = "request.closed"
    ACTION_REFUSED = "action.refused"
    ACTION_NOTICED = "action.noticed"
    ACTION_REPORTED = "action.reported"
    DRAFT_CHANGED = "draft.changed"
    EFFECT_STARTED = "effect.started"
    EFFECT_EXECUTED = "effect.executed"
    EFFECT_FAILED = "effect.failed"
    EFFECT_IN_DOUBT = "effect.in_doubt"
    EFFECT_SETTLED = "effect.settled"
    GRANT_GIVEN = "grant.given"
    GRANT_USED = "grant.used"
    GRANT_REVOKED = "grant.revoked"
    GRANT_REFUSED = "grant.refused"
    BATCH_REFUSED = "batch.refused"
    GUIDANCE_QUEUED = "guidance.queued"
    GUIDANCE_CONSUMED = "guidance.consumed"
    GUIDANCE_DROPPED = "guidance.dropped"
    GUIDANCE_REFUSED = "guidance.refused"
    OUTPUT_OVERRIDDEN = "output.overridden"
    STOP_SET = "stop.set"
    STOP_LIFTED = "stop.lifted"
    ACT_REFUSED = "act.refused"
    SESSION_OPENED = "session.opened"
    SESSION_REFUSED = "session.refused"
    SESSION_CLOSED = "session.closed"
    TOKEN_MADE = "token.made"  # noqa: S105  # a word of the trail
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  # a word of the trail
    POLICY_CHANGED = "policy.changed"
    POLICY_REFUSED = "policy.refused"
    STORE_MOVED = "store.moved"
    MESSAGE_SENT = "message.sent"
    MESSAGE_FAILED = "message.failed"
    LINK_USED = "link.used"
    ROW_DAMAGED = "row.damaged"


class Apart(Record):
    """A name or a text that is kept apart from its line. `place` says which; once erased, `salt` is "".

    `value` is then what stands for it, and `erased` the line that records the erasing.
    """

    place: int
    salt: Text
    value: Text
    erased: int | None = None


class Sealed(Record):
    """A line as it was sealed: with `~PLACE:DIGEST` for what is kept apart. DIGEST is a keyed one, under its salt."""

    actor: Text
    body: Text
    apart: tuple[Apart, ...] = ()


class AuditEntry(Record):
    """One sealed line of the trail; `mac` is hex. `body` is JSON text.

    With `sealed`, that is what the seal is over, and `actor` and `body` are the same with the names and texts that are
    kept apart. Without, they are exactly what was stored and sealed.

    `unsealed`: it is committed, but not linked into the chain yet. `mac` is empty, and `seq` may become another one.
    """

    seq: int
    at: Instant
    event: Name
    subject: Text
    actor: Text
    body: Text
    mac: Text
    sealed: Sealed | None = None
    unsealed: bool = False
