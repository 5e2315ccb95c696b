"""`hitl doctor --ready`: could a worker with this configuration work now? For probes that start a command."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from ...errors import StoreError
from ...observing.health import Check, Health, ready
from ..opening import Opening
from ..options import Exit
from ..terminal.output import Output
from ..watching import schema_of


def readiness(config: Path, backend: str | None, max_lag: float, output: Output) -> int:
    """Exit status 0 if it is ready, 1 if not. Raises what `connect` raises for a configuration that is wrong."""
    opening = Opening(config, backend)
    opening.require_store("a worker")
    schema = schema_of(config, backend)
    try:
        found = opening.do(lambda hitl: ready(hitl, lag=max_lag, schema=schema))
    except StoreError as exc:
        found = Health((Check("store", False, f"{exc.code} {type(exc).__name__}"),))
    output.result(found.document(), *(_line(check) for check in found.checks))
    return Exit.DONE if found.ok else Exit.FAILED


def _line(check: Check) -> Text:
    mark, style = ("ready", "green") if check.ok else ("not ready", "bold red")
    return Text.assemble((f"{check.name}: {mark}", style), f"  {check.says}")
