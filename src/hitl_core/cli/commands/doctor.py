"""`hitl doctor`: what is installed, what is configured, what was found in the app, and what cannot be gated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...observing.health import LAG
from ..hints import Hints
from ..options import DEFAULT_CONFIG, AsJson, Backend, ConfigFile, Exit, MaxLag
from ..terminal.output import Output
from ..terminal.render import grid_of_facts, shown, table_of
from .checkup import Checkup
from .crew import Crew
from .readiness import readiness

_LEVEL_STYLES = {"refuse": "bold red", "warn": "yellow", "absent": "yellow", "emulated": "", "native": "green"}


Ready = Annotated[bool, typer.Option("--ready", help="Only whether a worker could work now; for probes.")]


def doctor(
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    ready: Ready = False,
    max_lag: MaxLag = LAG,
    as_json: AsJson = False,
) -> int:
    """Look at the installation and the configuration. Exit status 1 if something must be repaired."""
    if ready:
        return readiness(config, backend, max_lag, Output(as_json))
    checkup = Checkup(config, backend)
    found = checkup.document()
    Output(as_json).result(found, *_shown(found, checkup.crew, Hints(config)))
    return Exit.DONE if found["ok"] else Exit.FAILED


def _shown(found: dict[str, Any], crew: Crew | None, hints: Hints) -> Iterator[RenderableType]:
    yield Text("installed", "bold")
    yield _facts({name: version or "missing" for name, version in found["installed"].items()})
    yield _adapters(found["adapters"])
    yield _facts(_rooms(found))
    yield Text("configured", "bold")
    yield _facts(_configured(found["config"]))
    for part in ("store", "audit"):
        if found[part] is not None:
            yield _facts({part: found[part]["message"]})
    if found["app"] is not None:
        yield from _app(found["app"])
    if crew is not None:
        yield Text("at work", "bold")
        yield from crew.shown(hints)
    yield from _verdict(found["problems"])


def _configured(config: dict[str, Any]) -> dict[str, Any]:
    said = {name.replace("_", " "): value for name, value in config.items() if value not in (None, [])}
    if config["ok"] and config["policy_version"] is None:  # it is the server's
        return {name: value for name, value in said.items() if name != "rules"}
    return said if "policy" in said or not config["ok"] else {**said, "policy": "no file, so everything asks"}


def _rooms(found: dict[str, Any]) -> dict[str, str]:
    sqlite = found["sqlite"]
    return {
        "stores": ", ".join(found["stores"]),
        "channels": ", ".join(found["channels"]),
        "SQLite": f"{sqlite['version']}  {'WARNING: it ' + sqlite['warning'] if sqlite['affected'] else ''}",
        "set in the environment": ", ".join(found["environment"]) or "nothing",
    }


def _adapters(adapters: list[dict[str, Any]]) -> Table:
    table = table_of("adapter", "state", "packages")
    for adapter in adapters:
        packages = "; ".join(f"{p['name']} {p['found'] or 'missing'} ({p['needed']})" for p in adapter["packages"])
        hint = "ready" if adapter["installed"] else f"pip install 'hitl-core[{adapter['name']}]'"
        table.add_row(shown(adapter["name"]), Text(hint, "green" if adapter["installed"] else "dim"), shown(packages))
    return table


def _app(app: dict[str, Any]) -> Iterator[RenderableType]:
    if not app["ok"]:
        return
    yield Text("found in the app", "bold")
    others = [each for each in app["findings"] if each not in app["ungated"]]
    yield _findings(others) if others else Text("  nothing that needs attention", "dim")
    yield Text("what is not gated", "bold")
    yield _findings(app["ungated"]) if app["ungated"] else Text("  nothing that was found", "dim")
    limits = [each for each in app["capabilities"] if each["level"] != "native"]
    if limits:
        yield Text("what this backend cannot do by itself", "bold")
        yield _limits(limits)


def _findings(findings: list[dict[str, str]]) -> Table:
    table = table_of("level", "place", "what")
    for each in findings:
        style = _LEVEL_STYLES.get(each["level"], "")
        table.add_row(shown(each["level"], style), shown(each["place"]), shown(each["message"]))
    return table


def _limits(limits: list[dict[str, str]]) -> Table:
    table = table_of("ability", "", "because")
    for each in limits:
        table.add_row(shown(each["name"]), Text(each["level"], _LEVEL_STYLES[each["level"]]), shown(each["because"]))
    return table


def _verdict(problems: list[str]) -> Iterator[RenderableType]:
    if not problems:
        yield Text("everything that is configured can be used", "green")
        return
    yield Text(f"{len(problems)} to repair", "bold red")
    for problem in problems:
        yield Text.assemble("  - ", shown(problem))


def _facts(facts: dict[str, Any]) -> Table:
    grid = grid_of_facts()
    for name, value in facts.items():
        listed = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        grid.add_row(f"  {name}", shown(listed))
    return grid
