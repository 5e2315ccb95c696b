"""`hitl store migrate`: what whoever runs a store does to it as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from ...config import Config, upkeep_of
from ...protocol import Json
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile
from ..terminal.output import Output
from ..terminal.render import shown

store_app = typer.Typer(name="store", help="The store as a whole.", no_args_is_help=True, rich_markup_mode=None)

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
