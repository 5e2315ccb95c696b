"""What oversight that is in force elsewhere costs an action: stops, standing grants, and people in a directory.

A proposal is all that the gate does before a tool: propose, the verdict, and the transaction that begins the effect. It
is measured as CPU of this process: without the wait for its disk, what is added shows most. What is compared takes
turns, in one store or in two that differ in nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from hitl_core.clock import SystemClock
from hitl_core.commands import GiveGrant, OpenRun, SetStop, Stop, StopScope
from hitl_core.gate import Gate, Surroundings
from hitl_core.people import PeopleFile
from hitl_core.policy import Policy
from hitl_core.protocol import Action, Allowance, Executed, Grant, Origin, Proceed, Responder, new_id
from hitl_core.stores.sql.commands import permission
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.tools import Catalogue

from .filled import run_record
from .yardsticks import Figure, median, microseconds

MANY = 1_000
BOUND = 1.05
FREE = Policy.from_toml(
    '[[rules]]\nid = "notes"\nwhy = "Notes are harmless."\nmatch = { tool = "note" }\nlevel = "autonomous"\n'
    'allow_irreversible = "Nobody reads them."\n'
)
ASKS = Policy(version="asks")

Step = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Desk:
    """A store, and the gate of one run in it, through which one call after the other goes."""

    store: SqliteStore
    gate: Gate
    calls: int = 0

    @classmethod
    async def at(cls, folder: Path, name: str, policy: Policy) -> Desk:
        store = await SqliteStore.open(f"sqlite:///{name}.db", folder=folder)
        now = datetime.now(UTC)
        opened = await store.apply(OpenRun(run_record(now), "bench", 3600.0, now))
        catalogue = Catalogue(overrides={"note": {"reversible": True}})
        around = Surroundings(store=store, policy=lambda: policy, clock=SystemClock(), catalogue=catalogue)
        return cls(store, Gate(around, opened.run, opened.lease))

    async def proposal(self) -> float:
        """CPU seconds of one proposal that runs: propose, verdict, begin."""
        self.calls += 1
        action = Action(tool="note", arguments={"text": f"note {self.calls}"}, origin=Origin(path=("desk", "clerk")))
        begun = time.process_time()
        allowed = await self.gate.propose(action, call=f"note#{self.calls}")
        assert isinstance(allowed, Proceed), allowed
        effect = await self.gate.begin(allowed)
        spent = time.process_time() - begun
        await self.gate.end(effect, Executed(None))
        return spent

    async def look(self) -> float:
        """CPU seconds of one look for stops, as adapters take it between the steps of a framework."""
        begun = time.process_time()
        assert not await self.gate.heed_stops()
        return time.process_time() - begun


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """Stops and grants at none and at 1,000 elsewhere; a directory of 10 and of 10,000 people."""
    return [*await _stops(folder, rounds), *await _grants(folder, rounds), *await _people(folder, rounds)]


# ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────


async def _stops(folder: Path, rounds: int) -> list[Figure]:
    none, many = await Desk.at(folder, "no-stops", FREE), await Desk.at(folder, "stops", FREE)
    await _stop_elsewhere(many.store)
    spent: dict[str, list[float]] = {name: [] for name in ("none", "none, no check", "many", "many, no check")}
    looks: dict[str, list[float]] = {"none": [], "many": []}
    for round in range(rounds):
        for name, desk in (("none", none), ("many", many))[:: 1 if round % 2 else -1]:
            await _both_ways(desk, spent[name], spent[f"{name}, no check"], turned=bool(round % 4 < 2))
            looks[name].append(await desk.look())
    await none.store.close()
    await many.store.close()
    return [
        _checked("no stop in force", spent["none"], spent["none, no check"]),
        _checked(f"{MANY:,} stops elsewhere", spent["many"], spent["many, no check"]),
        _compared(f"a look for stops, {MANY:,} elsewhere", looks["many"], looks["none"], "none in force", 1.5),
    ]


async def _both_ways(desk: Desk, checked: list[float], unchecked: list[float], *, turned: bool) -> None:
    """One proposal as it is, one with the check taken out, in either order."""
    for checks in (turned, not turned):
        if checks:
            checked.append(await desk.proposal())
        else:
            with _without_the_check():
                unchecked.append(await desk.proposal())


@contextmanager
def _without_the_check() -> Iterator[None]:
    with patch.object(permission, "of_action", lambda *_: ()):
        yield


async def _stop_elsewhere(store: SqliteStore) -> None:
    now = datetime.now(UTC)
    scopes = (StopScope.RUN, StopScope.TOOL, StopScope.AGENT, StopScope.TENANT)
    for number in range(MANY):
        scope = scopes[number % len(scopes)]
        await store.apply(SetStop(Stop(scope, f"other-{number}", "not here", "boss", now)))


def _checked(where: str, checked: list[float], unchecked: list[float]) -> Figure:
    """Of the pairs that stood side by side, the median of what the check has added."""
    added = median([one - other for one, other in zip(checked, unchecked, strict=True)])
    without = median(unchecked)
    against = f"the same without the stop check {microseconds(without)}"
    shown = microseconds(without + added)
    return Figure(f"a proposal, {where}", shown, against, 1 + added / without, BOUND, binding=True)


def _compared(name: str, ours: list[float], other: list[float], against: str, goal: float | None) -> Figure:
    ratio = median(ours) / median(other)
    against = f"{against} {microseconds(median(other))}"
    return Figure(name, microseconds(median(ours)), against, ratio, goal, binding=goal is not None)


# ── grants ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _grants(folder: Path, rounds: int) -> list[Figure]:
    """Proposals that run under a grant: the only one, one beside 1,000 for other tools, one beside 99 for this one."""
    desks = {name: await Desk.at(folder, f"grants-{name}", ASKS) for name in ("alone", "elsewhere", "here")}
    for number in range(MANY):
        await desks["elsewhere"].store.apply(_grant(f"tool-{number}"))
    for number in range(99):
        await desks["here"].store.apply(_grant("note", agent=f"agent-{number}"))
    spent: dict[str, list[float]] = {name: [] for name in desks}
    for desk in desks.values():
        await desk.store.apply(_grant("note"))
    for _ in range(rounds):
        for name, desk in desks.items():
            spent[name].append(await desk.proposal())
    for desk in desks.values():
        await desk.store.close()
    return [
        _compared(f"under a grant, {MANY:,} elsewhere", spent["elsewhere"], spent["alone"], "one grant", 1.1),
        _compared("under a grant, 99 for others' calls of the tool", spent["here"], spent["alone"], "one grant", None),
    ]


def _grant(tool: str, agent: str | None = None) -> GiveGrant:
    now = datetime.now(UTC)
    ends = now + timedelta(days=1)
    allows, by = Allowance(tool=tool, agent=agent), Responder(id="ann")
    return GiveGrant(Grant(id=new_id(now), allows=allows, tenant="default", by=by, given_at=now, expires_at=ends), now)


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _people(folder: Path, rounds: int) -> list[Figure]:
    """No proposal asks the directory; each answer does: who is this, and for whom may they decide?"""
    few, many = _directory(folder, 10), _directory(folder, 10 * MANY)
    spent: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(rounds):
        for name, people in (("few", few), ("many", many)):
            begun = time.process_time()
            await people.person("person-7")
            await people.delegators("person-7")
            spent[name].append(time.process_time() - begun)
    return [_compared(f"who answers, of {10 * MANY:,} people", spent["many"], spent["few"], "of 10", 1.5)]


def _directory(folder: Path, people: int) -> PeopleFile:
    path = folder / f"people-{people}.toml"
    lines = ['[people.person-0]\ndelegate = "person-9"']
    lines += [f'[people.person-{n}]\nroles = ["clerk"]\ndelegate = "person-{n // 2}"' for n in range(1, people)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return PeopleFile(path)
