"""What the processes do that die in code which no gate sees into; each function takes only JSON."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_core import AppSource, Policy, Run, Runtime, connect
from hitl_core.config import Config
from hitl_core.protocol import ABORT, NOT_HAPPENED, Kind, PauseRequest, Response, RunState

from . import flows
from .desk import READS, recorded
from .flows import DIES_AT

AGAIN, END, NOTHING = NOT_HAPPENED.id, ABORT.id, "nothing is in doubt"


@dataclass(frozen=True)
class Place:
    """A folder for a store, an app of `flows`, and the steps that its configuration calls safe."""

    folder: str
    app: str
    safe: tuple[str, ...] = ()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        config = Config(
            backend="crewai",
            app=AppSource("desk:app", getattr(flows, self.app)),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(READS, name="test"),
            options={"safe_steps": list(self.safe)},
            tools={"look_up": {"reversible": True}},
            folder=Path(self.folder),
        )
        async with connect(config) as hitl:
            yield hitl


def effects() -> list[str]:
    return [each["effect"] for each in recorded()]


def saying(option: str) -> Callable[[PauseRequest], Response]:
    """A person who says this about whatever is in doubt, and answers the rest."""

    def say(request: PauseRequest) -> Response:
        if request.in_doubt:
            return request.choose(option, by="ann")
        if request.kind is Kind.CHOICE:
            return request.choose("approved", by="ann")
        return request.accept(by="ann") if request.kind is Kind.REVIEW else request.answer("Mira", by="ann")

    return say


async def only_run(hitl: Runtime) -> Run:
    (run,) = (await hitl.runs()).items
    return await hitl.run(run.id)


async def to_its_end(hitl: Runtime, run: Run, say: Callable[[PauseRequest], Response]) -> None:
    for _ in range(6):
        for request in run.pending:
            await hitl.respond(say(request))
        run = await hitl.resume(run.id)
        if run.state is RunState.COMPLETED:
            return
    raise AssertionError(f"run {run.id} does not come to an end: {run}")


# ── what a process does ──────────────────────────────────────────────────────────────────────────────────────


async def starts(place: dict[str, Any]) -> None:
    async with Place(**place).open() as hitl:
        assert (await hitl.start({})).pending


async def goes_through(place: dict[str, Any], dies_at: str) -> None:
    os.environ[DIES_AT] = dies_at
    async with Place(**place).open() as hitl:
        await to_its_end(hitl, await hitl.start({}), saying(NOTHING))


async def goes_on(place: dict[str, Any], dies_at: str = "", said: str = NOTHING) -> None:
    """Take up the run, and answer until it is over, or until this process dies too."""
    os.environ[DIES_AT] = dies_at
    async with Place(**place).open() as hitl:
        await to_its_end(hitl, await only_run(hitl), saying(said))


async def asks(place: dict[str, Any], about: str, happened: list[str]) -> None:
    """Nothing ran but what had, and the one question is about this."""
    async with Place(**place).open() as hitl:
        run = await hitl.resume((await only_run(hitl)).id)
        assert [(each.in_doubt, each.action.tool) for each in run.pending] == [(True, about)], run
        assert effects() == happened, effects()


async def ends_as_a_person_says(place: dict[str, Any], about: str) -> None:
    """They let it not run again; the run fails for that reason, until it asks anew."""
    async with Place(**place).open() as hitl:
        run = await only_run(hitl)
        await hitl.respond(saying(END)(run.pending[0]))
        for _ in range(2):
            run = await hitl.resume(run.id)
            assert run.state is RunState.FAILED, run
            assert about in run.error, run.error
        run = await hitl.resume(run.id, ask_again=True)
        assert [each.in_doubt for each in run.pending] == [True]
