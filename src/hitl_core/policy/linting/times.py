"""Reminders and escalations that come too late: what a rule inherits, in each environment that it holds in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..deciding import names_fit
from ..rules import Defaults, Rule, written
from .remarks import Kind, Remark


def late(rules: Sequence[Rule], defaults: Defaults, overlays: Mapping[str, Defaults]) -> Iterator[Remark]:
    """What would ask somebody when the deadline has passed; what the rule says itself was refused on loading."""
    for place, rule in enumerate(rules):
        if rule.effect == "deny":
            continue
        for environment, inherited in ((None, defaults), *overlays.items()):
            if environment is None or _holds_in(rule, environment):
                yield from _late(place, rule, inherited, environment)


def _holds_in(rule: Rule, environment: str) -> bool:
    return environment not in rule.match.outside and names_fit(rule.match.environment, environment)


def _late(place: int, rule: Rule, inherited: Defaults, environment: str | None) -> Iterator[Remark]:
    deadline = rule.deadline or inherited.deadline
    if deadline is None:
        return
    moments = {
        "remind": rule.remind or inherited.remind,
        "escalate": tuple(step.after for step in rule.escalate or inherited.escalate),
    }
    for key, all_of_them in moments.items():
        late = [moment for moment in all_of_them if moment >= deadline]
        own = bool(getattr(rule, key))
        if late and not (own and (environment is None or rule.deadline is not None)):
            where = "" if environment is None else f" in {environment!r}"
            said = f"{key} after {written(late[0])} never comes{where}: the deadline is {written(deadline)}"
            yield Remark(Kind.TIMES, place, (key,) if own else ("deadline",), said)
