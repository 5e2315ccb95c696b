"""Scenarios 12 to 16, 20 and 21: people, deadlines, cancellations and workers in the same moment, in real processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import ClaimRuns, ListRequests, RecordResponse
from hitl_core.contracts import Store
from hitl_core.errors import RequestNotFound
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.stores.sql.tables import column
from hitl_core.testing.clock import START
from hitl_core.testing.interleaving import InterleavingStore
from hitl_core.testing.processes import Order, Processes
from hitl_core.tools import current_call
from tests.core.stores.world import World
from tests.faults import crowd
from tests.faults.checker import faults, left
from tests.faults.desk import Desk
from tests.faults.diary import Diary
from tests.faults.hand import found
from tests.faults.meeting import meeting
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario

pytestmark = pytest.mark.processes
PEOPLE = ("ann", "bob", "cem", "dee")
MINUTE = timedelta(minutes=1)


async def asked(place: Place, count: int, *, each: int = 20, **fields: Any) -> list[PauseRequest]:
    """Open requests: `each` of them in one run, with a deadline a minute after the one before if `minutes` is set."""
    minutes = fields.pop("minutes", False)
    store = await place.store()
    world, requests = World(store), list[PauseRequest]()
    while len(requests) < count:
        claimed = await world.open()
        mine = [world.request(claimed, f"refund#{n}", **fields) for n in range(min(each, count - len(requests)))]
        if minutes:
            mine = [_due(request, len(requests) + n) for n, request in enumerate(mine, 1)]
        await world.pause(claimed, *mine)
        requests += mine
    await store.close()
    return requests


def _due(request: PauseRequest, minutes: int) -> PauseRequest:
    return request.model_copy(update={"deadline": START + minutes * MINUTE})


def together(processes: Processes, place: Place, *orders: Order) -> list[Any]:
    """What these processes say; all of them meet."""
    with meeting(place.folder, len(orders)) as path:
        given = [Order(each.function, {**each.arguments, "place": place.told, "meeting": path}) for each in orders]
        ended = processes.together(*given)
    assert [(each.signal, each.error) for each in ended] == [(0, "")] * len(orders)
    return [each.result for each in ended]


@scenario(12)
async def test_several_people_answer_in_the_same_millisecond(place: Place, processes: Processes) -> None:
    """Fails if `_must_be_open` (stores/sql/answers/decisions.py) lets a decided request through."""
    names = [request.id for request in await asked(place, many(60, full=1000))]
    orders = [Order.of(crowd.answer_each, requests=names, who=who) for who in PEOPLE]
    told = together(processes, place, *orders)
    for said in zip(*told, strict=True):
        winner = PEOPLE[said.index("won")]
        others = [each for each in said if each != "won"]
        assert len(others) == len(PEOPLE) - 1
        first = f"AlreadyDecided: response refused: '{winner}' was first and said 'approve'"
        assert all(each.startswith(first) for each in others), said
    assert faults(await left(place)) == []


@scenario(13)
async def test_the_same_person_sends_twice_at_once(place: Place, processes: Processes) -> None:
    """Fails if `_replayed` finds nothing, or if `_same` asks only for the key."""
    names = [request.id for request in await asked(place, many(30, full=500))]
    double = Order.of(crowd.answer_each, requests=names, who="ann", key="click")
    other = Order.of(crowd.answer_each, requests=names, who="ann", key="click", said="reject")
    told = together(processes, place, double, double, other)
    for said in zip(*told, strict=True):
        again = "AlreadyDecided" if said[2] == "won" else "same"
        assert sorted(each.partition(":")[0] for each in said) == ["AlreadyDecided", again, "won"]
    assert faults(await left(place)) == []


@scenario(14)
async def test_an_answer_and_the_deadline_in_the_same_moment(place: Place, processes: Processes) -> None:
    """Fails if `_DUE` (stores/sql/answers/timers.py) does not ask for open requests, or locks.py forgets FireTimers."""
    count = many(100, full=10_000)
    names = [request.id for request in await asked(place, count, each=100, minutes=True)]
    people = Order.of(crowd.answer_each, requests=names, who="ann")
    told, fired = together(processes, place, people, Order.of(crowd.fire_each, dues=count))
    for name, said, late in zip(names, told, fired, strict=True):
        assert (said, late) in [("won", []), (said, [name])]
        assert late == [] or said.startswith("RequestExpired: "), f"{name} expired, and somebody was told {said}"
    states = Counter(settled.state for settled in (await left(place)).requests)
    assert states == Counter(RequestState.DECIDED if said == "won" else RequestState.EXPIRED for said in told)
    assert faults(await left(place)) == []


@scenario(15)
async def test_an_answer_and_the_cancelling_of_its_run_in_the_same_moment(place: Place, processes: Processes) -> None:
    """Fails if `cancel` (stores/sql/commands) leaves a decided request as it is, for a worker to claim."""
    requests = await asked(place, many(60, full=1000), each=1)
    names, runs = [request.id for request in requests], [request.run_id for request in requests]
    people = Order.of(crowd.answer_each, requests=names, who="ann")
    told, states = together(processes, place, people, Order.of(crowd.cancel_each, runs=runs))
    assert set(states) == {"cancelled"}
    for said in told:
        assert said == "won" or (said.startswith("RequestClosed: ") and said.endswith("wrong customer"))
    found = await left(place)
    assert {settled.state for settled in found.requests} == {RequestState.CANCELLED}
    assert faults(found, over=True) == []
    store = await place.store()
    assert await store.apply(ClaimRuns("worker", 30, START, limit=10)) == ()
    await store.close()


@scenario(16)
async def test_several_workers_claim_the_same_run(place: Place, processes: Processes) -> None:
    """Fails if `claim` (stores/sql/commands) does not end the run's readiness, or `SKIP LOCKED` is a plain read."""
    store = await place.store()
    world = World(store)
    runs = [(await world.pause(await world.open())).id for _ in range(many(60, full=1000))]
    await store.close()
    orders = [Order.of(crowd.claim_each, runs=runs, who=who) for who in PEOPLE]
    for fences in zip(*together(processes, place, *orders), strict=True):
        assert sorted(fences) == [0, 0, 0, 2]
    assert faults(await left(place)) == []


