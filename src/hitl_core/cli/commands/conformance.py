"""`hitl conformance`: every promise of the protocol, tried on an adapter."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...errors import Fault
from ..errors_shown import WrongUsage
from ..options import Exit
from ..terminal.output import Output, console
from ..terminal.render import shown, table_of

if TYPE_CHECKING:
    from ...testing.conformance import Behaviour, Report, Result

_STDOUT: Final = Path("-")
_STYLES: Final = {"passed": "green", "refused": "yellow", "failed": "bold red", "not_run": "red"}


def conformance(
    backend: Annotated[
        str, typer.Argument(metavar="BACKEND", help="The name of an adapter, or module:Class of a kit of your own.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON; - for standard output.")
    ] = None,
    promise: Annotated[
        list[str] | None, typer.Option("--promise", metavar="P31", help="Only this promise; repeat for more.")
    ] = None,
    store: Annotated[
        str,
        typer.Option("--store", metavar="URL", help="Where runs are kept: postgresql://…; by default a file each."),
    ] = "",
) -> int:
    """Try every promise of the protocol on an adapter. Exit status 1 if any behaviour failed or could not be run."""
    from ...testing.conformance import find_kit, try_adapter

    tried = _behaviours(promise or [])
    if json_file is not None and not json_file.parent.is_dir():
        raise WrongUsage([Fault("--json", f"there is no folder {str(json_file.parent)!r}")])
    kit = find_kit(backend)
    progress = _Progress(len(tried))
    report = try_adapter(kit, tried, store=store, told=progress.told)
    progress.end()
    text = json.dumps(report.to_json(), indent=2) + "\n"
    if json_file == _STDOUT:
        print(text, end="", flush=True)
        return Exit.DONE if report.good else Exit.FAILED
    if json_file is not None:
        json_file.write_text(text, encoding="utf-8")
    Output().result(None, *_shown(report))
    return Exit.DONE if report.good else Exit.FAILED


def _behaviours(promises: list[str]) -> list[Behaviour]:
    """The behaviours of the promises that were named. Raises WrongUsage for one that does not exist."""
    from ...testing.conformance import PROMISES, chosen

    unknown = [each for each in promises if each.upper() not in PROMISES]
    if unknown:
        raise WrongUsage([Fault("--promise", f"{each!r} is not one of {', '.join(PROMISES)}") for each in unknown])
    found = chosen(promises)
    if not found:
        raise WrongUsage([Fault("--promise", f"nothing tries {', '.join(promises)} in this release")])
    return found


class _Progress:
    """One line on standard error that says how far it is; at a terminal it stays one line."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._live = sys.stderr.isatty()

    def told(self, result: Result) -> None:
        self._done += 1
        line = f"{self._done}/{self._total} {result.promise} {result.behaviour}"
        if self._live:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif not result.outcome.good:
            console(stderr=True).print(shown(f"{line}: {result.outcome.value}: {result.because}"), soft_wrap=True)

    def end(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _shown(report: Report) -> Iterator[RenderableType]:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield Text.assemble((report.adapter, "bold"), "  ", shown(versions, "dim"))
    yield _promises(report)
    notes = [*report.notes()]
    if notes:
        yield _notes(notes)
    yield _verdict(report)


def _promises(report: Report) -> Table:
    table = table_of("promise", "behaviours", "what is promised")
    for promise, counted, sentence in report.rows():
        worst = next((each for each in reversed(_STYLES) if each in counted), "passed")
        table.add_row(promise, Text(counted, _STYLES[worst]), sentence)
    return table


def _notes(notes: list[Result]) -> Table:
    table = table_of("promise", "behaviour", "outcome", "because")
    for each in notes:
        outcome = Text(each.outcome.value, _STYLES[each.outcome.value])
        table.add_row(each.promise, each.behaviour, outcome, shown(each.because))
    return table


def _verdict(report: Report) -> Text:
    counted = ", ".join(f"{number} {outcome}" for outcome, number in report.count().items() if number)
    if report.good:
        return Text(f"{report.adapter} keeps what was tried: {counted}", "bold green")
    return Text(f"{report.adapter} does not keep everything that was tried: {counted}", "bold red")
