"""Which rights somebody has. Pure: roles and what is configured in, rights out."""

from __future__ import annotations

from collections.abc import Iterable

from ...config import Serving
from .visitor import Right


def rights_of(roles: Iterable[str], serving: Serving, *, alone: bool) -> frozenset[Right]:
    """The rights of somebody with these roles.

    What [server.rights] names needs one of its roles. Of the rest, REQUESTS is everybody's, and the other rights are
    too where there is `alone` the local account: no directory of people, and no other way to sign in.
    """
    has = set(roles)
    return frozenset(right for right in Right if _has(right, has, serving.rights.get(right), alone))


def _has(right: Right, roles: set[str], needed: tuple[str, ...] | None, alone: bool) -> bool:
    if needed is not None:
        return not roles.isdisjoint(needed)
    return alone or right is Right.REQUESTS


def what_is_missing(right: Right, serving: Serving) -> str:
    """What to write for somebody to get a right."""
    needed = serving.rights.get(right)
    if needed is None:
        return f'name the roles that have it in hitl.toml: [server.rights] {right.value} = ["lead"]'
    return f"it needs {' or '.join(f'role {role}' for role in needed)}: [server.rights] {right.value} in hitl.toml"
