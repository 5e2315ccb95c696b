"""What `hitl doctor` finds out. Every part answers for itself: one that fails is a problem on the list, not the end."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from ...audit.keys import ENVIRONMENT
from ...channels.messages.sending import sender_of
from ...clock import SystemClock
from ...commands import ListUnsealed
from ...config import Config, Upkeep, connect, is_remote, make_adapter, open_store, upkeep_of
from ...config.channels import make_channels
from ...config.registry import ADAPTERS, CHANNELS, STORES, known
from ...contracts import Finding
from ...errors import ConfigError, HitlError
from ...protocol import AuditEntry, Json
from ...tools import Catalogue
from .crew import Crew

if TYPE_CHECKING:
    from ...client import RemoteRuntime

OURS: Final = "hitl-core"
_CORE: Final = ("pydantic", "jsonschema", "rfc8785", "typer", "rich")
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*;.*extra\s*==\s*[\"']([^\"']+)[\"']")
_SETTINGS: Final = (
    *("HITL_CONFIG", "HITL_BACKEND", "HITL_APP_VERSION", "HITL_STORE_URL", "HITL_POLICY_FILE", "HITL_AS"),
    *("HITL_METRICS", "HITL_LOG", "HITL_VERBOSE", ENVIRONMENT),
)
"""What changes how a command works; only the names are shown."""
_NEEDS_SQLITE: Final = (3, 51, 3)
_REPAIRED_SQLITE: Final = {(3, 44): 6, (3, 50): 7}
"""Older lines that got the repair of the WAL-reset bug, and the patch with which they did (sqlite.org, 2026-03)."""


class Checkup:
    """Looks at the installation, then at one configuration. `problems` has what must be repaired."""

    def __init__(self, file: Path, backend: str | None) -> None:
        self.problems: list[str] = []
        self._file, self._backend = file, backend
        self.crew: Crew | None = None

    def document(self) -> dict[str, Json]:
        """Everything, in the shape that `hitl doctor --json` writes."""
        config = self._load()
        here = None if config is None or is_remote(config.store_url) else config
        found: dict[str, Json] = {
            "installed": _installed(),
            "adapters": _adapters(),
            "stores": _names(STORES),
            "channels": _names(CHANNELS),
            "sqlite": _sqlite(),
            "environment": [name for name in _SETTINGS if os.environ.get(name)],
            "config": self._config(config),
            "app": None if here is None else self._app(here),
            "store": None if config is None else self._store(config),
            "work": None,
            "audit": None if here is None else _audit(here),
        }
        if self.crew is not None:
            found["work"] = self.crew.document()
            self.problems += self.crew.stranded()
        return {"ok": not self.problems, "problems": list(self.problems), **found}

    def _load(self) -> Config | None:
        try:
            return Config.load(self._file, backend=self._backend)
        except ConfigError as exc:
            self.problems += [str(fault) for fault in exc.faults]
            return None

    def _config(self, config: Config | None) -> dict[str, Json]:
        if config is None:
            return {"file": str(self._file), "ok": False}
        self.problems += _wrong_with(config)
        return {
            "file": str(self._file),
            "ok": True,
            "backend": config.backend or None,
            "app": config.app.reference or None,
            "store": without_secret(config.store_url),
            "policy": None if config.policy_file is None else config.policy_file.name,
            "policy_version": None if is_remote(config.store_url) else config.policy.version,
            "rules": len(config.policy.rules),
            "channels": list(config.channels),
            "messages": [route.name for route in config.messages],
            "environment": config.environment,
        }

    def _app(self, config: Config) -> dict[str, Json]:
        try:
            return asyncio.run(_attached(config))
        except Exception as exc:  # the app is somebody's code: whatever it raises on loading is the finding
            code = f"{exc.code} " if isinstance(exc, HitlError) else f"{type(exc).__name__}: "
            self.problems.append(f"the app cannot be used: {code}{exc}")
            return {"ok": False, "findings": [], "ungated": [], "capabilities": []}

    def _store(self, config: Config) -> dict[str, Json]:
        try:
            if is_remote(config.store_url):
                return asyncio.run(_asked(config))
            found, self.crew = asyncio.run(_looked_at(config))
        except HitlError as exc:
            self.problems.append(f"the store cannot be used: {exc.code} {exc}")
            return {"ok": False, "made": True, "message": str(exc)}
        return found


def _wrong_with(config: Config) -> Iterator[str]:
    """What is wrong with how it would be served, and with the ways by which people are told. Nothing is sent."""
    tries: list[Callable[[], object]] = [config.serving.require_identity_provider, partial(make_channels, config)]
    tries += [partial(sender_of, route) for route in config.messages]
    for each in tries:
        try:
            each()
        except ConfigError as exc:
            yield from map(str, exc.faults or (exc,))
        except HitlError as exc:
            yield f"people cannot be told: {exc.code} {exc}"


async def _asked(config: Config) -> dict[str, Json]:
    """A server, asked whom the token is of: what else there is, is seen there."""
    async with connect(config) as hitl:
        me = await cast("RemoteRuntime", hitl).me()
    whose = f"the token is {me.id}'s, with the rights {', '.join(me.rights) or '(none)'}"
    message = f"is a server, which answers: {whose}; the app and the store are looked at there"
    return {"ok": True, "made": True, "message": message}


async def _looked_at(config: Config) -> tuple[dict[str, Json], Crew | None]:
    """Looking must neither make a store nor change its tables."""
    upkeep = _upkeep(config)
    if upkeep is not None and (versions := upkeep.versions()).steps:
        later = f"has schema {versions.found}; the next use, or `hitl store migrate`, brings it to {versions.newest}"
        there = bool(versions.found)
        message = later if there else "does not exist yet; the first run makes it"
        return {"ok": True, "made": there, "message": message}, None
    clock = SystemClock()
    store = await open_store(config, clock, anchoring=False)
    try:
        crew = await Crew.of(store, clock.now())
        waiting = await store.fetch(ListUnsealed())
    finally:
        await store.close()
    remarks = () if upkeep is None else upkeep.remarks()
    message = "; ".join(("can be opened and read", *remarks, *_unsealed(waiting)))
    return {"ok": True, "made": True, "message": message}, crew


def _upkeep(config: Config) -> Upkeep | None:
    """None for a store in memory, and for one that has no upkeep."""
    try:
        return upkeep_of(config.store_url, config.folder, config.store_options)
    except ConfigError:
        return None


def _unsealed(waiting: tuple[AuditEntry, ...]) -> Iterator[str]:
    if waiting:
        since = min(entry.at for entry in waiting).isoformat(timespec="seconds")
        yield f"{len(waiting)} audit lines are not sealed yet, the oldest since {since}: a worker seals them"


async def _attached(config: Config) -> dict[str, Json]:
    adapter = make_adapter(config, Catalogue(overrides=config.tools, redact=config.redact))
    try:
        findings = await adapter.attach()
    finally:
        await adapter.close()
    return {
        "ok": True,
        "findings": [_finding(each) for each in findings],
        "ungated": [_finding(each) for each in findings if each.ungated],
        "capabilities": [
            {"name": name.value, "level": support.level, "because": support.because}
            for name, support in adapter.capabilities.items()
        ],
    }


def _finding(found: Finding) -> dict[str, Json]:
    return {"level": found.level, "place": found.place, "message": found.message}


def _database(config: Config) -> Path | None:
    """The file of a database that is one."""
    if urlsplit(config.store_url).scheme != "sqlite":
        return None
    from ...stores.sqlite.file import Location

    return Location.parse(config.store_url, folder=config.folder).path


def _audit(config: Config) -> dict[str, Json]:
    """Where the secret and the anchors of the audit trail lie, and whether they are there."""
    key, anchors = (_beside(config, f"audit_{name}", f".{name}") for name in ("key", "anchors"))
    from_environment = bool(os.environ.get(ENVIRONMENT))
    secret = f"the environment ({ENVIRONMENT})" if from_environment else _place(key)
    message = f"key: {secret}; anchors: {_place(anchors)}"
    if not (config.store_options.get("audit_anchors") and (from_environment or config.store_options.get("audit_key"))):
        message += "; keep both where whoever can write the database cannot write ([store] audit_key, audit_anchors)"
    there = from_environment or (key is not None and key.exists())
    return {"key": there, "anchors": anchors is not None and anchors.exists(), "message": message}


def _beside(config: Config, option: str, suffix: str) -> Path | None:
    given = config.store_options.get(option)
    if given is not None:
        return config.folder / str(given)
    database = _database(config)
    return None if database is None else database.with_name(database.name + suffix)


def _place(file: Path | None) -> str:
    if file is None:
        return "kept by the store"
    return f"{file}{'' if file.exists() else ' (not made yet)'}"


def _installed() -> dict[str, Json]:
    found: dict[str, Json] = {"python": platform.python_version()}
    return found | {name: version_of(name) for name in (OURS, *_CORE)}


def _adapters() -> list[Json]:
    return [_adapter(name) for name in sorted(known(ADAPTERS))]


def _adapter(name: str) -> dict[str, Json]:
    """An adapter and the packages of the extra of its name; it can be loaded if they are all there."""
    packages: list[Json] = [
        {"name": package, "needed": needed, "found": version_of(package)} for package, needed in extra_of(name)
    ]
    complete = all(version_of(package) is not None for package, _ in extra_of(name))
    return {"name": name, "installed": complete, "packages": packages}


def extra_of(name: str) -> Iterator[tuple[str, str]]:
    """The packages of one of our extras and the versions that it asks for."""
    for requirement in requires(OURS) or ():
        found = _REQUIREMENT.match(requirement)
        if found and found[3].replace("-", "_") == name:  # metadata has openai-agents for openai_agents
            yield found[1], found[2]


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _names(group: str) -> list[Json]:
    return list[Any](sorted(known(group)))


def _sqlite() -> dict[str, Json]:
    affected = sqlite_is_affected(sqlite3.sqlite_version_info)
    warning = (
        "has the WAL-reset bug: when several processes write at once, committed data can be lost. Our lock file keeps "
        "our own processes apart; let no other program write to the database, or use SQLite 3.51.3 or newer"
    )
    return {"version": sqlite3.sqlite_version, "affected": affected, "warning": warning if affected else ""}


def sqlite_is_affected(release: tuple[int, ...]) -> bool:
    """Whether this SQLite has the WAL-reset bug (3.7.0 to 3.51.2 but for the lines that got the repair)."""
    repaired = _REPAIRED_SQLITE.get((release[0], release[1]))
    if repaired is not None:
        return release[2] < repaired
    return (3, 7, 0) <= release[:3] < _NEEDS_SQLITE


def without_secret(url: str) -> str:
    """A store's URL without what may be a password in it: what stands between the user and the last `@`, and what is
    asked of the server. A password that was not written as a URL wants it takes more of it along.
    """
    before, asks, _ = url.partition("?")
    scheme, _, rest = before.partition("://")
    known, at, place = rest.rpartition("@")
    if not at and "@" in url:
        return f"{scheme}://…"
    user = f"{known.partition(':')[0]}{':…' if ':' in known else ''}@" if at else ""
    return f"{scheme}://{user}{place}{'?…' if asks else ''}"
