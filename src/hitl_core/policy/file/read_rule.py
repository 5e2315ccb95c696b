"""One `[[rules]]` table, or `[defaults]`, → its record."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ...protocol import ALWAYS, Hours, Level, OnTimeout
from ..checking import unknown
from ..rules import Defaults, Glob, Match, Names, Rule
from .cursor import Cursor, type_name
from .read_condition import read_condition
from .read_people import read_approvers, read_escalation

DEFAULTS: Final = (
    "level",
    "allow_unmatched",
    "approvers",
    "deadline",
    "on_timeout",
    "remind",
    "escalate",
    "hours",
)
RULE: Final = (
    "id",
    "why",
    "match",
    "when",
    "effect",
    "level",
    "approvers",
    "deadline",
    "on_timeout",
    "veto",
    "allow_irreversible",
    "allow_timeout_approval",
    "remind",
    "escalate",
    "hours",
    "batch",
)
MATCH: Final = ("tool", "agent", "backend", "environment", "tags", "risk", "reversible")


class _Effect(StrEnum):
    DENY = "deny"


def read_defaults(table: Cursor, inherited: Defaults) -> Defaults:
    """Defaults; what the table does not say is as in `inherited`."""
    table.only(DEFAULTS)
    level, approvers = table.word("level", Level), read_approvers(table)
    return Defaults(
        level=level or inherited.level,
        allow_unmatched=table.flag("allow_unmatched") if "allow_unmatched" in table else inherited.allow_unmatched,
        approvers=approvers or inherited.approvers,
        deadline=table.duration("deadline") or inherited.deadline,
        on_timeout=table.word("on_timeout", OnTimeout) or inherited.on_timeout,
        remind=table.durations("remind") if "remind" in table else inherited.remind,
        escalate=read_escalation(table) if "escalate" in table else inherited.escalate,
        hours=_read_hours(table) or inherited.hours,
    )


def read_rule(table: Cursor, *, environment: str | None = None) -> Rule:
    """A rule; in an overlay it holds in that environment only."""
    table.only(RULE)
    return Rule(
        id=table.required("id"),
        why=table.required("why"),
        match=_read_match(table, environment),
        when=read_condition(table.table("when")) if "when" in table else None,
        effect="deny" if table.word("effect", _Effect) else "allow",
        level=table.word("level", Level),
        approvers=read_approvers(table),
        deadline=table.duration("deadline"),
        on_timeout=table.word("on_timeout", OnTimeout),
        veto=table.duration("veto"),
        allow_irreversible=_read_reason(table),
        allow_timeout_approval=table.flag("allow_timeout_approval"),
        remind=table.durations("remind") if "remind" in table else (),
        escalate=read_escalation(table),
        hours=_read_hours(table),
        batch=table.flag("batch"),
    )


def _read_hours(table: Cursor) -> Hours | None:
    name, known = table.text("hours"), {ALWAYS.name: ALWAYS, **table.named.hours}
    if name is not None and name not in known:
        table.fault(unknown(name, known, what="name of [hours]"), "hours")
    return None if name is None else known.get(name)


def _read_reason(table: Cursor) -> str:
    reason = table.text("allow_irreversible")
    if reason is not None and not reason.strip():
        table.fault("needs the reason, as a sentence", "allow_irreversible")
    return reason or ""


def _read_match(rule: Cursor, environment: str | None) -> Match:
    own: Names = () if environment is None else (environment,)
    table = rule.table("match")
    if table is None:
        return Match(environment=own)
    table.only(MATCH)
    if environment is not None and "environment" in table:
        table.fault(f"is {environment!r} for every rule of this overlay; take it out", "environment")
    return Match(
        tool=_read_names(table, "tool"),
        agent=_read_names(table, "agent"),
        backend=_read_names(table, "backend"),
        environment=own or _read_names(table, "environment"),
        tags=table.texts("tags") if "tags" in table else (),
        risk=table.texts("risk") if "risk" in table else (),
        reversible=table.flag("reversible") if "reversible" in table else None,
    )


def _read_names(table: Cursor, key: str) -> Names:
    if key not in table:
        return ()
    value = table.raw[key]
    entries = value if isinstance(value, list) else [value]
    if not entries:
        table.fault("is an empty list, which no action fits; leave it out to mean every one", key)
    return tuple(name for entry in entries for name in _read_name(table, key, entry))


def _read_name(table: Cursor, key: str, entry: object) -> Names:
    if isinstance(entry, str):
        return (entry,)
    if not isinstance(entry, dict):
        table.fault(f'must be a name, {{ glob = "mail.*" }} or a list of them, not {type_name(entry)}', key)
        return ()
    inner = table.below(entry, key)
    inner.only(("glob",))
    if "glob" not in inner:
        inner.fault('needs a glob: { glob = "mail.*" }')
        return ()
    return tuple(map(Glob, inner.texts("glob")))
