"""hitl.toml as the fields of a `Config`: each table is read by one function, and every fault is told at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ..apps import AppSource
from ..channels.announcer import TOLD_A_MINUTE
from ..errors import ConfigError, Fault
from ..gate import REJECTED_IN_A_ROW
from ..people import Act, Authority, PeopleFile
from ..policy import LONGEST, Policy, PolicyFault, parse_duration
from ..protocol import EffectMode
from ..runtime.opened import GRACE_SECONDS, TRIES
from ..tools import Override
from .messages import routes_of
from .remote import REMOTE_OPTIONS, is_remote
from .serving import SERVER_KEYS, serving_from
from .storing import SERVER_OPTIONS
from .tables import (
    A_MINUTE,
    CHANGES,
    COUNT,
    DURATION,
    EFFECT,
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

Fields = dict[str, Any]
"""Fields of a `Config`, by their names."""

TABLES: Final = {
    "backend": {"name", "app", "spec", "version", "resumes", "options"},
    "store": {"url", "audit_key", "audit_anchors", "listen", "retention", *SERVER_OPTIONS, *REMOTE_OPTIONS},
    "policy": {"file", "told", "history", "rejected_in_a_row", "asked_a_minute"},
    "worker": {"lease", "concurrency", "tries", "grace"},
    "channels": {"names", "told_a_minute"},
    "messages": None,
    "tools": None,
    "redact": {"paths"},
    "transcripts": {"keep"},
    "environment": {"name", "tenant"},
    "people": {"file", "provider"},
    "authority": {*Act, "lift_by_another"},
    "server": set(SERVER_KEYS),
}
"""The tables of hitl.toml and their keys; None means that the keys are the user's own."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What counts beside the file: the folder that it lies in, and what its reader names in its place.

    `elsewhere`: the store is a server's, and so is the app.
    """

    folder: Path
    backend: str | None
    policy: Path | None
    elsewhere: bool = False


def read(file: Path, *, backend: str | None = None, policy: Path | None = None) -> Fields:
    """The fields of a `Config`. Raises ConfigError with every fault of the file, and of the files that it names."""
    data = parsed(file)
    faults = list(_key_faults(data))
    beside = Beside(file.resolve().parent, backend, policy, elsewhere=is_remote(_store_url(data.get("store"))))
    fields: Fields = {"folder": beside.folder}
    for name in TABLES:
        fields |= _READERS[name](Table(name, data.get(name), faults), beside)
    if faults:
        raise ConfigError([_placed(fault, file) for fault in faults])
    return fields


def _store_url(table: Any) -> str:
    """The store that will be meant, before its table is read: an app that runs at a server is not named here."""
    named = table.get("url") if isinstance(table, dict) else None
    return os.environ.get("HITL_STORE_URL") or (named if isinstance(named, str) else "")


def parsed(file: Path) -> dict[str, Any]:
    """The tables of a hitl.toml as they are written. Raises ConfigError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            [Fault(str(file), "does not exist; `hitl demo` shows a complete one, or use -c FILE")]
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError([Fault(str(file), str(exc))]) from exc


def _key_faults(data: dict[str, Any]) -> list[Fault]:
    faults = [unknown_key(key, key, set(TABLES)) for key in data if key not in TABLES]
    for name, keys in TABLES.items():
        given = data.get(name, {})
        if not isinstance(given, dict):
            faults.append(Fault(name, f"must be a table: [{name}]"))
        elif keys is not None:
            faults += [unknown_key(f"{name}.{key}", key, keys) for key in given if key not in keys]
    return faults


def _placed(fault: Fault, file: Path) -> Fault:
    """A fault with its file; those of the policy name their own file and line."""
    return fault if isinstance(fault, PolicyFault) else Fault(f"{file.name}: {fault.path}", fault.problem)


# ── one function for each table ──────────────────────────────────────────────────────────────────────────────


def _backend(table: Table, beside: Beside) -> Fields:
    return {
        "backend": _name(table, beside.backend, elsewhere=beside.elsewhere),
        "app": AppSource(_reference(table, elsewhere=beside.elsewhere), folder=beside.folder),
        "app_version": os.environ.get("HITL_APP_VERSION") or table.get("version", TEXT, ""),
        "resumes": tuple(table.get("resumes", TEXTS, ())),
        "options": table.get("options", TABLE, {}),
    }


