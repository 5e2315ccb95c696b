"""The cases beside a policy: what should be decided, and what is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from ...protocol import Json
from ..deciding import Explanation, Policy, explain
from ..rules import Case, Situation
from .ledger import as_of

SUFFIX: Final = ".cases.toml"


@dataclass(frozen=True, slots=True)
class Tried:
    """One case, what was decided, and every difference from what it expects."""

    case: Case
    explanation: Explanation
    faults: tuple[str, ...]
    source: str = ""
    line: int | None = None

    @property
    def passed(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}: " if self.line is not None else ""
        return f"{where}{self.case.name}: {'; '.join(self.faults) or 'as expected'}"


def beside(policy_file: str | PathLike[str]) -> Path:
    """The cases of a policy: `policy.toml` → `policy.cases.toml`."""
    file = Path(policy_file)
    return file.with_name(file.stem + SUFFIX)


def try_cases(policy: Policy, path: str | PathLike[str]) -> tuple[Tried, ...]:
    """Every case of a file. Raises CasesInvalid if it cannot be read."""
    from ..file import read_cases  # who has no cases needs no reader of files

    found = []
    for placed in read_cases(fspath(path)):
        tried = try_case(policy, placed.case)
        found.append(Tried(tried.case, tried.explanation, tried.faults, placed.source, placed.line))
    return tuple(found)


def situation_of(
    raw: Mapping[str, Json], *, now: datetime, traits: Callable[[str], Mapping[str, Any]] | None = None
) -> Situation:
    """An action with its facts from data, with the keys of a case. Raises CasesInvalid with every fault.

    What is not said is not known, but for the time, which is `now`, and what `traits` knows of the tool.
    """
    from ..file import read_situation  # as above

    return read_situation(dict(raw), now=now, traits=traits)


def try_case(policy: Policy, case: Case) -> Tried:
    """One case."""
    explanation = explain(policy, case.situation.action, facts=as_of(policy, case.situation))
    return Tried(case, explanation, tuple(_faults(case, explanation)))


def _faults(case: Case, explanation: Explanation) -> Iterator[str]:
    ruling, expected = explanation.ruling, case.expected
    level = "deny" if ruling.denied else ruling.level.value
    stages = ruling.approvers.in_order
    users = {user for stage in stages for user in stage.users}
    roles = {role for stage in stages for role in stage.roles}
    seconds = ruling.deadline_seconds
    yield from _differs("level", expected.level, level)
    yield from _differs("rule", expected.rule, ruling.rule)
    yield from _differs("users", None if expected.users is None else set(expected.users), users)
    yield from _differs("roles", None if expected.roles is None else set(expected.roles), roles)
    yield from _differs("quorum", expected.quorum, ruling.approvers.needed)
    yield from _differs("deadline", expected.deadline, None if seconds is None else timedelta(seconds=seconds))


def _differs(what: str, expected: object, found: object) -> Iterator[str]:
    if expected is not None and expected != found:
        yield f"{what} is {_shown(found)}, expected {_shown(expected)}"


def _shown(value: object) -> str:
    if isinstance(value, set):
        return ", ".join(sorted(value)) or "nobody in particular"
    return "none" if value is None else str(value)
