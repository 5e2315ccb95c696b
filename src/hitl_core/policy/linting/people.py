"""A policy and the people who are to decide: who is not there, and how many are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...protocol import GROUP, Approvers, Stage
from ..deciding import names_fit
from ..rules import Defaults, Escalate, Rule
from .remarks import Kind, Known, Remark

People = Mapping[str, frozenset[str]]
"""The roles of everybody by their ids."""

Asked = tuple[int | None, Approvers, tuple[Escalate, ...]]
"""A rule by its number (None: the defaults), and whom it asks."""


def people(rules: Sequence[Rule], defaults: Defaults, known: Known) -> Iterator[Remark]:
    """Approvers that the directory does not have, and quorums that those it has cannot come to."""
    asked: list[Asked] = [] if defaults.approvers is None else [(None, defaults.approvers, defaults.escalate)]
    asked += [
        (place, rule.approvers, rule.escalate or defaults.escalate)
        for place, rule in enumerate(rules)
        if rule.approvers is not None
    ]
    for place, approvers, escalate in asked:
        yield from _strangers(place, approvers, escalate, known)
        if known.people is not None:
            yield from _quorum(place, approvers, escalate, rules, known.people)


def _strangers(
    place: int | None, approvers: Approvers, escalate: tuple[Escalate, ...], known: Known
) -> Iterator[Remark]:
    groups: list[tuple[str, Stage | Escalate]] = [("approvers", stage) for stage in approvers.in_order]
    groups += [("escalate", step) for step in escalate] if place is not None else []
    missing, everybody = known.missing or frozenset(), known.people
    roles = None if everybody is None else {role for held in everybody.values() for role in held}
    for key, named in groups:
        for user in named.users:
            if user in missing or (everybody is not None and user not in everybody):
                yield Remark(Kind.UNKNOWN_PEOPLE, place, (key,), f"the directory does not know the user {user!r}")
        for role in named.roles:
            if roles is not None and role not in roles:
                what = f"group {role.removeprefix(GROUP)!r}" if role.startswith(GROUP) else f"role {role!r}"
                yield Remark(Kind.UNKNOWN_PEOPLE, place, (key,), f"nobody in the directory has the {what}")


def _quorum(
    place: int | None, approvers: Approvers, escalate: tuple[Escalate, ...], rules: Sequence[Rule], everybody: People
) -> Iterator[Remark]:
    slots = _slots(approvers, everybody)
    needed, there = len(slots), _seats(slots)
    if there < needed:
        later = _seats(_slots(approvers, everybody, escalate)) >= needed
        said = f"needs {needed} different people, and the directory has {there} who may decide"
        yield _remark(place, f"{said}; enough only once it is escalated" if later else said, note=later)
        return
    alone = [who for who in sorted(set().union(*slots)) if _without(slots, who) < needed]
    if alone and not approvers.allow_self:
        said = f"cannot be reached in a run that {_listed(alone)} started: nobody approves their own"
        yield _remark(place, said, note=True)
    yield from _separation(place, approvers, slots, rules, everybody)


def _separation(
    place: int | None, approvers: Approvers, slots: list[set[str]], rules: Sequence[Rule], everybody: People
) -> Iterator[Remark]:
    """Whoever let a call of those tools run is out: are there enough people for both?"""
    for tool in approvers.separate_from:
        asking = [each for each in rules if each.approvers is not None and names_fit(each.match.tool, tool)]
        both = [slots + _slots(each.approvers, everybody) for each in asking if each.approvers is not None]
        short = [_seats(each) < len(each) for each in both]
        if any(short):
            said = f"needs other people than those who let {tool!r} run, and the directory has not enough for both"
            yield _remark(place, said, note=not all(short))


def _remark(place: int | None, said: str, *, note: bool) -> Remark:
    return Remark(Kind.QUORUM, place, ("approvers",), said, note)


def _slots(approvers: Approvers, everybody: People, escalate: tuple[Escalate, ...] = ()) -> list[set[str]]:
    """One for each person who has to agree: who that can be."""
    return [_who([stage, *escalate], everybody) for stage in approvers.in_order for _ in range(stage.quorum)]


def _who(named: Sequence[Stage | Escalate], everybody: People) -> set[str]:
    if not (named[0].users or named[0].roles):
        return set(everybody)
    users = {user for each in named for user in each.users}
    roles = {role for each in named for role in each.roles}
    return {who for who, held in everybody.items() if who in users or roles & held}


def _without(slots: list[set[str]], who: str) -> int:
    return _seats([slot - {who} for slot in slots])


def _seats(slots: list[set[str]]) -> int:
    """How many of them can be filled, each by another person (augmenting paths in a bipartite graph)."""
    taken: dict[str, int] = {}

    def seat(slot: int, tried: set[str]) -> bool:
        for who in slots[slot] - tried:
            tried.add(who)
            if who not in taken or seat(taken[who], tried):
                taken[who] = slot
                return True
        return False

    return sum(seat(slot, set()) for slot in range(len(slots)))


def _listed(people: list[str]) -> str:
    return " or ".join(map(repr, people))
