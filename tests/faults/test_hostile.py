"""Scenarios 48 and 49: payloads that are made to break a reader, and an agent that asks without end."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

import pytest
from pydantic import ValidationError

from hitl_adapters.plain import gate
from hitl_core.channels.announcer import TOLD_A_MINUTE
from hitl_core.commands import ClaimRuns, ListRequests, StopScope
from hitl_core.contracts import More
from hitl_core.errors import HitlError
from hitl_core.protocol import Approvers, PauseRequest, Run, RunState
from hitl_core.runtime import Runtime
from hitl_core.stores.sql.tables import Link, Rows, View
from hitl_core.testing.clock import ManualClock
from tests.core.shop import decide, one_refund, only
from tests.core.stores.world import World
from tests.faults.desk import Desk
from tests.faults.installed import Installed, environment
from tests.faults.places import Place
from tests.faults.scenarios import FULL, many, scenario


def deep(levels: int, *, of: Any = list) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if of is list else {"k": value}
    return value


VALUES: dict[str, Any] = {
    "a megabyte": "x" * 1_100_000,
    "ten megabytes": "x" * 10_000_000,
    "ten thousand lists deep": deep(10_000),
    "ten thousand objects deep": deep(10_000, of=dict),
    "a million keys": {str(number): number for number in range(1_000_000)},
    "a lone surrogate": "\ud800",
    "a key that is one": {"\udfff": 1},
    "not a number": float("nan"),
    "beyond all numbers": 10**400,
    "no JSON at all": object(),
}
"""Each is to be refused by name, wherever it comes in."""

SOME = ("a megabyte", "ten thousand lists deep", "a key that is one", "not a number", "no JSON at all")
"""What the short form tries."""


@scenario(48)
@pytest.mark.parametrize("name", VALUES if FULL else SOME)
async def test_a_call_with_such_an_argument_is_refused_and_asks_nobody(place: Place, name: str) -> None:
    """Fails if anything is stored before its size and its form are known (canonical.py)."""
    desk = Desk(place)

    @gate.guard
    async def send(what: Any) -> str:
        desk.ledger.write("send")
        return "sent"

    async def app(input: Any) -> Any:
        return await send(VALUES[name])

    async with desk.open(app) as hitl:
        run = await hitl.start(None)
        assert run.state is RunState.FAILED
        assert run.error.startswith(("HITL-R0", "HITL-E05"))
        assert (await hitl.inbox()).items == ()
    await _still_works(desk)


@scenario(48)
@pytest.mark.parametrize("name", [name for name in (VALUES if FULL else SOME[1:]) if name != "a megabyte"])
async def test_such_an_input_is_refused_before_a_run_begins(place: Place, name: str) -> None:
    desk = Desk(place)
    async with desk.open(one_refund(desk.ledger)) as hitl:
        with pytest.raises(HitlError):
            await hitl.start({"value": VALUES[name]})
        assert (await hitl.runs()).items == ()
    await _still_works(desk)


Saying = Callable[[Runtime, Run, PauseRequest, str], Awaitable[object]]

SAYINGS: dict[str, Saying] = {
    "an answer": lambda hitl, run, request, text: hitl.respond(request.answer(text, by="ann")),
    "a reason": lambda hitl, run, request, text: hitl.respond(request.reject(text, by="ann")),
    "an edit": lambda hitl, run, request, text: hitl.respond(request.edit({"order": text, "amount": 1.0}, by="ann")),
    "a name": lambda hitl, run, request, text: hitl.respond(request.approve(by=text)),
    "a comment": lambda hitl, run, request, text: hitl.comment(request.id, text, by="ann"),
    "a stop": lambda hitl, run, request, text: hitl.stop(StopScope.TOOL, text, by="ann", reason=text),
    "a cancellation": lambda hitl, run, request, text: hitl.cancel(run.id, by="ann", reason=text),
    "an id": lambda hitl, run, request, text: hitl.request(text),
    "a thread": lambda hitl, run, request, text: hitl.start(None, thread=text),
}
TEXTS = {"NUL": "a\0b", "a lone surrogate": "\ud800", "two megabytes": "y" * 2_000_000}
PAIRS = list(itertools.product(SAYINGS, TEXTS) if FULL else zip(SAYINGS, itertools.cycle(TEXTS), strict=False))


@scenario(48)
@pytest.mark.parametrize(("saying", "text"), PAIRS)
async def test_such_words_are_refused_by_name_or_kept_as_they_are(place: Place, saying: str, text: str) -> None:
    """Whatever comes of it is one of our errors, and the store works as before. What reaches the driver all the same is
    tried in tests/postgres/test_engine.py."""
    desk = Desk(place)
    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        with suppress(HitlError, ValidationError):
            await SAYINGS[saying](hitl, run, only(run), TEXTS[text])
        await hitl.runs()
        await hitl.inbox()
        for stop in await hitl.stops():
            await hitl.lift(stop.scope, stop.target, by="bob", reason="fine")
    await _still_works(desk)


HOSTILE_BYTES = (b"\xff\xfe{", b'{"order": "\xc3\x28"}', b"[" * 100_000, b'{"a": 1, "a": 2}')


@scenario(48)
@pytest.mark.processes
def test_bytes_that_are_no_text_end_a_command_by_name(on_sqlite: Place) -> None:
    installed = Installed.at(on_sqlite)
    command = installed.command("run", "--input")
    for given in HOSTILE_BYTES[: many(2, full=4)]:
        done = subprocess.run(
            [*command[:5], given, *command[5:]], capture_output=True, check=False, env=environment(), timeout=60
        )
        assert done.returncode not in (0, -6, -11), done
        assert b"Traceback" not in done.stderr, done.stderr


# ── an agent that asks without end ───────────────────────────────────────────────────────────────────────────


class Reading:
    """How much is asked of a store, and how many rows come of it: what takes time, on a busy machine too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements = self.rows = 0
        real = View.__init__

        def begin(view: View, link: Link, **how: Any) -> None:
            real(view, link, **how)
            execute = view.execute
            view.execute = lambda sql, given=(), /: cast("Rows", Counted(self, execute(sql, given)))

        monkeypatch.setattr(View, "__init__", begin)

    def now(self) -> tuple[int, int]:
        return self.statements, self.rows


