"""`hitl store migrate`, `vacuum`: what whoever runs a store does to it as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer
from rich.text import Text

from ...clock import SystemClock
from ...config import Config, open_store, upkeep_of
from ...errors import ConfigError, Fault
from ...protocol import Json
from ...runtime import Compacted, compact
from ...stores.sql.upkeep import Space
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile
from ..terminal.output import Output
from ..terminal.render import shown
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
