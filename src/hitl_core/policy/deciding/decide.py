"""The policy: rules in, one ruling per action out. Pure, and never an exception."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Final

from ...errors import PolicyInvalid
from ...protocol import Action, Ruling, sha256
from ..checking import PolicyFault, policy_problems, repeated_ids, spell
from ..rules import Defaults, Facts, Rule
from .matching import Key, Shape, key_of
from .plan import MOST_RULES, Candidate, Plan, Planner
from .rulings import unpoliced

MOST_PLANS: Final = 4_096
"""Shapes of actions that are remembered, and four more per rule. Invented tool names cost time, never memory."""


class Policy:
    """An ordered list of rules. `decide` gives every action a level, and says which rule did and why.

    `version` names the policy in every ruling; without one it is the digest of the rules.
    Raises PolicyInvalid with every fault in the rules.
    """

    def __init__(
        self, rules: Iterable[Rule] = (), *, defaults: Defaults | None = None, version: str | None = None
    ) -> None:
        self.rules = tuple(rules)
        self.defaults = defaults or Defaults()
        _refuse_problems(self.rules, self.defaults, version)
        self.version = sha256(repr((self.defaults, self.rules)).encode()) if version is None else version
        self._planner = Planner(self.rules, self.defaults, self.version)
        self._plans: dict[Key, Plan] = {}

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Policy:
        """Load a TOML file. Raises PolicyInvalid with every fault, its line and its key path."""
        from ..file import read_file  # only who has a file needs a TOML reader

        draft = read_file(path)
        return cls(draft.rules, defaults=draft.defaults, version=draft.version)

    @classmethod
    def from_toml(cls, text: str, *, name: str = "policy") -> Policy:
        """Load TOML text; `name` stands in the faults. Raises PolicyInvalid as `from_file` does."""
        from ..file import read_text  # as above

        draft = read_text(text, name=name)
        return cls(draft.rules, defaults=draft.defaults, version=draft.version)

    def decide(self, action: Action, *, facts: Facts) -> Ruling:
        """The ruling on one action. Whatever goes wrong in it becomes "ask", never an exception."""
        try:
            return self.plan(action, facts).ruling(action, facts)
        except Exception as exc:
            return unpoliced(self.version, exc)

    @property
    def candidates(self) -> list[Candidate]:
        """The rules as they are decided with, in file order (for `explain`)."""
        return self._planner.candidates

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


def _refuse_problems(rules: tuple[Rule, ...], defaults: Defaults, version: str | None) -> None:
    if len(rules) > MOST_RULES:
        raise PolicyInvalid(f"{len(rules):,} rules are too many; the limit is {MOST_RULES:,}")
    problems = list(policy_problems(enumerate(rules), defaults, version))
    problems += repeated_ids((index, rule.id) for index, rule in enumerate(rules))
    if problems:
        raise PolicyInvalid(PolicyFault(spell(path), problem) for path, problem in problems)


POLICY_ASK_EVERYTHING: Final = Policy(version="ask-everything")
"""What holds without a policy: every action asks."""
