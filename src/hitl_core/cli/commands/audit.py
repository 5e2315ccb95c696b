"""`hitl audit verify`, `export`, `report`: does the record still say what was sealed; the record; one run's account."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer
from rich.console import RenderableType
from rich.text import Text

from ...audit import COLUMNS, Account, Custody, Report, cells
from ...audit import verify as verified
from ...clock import SystemClock
from ...config import Config, is_remote, open_store, require_store
from ...errors import ConfigError, Fault, StoreError
from ...protocol import AuditEntry, Json
from ...runtime import Runtime, entries
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, RunId
from ..terminal import json_views
from ..terminal.account import as_markdown, as_text
from ..terminal.output import Output
from ..terminal.render import shown

if TYPE_CHECKING:
    from ...client.reading import RemoteStore


class Format(StrEnum):
    """How the record can be written."""

    JSONL = "jsonl"
    CSV = "csv"


class Form(StrEnum):
    """How the account of a run can be written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


As = Annotated[Format, typer.Option("--format", help="jsonl: one JSON object per line. csv: for a spreadsheet.")]
InForm = Annotated[Form, typer.Option("--format", help="text, markdown or json.")]
OfRun = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only what concerns one run.")]
AnchorFile = Annotated[Path | None, typer.Option("--anchors", metavar="FILE", help="The anchors to hold it against.")]


def export(
    config: ConfigFile = DEFAULT_CONFIG, format: As = Format.JSONL, run: OfRun = None, as_json: AsJson = False
) -> None:
    """Write the audit trail, oldest line first. With --json as one document: `{"entries": [...]}`."""

    async def work(hitl: Runtime) -> list[Json]:
        only = None if run is None else await find_run(hitl, run)
        if as_json:
            return [json_views.audit_view(entry) async for entry in entries(hitl.store, run_id=only)]
        await _write(entries(hitl.store, run_id=only), format)
        return []

    listed = Opening(config).do(work)
    if as_json:
        Output(as_json).result({"entries": listed})


async def _write(lines: AsyncIterator[AuditEntry], format: Format) -> None:
    """Line by line: a trail of millions of lines is never held as a whole."""
    if format is Format.JSONL:
        async for entry in lines:
            print(json.dumps(json_views.audit_view(entry)))
        return
    rows = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL, lineterminator="\n")
    rows.writerow(COLUMNS)
    async for entry in lines:
        rows.writerow(cells(entry))


def report(
    run: RunId, config: ConfigFile = DEFAULT_CONFIG, format: InForm = Form.TEXT, as_json: AsJson = False
) -> None:
    """The account of one run, for an auditor. Who, what, when, why, what was shown, decided and done; and what it
    cannot know."""

    async def work(hitl: Runtime) -> Account:
        return await hitl.account(await find_run(hitl, run))

    made = Opening(config).do(work)
    if as_json or format is Form.JSON:
        Output(as_json=True).result(made.document())
        return
    for line in as_markdown(made) if format is Form.MARKDOWN else as_text(made):
        print(line)


def verify(config: ConfigFile = DEFAULT_CONFIG, anchors: AnchorFile = None, as_json: AsJson = False) -> int:
    """Check the whole audit trail. Exit status 0 it is as it was sealed, 1 it is not, 2 it cannot be told."""
    file = None if anchors is None else anchors.resolve()
    given = Config.load(config)
    if file is not None:
        require_store(given.store_url, "--anchors")
    try:
        report = _told(Opening(config)) if is_remote(given.store_url) else asyncio.run(audited(given, file))
    except StoreError as exc:
        raise ConfigError([Fault("store", f"the trail cannot be read: {exc.code} {exc}")]) from exc
    Output(as_json).result(json_views.report_view(report, VERDICTS[report.exit_code]), *verdict(report))
    return report.exit_code


def _told(opening: Opening) -> Report:
    """What a server says of its trail."""
    return opening.do(lambda hitl: cast("RemoteStore", hitl.store).verified())


async def audited(config: Config, anchors: Path | None) -> Report:
    """Its trail, read. Opened without anchoring: looking must not write the witness that it looks for."""
    store = await open_store(config, SystemClock(), anchoring=False)
    try:
        custody = getattr(store, "custody", None)
        if not isinstance(custody, Custody):
            raise ConfigError([Fault("store", "keeps no sealed trail, so there is nothing to verify")])
        held_against = custody if anchors is None else replace(custody, anchors=anchors, remembered="")
        return await verified(store, held_against)
    finally:
        await store.close()


_CANNOT_BE_TOLD: Final = 2
VERDICTS: Final = {0: "intact", 1: "broken", _CANNOT_BE_TOLD: "cannot be told"}
_STYLES: Final = {0: "green", 1: "bold red", 2: "yellow"}


def verdict(report: Report) -> Iterator[RenderableType]:
    """Each finding, and what they come to."""
    for finding in report.findings:
        yield shown(str(finding), "red")
    code = report.exit_code
    head = "whether the audit trail is intact " if code == _CANNOT_BE_TOLD else "the audit trail is "
    vouched = f"{report.anchors} anchors vouch for {report.anchored} of them"
    yield Text.assemble(head, (VERDICTS[code], _STYLES[code]), f": {report.lines} lines, {vouched}")
    if report.waiting_since is not None:
        since = f"the oldest since {report.waiting_since.isoformat(timespec='seconds')}"
        yield Text(f"{report.unsealed} lines more are not sealed yet, {since}: start a worker, which seals them")
