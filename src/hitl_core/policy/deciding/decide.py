"""The policy: rules in, one ruling per action out. Pure, and never an exception."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Final

from ...errors import PolicyInvalid
from ...protocol import Action, Ruling, sha256
from ..checking import PolicyFault, overlay_problems, policy_problems, repeated_ids, spell
from ..rules import Defaults, Doubt, Facts, Rule, Tally
from .matching import Key, Shape, key_of
from .plan import MOST_RULES, Aside, Entry, Plan, Planner
from .rulings import unpoliced
from .tallying import windows

MOST_PLANS: Final = 4_096
"""Shapes of actions that are remembered, and four more per rule. Invented tool names cost time, never memory."""


class Policy:
    """An ordered list of rules. `decide` gives every action a level, and says which rule did and why.

    `version` names the policy in every ruling; without one it is `digest`, which is that of the rules. `overlays` are
    the defaults of environments that have their own. `files` are those that it was read from, `text` is what stood
    there if it was one text, so that another process can read the same.
    Raises PolicyInvalid with every fault in the rules.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        defaults: Defaults | None = None,
        version: str | None = None,
        overlays: Mapping[str, Defaults] | None = None,
        files: Iterable[Path] = (),
        text: str | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.defaults = defaults or Defaults()
        self.overlays = dict(overlays or {})
        self.files = tuple(files)
        self.text = text
        _refuse_problems(self.rules, self.defaults, self.overlays, version)
        said = repr((self.defaults, self.rules, sorted(self.overlays.items())))
        self.digest = sha256(said.encode())
        self.version = self.digest if version is None else version
        self._planner = Planner(self.rules, self.defaults, self.version, self.overlays)
        self._plans: dict[Key, Plan] = {}

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Policy:
        """Load a TOML file and what it includes. Raises PolicyInvalid with every fault, its line and its key path."""
        from ..file import read_file  # only who has a file needs a TOML reader

        draft = read_file(path)
        return cls(
            draft.rules,
            defaults=draft.defaults,
            version=draft.version,
            overlays=draft.overlays,
            files=draft.files,
            text=draft.main.text if len(draft.files) == 1 else None,
        )

    @classmethod
    def from_toml(cls, text: str, *, name: str = "policy") -> Policy:
        """Load TOML text; `name` stands in the faults. Raises PolicyInvalid as `from_file` does."""
        from ..file import read_text  # as above

        draft = read_text(text, name=name)
        return cls(draft.rules, defaults=draft.defaults, version=draft.version, overlays=draft.overlays, text=text)

    def decide(self, action: Action, *, facts: Facts) -> Ruling:
        """The ruling on one action. Whatever goes wrong in it becomes "ask", never an exception."""
        try:
            return self.plan(action, facts).ruling(action, facts)
        except Exception as exc:
            return unpoliced(self.version, exc)

    def asks(self, action: Action, *, facts: Facts) -> tuple[Tally, ...]:
        """What the rules about this action ask of the past, for `Facts.history`; each question once. Never raises.

        A question that cannot be put is left out: its condition cannot be checked then, and so it asks.
        """
        try:
            tallies = self.plan(action, facts).tallies
        except Exception:  # `decide` says what is wrong
            return ()
        found: dict[Tally, None] = {}
        for tally in tallies:
            try:
                found[tally(action, facts)] = None
            except Doubt:
                continue
        return tuple(found)

    def windows(self) -> dict[str, timedelta | None]:
        """Every series that a rule counts, in whatever environment, and the longest time that one of them looks back.

        None is without end.
        """
        found: dict[str, timedelta | None] = {}
        for rule in self.rules:
            for series, within in windows(rule.when, rule.match):
                known = found.setdefault(series, within)
                found[series] = None if known is None or within is None else max(known, within)
        return found

    def entries(self, shape: Shape) -> Iterator[Entry | Aside]:
        """What each rule comes to for actions of this shape, in file order (for `explain`)."""
        return self._planner.every(shape)

    def plan(self, action: Action, facts: Facts) -> Plan:
        """The rules that are about actions of this shape; remembered, so that only conditions cost time."""
        key = key_of(action, facts)
        return self._plans.get(key) or self._remember(key)

    def _remember(self, key: Key) -> Plan:
        if len(self._plans) >= MOST_PLANS + 4 * len(self.rules):
            self._plans.clear()
        plan = self._plans[key] = self._planner.plan(Shape(*key))
        return plan

    def __repr__(self) -> str:
        return f"Policy(<{len(self.rules)} rules>, version={self.version!r})"


def _refuse_problems(
    rules: tuple[Rule, ...], defaults: Defaults, overlays: Mapping[str, Defaults], version: str | None
) -> None:
    if len(rules) > MOST_RULES:
        raise PolicyInvalid(f"{len(rules):,} rules are too many; the limit is {MOST_RULES:,}")
    problems = list(policy_problems(enumerate(rules), defaults, version))
    problems += overlay_problems(overlays)
    problems += repeated_ids((index, rule.id) for index, rule in enumerate(rules))
    if problems:
        raise PolicyInvalid(PolicyFault(spell(path), problem) for path, problem in problems)


POLICY_ASK_EVERYTHING: Final = Policy(version="ask-everything")
"""What holds without a policy: every action asks."""