class Counted:
    """What comes of one statement."""

    def __init__(self, reading: Reading, found: Rows) -> None:
        self._reading, self._found = reading, found
        reading.statements += 1

    def fetchone(self) -> Any:
        row = self._found.fetchone()
        self._reading.rows += row is not None
        return row

    def fetchall(self) -> Any:
        rows = self._found.fetchall()
        self._reading.rows += len(rows)
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)


@scenario(49)
async def test_a_flood_of_one_agent_makes_nobody_else_wait(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others are asked is found, answered and claimed as before. Fails if the inbox or a claim reads all of it."""
    store, reading = await place.store(), Reading(monkeypatch)
    world = World(store)
    alone = [await _one_of_others(world, reading) for _ in range(5)]
    for _ in range(many(30, full=200)):
        claimed = await world.open(tenant="flooding", thread="flood")
        flood = [world.request(claimed, f"refund#{n}", approvers=FLOODED) for n in range(50)]
        await world.pause(claimed, *flood)
    beside = [await _one_of_others(world, reading) for _ in range(5)]
    (statements, rows), (most, many_rows) = min(alone), min(beside)
    assert most <= statements + 2, (alone, beside)
    assert many_rows <= rows + 5, (alone, beside)  # such as one more group of deciders
    assert (await store.fetch(ListRequests(users=("bob",), tenant="others"))).items == ()
    await store.close()


class Paged:
    """Whoever is paged, and of how many more they were told at once."""

    name = "paged"

    def __init__(self) -> None:
        self.pages = 0
        self.more = 0

    async def announce(self, request: PauseRequest) -> None:
        self.pages += 1

    async def sum_up(self, more: More) -> None:
        self.pages += 1
        self.more += more.count


@scenario(49)
async def test_an_agent_that_asks_without_end_is_held_back_and_pages_nobody_each_time(place: Place) -> None:
    """Fails if a pause is stored that its quota has no room for (quotas.py), or if every request is a page."""
    desk, paged = Desk(place, time=ManualClock()), Paged()
    runs, quota = many(60, full=10_000), many(40, full=1_000)  # all within a minute: no time passes
    desk.asked_a_minute = quota
    async with desk.open(one_refund(desk.ledger), channels=[paged], name="flood:app") as hitl:
        flood = [await hitl.start(None) for _ in range(runs)]
        asked = [run for run in flood if run.pending]
        async with desk.open(one_refund(desk.ledger), name="other:app") as other:
            calm = await other.start(None)
            assert len(calm.pending) == 1
    assert len(asked) == quota
    held = [run for run in flood if not run.pending]
    assert {run.state for run in held} == {RunState.READY}
    assert all(run.retry_at is not None and f"its quota is {quota}" in run.error for run in held)
    assert paged.pages == TOLD_A_MINUTE + 1
    assert paged.more == quota - TOLD_A_MINUTE
    assert desk.ledger.count() == 0
    await _is_let_in_later(desk, held[0], by=held[0].retry_at)


async def _is_let_in_later(desk: Desk, held: Run, by: datetime | None) -> None:
    """Who was held back asks when its time has come, and runs once."""
    assert by is not None
    desk.time = ManualClock(by)
    async with desk.open(one_refund(desk.ledger), name="flood:app") as hitl:
        run = await decide(hitl, await hitl.resume(held.id), "approve")
        assert run.state is RunState.COMPLETED
    assert desk.ledger.count("refund") == 1
    assert (await desk.verified()).findings == ()


FLOODED = Approvers(roles=("everybody",))


async def _one_of_others(world: World, reading: Reading) -> tuple[int, int]:
    """What it takes to find, answer and claim what somebody else is asked: statements, and rows that are read."""
    claimed = await world.open(tenant="others")
    request = world.request(claimed, approvers=Approvers(users=("bob",)))
    run = await world.pause(claimed, request)
    statements, rows = reading.now()
    page = await world.store.fetch(ListRequests(users=("bob",), tenant="others"))
    assert [each.request.id for each in page.items] == [request.id]
    await world.answer(request.approve(by="bob"))
    (mine,) = await world.store.apply(ClaimRuns("worker-1", 3600, world.now))
    assert mine.run.id == run.id
    return reading.statements - statements, reading.rows - rows


async def _still_works(desk: Desk) -> None:
    """The same store, and whoever works on it."""
    async with desk.open(one_refund(desk.ledger)) as hitl:
        before = desk.ledger.count("refund")
        run = await decide(hitl, await hitl.start(None), "approve")
        assert run.state is RunState.COMPLETED
        assert desk.ledger.count("refund") == before + 1
    assert (await desk.verified()).findings == ()
