"""`import hitl_core` offers a short list of names; the list and the names agree."""

from __future__ import annotations

from types import ModuleType

import hitl_core

MOST_NAMES = 40


def test_the_list_is_short_and_has_no_name_twice() -> None:
    assert len(hitl_core.__all__) == len(set(hitl_core.__all__))
    assert len(hitl_core.__all__) <= MOST_NAMES


def test_every_name_on_the_list_is_there() -> None:
    missing = [name for name in hitl_core.__all__ if not hasattr(hitl_core, name)]
    assert not missing


def test_every_public_name_is_on_the_list() -> None:
    there = {
        name
        for name, value in vars(hitl_core).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    assert not there - set(hitl_core.__all__)


def test_public_names_say_a_public_home() -> None:
    homes = {name: getattr(getattr(hitl_core, name), "__module__", "hitl_core") for name in hitl_core.__all__}
    private = {name: home for name, home in homes.items() if "._" in home}
    assert not private


def test_the_front_door_is_described() -> None:
    assert len((hitl_core.__doc__ or "").splitlines()) >= 10, "draw the flow in about ten lines"
