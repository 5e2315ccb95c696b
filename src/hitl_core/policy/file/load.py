"""TOML → rules. Every fault is found before anything is refused, and each one says its line and key path."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from ...errors import PolicyInvalid
from ...protocol import Approvers, Level, OnTimeout, sha256
from ..checking import LONGEST_NAME, KeyPath, PolicyFault, Problem, policy_problems, repeated_ids, spell
from ..rules import Defaults, Glob, Match, Names, Rule
from .cursor import Cursor, type_name
from .lines import key_lines, line_of
from .read_condition import read_condition

LARGEST: Final = 4_000_000
"""Bytes that a policy file may have."""

_TOP: Final = ("version", "defaults", "rules")
_TOP_LATER: Final = (
    *(
        "include",
        "includes",
        "overlay",
        "overlays",
        "environments",
        "calendars",
        "grants",
        "groups",
        "stages",
    ),
)
_DEFAULTS: Final = ("level", "allow_unmatched", "approvers", "deadline", "on_timeout")
_RULE: Final = (
    *("id", "why", "match", "when", "effect", "level", "approvers", "deadline", "on_timeout", "veto"),
    *("allow_irreversible", "allow_timeout_approval"),
)
_RULE_LATER: Final = (
    *("stages", "budget", "rate", "novelty", "grant", "grants", "remind", "reminders"),
    *("escalate", "escalation", "batch", "separation_of_duties", "undo_window"),
)
_MATCH: Final = ("tool", "agent", "backend", "environment", "tags", "risk", "reversible")
_APPROVERS: Final = ("users", "roles", "quorum", "allow_self")
_APPROVERS_LATER: Final = ("groups", "stages", "escalate", "distinct")
_SYNTAX_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class _Effect(StrEnum):
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file says: everything that a `Policy` is made of."""

    rules: tuple[Rule, ...]
    defaults: Defaults
    version: str


def read_file(path: str | PathLike[str]) -> Draft:
    """Read a policy file. Raises PolicyInvalid, also if there is no such file."""
    name = fspath(path)
    try:
        data = Path(path).read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise PolicyInvalid([PolicyFault("", "is not UTF-8 text", name, line)]) from None
    except (OSError, ValueError) as exc:
        raise PolicyInvalid([PolicyFault("", f"cannot be read: {exc}", name)]) from exc
    return _read(text, name=name, digest=sha256(data))


def read_text(text: str, *, name: str) -> Draft:
    """Read a policy from TOML text. Raises PolicyInvalid."""
    try:
        digest = sha256(text.encode())
    except UnicodeEncodeError:
        raise PolicyInvalid([PolicyFault("", "has a lone surrogate", name)]) from None
    return _read(text, name=name, digest=digest)


def _read(text: str, *, name: str, digest: str) -> Draft:
    raw = _parse(text, name)
    faults: list[Problem] = []
    draft = _read_top(Cursor(raw, (), faults), digest)
    if faults:
        lines = key_lines(text)
        placed = sorted((line_of(path, lines), spell(path), problem) for path, problem in faults)
        raise PolicyInvalid(PolicyFault(path, problem, name, line) for line, path, problem in placed)
    return draft


