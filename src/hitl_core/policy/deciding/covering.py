"""Does a standing grant reach for an action? Pure: values in, every reason why not out.

A grant's condition is that of a rule, about arguments and the time of day: the transaction that counts a use checks it
once more, and knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, assert_never

from ...protocol import Action, Allowance, Grant, acting, has_mask
from ..checking import Problem, below, condition_problems, spell
from ..rules import (
    All,
    AnyOf,
    Argument,
    Condition,
    Doubt,
    During,
    Facts,
    Not,
    Novel,
    OnDays,
    Where,
    split,
)
from .compiled import compiled
from .tallying import amount_at

_ONLY: Final = "a grant looks at arguments and the time of day; its own limits are times and sum_of"


def allowance_problems(allows: Allowance) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with what a grant allows: a key path, and the problem."""
    if (allows.sum_of is None) != (allows.most is None):
        yield ("most" if allows.most is None else "sum_of"), "is missing: a sum needs an argument and a limit"
    if allows.sum_of is not None and not all(split(allows.sum_of)):
        yield "sum_of", f"{allows.sum_of!r} is no path; write it like amount or customer.id"
    if allows.when is not None:
        for path, problem in _condition(allows.when)[1]:
            yield spell(path), problem


def amount_of(allows: Allowance, action: Action) -> Decimal:
    """What an action adds to the sum of a grant: 0 if it has none. Raises Doubt."""
    return Decimal(0) if allows.sum_of is None else amount_at(split(allows.sum_of), action)


def reasons_against(grant: Grant, action: Action, *, run: str, tenant: str, now: datetime) -> Iterator[str]:
    """Why `grant` does not reach for `action`: nothing if it does. Its limits are counted with this action in them."""
    allows = grant.allows
    if (allows.tool, grant.tenant) != (action.tool, tenant):
        yield f"it is for {allows.tool!r} in {grant.tenant!r}"
    if allows.run_id not in (None, run):
        yield "it is for another run"
    if allows.agent not in (None, acting(action)):
        yield f"it is for the agent {allows.agent!r}"
    if allows.definition is not None and action.definition not in (None, allows.definition):
        yield "the tool was redefined since"
    if has_mask(action.arguments):
        yield "some of its arguments are secret, so no condition can tell what would run"
    yield from _ended(grant, now)
    yield from _outside(allows, action, now)
    yield from _beyond(grant, action)


def _ended(grant: Grant, now: datetime) -> Iterator[str]:
    if grant.revoked_at is not None:
        yield f"{grant.revoked_by} has revoked it"
    if now >= grant.expires_at:
        yield f"it ended at {grant.expires_at.isoformat(timespec='seconds')}"
    if grant.allows.times is not None and grant.used >= grant.allows.times:
        yield f"it is used up ({grant.used} of {grant.allows.times})"


def _outside(allows: Allowance, action: Action, now: datetime) -> Iterator[str]:
    if allows.when is None:
        return
    condition, problems = _condition(allows.when)
    if problems:
        yield "its condition cannot be read"
        return
    try:
        if not compiled(condition)(action, Facts(now=now)):
            yield "its condition does not hold"
    except Doubt as doubt:
        yield f"its condition cannot be checked: {doubt}"
    except Exception as exc:
        yield f"its condition cannot be checked: an internal {type(exc).__name__}"


def _beyond(grant: Grant, action: Action) -> Iterator[str]:
    """Why the sum would be passed."""
    if grant.allows.most is None:
        return
    try:
        total = Decimal(repr(grant.spent)) + amount_of(grant.allows, action)
    except Doubt as doubt:
        yield f"what it adds cannot be known: {doubt}"
        return
    if total > Decimal(repr(grant.allows.most)):
        yield f"the sum of {grant.allows.sum_of} would be {total:f}, above {grant.allows.most:g}"


def _condition(raw: dict[str, Any]) -> tuple[Condition, list[Problem]]:
    from ..file import read_when  # who has no grants needs no reader of files

    condition, problems = read_when(raw)
    problems += below(("when",), condition_problems(condition)) if not problems else ()
    problems += [(("when",), _ONLY)] if not problems and _looks_elsewhere(condition) else []
    return condition, problems


def _looks_elsewhere(condition: Condition) -> bool:
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            return any(map(_looks_elsewhere, parts))
        case Not(condition=inner):
            return _looks_elsewhere(inner)
        case Where(subject=subject):
            return not isinstance(subject, Argument)
        case During() | OnDays():
            return False
        case Novel():
            return True
    assert_never(condition)
