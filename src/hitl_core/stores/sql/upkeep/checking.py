"""Everything that the tables themselves can tell: digests, references, states, and what the trail says about the rows.

That the trail is the one that was sealed is for its own verification. Each question is one statement over whole tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ....lifecycle import ActionState, RequestState
from ....protocol import AuditEvent, RunState
from ..tables import View, bodies, text
from .flaws import Flaw, Kind

MOST_SHOWN: Final = 20
"""Of one kind at one place; the rest is counted."""

_PAGE: Final = 500
_SEALED: Final = "hitl_audit AS l"


def flaws(view: View, *, lines: str = _SEALED) -> Iterator[Flaw]:
    """What is wrong with the tables, in one consistent state of them. `lines` is where all lines of the trail are."""
    yield from _digests(view)
    for question in (*_MISSING, *_DANGLING, *_UNKNOWN):
        yield from _asked(view, question)
    for question in _AGAINST_THE_TRAIL:
        yield from _asked(view, question._replace(sql=question.sql.replace(_SEALED, lines)))
    (unread,) = view.one(_UNREAD) or (0,)
    if unread:
        yield Flaw(Kind.WASTE, f"{unread} bodies belong to no row")


def _digests(view: View) -> Iterator[Flaw]:
    after, page = 0, None
    while page is None or page:
        page = view.execute(_BODIES, (after, _PAGE)).fetchall()
        for key, digest, data in page:
            after = key
            if not isinstance(data, bytes) or bodies.digest_of(data) != digest:
                yield Flaw(Kind.DAMAGED, f"body {key} no longer matches its digest")


_BODIES: Final = "SELECT key, digest, data FROM hitl_bodies WHERE key > ? ORDER BY key LIMIT ?"


class _Question(NamedTuple):
    """`sql` finds the names of what is wrong; `what` says it of one, with `{}` for its name."""

    kind: Kind
    what: str
    sql: str
    given: tuple[Any, ...] = ()


def _asked(view: View, question: _Question) -> Iterator[Flaw]:
    shown = 0
    with view.link.tolerant():
        for (name,) in view.execute(question.sql, question.given):
            shown += 1
            if shown <= MOST_SHOWN:
                named = text(name) if isinstance(name, bytes | str) else str(name)
                yield Flaw(question.kind, question.what.format(named))
    if shown > MOST_SHOWN:
        yield Flaw(question.kind, f"and {shown - MOST_SHOWN} more: {question.what.format('…')}")


# ── references ───────────────────────────────────────────────────────────────────────────────────────────────

_HOLD_BODIES: Final = (
    *(("hitl_runs", column) for column in ("input", "checkpoint", "output", "tools")),
    *(("hitl_requests", column) for column in ("body", "response")),
    *(("hitl_effects", column) for column in ("action", "result")),
    *(("hitl_overrides", column) for column in ("original", "body")),
    *((table, "body") for table in ("hitl_votes", "hitl_journal", "hitl_guidance")),
    *((table, "body") for table in ("hitl_drafts", "hitl_grants", "hitl_comments", "hitl_slips", "hitl_said")),
)

_MISSING: Final = tuple(
    _Question(
        Kind.MISSING,
        f"body {{}}, which is the {column} of a row of {table}, is not there",
        f"SELECT t.{column} FROM {table} t LEFT JOIN hitl_bodies b ON b.key = t.{column} "  # noqa: S608
        f"WHERE t.{column} IS NOT NULL AND b.key IS NULL",
    )
    for table, column in _HOLD_BODIES
)

_BUT: Final = " ".join(f"EXCEPT SELECT {column} FROM {table}" for table, column in _HOLD_BODIES)  # noqa: S608
_UNREAD: Final = f"SELECT COUNT(*) FROM (SELECT key FROM hitl_bodies {_BUT}) AS unread"  # noqa: S608

_LEAD_TO: Final = (
    ("hitl_runs", "app", "hitl_apps"),
    ("hitl_woken", "run", "hitl_runs"),
    ("hitl_requests", "run", "hitl_runs"),
    ("hitl_requests", "audience", "hitl_audiences"),
    ("hitl_requests", "origin", "hitl_origins"),
    ("hitl_votes", "request", "hitl_requests"),
    ("hitl_timers", "request", "hitl_requests"),
    ("hitl_comments", "request", "hitl_requests"),
    ("hitl_effects", "run", "hitl_runs"),
    ("hitl_effects", "request", "hitl_requests"),
    ("hitl_effects", "granted", "hitl_grants"),
    ("hitl_journal", "run", "hitl_runs"),
    ("hitl_guidance", "run", "hitl_runs"),
    ("hitl_overrides", "run", "hitl_runs"),
    ("hitl_said", "run", "hitl_runs"),
    ("hitl_past", "effect", "hitl_effects"),
    ("hitl_undone", "effect", "hitl_effects"),
    ("hitl_undone", "by", "hitl_effects"),
    ("hitl_grant_uses", "grant_key", "hitl_grants"),
    ("hitl_grant_uses", "effect", "hitl_effects"),
    ("hitl_audit", "run", "hitl_runs"),
)

_DANGLING: Final = tuple(
    _Question(
        Kind.DANGLING,
        f"row {{}} of {there}, to which the {column} of a row of {table} leads, is not there",
        f"SELECT t.{column} FROM {table} t LEFT JOIN {there} o ON o.key = t.{column} "  # noqa: S608
        f"WHERE t.{column} IS NOT NULL AND o.key IS NULL",
    )
    for table, column, there in _LEAD_TO
)


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────


def _unknown(what: str, table: str, name: str, states: type[RunState | RequestState | ActionState]) -> _Question:
    marks = ", ".join("?" * len(states))
    sql = f"SELECT {name} FROM {table} WHERE state NOT IN ({marks})"  # noqa: S608
    return _Question(Kind.UNKNOWN, f"the state of {what} {{}} is none that there is", sql, tuple(states))


_UNKNOWN: Final = (
    _unknown("run", "hitl_runs", "id", RunState),
    _unknown("request", "hitl_requests", "id", RequestState),
    _unknown("the action at", "hitl_effects", "call", ActionState),
)


# ── against the trail ────────────────────────────────────────────────────────────────────────────────────────


def _without_line(what: str, rows: str, *events: AuditEvent) -> _Question:
    """Rows of which the trail does not say how they came to be so."""
    marks = ", ".join("?" * len(events))
    sql = f"""SELECT t.id FROM ({rows}) AS t LEFT JOIN (SELECT DISTINCT subject FROM {_SEALED}
        WHERE event IN ({marks})) AS a ON a.subject = t.id WHERE a.subject IS NULL"""  # noqa: S608
    return _Question(Kind.UNRECORDED, f"{what}, but nothing in the trail says so", sql, events)


def _without_row(what: str, rows: str, event: AuditEvent) -> _Question:
    """Lines of which the rows do not say the same."""
    sql = f"""SELECT a.subject FROM (SELECT DISTINCT subject FROM {_SEALED} WHERE event = ?) AS a
        LEFT JOIN ({rows}) AS t ON t.id = a.subject WHERE t.id IS NULL"""  # noqa: S608
    return _Question(Kind.UNRECORDED, what, sql, (event,))


_EXECUTED: Final = f"""SELECT e.call FROM hitl_effects e LEFT JOIN (SELECT DISTINCT run,
    json_extract(body, '$.call') AS call FROM {_SEALED} WHERE event IN (?, ?, ?)) AS a
    ON a.run = e.run AND a.call = e.call WHERE e.state = 'executed' AND a.call IS NULL"""  # noqa: S608

_AGAINST_THE_TRAIL: Final = (
    _without_line("run {} exists", "SELECT id FROM hitl_runs", AuditEvent.RUN_STARTED),
    _without_line(
        "run {} is completed", "SELECT id FROM hitl_runs WHERE state = 'completed'", AuditEvent.RUN_COMPLETED
    ),
    _without_line(
        "run {} is cancelled", "SELECT id FROM hitl_runs WHERE state = 'cancelled'", AuditEvent.RUN_CANCELLED
    ),
    _without_line(
        "request {} waits for people", "SELECT id FROM hitl_requests WHERE waits = 1", AuditEvent.REQUEST_OPENED
    ),
    _without_line(
        "request {} is decided", "SELECT id FROM hitl_requests WHERE response IS NOT NULL", AuditEvent.REQUEST_DECIDED
    ),
    _Question(
        Kind.UNRECORDED,
        "the action at {} is executed, but nothing in the trail says so",
        _EXECUTED,
        (AuditEvent.EFFECT_EXECUTED, AuditEvent.EFFECT_SETTLED, AuditEvent.ACTION_REPORTED),
    ),
    _without_row("the trail has run {}, the tables do not", "SELECT id FROM hitl_runs", AuditEvent.RUN_STARTED),
    _without_row(
        "the trail has request {}, the tables do not", "SELECT id FROM hitl_requests", AuditEvent.REQUEST_OPENED
    ),
    _without_row(
        "the trail says how request {} was decided, its row does not",
        # Of several people one may have answered, and that may not count any more.
        "SELECT id FROM hitl_requests WHERE response IS NOT NULL OR several = 1 OR state <> 'open'",
        AuditEvent.REQUEST_DECIDED,
    ),
)
