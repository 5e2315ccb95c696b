"""TOML → rules. Every fault is found before anything is refused, and each one says its file, line and key path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, Final

from ...errors import PolicyInvalid
from ..checking import (
    KeyPath,
    PolicyFault,
    Problem,
    below,
    overlay_problems,
    policy_problems,
    rule_problems,
    spell,
    unknown,
)
from ..rules import Condition, Defaults, Rule
from .cursor import Cursor, Named
from .read_condition import read_condition
from .read_names import read_named
from .read_rule import read_defaults, read_rule
from .sources import Source, digest_of, from_file, from_text

TOP: Final = ("version", "include", "defaults", "groups", "calendars", "hours", "rules", "environments")
INCLUDED: Final = ("include", "groups", "calendars", "hours", "rules")
OVERLAY: Final = ("defaults", "rules", "without")


@dataclass(slots=True)
class Draft:
    """What the files say: everything that a `Policy` is made of."""

    version: str
    files: tuple[Path, ...]
    main: Source
    defaults: Defaults = field(default_factory=Defaults)
    overlays: dict[str, Defaults] = field(default_factory=dict)
    placed: list[tuple[Source, KeyPath, Rule]] = field(default_factory=list)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for _, _, rule in self.placed)

    def place(self, rule: int | None, path: KeyPath, problem: str) -> PolicyFault:
        """A problem of one rule by its number (None: of the defaults), with its file and line."""
        source, head, _ = (self.main, ("defaults",), None) if rule is None else self.placed[rule]
        whole = (*head, *path)
        return PolicyFault(spell(whole), problem, source.name, source.line(whole))


def read_file(path: str | PathLike[str]) -> Draft:
    """Read a policy file and what it includes. Raises PolicyInvalid, also if there is no such file."""
    return _read(from_file(path))


def read_text(text: str, *, name: str) -> Draft:
    """Read a policy from TOML text. Raises PolicyInvalid."""
    return _read(from_text(text, name))


def read_when(raw: dict[str, Any]) -> tuple[Condition, list[Problem]]:
    """A condition that stands alone, as data, and what is wrong with how it is written."""
    problems: list[Problem] = []
    return read_condition(Cursor(raw, ("when",), problems, Named())), problems


def _read(sources: list[Source]) -> Draft:
    named, main = Named(), sources[-1]
    tops = [(source, source.top(named)) for source in sources]
    for source, top in tops:
        top.only(TOP if source.main else INCLUDED)
        read_named(top)
    draft = _read_main(main.top(named), digest_of(sources), sources)
    for source, top in tops:
        rules = [(index, read_rule(table)) for index, table in enumerate(top.tables("rules")) if table]
        draft.placed += [(source, ("rules", index), rule) for index, rule in rules]
        _check_rules(source, draft, rules)
    _read_overlays(main, main.top(named), draft)
    _refuse_repeated(draft)
    faults = [fault for source in sources for fault in source.placed()]
    if faults:
        raise PolicyInvalid(faults)
    return draft


def _read_main(top: Cursor, digest: str, sources: list[Source]) -> Draft:
    version, table = top.text("version"), top.table("defaults")
    files = tuple(source.path for source in sources if source.path is not None)
    draft = Draft(digest if version is None else version, files, sources[-1])
    if table is not None:
        draft.defaults = read_defaults(table, draft.defaults)
    _add(top.faults, policy_problems((), draft.defaults, version))
    return draft


def _check_rules(source: Source, draft: Draft, rules: list[tuple[int, Rule]]) -> None:
    problems = (below(("rules", index), rule_problems(rule, draft.defaults)) for index, rule in rules)
    _add(source.faults, chain.from_iterable(problems))


# ── overlays ────────────────────────────────────────────────────────────────────────────────────────────────


def _read_overlays(main: Source, top: Cursor, draft: Draft) -> None:
    problems: list[Problem] = []
    for name, table in top.named_tables("environments"):
        table.only(OVERLAY)
        own = table.table("defaults")
        if own is not None:
            draft.overlays[name] = read_defaults(own, draft.defaults)
        _leave_out(name, table, draft)
        for index, found in enumerate(table.tables("rules")):
            if found is not None:
                problems += _add_rule(main, found, name, index, draft)
    _add(main.faults, [*overlay_problems(draft.overlays), *problems])


def _add_rule(main: Source, table: Cursor, environment: str, index: int, draft: Draft) -> Iterator[Problem]:
    place: KeyPath = ("environments", environment, "rules", index)
    rule = read_rule(table, environment=environment)
    draft.placed.append((main, place, rule))
    return below(place, rule_problems(rule, draft.overlays.get(environment, draft.defaults)))


def _leave_out(environment: str, table: Cursor, draft: Draft) -> None:
    """The rules that do not hold in an environment."""
    wanted = table.texts("without") if "without" in table else ()
    known = {rule.id for rule in draft.rules}
    for name in wanted:
        if name not in known:
            table.fault(unknown(name, known, what="rule"), "without")
    for place, (source, path, rule) in enumerate(draft.placed):
        if rule.id in wanted:
            left_out = replace(rule.match, outside=(*rule.match.outside, environment))
            draft.placed[place] = (source, path, replace(rule, match=left_out))


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────


def _add(known: list[Problem], problems: Iterable[Problem]) -> None:
    """Add the problems that do not only follow from a value that could not be read, in the same place or around it."""
    unread = {path for path, _ in known}
    around = {path[:end] for path in unread for end in range(len(path))}
    known += [(path, problem) for path, problem in problems if path not in around and not unread & _upwards(path)]


def _upwards(path: KeyPath) -> set[KeyPath]:
    return {path[:end] for end in range(len(path) + 1)}


def _refuse_repeated(draft: Draft) -> None:
    """An id names one rule, in all files together."""
    first: dict[str, tuple[Source, KeyPath]] = {}
    for source, path, rule in draft.placed:
        if not rule.id:
            continue
        known, place = first.setdefault(rule.id, (source, path))
        if (known, place) != (source, path):
            there = spell(place) if known is source else f"a rule in {known.name}"
            source.faults.append(((*path, "id"), f"{rule.id!r} is the id of {there} already"))
