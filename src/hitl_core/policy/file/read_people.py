"""`approvers = { … }` and `escalate = [ … ]` → who is asked, how many of them, in which order, and who later."""

from __future__ import annotations

from ...protocol import Approvers, Stage
from ..checking import LONGEST_NAME, unknown
from ..rules import Escalate
from .cursor import Cursor, type_name

APPROVERS = ("users", "roles", "groups", "quorum", "allow_self", "stages", "separate_from", "assign")
STAGE = ("users", "roles", "groups", "quorum")
ESCALATE = ("after", "users", "roles", "groups", "instead", "reassign")
MOST_PEOPLE = 100


def read_approvers(parent: Cursor) -> Approvers | None:
    """The approvers of a rule or of the defaults, if it says any."""
    table = parent.table("approvers")
    if table is None:
        return None
    table.only(APPROVERS)
    users, roles = _read_people(table)
    stages = tuple(_read_stage(stage) for stage in table.tables("stages") if stage)
    if "stages" in table and not table.raw["stages"]:
        table.fault("has no stages in it", "stages")
    return Approvers(
        users=users,
        roles=roles,
        quorum=table.integer("quorum", 1, MOST_PEOPLE),
        allow_self=table.flag("allow_self"),
        stages=stages,
        separate_from=table.texts("separate_from") if "separate_from" in table else (),
        assign=table.flag("assign"),
    )


def read_escalation(parent: Cursor) -> tuple[Escalate, ...]:
    """Who is asked after which time."""
    return tuple(step for table in parent.tables("escalate") if table and (step := _read_step(table)))


def read_names(table: Cursor, key: str) -> tuple[str, ...] | None:
    """A list of names of people, roles or groups. None, and a fault, if it is none."""
    names = table.raw.get(key, [])
    if not isinstance(names, list):
        table.fault(f"must be a list of names, not {type_name(names)}", key)
        return None
    wrong = [name for name in names if not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME)]
    if wrong:
        table.fault(f"must be a list of names with 1 to {LONGEST_NAME} characters each", key)
    return None if wrong else tuple(names)


def _read_stage(table: Cursor) -> Stage:
    table.only(STAGE)
    users, roles = _read_people(table)
    return Stage(users=users, roles=roles, quorum=table.integer("quorum", 1, MOST_PEOPLE))


def _read_step(table: Cursor) -> Escalate | None:
    table.only(ESCALATE)
    if "after" not in table:
        table.fault("is missing", "after")
    after, (users, roles) = table.duration("after"), _read_people(table)
    instead, reassign = table.flag("instead"), table.flag("reassign")
    if after is None:
        return None
    return Escalate(after=after, users=users, roles=roles, instead=instead, reassign=reassign)


def _read_people(table: Cursor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Users and roles; the members of groups are users."""
    users, roles, groups = (read_names(table, key) for key in ("users", "roles", "groups"))
    if users == roles == groups == () and {"users", "roles", "groups"} & table.raw.keys():
        table.fault("names nobody; leave it out to let anybody decide who can see the request")
    members = [member for group in groups or () for member in _members(table, group)]
    return tuple(dict.fromkeys([*(users or ()), *members])), roles or ()


def _members(table: Cursor, group: str) -> tuple[str, ...]:
    known = table.named.groups
    if group not in known:
        table.fault(unknown(group, known, what="group") if known else f"{group!r} is not in [groups]", "groups")
    return known.get(group, ())
