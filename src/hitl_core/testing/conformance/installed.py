"""What an adapter says about itself as it is installed: its capabilities, and the packages it is made of."""

from __future__ import annotations

from importlib.metadata import EntryPoint, PackageNotFoundError, version

from ...apps import AppSource
from ...capabilities import Capabilities
from ...config import Config, make_adapter
from ...config.registry import ADAPTERS, require_known
from ...errors import AdapterNotInstalled
from ...tools import Catalogue


def capabilities_of(backend: str) -> Capabilities:
    """What the adapter says about itself. Raises AdapterNotInstalled, also for one that imports its framework late."""
    missing = [name for name in _packages(backend) if not _version(name)]
    if missing:
        raise AdapterNotInstalled(f"{backend!r} needs {', '.join(missing)}: pip install 'hitl-core[{backend}]'")
    return make_adapter(Config(backend=backend, app=AppSource("conformance:none")), Catalogue()).capabilities


def versions(backend: str) -> dict[str, str]:
    """The package that offers a backend, and what it needs for it, with the versions that are installed."""
    found = {name: _version(name) for name in _packages(backend)}
    return {name: installed for name, installed in found.items() if installed}


def _packages(backend: str) -> list[str]:
    entry = require_known(ADAPTERS, backend)
    names = ["hitl-core", *([entry.dist.name] if entry.dist else []), *sorted(_needed(entry))]
    return [*dict.fromkeys(names)]


def _needed(entry: EntryPoint) -> list[str]:
    """What the extra of that name installs, or, in a package of its own, what that package needs."""
    lines = (entry.dist.requires if entry.dist else None) or []
    name = entry.name.replace("_", "-")  # as package metadata spells the names of extras
    extra = [line for line in lines if line.endswith((f'extra == "{name}"', f"extra == '{name}'"))]
    plain = [line for line in lines if "extra ==" not in line and entry.dist and entry.dist.name != "hitl-core"]
    return [_name(line) for line in (*extra, *plain)]


def _name(requirement: str) -> str:
    for place, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:place]
    return requirement


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