def _parse(text: str, name: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise PolicyInvalid([PolicyFault("", f"is larger than {LARGEST:,} characters", name)])
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as exc:
        place = _SYNTAX_PLACE.search(str(exc))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        problem = _SYNTAX_PLACE.sub("", str(exc))
        raise PolicyInvalid([PolicyFault("", f"is not TOML: {problem}", name, line)]) from None
    except RecursionError:
        raise PolicyInvalid([PolicyFault("", "is nested too deeply", name)]) from None
    except (ValueError, ArithmeticError):  # an integer of thousands of digits, an exponent of dozens
        raise PolicyInvalid([PolicyFault("", "has a number that is too large", name)]) from None


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read_top(top: Cursor, digest: str) -> Draft:
    top.only(_TOP, later=_TOP_LATER)
    version = top.text("version")
    table = top.table("defaults")
    defaults = _read_defaults(table) if table else Defaults()
    rules = {index: _read_rule(table) for index, table in enumerate(top.tables("rules")) if table}
    top.faults += _news(policy_problems(rules.items(), defaults, version), top.faults)
    top.faults += repeated_ids(_ids(top))
    return Draft(tuple(rules.values()), defaults, digest if version is None else version)


def _news(problems: Iterable[Problem], known: list[Problem]) -> list[Problem]:
    """The problems that do not only follow from a value that could not be read, in the same place or around it."""
    unread = {path for path, _ in known}
    around = {path[:end] for path in unread for end in range(len(path))}
    return [(path, problem) for path, problem in problems if path not in around and not unread & _upwards(path)]


def _upwards(path: KeyPath) -> set[KeyPath]:
    return {path[:end] for end in range(len(path) + 1)}


def _ids(top: Cursor) -> list[tuple[int, str]]:
    rules = top.raw.get("rules")
    tables = rules if isinstance(rules, list) else []
    ids = [(index, rule.get("id")) for index, rule in enumerate(tables) if isinstance(rule, dict)]
    return [(index, rule_id) for index, rule_id in ids if isinstance(rule_id, str)]


def _read_defaults(table: Cursor) -> Defaults:
    table.only(_DEFAULTS, later=_RULE_LATER)
    defaults = Defaults(
        allow_unmatched=table.flag("allow_unmatched"),
        approvers=_read_approvers(table),
        deadline=table.duration("deadline"),
        on_timeout=table.word("on_timeout", OnTimeout),
    )
    level = table.word("level", Level)
    return defaults if level is None else replace(defaults, level=level)


def _read_rule(table: Cursor) -> Rule:
    table.only(_RULE, later=_RULE_LATER)
    return Rule(
        id=table.required("id"),
        why=table.required("why"),
        match=_read_match(table),
        when=read_condition(table.table("when")) if "when" in table else None,
        effect="deny" if table.word("effect", _Effect) else "allow",
        level=table.word("level", Level),
        approvers=_read_approvers(table),
        deadline=table.duration("deadline"),
        on_timeout=table.word("on_timeout", OnTimeout),
        veto=table.duration("veto"),
        allow_irreversible=_read_reason(table),
        allow_timeout_approval=table.flag("allow_timeout_approval"),
    )


def _read_reason(table: Cursor) -> str:
    reason = table.text("allow_irreversible")
    if reason is not None and not reason.strip():
        table.fault("needs the reason, as a sentence", "allow_irreversible")
    return reason or ""


def _read_match(rule: Cursor) -> Match:
    table = rule.table("match")
    if table is None:
        return Match()
    table.only(_MATCH)
    return Match(
        tool=_read_names(table, "tool"),
        agent=_read_names(table, "agent"),
        backend=_read_names(table, "backend"),
        environment=_read_names(table, "environment"),
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
    inner = Cursor(entry, (*table.path, key), table.faults)
    inner.only(("glob",))
    if "glob" not in inner:
        inner.fault('needs a glob: { glob = "mail.*" }')
        return ()
    return tuple(map(Glob, inner.texts("glob")))


def _read_approvers(parent: Cursor) -> Approvers | None:
    table = parent.table("approvers")
    if table is None:
        return None
    table.only(_APPROVERS, later=_APPROVERS_LATER)
    users, roles = _read_people(table, "users"), _read_people(table, "roles")
    if users == roles == () and {"users", "roles"} & table.raw.keys():
        table.fault("names nobody; leave approvers out to let anybody decide who can see the request")
    quorum, allow_self = _read_quorum(table), table.flag("allow_self")
    return Approvers(users=users or (), roles=roles or (), quorum=quorum, allow_self=allow_self)


def _read_quorum(table: Cursor) -> int:
    quorum = table.raw.get("quorum", 1)
    if type(quorum) is int and 1 <= quorum <= 100:
        return quorum
    table.fault("must be an integer from 1 to 100", "quorum")
    return 1


def _read_people(table: Cursor, key: str) -> tuple[str, ...] | None:
    names = table.raw.get(key, [])
    if not isinstance(names, list):
        table.fault(f"must be a list of names, not {type_name(names)}", key)
        return None
    wrong = [name for name in names if not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME)]
    if wrong:
        table.fault(f"must be a list of names with 1 to {LONGEST_NAME} characters each", key)
    return None if wrong else tuple(names)
