"""From `[people]` to a directory: a file of people, or whatever a function of yours gives."""

from __future__ import annotations

from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, cast

from ..apps import AppSource
from ..errors import ConfigError, Fault
from ..people import Directory, PeopleFile


def directory_from(file: Path | None, provider: str | None, folder: Path) -> Directory | None:
    """The directory that is configured, None if there is none. Raises ConfigError."""
    if file is not None:
        return PeopleFile(file)
    return None if provider is None else _provided(provider, folder)


def _provided(reference: str, folder: Path) -> Directory:
    """What the function gives, if it can be asked. A directory that is none must not let everybody in."""
    made: Any = _function(reference, folder)()
    methods = {"person": "id", "members": "role", "delegators": "id"}
    missing = [name for name in methods if not iscoroutinefunction(getattr(made, name, None))]
    if missing:
        lacks = f"async def {missing[0]}({methods[missing[0]]})"
        problem = f"{reference!r} gives {type(made).__name__!r}, which has no `{lacks}`"
        raise ConfigError([Fault("people.provider", problem)])
    return cast("Directory", made)


def _function(reference: str, folder: Path) -> Any:
    try:
        found = AppSource(reference, folder=folder).load()
    except ConfigError as exc:
        raise ConfigError([Fault("people.provider", fault.problem) for fault in exc.faults]) from exc
    if not callable(found):
        raise ConfigError([Fault("people.provider", f"{reference!r} is no function; it must give a directory")])
    return found