@scenario(20)
async def test_eight_processes_write_to_one_store(place: Place, processes: Processes) -> None:
    """Fails if the file lock is left out on SQLite: the driver's own wait is unfair, and ends in `locked`."""
    cycles = many(8, full=100)
    orders = [Order.of(crowd.write_a_lot, who=f"writer {n}", cycles=cycles) for n in range(8)]
    took = together(processes, place, *orders)
    assert [len(each) for each in took] == [7 * cycles] * 8
    whole = max(sum(each) for each in took)  # longer where many share the machine
    assert max(max(each) for each in took) < max(10.0, whole / 4), "somebody waited too long"
    found = await left(place)
    assert faults(found, over=True) == []
    writers = {run.id: run.thread.partition("-")[0] for run in found.runs}
    order = [writers[line["key"].partition(":")[0]] for line in found.ledger]
    half = Counter(order[: len(order) // 2])
    assert min(half[f"writer {n}"] for n in range(8)) >= cycles // 8, f"starved while half of it was done: {half}"


# ── before anybody waits ─────────────────────────────────────────────────────────────────────────────────────


def pays(ledger: Diary) -> Any:
    """An app that pays once, if it may."""

    @gate.guard
    async def refund(order: str, amount: float) -> str:
        ledger.write(tool="refund", key=current_call().key, order=order, amount=amount)
        return "paid"

    return lambda input: refund("A-1042", 120.5)


class Quick:
    """A channel whose reader answers from another process before whoever asked has heard that it was announced."""

    name = "quick"

    def __init__(self, place: Place, processes: Processes) -> None:
        self._place, self._processes = place, processes
        self.said: list[str] = []
        self.stored: list[Any] = []
        self.answered = asyncio.Event()

    async def announce(self, request: PauseRequest) -> None:
        self.stored.append(found(self._place, "SELECT state FROM hitl_requests WHERE id = ?", column(request.id)))
        order = Order.of(crowd.respond_to, place=self._place.told, request=request.id, who="ann")
        self.said.append((await asyncio.to_thread(self._processes.run, order)).result)
        self.answered.set()


@scenario(21)
async def test_an_answer_comes_before_anybody_waits_for_it(place: Place, processes: Processes) -> None:
    """Fails if requests are announced before the pause is stored, or if what was answered by then is not looked at."""
    desk, quick = Desk(place), Quick(place, processes)
    async with desk.open(pays(desk.happened), channels=[quick]) as hitl:
        run = await hitl.start(None)
        await quick.answered.wait()
        assert (quick.stored, quick.said) == ([[("open",)]], ["won"])
        assert (await hitl.wait(run.id, timeout=60)).state is RunState.COMPLETED
    assert len(desk.happened.lines) == 1
    assert faults(await left(place), over=True) == []


@scenario(21)
async def test_there_is_nothing_to_answer_before_the_pause_is_stored(place: Place) -> None:
    """Fails if a request is a row of its own before its run waits: then `early` finds it."""
    desk, seen = Desk(place), list[Any]()

    async def early(store: Store) -> None:
        seen.append((await store.fetch(ListRequests(states=tuple(RequestState)))).items)
        unknown = World(store).request(World(store).run())
        with pytest.raises(RequestNotFound):
            await store.apply(RecordResponse(unknown.approve(by="ann"), START))

    wrap = partial(InterleavingStore, command="PauseRun", act=early)
    async with desk.open(pays(desk.happened), wrap=wrap) as hitl:
        run = await hitl.start(None)
        assert (seen, run.state, len(run.pending)) == ([()], RunState.PAUSED, 1)
    assert desk.happened.lines == []
    assert faults(await left(place)) == []
