"""`hitl audit erase`, `retain`: what a run has said, or who a person is, is erased, and the trail still verifies."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from ...errors import Fault
from ...protocol import Run
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..lookup import find_run
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, responder
from ..terminal import json_views
from ..terminal.output import Output
from ..terminal.render import shown

Erased = Annotated[str | None, typer.Option("--run", metavar="RUN", help="A run; it must be over.")]
Whom = Annotated[
    str | None,
    typer.Option("--person", metavar="ID", help="A person, everywhere; nothing that is open may rest on them."),
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded and stays: name nobody in it.")]
Age = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="Such as 2y, 26w, 90d or 12h; a year is 365 days.")
]

_UNITS: Final = {"y": 365 * 24, "w": 7 * 24, "d": 24, "h": 1}
_AGE: Final = re.compile(r"(\d{1,4})([ywdh])", re.ASCII)


def erase(
    as_: As,
    reason: Why,
    run: Erased = None,
    person: Whom = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Erase what a run has said, or who a person is. Of a run what it was given, asked and told, and what came of it;
    of a person their name and what they said. That it ran, and that it was one person, stays, and so does the trail."""
    if (run is None) == (person is None):
        raise WrongUsage([Fault("--run", "give either a run or, with --person, a person, and not both")])
    if run is not None:
        _erase_run(run, as_, reason, config, as_json)
    if person is not None:
        _erase_person(person, as_, reason, config, as_json)


def _erase_run(run: str, as_: str, reason: str, config: Path, as_json: bool) -> None:
    who = responder(as_, None)

    async def work(hitl: Runtime) -> Run:
        return await hitl.erase(await find_run(hitl, run), by=who, reason=reason)

    erased = Opening(config).do(work)
    said = f"run {erased.id} is erased: `hitl audit verify` still verifies, and `hitl audit report` says so"
    Output(as_json).result(json_views.run_view(erased), shown(said))


def _erase_person(person: str, as_: str, reason: str, config: Path, as_json: bool) -> None:
    who = responder(as_, None)
    erased = Opening(config).do(lambda hitl: hitl.erase_person(person, by=who, reason=reason))
    said = f"{person} is erased and stands as {erased.name}: {erased.apart} names and texts of the trail are gone, "
    said += f"{erased.records} records were changed; `hitl audit verify` still verifies"
    left = f"{erased.inside} lines of the trail name them all the same: an older release sealed the name into them"
    Output(as_json).result(asdict(erased), shown(said), *([shown(left, "yellow")] if erased.inside else []))


def retain(
    older_than: Age, as_: As, config: ConfigFile = DEFAULT_CONFIG, reason: Why = "retention", as_json: AsJson = False
) -> None:
    """Erase all runs that are over for longer than this. For cron: it can be broken off and called again."""
    kept, who = age(older_than), responder(as_, None)

    async def work(hitl: Runtime) -> int:
        return await hitl.retain(older_than=kept, by=who, reason=reason)

    count = Opening(config).do(work)
    Output(as_json).result({"erased": count}, shown(f"{count} runs that were over for {older_than} are erased"))


def age(text: str) -> timedelta:
    """What `--older-than` says. Raises WrongUsage."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise WrongUsage([Fault("--older-than", f"{text!r} is no age; write it like 2y, 26w, 90d or 12h")])
    return timedelta(hours=int(found[1]) * _UNITS[found[2]])
