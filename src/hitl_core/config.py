"""hitl.toml: which backend, which app, which store, which policy. Every fault is reported at once."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

from .apps import AppSource
from .channels.console import ConsoleChannel
from .clock import SystemClock
from .contracts import Adapter, Channel, Clock, Store
from .errors import ConfigError, Fault
from .gate import Surroundings
from .policy import Policy
from .protocol import EffectMode
from .registry import ADAPTERS, CHANNELS, STORES, load
from .runtime import Runtime, Settings
from .tools import Catalogue, Traits

DEFAULT_FILE: Final = "hitl.toml"

TABLES: Final = {
    "backend": {"name", "app", "spec", "options"},
    "store": {"url", "audit_key", "audit_anchors"},
    "policy": {"file"},
    "worker": {"lease", "concurrency"},
    "channels": {"names"},
    "app": None,
    "tools": None,
    "environment": {"name", "tenant"},
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
    options: Mapping[str, Any] = field(default_factory=dict)
    store_options: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, Traits] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    environment: str = "default"
    tenant: str = "default"
    lease_seconds: float = 30.0
    concurrency: int = 4
    folder: Path = field(default_factory=Path.cwd)

    @classmethod
    def load(cls, path: str | Path = DEFAULT_FILE, *, backend: str | None = None) -> Config:
        """Read hitl.toml; `backend` replaces its `backend.name`. Raises ConfigError with every fault in it.

        Environment variables win over the file: HITL_BACKEND, HITL_STORE_URL, HITL_POLICY_FILE.
        """
        file = Path(path)
        return _read(file, _parse(file), backend)


@asynccontextmanager
async def connect(
    config: str | Path | Config = DEFAULT_FILE, *, clock: Clock | None = None, backend: str | None = None
) -> AsyncIterator[Runtime]:
    """A runtime for a configuration; closes it at the end.

    Raises ConfigError, AdapterNotFound, AdapterNotInstalled, AdapterTooOld, StoreUnavailable.
    """
    settings = config if isinstance(config, Config) else Config.load(config, backend=backend)
    runtime = await build(settings, clock=clock)
    async with runtime:
        yield runtime


async def build(config: Config, *, clock: Clock | None = None) -> Runtime:
    """The runtime that `connect` opens, for callers with a life cycle of their own: call its `close`."""
    catalogue = Catalogue(overrides=config.tools)
    adapter = make_adapter(config, catalogue)
    time = clock or SystemClock()
    around = Surroundings(
        store=await open_store(config, time),
        policy=lambda: config.policy,
        clock=time,
        catalogue=catalogue,
        environment=config.environment,
    )
    settings = Settings(
        app=config.app.reference,
        lease_seconds=config.lease_seconds,
        tenant=config.tenant,
    )
    return Runtime(adapter=adapter, around=around, settings=settings, channels=make_channels(config))


def make_adapter(config: Config, catalogue: Catalogue) -> Adapter:
    """The adapter with its typed options. Raises ConfigError on an option that it does not have."""
    found = cast("Any", load(ADAPTERS, config.backend))
    options = typed_options(found.Options, config.options, f"backend.options ({config.backend})")
    return cast("Adapter", found(config.app, options=options, catalogue=catalogue))


async def open_store(config: Config, clock: Clock) -> Store:
    """The store that the URL's scheme names. Raises StoreUnavailable, AdapterNotFound, AdapterNotInstalled."""
    scheme = config.store_url.partition(":")[0]
    found = cast("Any", load(STORES, scheme))
    return cast("Store", await found.open(config.store_url, folder=config.folder, **config.store_options))


def make_channels(config: Config) -> list[Channel]:
    """The configured channels."""
    return [ConsoleChannel() if name == "console" else load(CHANNELS, name)() for name in config.channels]


def typed_options(model: type[Any], given: Mapping[str, Any], where: str) -> Any:
    """An options dataclass from a table. Raises ConfigError, naming the nearest known key for an unknown one."""
    known = {each.name for each in dataclasses.fields(model)}
    faults = [_unknown(f"{where}.{key}", key, known) for key in given if key not in known]
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


