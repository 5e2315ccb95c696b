"""Names to classes by entry point. Listing reads metadata only; loading imports one thing."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ..errors import AdapterConflict, AdapterNotFound, AdapterNotInstalled

ADAPTERS: Final = "hitl_core.adapters"
STORES: Final = "hitl_core.stores"
CHANNELS: Final = "hitl_core.channels"

_OWN: Final = ("hitl_core", "hitl_adapters")

_EXTRAS: Final = {"postgresql": "postgres"}
"""Where a name is the scheme of a URL, which is not ours to choose: the extra that installs what it needs."""


@cache
def known(group: str) -> dict[str, EntryPoint]:
    """What is registered under a group. Raises AdapterConflict if two packages offer one name."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise AdapterConflict(
                f"two packages offer {entry.name!r} in {group}: {other.value} and {entry.value}; uninstall one of them"
            )
    return found


def require_known(group: str, name: str) -> EntryPoint:
    """What is registered under a name; nothing is imported. Raises AdapterNotFound, listing what is known."""
    entry = known(group).get(name)
    if entry is None:
        names = ", ".join(sorted(known(group))) or "nothing"
        raise AdapterNotFound(f"nothing named {name!r} in {group}; known: {names}")
    return entry


def load(group: str, name: str) -> type:
    """The class registered under a name.

    Raises AdapterNotFound (lists what is known) or AdapterNotInstalled (gives the pip line). An error inside the
    class's own module is not touched: a missing module only counts as "not installed" if it is a third party's.
    """
    entry = require_known(group, name)
    try:
        loaded: type = entry.load()
    except ModuleNotFoundError as exc:
        if _is_ours(exc.name, entry):
            raise
        extra = _EXTRAS.get(name, name)
        raise AdapterNotInstalled(
            f"{name!r} needs the package {exc.name!r}, which is not installed: pip install 'hitl-core[{extra}]'"
        ) from exc
    return loaded


def _is_ours(missing: str | None, entry: EntryPoint) -> bool:
    """A module that should be part of the package itself is a bug, not a missing extra."""
    return missing is None or missing.split(".")[0] in {entry.module.split(".")[0], *_OWN}
