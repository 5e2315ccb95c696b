"""From a rule to a ruling: what is inherited, what reversibility changes, what a doubt makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...protocol import ALWAYS, Approvers, Escalation, Hours, Level, OnTimeout, Ruling
from ..rules import DEFAULT_RULE, Defaults, Doubt, Escalate, Rule

DENY: Final = len(Level)
"""The strictness of a denial: above every level."""

_LONGEST_DOUBT: Final = 600


def strictness(ruling: Ruling) -> int:
    """How much a ruling holds back: the rank of its level, or DENY."""
    return DENY if ruling.denied else ruling.level.rank


def ruling_of(rule: Rule, defaults: Defaults, version: str, *, reversible: bool) -> Ruling:
    """What `rule` says about actions that are (or are not known to be) reversible."""
    if rule.effect == "deny":
        return Ruling(effect="deny", rule=rule.id, version=version, why=rule.why)
    asked = rule.level or defaults.level
    excepted = bool(rule.allow_irreversible)
    level = asked if reversible or excepted else _at_least_confirm(asked)
    return Ruling(
        level=level,
        rule=rule.id,
        version=version,
        why=_why(rule, asked, level, reversible=reversible),
        approvers=rule.approvers or defaults.approvers or Approvers(),
        deadline_seconds=_seconds(rule.deadline or defaults.deadline),
        on_timeout=rule.on_timeout or defaults.on_timeout or OnTimeout.REFUSE,
        veto_seconds=_seconds(rule.veto) if level is Level.NOTIFY else None,
        remind_seconds=_all_seconds(rule.remind or defaults.remind),
        escalation=_escalation(rule.escalate or defaults.escalate),
        hours=_hours(rule.hours or defaults.hours),
        batch=rule.batch,
    )


def default_ruling(defaults: Defaults, version: str, *, reversible: bool) -> Ruling:
    """What holds when no rule matches. There is no written exception here: irreversible actions ask."""
    level = defaults.level if reversible else _at_least_confirm(defaults.level)
    return Ruling(
        level=level,
        rule=DEFAULT_RULE,
        version=version,
        why="No rule of the policy is about this action.",
        approvers=defaults.approvers or Approvers(),
        deadline_seconds=_seconds(defaults.deadline),
        on_timeout=defaults.on_timeout or OnTimeout.REFUSE,
        remind_seconds=_all_seconds(defaults.remind),
        escalation=_escalation(defaults.escalate),
        hours=_hours(defaults.hours),
    )


def doubtful(rule: Rule, ruling: Ruling, floor: int, exc: Exception) -> Ruling:
    """A rule whose condition has no answer: denied if it denies, else asked at `floor` or above."""
    doubt = f"This rule could not be checked: {doubt_text(exc)}."
    if ruling.denied:
        return ruling.model_copy(update={"why": f"{rule.why} ({doubt} So it holds.)"})
    return ruling.model_copy(
        update={
            "level": tuple(Level)[max(ruling.level.rank, floor)],
            "why": f"{rule.why} ({doubt} So it asks.)",
            "on_timeout": OnTimeout.REFUSE if ruling.on_timeout is OnTimeout.PROCEED else ruling.on_timeout,
            "veto_seconds": None,
            "batch": False,
            "doubtful": True,
        }
    )


def unpoliced(version: str, exc: Exception) -> Ruling:
    """Asked, because the policy itself failed on this action."""
    why = f"The policy could not be applied: {doubt_text(exc)}. So it asks."
    return Ruling(level=Level.CONFIRM, rule=DEFAULT_RULE, version=version, why=why, doubtful=True)


def _at_least_confirm(level: Level) -> Level:
    return level if level.rank >= Level.CONFIRM.rank else Level.CONFIRM


def _why(rule: Rule, asked: Level, level: Level, *, reversible: bool) -> str:
    if rule.on_timeout is OnTimeout.PROCEED:
        return f"{rule.why} (If nobody answers in time it runs: this rule allows that.)"
    if level is not asked:
        return f"{rule.why} (Raised from {asked} to {level}: the action is not known to be reversible.)"
    if rule.allow_irreversible and not reversible:
        return f"{rule.why} (Irreversible, excepted in writing: {rule.allow_irreversible})"
    return rule.why


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _all_seconds(durations: tuple[timedelta, ...]) -> tuple[float, ...]:
    return tuple(duration.total_seconds() for duration in durations)


def _hours(hours: Hours | None) -> Hours | None:
    return None if hours == ALWAYS else hours


def _escalation(steps: tuple[Escalate, ...]) -> tuple[Escalation, ...]:
    return tuple(
        Escalation(
            after_seconds=each.after.total_seconds(),
            users=each.users,
            roles=each.roles,
            instead=each.instead or each.reassign,
            reassign=each.reassign,
        )
        for each in steps
    )


def doubt_text(exc: Exception) -> str:
    """What to tell people about an error in a condition."""
    # The text of other errors may hold values of arguments, which are nobody's business here.
    return str(exc)[:_LONGEST_DOUBT] if isinstance(exc, Doubt) else f"an internal {type(exc).__name__}"
