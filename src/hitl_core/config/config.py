"""hitl.toml: which backend, which app, which store, which policy. Every fault is reported at once."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from ..apps import AppSource
from ..channels.announcer import TOLD_A_MINUTE
from ..channels.messages import Around, Route
from ..clock import SystemClock
from ..contracts import Adapter, Clock
from ..errors import ConfigError, Fault
from ..gate import REJECTED_IN_A_ROW, Surroundings
from ..observing import Observer, observed, telemetry
from ..people import Act, Authority, PeopleFile
from ..policy import LONGEST, Policy, PolicyFault, parse_duration
from ..protocol import EffectMode
from ..runtime import Runtime, Settings
from ..runtime.opened import GRACE_SECONDS, TRIES
from ..tools import Catalogue, Override
from .channels import make_channels
from .deferred import DeferredAdapter
from .directories import directory_from
from .messages import message_channels, routes_of
from .registry import ADAPTERS, load, require_known
from .reloading import PolicyInForce
from .remote import REMOTE_OPTIONS, is_remote, remote
from .serving import SERVER_KEYS, Serving, serving_from
from .storing import SERVER_OPTIONS, open_store
from .tables import (
    A_MINUTE,
    CHANGES,
    COUNT,
    DURATION,
    EFFECT,
    EVERYTHING,
    FLAG,
    GRACE,
    LEASE,
    PATHS,
    REFERENCE,
    REJECTIONS,
    ROLES,
    TABLE,
    TEXT,
    TEXTS,
    TOLD,
    TRIED,
    Table,
    Type,
    unknown_key,
)
from .undos import ConfiguredUndo

DEFAULT_FILE: Final = "hitl.toml"

TABLES: Final = {
    "backend": {"name", "app", "spec", "version", "resumes", "options"},
    "store": {"url", "audit_key", "audit_anchors", "listen", "retention", *SERVER_OPTIONS, *REMOTE_OPTIONS},
    "policy": {"file", "told", "history", "rejected_in_a_row", "asked_a_minute"},
    "worker": {"lease", "concurrency", "tries", "grace"},
    "channels": {"names", "told_a_minute"},
    "messages": None,
    "tools": None,
    "redact": {"paths"},
    "environment": {"name", "tenant"},
    "people": {"file", "provider"},
    "authority": {*Act, "lift_by_another"},
    "server": set(SERVER_KEYS),
}
"""The tables of hitl.toml and their keys; None means that the keys are the user's own."""


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that has been checked. Build one in code, or read it with `Config.load`."""

    backend: str
    app: AppSource
    store_url: str = "sqlite:///hitl.db"
    policy: Policy = field(default_factory=lambda: Policy([]))
    policy_file: Path | None = None
    told: str = CHANGES
    history: timedelta = LONGEST
    rejected_in_a_row: int = REJECTED_IN_A_ROW
    asked_a_minute: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    store_options: Mapping[str, Any] = field(default_factory=dict)
    retention: timedelta | None = None
    tools: Mapping[str, Override] = field(default_factory=dict)
    redact: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    told_a_minute: int = TOLD_A_MINUTE
    messages: tuple[Route, ...] = ()
    environment: str = "default"
    tenant: str = "default"
    lease_seconds: float = 30.0
    concurrency: int = 4
    tries: int = TRIES
    grace_seconds: float = GRACE_SECONDS
    app_version: str = ""
    resumes: tuple[str, ...] = ()
    people_file: Path | None = None
    people_provider: str | None = None
    authority: Authority = field(default_factory=Authority)
    serving: Serving = field(default_factory=Serving)
    folder: Path = field(default_factory=Path.cwd)

    @classmethod
    def load(cls, path: str | Path = DEFAULT_FILE, *, backend: str | None = None, policy: Path | None = None) -> Config:
        """Read hitl.toml; `backend` and `policy` replace what it names. Raises ConfigError with every fault in it.

        Environment variables win over the file: HITL_BACKEND, HITL_STORE_URL, HITL_POLICY_FILE, HITL_APP_VERSION.
        """
        file = Path(path)
        return _read(file, _parse(file), backend, policy)


def policy_file(path: str | Path = DEFAULT_FILE) -> Path | None:
    """The policy file that a hitl.toml names, whatever is wrong with the two. Raises ConfigError if it has no text."""
    file = Path(path)
    table = _parse(file).get("policy", {})
    named = os.environ.get("HITL_POLICY_FILE") or (table.get("file") if isinstance(table, dict) else None)
    return file.resolve().parent / named if isinstance(named, str) and named else None


@asynccontextmanager
async def connect(
    config: str | Path | Config = DEFAULT_FILE,
    *,
    clock: Clock | None = None,
    backend: str | None = None,
    observers: Sequence[Observer] = (),
) -> AsyncIterator[Runtime]:
    """A runtime for a configuration; closes it at the end. `backend` replaces the one that it names.

    `observers` watch it, and OpenTelemetry does where an SDK is set up before. Where `store.url` is that of a server
    (https://…), it is that server's runtime, over its HTTP API, with the same methods.

    The adapter is loaded when a run is first worked on: reading and answering need no framework. Raises ConfigError,
    AdapterNotFound, StoreUnavailable; and at the first work on a run AdapterNotInstalled, AdapterTooOld, ConfigError.
    """
    configured = _config(config, backend)
    if is_remote(configured.store_url):
        async with remote(configured, clock) as elsewhere:
            yield elsewhere
        return
    runtime = await build(configured, clock=clock, observers=observers)
    async with runtime:
        yield runtime


def _config(given: str | Path | Config, backend: str | None) -> Config:
    if not isinstance(given, Config):
        return Config.load(given, backend=backend)
    return given if backend is None else dataclasses.replace(given, backend=backend)


async def build(config: Config, *, clock: Clock | None = None, observers: Sequence[Observer] = ()) -> Runtime:
    """The runtime that `connect` opens, for callers with a life cycle of their own: call its `close`."""
    catalogue = Catalogue(overrides=config.tools, redact=config.redact)
    require_known(ADAPTERS, config.backend)
    adapter, channels = DeferredAdapter(config.backend, partial(make_adapter, config, catalogue)), make_channels(config)
    directory = directory_from(config.people_file, config.people_provider, config.folder)
    time = clock or SystemClock()
    policy = PolicyInForce(config.policy, config.policy_file, time.now)
    watching = (*observers, *telemetry(time.now))
    store, seen = observed(await open_store(config, time), adapter, watching)
    channels += message_channels(config.messages, Around(store, time, directory, config.serving.address))
    around = Surroundings(
        store=store,
        policy=policy,
        changes=policy.changes,
        clock=time,
        catalogue=catalogue,
        environment=config.environment,
        directory=directory,
        authority=config.authority,
        tells_everything=config.told == EVERYTHING,
        rejected_in_a_row=config.rejected_in_a_row,
        asked_a_minute=config.asked_a_minute,
    )
    settings = Settings(
        app=config.app.reference,
        app_version=config.app_version,
        resumes=config.resumes,
        tries=config.tries,
        grace=config.grace_seconds,
        lease_seconds=config.lease_seconds,
        tenant=config.tenant,
        history=config.history,
        told_a_minute=config.told_a_minute,
    )
    return Runtime(adapter=seen, around=around, settings=settings, channels=channels)


def make_adapter(config: Config, catalogue: Catalogue) -> Adapter:
    """The adapter with its typed options. Raises ConfigError on an option that it does not have."""
    found = cast("Any", load(ADAPTERS, config.backend))
    options = typed_options(found.Options, config.options, f"backend.options ({config.backend})")
    app = dataclasses.replace(config.app, store=config.store_url)
    return cast("Adapter", found(app, options=options, catalogue=catalogue))


def typed_options(model: type[Any], given: Mapping[str, Any], where: str) -> Any:
    """An options dataclass from a table. Raises ConfigError, naming the nearest known key for an unknown one."""
    known = {each.name for each in dataclasses.fields(model)}
    faults = [unknown_key(f"{where}.{key}", key, known) for key in given if key not in known]
    if faults:
        raise ConfigError(faults)
    try:
        return model(**given)
    except (TypeError, ValueError) as exc:
        raise ConfigError([Fault(where, str(exc))]) from exc


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            [Fault(str(file), "does not exist; `hitl demo` shows a complete one, or use -c FILE")]
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError([Fault(str(file), str(exc))]) from exc


def _read(file: Path, data: dict[str, Any], backend: str | None, other: Path | None = None) -> Config:
    faults = list(_key_faults(data))
    folder = file.resolve().parent
    tables = {name: Table(name, data.get(name), faults) for name in TABLES}
    store, worker, environment = tables["store"], tables["worker"], tables["environment"]
    url = os.environ.get("HITL_STORE_URL") or store.get("url", TEXT, "sqlite:///hitl.db")
    policy, policy_at = _policy(tables["policy"], folder, other)
    people_file, people_provider = _people(tables["people"], folder)
    config = Config(
        backend=_backend(tables["backend"], backend, elsewhere=is_remote(url)),
        app=AppSource(_reference(tables["backend"], elsewhere=is_remote(url)), folder=folder),
        store_url=url,
        policy=policy,
        policy_file=policy_at,
        told=tables["policy"].get("told", TOLD, CHANGES),
        history=_history(tables["policy"]),
        rejected_in_a_row=tables["policy"].get("rejected_in_a_row", REJECTIONS, REJECTED_IN_A_ROW),
        asked_a_minute=tables["policy"].get("asked_a_minute", A_MINUTE, 0),
        options=tables["backend"].get("options", TABLE, {}),
        store_options={key: store.get(key, TEXT) for key in store.values if key not in ("url", "retention")},
        retention=_age(store.get("retention", DURATION)),
        tools={
            name: _override(f"tools.{name}", given, faults, folder) for name, given in tables["tools"].values.items()
        },
        redact=tuple(tables["redact"].get("paths", PATHS, ())),
        channels=tuple(tables["channels"].get("names", TEXTS, ())),
        told_a_minute=tables["channels"].get("told_a_minute", A_MINUTE, TOLD_A_MINUTE),
        messages=routes_of(tables["messages"].values, faults),
        environment=environment.get("name", TEXT, "default"),
        tenant=environment.get("tenant", TEXT, "default"),
        lease_seconds=float(worker.get("lease", LEASE, 30)),
        concurrency=worker.get("concurrency", COUNT, 4),
        tries=worker.get("tries", TRIED, TRIES),
        grace_seconds=float(worker.get("grace", GRACE, GRACE_SECONDS)),
        app_version=os.environ.get("HITL_APP_VERSION") or tables["backend"].get("version", TEXT, ""),
        resumes=tuple(tables["backend"].get("resumes", TEXTS, ())),
        people_file=people_file,
        people_provider=people_provider,
        authority=_authority(tables["authority"]),
        serving=serving_from(tables["server"], folder),
        folder=folder,
    )
    if faults:
        raise ConfigError([_placed(fault, file) for fault in faults])
    return config


def _history(table: Table) -> timedelta:
    return _age(table.get("history", DURATION)) or LONGEST


def _age(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def _backend(table: Table, given: str | None, *, elsewhere: bool) -> str:
    name = given or os.environ.get("HITL_BACKEND") or table.get("name", TEXT)
    if name is None and "name" not in table.values and not elsewhere:
        problem = 'is missing; name one of the installed adapters, e.g. "plain"'
        table.faults.append(Fault("backend.name", problem))
    return name or ""


def _reference(table: Table, *, elsewhere: bool) -> str:
    app, spec = table.get("app", TEXT), table.get("spec", TEXT)
    if app and spec:
        table.faults.append(Fault("backend.spec", "is given besides backend.app; keep one of them"))
    if not {"app", "spec"} & table.values.keys() and not elsewhere:
        problem = 'is missing; write app = "module:factory" or spec = "module:SPEC"'
        table.faults.append(Fault("backend.app", problem))
    return app or spec or ""


def _key_faults(data: dict[str, Any]) -> list[Fault]:
    faults = [unknown_key(key, key, set(TABLES)) for key in data if key not in TABLES]
    for name, keys in TABLES.items():
        given = data.get(name, {})
        if not isinstance(given, dict):
            faults.append(Fault(name, f"must be a table: [{name}]"))
        elif keys is not None:
            faults += [unknown_key(f"{name}.{key}", key, keys) for key in given if key not in keys]
    return faults


def _policy(table: Table, folder: Path, other: Path | None) -> tuple[Policy, Path | None]:
    name = os.environ.get("HITL_POLICY_FILE") or table.get("file", TEXT)
    file = other or (None if name is None else folder / name)
    if file is None:
        return Policy([]), None
    try:
        return Policy.from_file(file), file
    except ConfigError as exc:
        table.faults += exc.faults
    return Policy([]), file


def _people(table: Table, folder: Path) -> tuple[Path | None, str | None]:
    """Where people are looked up. A file is read here once, so that its faults are told with all others."""
    name, provider = table.get("file", TEXT), table.get("provider", REFERENCE)
    if name and provider:
        table.faults.append(Fault("people.provider", "is given besides people.file; keep one of them"))
    if not {"file", "provider"} & table.values.keys():
        if table.given:
            missing = 'is missing; write file = "people.toml" or provider = "module:name"'
            table.faults.append(Fault("people.file", missing))
        return None, None
    if name:
        try:
            PeopleFile(folder / name)
        except ConfigError as exc:
            table.faults += exc.faults
    return (folder / name if name else None), provider


def _authority(table: Table) -> Authority:
    roles = {act: tuple(named) for act in Act if (named := table.get(act, ROLES)) is not None}
    return Authority(roles, table.get("lift_by_another", FLAG))


def _placed(fault: Fault, file: Path) -> Fault:
    """A fault with its file; those of the policy name their own file and line."""
    return fault if isinstance(fault, PolicyFault) else Fault(f"{file.name}: {fault.path}", fault.problem)


TOOL_KEYS: Final[Mapping[str, tuple[str, Type, Callable[[Any], Any]]]] = {
    "effect": ("mode", EFFECT, EffectMode),
    "reversible": ("reversible", FLAG, bool),
    "risk": ("risk", TEXT, str),
    "tags": ("tags", TEXTS, tuple),
    "title": ("title", TEXT, str),
    "undo": ("undo", REFERENCE, str),
    "undo_window": ("undo_window", DURATION, parse_duration),
    "compensates": ("compensates", TEXT, str),
    "secret": ("secret", PATHS, tuple),
}
"""The keys of `[tools.NAME]`: the trait that each one gives, what its value must be, and what is made of it."""


def _override(where: str, given: Any, faults: list[Fault], folder: Path) -> Override:
    """`[tools.NAME]`: what is said about a tool; for what is not said here, its declaration stands."""
    if not isinstance(given, dict):
        faults.append(Fault(where, f"must be a table: [{where}]"))
    table = Table(where, given, faults)
    faults += [unknown_key(f"{where}.{key}", key, set(TOOL_KEYS)) for key in table.values if key not in TOOL_KEYS]
    read = {trait: (table.get(key, kind), make) for key, (trait, kind, make) in TOOL_KEYS.items()}
    made = {trait: make(value) for trait, (value, make) in read.items() if value is not None}
    if "undo" in made:
        made["undo"] = ConfiguredUndo(f"{where}.undo", made["undo"], folder)
    return made
