"""hitl.toml: which backend, which app, which store, which policy. Every fault is reported at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator, Mapping, Sequence
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
from ..people import Authority
from ..policy import LONGEST, Policy
from ..runtime import Runtime, Settings
from ..runtime.opened import GRACE_SECONDS, TRIES
from ..tools import Catalogue, Override
from .channels import make_channels
from .deferred import DeferredAdapter
from .directories import directory_from
from .messages import message_channels
from .reading import parsed, read
from .registry import ADAPTERS, load, require_known
from .reloading import PolicyInForce
from .remote import is_remote, remote
from .serving import Serving
from .storing import open_store
from .tables import CHANGES, EVERYTHING, unknown_key

DEFAULT_FILE: Final = "hitl.toml"


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
    transcripts: bool = False
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
        return cls(**read(Path(path), backend=backend, policy=policy))


def policy_file(path: str | Path = DEFAULT_FILE) -> Path | None:
    """The policy file that a hitl.toml names, whatever is wrong with the two. Raises ConfigError if it has no text."""
    file = Path(path)
    table = parsed(file).get("policy", {})
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
    elsewhere = is_remote(configured.store_url)
    runtime = remote(configured, clock) if elsewhere else await build(configured, clock=clock, observers=observers)
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
        transcripts=config.transcripts,
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
