"""`hitl store migrate`, `check`, `vacuum`: what whoever runs a store does to it as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.text import Text

from ...audit import Report
from ...clock import SystemClock
from ...config import Config, open_store, upkeep_of
from ...errors import ConfigError, Fault, StoreError
from ...protocol import Json
from ...runtime import Compacted, compact
from ...stores.sql.upkeep import ADVICE, Flaw, Kind, Space
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, Exit
from ..terminal import json_views
from ..terminal.output import Output
from ..terminal.render import shown
from .audit import VERDICTS, audited, verdict
from .erasing import age

store_app = typer.Typer(name="store", help="The store as a whole.", no_args_is_help=True, rich_markup_mode=None)

MaybeAge = Annotated[
    str | None,
    typer.Option("--older-than", metavar="AGE", help="Instead of `retention`: such as 2y, 26w, 90d or 12h."),
]
Plan = Annotated[bool, typer.Option("--plan", help="Only say what would be done.")]


@store_app.command("migrate")
def migrate(config: ConfigFile = DEFAULT_CONFIG, plan: Plan = False, as_json: AsJson = False) -> None:
    """Bring the tables to the schema of this release, which the first use would do too. All of it, or nothing."""
    given = Config.load(config)
    upkeep = upkeep_of(given.store_url, given.folder, given.store_options)
    found = upkeep.versions() if plan else upkeep.migrate()
    done = not plan and found.steps > 0
    document: dict[str, Json] = {"found": found.found, "newest": found.newest, "steps": found.steps, "migrated": done}
    Output(as_json).result(document, shown(f"the store {upkeep} {_said(*found, plan=plan)}"))


def _said(found: int, newest: int, *, plan: bool) -> str:
    if found == newest:
        return f"has schema {newest}, the newest that this release knows: nothing to do"
    if found == 0:
        return f"{'does not exist yet; it would be' if plan else 'is'} made with schema {newest}"
    return f"{'would be' if plan else 'is'} brought from schema {found} to {newest}"


@store_app.command("check")
def check(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Look at all of the store: the tables by themselves, against the audit trail, and the trail. Changes nothing.

    Exit status 0 it is sound, 1 it is not, 2 it cannot be told.
    """
    given = Config.load(config)
    upkeep = upkeep_of(given.store_url, given.folder, given.store_options)
    found = upkeep.versions()
    if found.steps:
        what = f"{upkeep} {_said(*found, plan=True)}: what another release made is not checked"
        raise ConfigError([Fault("store", f"{what}; run `hitl store migrate` first")])
    report, unread = _trail(given)
    flaws = (*upkeep.check(), *unread)
    trail = Exit.FAILED if report is None else report.exit_code
    code = Exit.FAILED if any(not each.harmless for each in flaws) else trail
    document: dict[str, Json] = {
        "ok": code == Exit.DONE,
        "result": _RESULTS[code],
        "flaws": [{"kind": each.kind, "message": each.message, "next": each.advice} for each in flaws],
        "audit": None if report is None else json_views.report_view(report, VERDICTS[report.exit_code]),
    }
    Output(as_json).result(document, *_checked(flaws), *(() if report is None else verdict(report)), _result(code))
    return code


def _trail(config: Config) -> tuple[Report | None, tuple[Flaw, ...]]:
    """What the trail is worth; or why it cannot be read."""
    try:
        return asyncio.run(audited(config, None)), ()
    except StoreError as exc:
        return None, (Flaw(Kind.DAMAGED, f"the trail cannot be read: {exc.code} {exc}"),)


_RESULTS: Final = {0: "sound", 1: "not sound", 2: "cannot be told"}


def _result(code: int) -> Text:
    return shown(f"the store: {_RESULTS[code]}", {0: "green", 1: "bold red", 2: "yellow"}[code])


def _checked(flaws: Sequence[Flaw]) -> Iterator[Text]:
    for kind in dict.fromkeys(each.kind for each in flaws):
        for each in flaws:
            if each.kind is kind:
                yield shown(f"{kind}: {each.message}", "yellow" if each.harmless else "red")
        yield shown(f"  next: {ADVICE[kind]}")


@store_app.command("vacuum")
def vacuum(older_than: MaybeAge = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Delete what only going on needs of runs that are over for longer than `retention` in [store], and give room back.

    What people were shown, said and decided stays, and so does the audit trail. For cron: it can be broken off.
    """
    given = Config.load(config)
    upkeep = upkeep_of(given.store_url, given.folder, given.store_options)
    if upkeep.versions().found == 0:
        raise ConfigError([Fault("store", f"{upkeep} does not exist yet, so there is nothing to give back")])
    kept = given.retention if older_than is None else age(older_than)
    gone = None if kept is None else asyncio.run(_compacted(given, kept))
    space = upkeep.reclaim()
    document: dict[str, Json] = {
        "compacted": 0 if gone is None else gone.runs,
        "records": 0 if gone is None else gone.records,
        "before": space.before,
        "after": space.after,
    }
    Output(as_json).result(document, *_given_back(gone, space))


async def _compacted(config: Config, kept: timedelta) -> Compacted:
    clock = SystemClock()
    store = await open_store(config, clock)
    try:
        return await compact(store, kept, clock.now())
    finally:
        await store.close()


def _given_back(gone: Compacted | None, space: Space) -> Iterator[Text]:
    if gone is None:
        yield shown("no run is compacted: neither --older-than nor `retention` in [store] says from which age on")
    else:
        yield shown(f"{gone.runs} runs that are over are compacted: {gone.records} records of theirs are gone")
    yield shown(f"the tables took {space.before:,} bytes and take {space.after:,}")