def _name(table: Table, given: str | None, *, elsewhere: bool) -> str:
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


def _store(table: Table, beside: Beside) -> Fields:
    return {
        "store_url": os.environ.get("HITL_STORE_URL") or table.get("url", TEXT, "sqlite:///hitl.db"),
        "store_options": {key: table.get(key, TEXT) for key in table.values if key not in ("url", "retention")},
        "retention": _age(table.get("retention", DURATION)),
    }


def _policy(table: Table, beside: Beside) -> Fields:
    policy, file = _rules(table, beside)
    return {
        "policy": policy,
        "policy_file": file,
        "told": table.get("told", TOLD, CHANGES),
        "history": _age(table.get("history", DURATION)) or LONGEST,
        "rejected_in_a_row": table.get("rejected_in_a_row", REJECTIONS, REJECTED_IN_A_ROW),
        "asked_a_minute": table.get("asked_a_minute", A_MINUTE, 0),
    }


def _rules(table: Table, beside: Beside) -> tuple[Policy, Path | None]:
    name = os.environ.get("HITL_POLICY_FILE") or table.get("file", TEXT)
    file = beside.policy or (None if name is None else beside.folder / name)
    if file is None:
        return Policy([]), None
    try:
        return Policy.from_file(file), file
    except ConfigError as exc:
        table.faults += exc.faults
    return Policy([]), file


def _worker(table: Table, beside: Beside) -> Fields:
    return {
        "lease_seconds": float(table.get("lease", LEASE, 30)),
        "concurrency": table.get("concurrency", COUNT, 4),
        "tries": table.get("tries", TRIED, TRIES),
        "grace_seconds": float(table.get("grace", GRACE, GRACE_SECONDS)),
    }


def _channels(table: Table, beside: Beside) -> Fields:
    return {
        "channels": tuple(table.get("names", TEXTS, ())),
        "told_a_minute": table.get("told_a_minute", A_MINUTE, TOLD_A_MINUTE),
    }


def _messages(table: Table, beside: Beside) -> Fields:
    return {"messages": routes_of(table.values, table.faults)}


def _tools(table: Table, beside: Beside) -> Fields:
    faults, folder = table.faults, beside.folder
    return {"tools": {name: _override(f"tools.{name}", given, faults, folder) for name, given in table.values.items()}}


def _redact(table: Table, beside: Beside) -> Fields:
    return {"redact": tuple(table.get("paths", PATHS, ()))}


def _transcripts(table: Table, beside: Beside) -> Fields:
    return {"transcripts": table.get("keep", FLAG, False)}


def _environment(table: Table, beside: Beside) -> Fields:
    return {"environment": table.get("name", TEXT, "default"), "tenant": table.get("tenant", TEXT, "default")}


def _people(table: Table, beside: Beside) -> Fields:
    """Where people are looked up. A file is read here once, so that its faults are told with all others."""
    name, provider = table.get("file", TEXT), table.get("provider", REFERENCE)
    if name and provider:
        table.faults.append(Fault("people.provider", "is given besides people.file; keep one of them"))
    if table.given and not {"file", "provider"} & table.values.keys():
        missing = 'is missing; write file = "people.toml" or provider = "module:name"'
        table.faults.append(Fault("people.file", missing))
    file = beside.folder / name if name else None
    if file is not None:
        try:
            PeopleFile(file)
        except ConfigError as exc:
            table.faults += exc.faults
    return {"people_file": file, "people_provider": provider}


def _authority(table: Table, beside: Beside) -> Fields:
    roles = {act: tuple(named) for act in Act if (named := table.get(act, ROLES)) is not None}
    return {"authority": Authority(roles, table.get("lift_by_another", FLAG))}


_READERS: Final[Mapping[str, Callable[[Table, Beside], Fields]]] = {
    "backend": _backend,
    "store": _store,
    "policy": _policy,
    "worker": _worker,
    "channels": _channels,
    "messages": _messages,
    "tools": _tools,
    "redact": _redact,
    "transcripts": _transcripts,
    "environment": _environment,
    "people": _people,
    "authority": _authority,
    "server": lambda table, beside: {"serving": serving_from(table, beside.folder)},
}


def _age(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


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
