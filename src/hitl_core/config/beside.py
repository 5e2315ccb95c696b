"""The apps that are served beside the one of a file: each as its own file says, all with one store and its people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..errors import ConfigError, Fault
from .config import Config

IN_MEMORY: Final = "sqlite://"
SHARED: Final = {
    "store_url": "store.url",
    "store_options": "store",
    "tenant": "environment.tenant",
    "people_file": "people.file",
    "people_provider": "people.provider",
    "authority": "authority",
    "transcripts": "transcripts.keep",
}
"""What all of them say alike, with its place in a file: where things are kept, whose they are, and who may do what."""


def apps_beside(config: Config) -> dict[str, Config]:
    """The configurations of [server.apps], by name. Links in their messages lead to the server of this one.

    Raises ConfigError with every fault of theirs, and with what they say otherwise than this one.
    """
    faults, found = list[Fault](), dict[str, Config]()
    for name, file in config.serving.apps.items():
        try:
            found[name] = replace(Config.load(file), serving=config.serving)
        except ConfigError as exc:
            faults += exc.faults
    for name, each in found.items():
        faults += [Fault(f"server.apps.{name}: {place}", problem) for place, problem in _differences(config, each)]
    faults += _twins({"": config, **found})
    if found and config.store_url == IN_MEMORY:
        faults.append(Fault("store.url", f"is {IN_MEMORY!r}, which one app alone can work with; name a file"))
    if faults:
        raise ConfigError(faults)
    return found


def _differences(config: Config, other: Config) -> Iterator[tuple[str, str]]:
    for key, place in SHARED.items():
        if getattr(config, key) != getattr(other, key):
            yield place, "differs from what the file that is served says; write the same in both"


def _twins(configs: dict[str, Config]) -> Iterator[Fault]:
    """Of two files with one app a run could not say whose it is."""
    known = dict[tuple[str, str], str]()
    for name, each in configs.items():
        app = (each.backend, each.app.reference)
        if app in known:
            whose = f"that of {known[app]!r}" if known[app] else "the one that is served"
            yield Fault(f"server.apps.{name}", f"has the app {app[1]!r} under {app[0]!r}, which is {whose} already")
        known[app] = name
