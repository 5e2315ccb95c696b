"""The rules of a policy as they read on a page. Pure: records in, words out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....policy import All, AnyOf, Condition, Defaults, Glob, Match, Not, Policy, Rule
from ....policy.rules import in_words, written
from ....protocol import Approvers, OnTimeout
from ....quorum import in_turn
from ....runtime import InForce


@dataclass(frozen=True, slots=True)
class Told:
    """One rule in words; what it does not say is "". `denies`: its level is no level."""

    id: str
    why: str
    level: str
    denies: bool
    about: str = ""
    when: str = ""
    approvers: str = ""
    deadline: str = ""
    besides: tuple[str, ...] = ()


def rules_of(found: InForce) -> tuple[Told, ...]:
    """The rules in their order: in full where their text is had, else what the runtime says of each."""
    if found.text is None:
        return tuple(Told(each.id, each.why, each.level or "", each.denies) for each in found.rules)
    return tuple(map(_told, Policy.from_toml(found.text, name="policy").rules))


def default_of(found: InForce) -> Told | None:
    """What holds where no rule is about an action; None where the text is not had."""
    if found.text is None:
        return None
    defaults: Defaults = Policy.from_toml(found.text, name="policy").defaults
    deadline = "" if defaults.deadline is None else written(defaults.deadline)
    return Told(
        id="default",
        why="what no rule is about",
        level=defaults.level.value,
        denies=False,
        approvers=_approvers(defaults.approvers),
        deadline=_deadline(deadline, defaults.on_timeout),
    )


def _told(rule: Rule) -> Told:
    return Told(
        id=rule.id,
        why=rule.why,
        level=rule.level.value if rule.level else "",
        denies=rule.effect == "deny",
        about=_about(rule.match),
        when="" if rule.when is None else _condition(rule.when),
        approvers=_approvers(rule.approvers),
        deadline=_deadline("" if rule.deadline is None else written(rule.deadline), rule.on_timeout),
        besides=tuple(_besides(rule)),
    )


def _about(match: Match) -> str:
    """Which actions; "" for all."""
    parts = [
        _names("tool", match.tool),
        _names("agent", match.agent),
        _names("backend", match.backend),
        _names("environment", match.environment),
        _names("tag", match.tags),
        _names("risk", match.risk),
        "" if match.reversible is None else ("can be taken back" if match.reversible else "cannot be taken back"),
        f"not in {' or '.join(match.outside)}" if match.outside else "",
    ]
    return "; ".join(filter(None, parts))


def _names(what: str, names: tuple[str | Glob, ...]) -> str:
    said = [f"like {each.pattern}" if isinstance(each, Glob) else each for each in names]
    return f"{what} {' or '.join(said)}" if said else ""


def _condition(condition: Condition) -> str:
    match condition:
        case All(conditions=parts):
            return " and ".join(_inside(each) for each in parts)
        case AnyOf(conditions=parts):
            return " or ".join(_inside(each) for each in parts)
        case Not(condition=inner):
            return f"not ({_condition(inner)})"
        case _:
            return in_words(condition)


def _inside(condition: Condition) -> str:
    said = _condition(condition)
    return f"({said})" if isinstance(condition, All | AnyOf) else said


def _approvers(approvers: Approvers | None) -> str:
    return "" if approvers is None else in_turn(approvers.in_order)


def _deadline(deadline: str, then: OnTimeout | None) -> str:
    return f"{deadline}, then {then.value}" if deadline and then else deadline


def _besides(rule: Rule) -> Iterator[str]:
    if rule.veto is not None:
        yield f"runs after {written(rule.veto)} unless somebody vetoes it"
    if rule.allow_irreversible:
        yield f"also what cannot be taken back: {rule.allow_irreversible}"
    if rule.batch:
        yield "may be answered together with others"
    if rule.hours is not None:
        yield f"times count the hours {rule.hours.name!r}"
    yield from (f"asked again after {written(each)}" for each in rule.remind)
    for step in rule.escalate:
        who = ", ".join((*step.users, *(f"role {role}" for role in step.roles))) or "whose turn it is next"
        yield f"after {written(step.after)} {who} {'instead' if step.instead or step.reassign else 'too'}"
