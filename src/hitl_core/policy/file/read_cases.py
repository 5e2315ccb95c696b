"""`policy.cases.toml` → cases; and one action with its facts, as a case has it, from any table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from os import PathLike
from typing import Any, Final

from ...errors import CasesInvalid, PolicyInvalid
from ...protocol import Action, Json, Level, Origin
from ..checking import PolicyFault, Problem, spell, unknown
from ..rules import Case, Expected, Facts, Situation, as_json
from .cursor import Cursor, Named, type_name
from .sources import from_file

TraitsOf = Callable[[str], Mapping[str, Any]]
"""The tags, the reversibility and the risk of a tool by its name: those of the three that are known."""

TOP: Final = ("defaults", "tools", "cases")
TRAITS: Final = ("tags", "reversible", "risk")
FACTS: Final = (
    "agent",
    "backend",
    "environment",
    *TRAITS,
    "started_by",
    "run",
    "tenant",
    "confidence",
    "context",
    "time",
)
SITUATION: Final = ("tool", "arguments", *FACTS, "before")
BEFORE: Final = ("tool", "arguments", *FACTS[:-1], "ago", "times")
CASE: Final = ("name", *SITUATION, "expect")
EXPECT: Final = ("level", "rule", "users", "roles", "quorum", "deadline")
DENY: Final = "deny"
MOST_TIMES: Final = 10_000

_NOTHING: Final = Facts(now=datetime(2026, 1, 1, 12, tzinfo=UTC))
"""Where a case says no time: a Thursday at noon."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A case and where it stands."""

    case: Case
    source: str
    line: int


def read_cases(path: str | PathLike[str]) -> tuple[Placed, ...]:
    """The cases of a file. Raises CasesInvalid with every fault, its line and its key path."""
    try:
        *_, source = from_file(path)
    except PolicyInvalid as exc:
        raise CasesInvalid(exc.faults) from exc
    top = source.top(Named())
    top.only(TOP)
    cases = list(_cases(top))
    if not cases and not source.faults:
        top.fault("has no cases in it; write [[cases]] for each", "cases")
    if source.faults:
        raise CasesInvalid(source.placed())
    return tuple(Placed(case, source.name, source.line(("cases", number))) for number, case in cases)


def read_situation(raw: dict[str, Any], *, now: datetime, traits: TraitsOf | None = None) -> Situation:
    """An action with its facts from a table, such as JSON from a command line. Raises CasesInvalid with every fault.

    What it does not say is not known, but for the time, which is `now`, and what `traits` knows of its tool.
    """
    problems: list[Problem] = []
    table = Cursor(raw, (), problems, Named())
    table.only(SITUATION)
    found = _situation(table, replace(_NOTHING, now=now), traits or (lambda tool: {}))
    if problems:
        raise CasesInvalid(PolicyFault(spell(path), problem, "the action") for path, problem in problems)
    return found


def _cases(top: Cursor) -> Iterator[tuple[int, Case]]:
    shared = top.table("defaults")
    if shared is not None:
        shared.only(FACTS)
    common = _NOTHING if shared is None else _facts(shared, _NOTHING)
    tools = dict(top.named_tables("tools"))
    known = {name: _traits(table) for name, table in tools.items()}
    names: set[str] = set()
    for number, table in enumerate(top.tables("cases")):
        if table is None:
            continue
        table.only(CASE)
        name = table.required("name")
        if name in names:
            table.fault(f"{name!r} is the name of a case before it", "name")
        names.add(name)
        found = _situation(table, common, lambda tool: known.get(tool, {}))
        yield number, Case(name, found, _expected(table))


def _traits(table: Cursor) -> dict[str, Any]:
    table.only(TRAITS)
    facts = _facts(table, _NOTHING)
    return {name: getattr(facts, name) for name in TRAITS if name in table}


