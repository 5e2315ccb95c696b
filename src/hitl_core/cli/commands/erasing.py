"""`hitl audit erase`, `retain`: what a run has said is erased, and the trail still verifies."""

from __future__ import annotations

import re
from datetime import timedelta
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

Erased = Annotated[str, typer.Option("--run", metavar="RUN", help="The run; it must be over.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded and stays: name nobody in it.")]
Age = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="Such as 2y, 26w, 90d or 12h; a year is 365 days.")
]

_UNITS: Final = {"y": 365 * 24, "w": 7 * 24, "d": 24, "h": 1}
_AGE: Final = re.compile(r"(\d{1,4})([ywdh])", re.ASCII)


def erase(run: Erased, as_: As, reason: Why, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Erase what a run was given, asked and told, and what came of it. That it ran stays, and so does the trail."""
    who = responder(as_, None)

    async def work(hitl: Runtime) -> Run:
        return await hitl.erase(await find_run(hitl, run), by=who, reason=reason)

    erased = Opening(config).do(work)
    said = f"run {erased.id} is erased: `hitl audit verify` still verifies, and `hitl audit report` says so"
    Output(as_json).result(json_views.run_view(erased), shown(said))


def retain(
    older_than: Age, as_: As, config: ConfigFile = DEFAULT_CONFIG, reason: Why = "retention", as_json: AsJson = False
) -> None:
    """Erase all runs that are over for longer than this. For cron: it can be broken off and called again."""
    age, who = _age(older_than), responder(as_, None)

    async def work(hitl: Runtime) -> int:
        return await hitl.retain(older_than=age, by=who, reason=reason)

    count = Opening(config).do(work)
    Output(as_json).result({"erased": count}, shown(f"{count} runs that were over for {older_than} are erased"))


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise WrongUsage([Fault("--older-than", f"{text!r} is no age; write it like 2y, 26w, 90d or 12h")])
    return timedelta(hours=int(found[1]) * _UNITS[found[2]])