def _read(file: Path, data: dict[str, Any], backend: str | None) -> Config:
    faults = list(_key_faults(data))
    folder = file.resolve().parent
    table: Callable[[str], dict[str, Any]] = lambda name: _table(data, name)  # noqa: E731
    name = backend or os.environ.get("HITL_BACKEND") or table("backend").get("name")
    reference = table("backend").get("app") or table("backend").get("spec")
    if not isinstance(name, str):
        faults.append(Fault("backend.name", 'is missing; name one of the installed adapters, e.g. "plain"'))
    if not isinstance(reference, str):
        faults.append(Fault("backend.app", 'is missing; write app = "module:factory" or spec = "module:SPEC"'))
    lease = table("worker").get("lease", 30)
    if not isinstance(lease, int | float) or isinstance(lease, bool) or not 0.2 <= lease <= 3600:
        faults.append(Fault("worker.lease", "must be seconds between 0.2 and 3600"))
    tools = {tool: _traits(tool, given, faults) for tool, given in table("tools").items()}
    policy, policy_file = _policy(table("policy"), folder, faults)
    if faults:
        raise ConfigError([Fault(f"{file.name}: {fault.path}", fault.problem) for fault in faults])
    return Config(
        backend=cast("str", name),
        app=AppSource(cast("str", reference), folder=folder),
        store_url=os.environ.get("HITL_STORE_URL") or table("store").get("url", "sqlite:///hitl.db"),
        policy=policy,
        policy_file=policy_file,
        options=table("backend").get("options", {}),
        store_options={key: value for key, value in table("store").items() if key != "url"},
        tools=tools,
        channels=tuple(table("channels").get("names", ())),
        environment=table("environment").get("name", "default"),
        tenant=table("environment").get("tenant", "default"),
        lease_seconds=float(lease),
        concurrency=table("worker").get("concurrency", 4),
        folder=folder,
    )


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}


def _key_faults(data: dict[str, Any]) -> list[Fault]:
    faults = [_unknown(key, key, set(TABLES)) for key in data if key not in TABLES]
    for name, keys in TABLES.items():
        given = data.get(name, {})
        if not isinstance(given, dict):
            faults.append(Fault(name, f"must be a table: [{name}]"))
        elif keys is not None:
            faults += [_unknown(f"{name}.{key}", key, keys) for key in given if key not in keys]
    return faults


def _unknown(path: str, key: str, known: set[str]) -> Fault:
    near = get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return Fault(path, f"is not a key that exists; {hint}")


def _policy(table: dict[str, Any], folder: Path, faults: list[Fault]) -> tuple[Policy, Path | None]:
    name = os.environ.get("HITL_POLICY_FILE") or table.get("file")
    if name is None:
        return Policy([]), None
    file = folder / name
    try:
        return Policy.from_file(file), file
    except ConfigError as exc:
        faults += [Fault(f"policy.file {name}: {fault.path}", fault.problem) for fault in exc.faults]
    except OSError as exc:
        faults.append(Fault("policy.file", f"{name!r} cannot be read: {exc.strerror}"))
    return Policy([]), file


def _traits(tool: str, given: Any, faults: list[Fault]) -> Traits:
    """`[tools.NAME]`: what is known about a tool that was not declared with `@tool`."""
    known = {"effect", "reversible", "risk", "tags", "title"}
    if not isinstance(given, dict):
        faults.append(Fault(f"tools.{tool}", f"must be a table: [tools.{tool}]"))
        return Traits()
    faults += [_unknown(f"tools.{tool}.{key}", key, known) for key in given if key not in known]
    effect = given.get("effect", EffectMode.LEDGER)
    if effect not in ("ledger", "idempotent"):
        faults.append(Fault(f"tools.{tool}.effect", "must be 'ledger' or 'idempotent'"))
        effect = EffectMode.LEDGER
    return Traits(
        mode=EffectMode(effect),
        reversible=given.get("reversible"),
        risk=given.get("risk"),
        tags=tuple(given.get("tags", ())),
        title=given.get("title", ""),
    )