def _situation(table: Cursor, inherited: Facts, traits: TraitsOf) -> Situation:
    tool = table.required("tool")
    facts = _facts(table, replace(inherited, **traits(tool)))
    action = _action(table, tool or "?", _arguments(table, "arguments"), facts)
    before = [each for one in table.tables("before") if one for each in _earlier(one, action, facts, traits)]
    return Situation(action, facts, tuple(sorted(before, key=lambda each: each[1].now)))


def _earlier(table: Cursor, action: Action, facts: Facts, traits: TraitsOf) -> Iterator[tuple[Action, Facts]]:
    """What began before: as the action itself, but for what is said."""
    table.only(BEFORE)
    table.required("ago")
    ago = table.duration("ago") or timedelta()
    times = table.integer("times", 1, MOST_TIMES)
    arguments = _arguments(table, "arguments") if "arguments" in table else action.arguments
    tool = table.text("tool") or action.tool
    of_tool = traits(tool) if tool != action.tool else {}
    then = replace(_facts(table, replace(facts, **of_tool)), now=facts.now - ago)
    made = _action(table, tool, arguments, then)
    yield from [(made, then)] * times


def _action(table: Cursor, tool: str, arguments: dict[str, Json], facts: Facts) -> Action:
    try:
        made = Action(tool=tool, arguments=arguments, origin=Origin(agent=facts.agent))
        _ = made.digest
    except ValueError as exc:
        table.fault(f"are no arguments of an action: {exc}", "arguments")
        return Action(tool="?")
    return made


def _facts(table: Cursor, inherited: Facts) -> Facts:
    """Facts; what the table does not say is as in `inherited`."""
    texts = {key: table.text(key) for key in ("agent", "backend", "environment", "risk", "started_by", "run", "tenant")}
    said: dict[str, Any] = {key: value for key, value in texts.items() if value is not None}
    if "tags" in table:
        said["tags"] = table.texts("tags")
    if "reversible" in table:
        said["reversible"] = table.flag("reversible")
    if "confidence" in table:
        said["confidence"] = _confidence(table)
    if "context" in table:
        said["context"] = _arguments(table, "context")
    if "time" in table:
        said["now"] = _time(table) or inherited.now
    return replace(inherited, **said)


def _confidence(table: Cursor) -> float | None:
    value = table.raw["confidence"]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    table.fault("must be a number from 0 to 1", "confidence")
    return None


def _time(table: Cursor) -> datetime | None:
    value = table.raw["time"]
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    table.fault("must be a date and time with its offset, as in 2026-12-01T09:00:00+01:00", "time")
    return None


def _arguments(table: Cursor, key: str) -> dict[str, Json]:
    inner = table.table(key)
    if inner is None:
        return {}
    for place, value in _strangers(inner.raw):
        inner.fault(f"is {type_name(value)}, which no arguments can have; write it as text", *place)
    return {name: as_json(value) for name, value in inner.raw.items()}


def _strangers(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """What TOML has and JSON has not: dates and times."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strangers(each, (*at, key))
    elif not isinstance(value, str | int | float | Decimal | None):
        yield at, value


def _expected(case: Cursor) -> Expected:
    table = case.table("expect")
    if table is None:
        case.fault('is missing; say what should be decided, such as expect = { level = "confirm" }', "expect")
        return Expected()
    table.only(EXPECT)
    if not table.raw:
        table.fault("expects nothing; say the level at least")
    return Expected(
        level=_level(table),
        rule=table.text("rule"),
        users=_names(table, "users"),
        roles=_names(table, "roles"),
        quorum=table.integer("quorum", 1, 100) if "quorum" in table else None,
        deadline=table.duration("deadline"),
    )


def _level(table: Cursor) -> str | None:
    level, words = table.text("level"), (*Level, DENY)
    if level is not None and level not in words:
        table.fault(unknown(level, words, what="level"), "level")
    return level


def _names(table: Cursor, key: str) -> tuple[str, ...] | None:
    """A list of names; an empty one expects that nobody in particular is named."""
    if key not in table:
        return None
    return () if table.raw[key] == [] else table.texts(key)
