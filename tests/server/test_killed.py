"""Who gives held answers, or sends messages, is killed at every step: nothing is lost, nothing is given twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

from hitl_core.channels.messages import Around, Message, Messages, Route
from hitl_core.channels.messages.outbox import PATIENCE
from hitl_core.commands import ListRuns, ListSlips, SlipKind
from hitl_core.config import Serving
from hitl_core.contracts import UNTOLD_AFTER
from hitl_core.lifecycle import RequestState
from hitl_core.policy import Policy
from hitl_core.protocol import AuditEvent, Response, RunState
from hitl_core.runtime import Runtime
from hitl_core.server.pages import give_held
from hitl_core.server.pages.holding import hold
from hitl_core.server.site import Site
from hitl_core.testing.crashing import CrashingStore, CrashPoint, die
from tests.core.shop import one_refund, only, policy, rule, trail
from tests.faults.desk import Desk
from tests.faults.places import SQLITE, Place
from tests.forking import KILLED, child
from tests.postgres.server import a_schema, a_server
from tests.server.messages.office import patiently

pytestmark = pytest.mark.processes

When = Literal["before", "after"]
MOMENTS: tuple[When, ...] = ("after", "before")
GIVING = [
    CrashPoint(name, when) for when, name in product(MOMENTS, ("RecordResponse", "TakeSlips", "ChangeSlip", "UseSlip"))
]
SENDING = [CrashPoint(name, when) for when, name in product(MOMENTS, ("TakeSlips", "PutSlip", "DropSlips"))]
UNTOLD = [CrashPoint("PauseRun", "after"), *(CrashPoint("KeepMessages", when) for when in MOMENTS)]
MAIL = Route("mail", "apprise", "mailto://example.com?to={address}", roles=("lead",))
PEOPLE = """
[people.ann]
roles = ["lead"]
addresses = { mail = "ann@example.com" }
[people.bob]
addresses = { mail = "bob@example.com" }
"""
LEAD = policy(rule("lead", level="confirm", approvers={"roles": ["lead"]}))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A file; where the test says so, a schema of a server."""
    if not getattr(request, "param", ""):
        return Place(SQLITE, tmp_path)
    return Place(a_schema(request.getfixturevalue("server"), tmp_path), tmp_path)


def on_both(*cases: Any, of_these: int = 10**6) -> pytest.MarkDecorator:
    """A test for each case on SQLite, and for the first ones on PostgreSQL, where a process costs a second."""
    here = [pytest.param("", case, id=f"{case}") for case in cases]
    marks = pytest.mark.postgres
    there = [pytest.param("postgresql", case, id=f"{case} on postgresql", marks=marks) for case in cases[:of_these]]
    return pytest.mark.parametrize(("place", "at"), [*here, *there], indirect=["place"])


class Process(Desk):
    """The shop, so much later, for a process of its own: whatever it does in its store, that kills it `at`."""

    def __init__(self, place: Place, seconds: float, at: CrashPoint | None = None, rules: Policy = LEAD) -> None:
        super().__init__(place, policy=rules)
        self.time = self.clock
        self.people(PEOPLE)
        self.clock.advance(seconds)
        self._at = at
        self._store: CrashingStore | None = None

    async def store(self) -> Any:
        """The one store of this process."""
        if self._store is None:
            self._store = CrashingStore(await super().store(), self._at)
        return self._store


# ── answers that are held ────────────────────────────────────────────────────────────────────────────────────


async def held(place: Place) -> str:
    """An approval that is held; returns its request."""
    shop = Process(place, 0)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        said: Response = request.approve(by="ann").model_copy(update={"idempotency_key": "once"})
        await hold(Site(hitl, Serving()), said, title="Refund", tenant="default", typed={})
        return request.id


async def given(place: Place, seconds: float, at: CrashPoint | None = None) -> None:
    """A process gives what is due, and is killed `at`."""
    shop = Process(place, seconds, at)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        while await give_held(Site(hitl, Serving())):
            pass


async def became(place: Place, seconds: float, request_id: str) -> tuple[RequestState, int, int]:
    """The state of the request, how often it was decided, and how often its action ran, when all has gone on."""
    shop = Process(place, seconds)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        settled = await hitl.request(request_id)
        run = await hitl.resume(settled.request.run_id)
        assert run.state is RunState.COMPLETED
        return settled.state, len(await trail(hitl, AuditEvent.REQUEST_DECIDED)), shop.ledger.count("refund")


@on_both(*GIVING, of_these=2)
def test_a_held_answer_is_given_once_wherever_its_process_is_killed(place: Place, at: CrashPoint) -> None:
    request = asyncio.run(held(place))
    assert child(lambda: given(place, 6, at)) == KILLED
    asyncio.run(given(place, 60))
    assert asyncio.run(became(place, 120, request)) == (RequestState.DECIDED, 1, 1)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Wire:
    """What arrives outside, in a file that outlives the process; `kills` the process before or after it has."""

    path: Path
    kills: When | None = None

    async def send(self, message: Message) -> None:
        if self.kills == "before":
            die()
        with self.path.open("a") as file:
            file.write(json.dumps([message.id, message.address, [each.request.id for each in message.items]]) + "\n")
        if self.kills == "after":
            die()

    @property
    def arrived(self) -> list[list[object]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


@asynccontextmanager
async def post(
    place: Place, seconds: float, at: CrashPoint | None, wire: Wire, rules: Policy = LEAD
) -> AsyncIterator[tuple[Runtime, Messages]]:
    """A process with a route whose messages go over `wire`."""
    shop = Process(place, seconds, at, rules)
    around = Around(await shop.store(), shop.clock, shop.directory, "https://inbox.example.com")
    channel = Messages({"mail": (MAIL, wire)}, around)
    async with shop.open(one_refund(shop.ledger), channels=(channel,)) as hitl:
        patiently(hitl)
        yield hitl, channel


async def kept(place: Place) -> None:
    """A message that nobody could send yet."""
    wire = Wire(place.folder / "away" / "wire.jsonl")
    async with post(place, 0, None, wire) as (hitl, _):
        await hitl.start({})
        await hitl._announcer.close()
    assert wire.arrived == []


async def sent(place: Place, seconds: float, at: CrashPoint | None = None, kills: When | None = None) -> None:
    async with post(place, seconds, at, Wire(place.folder / "wire.jsonl", kills)) as (_, channel):
        await channel.sweep()


async def left(place: Place, seconds: float) -> tuple[int, int]:
    """How many messages are kept, and how many the trail says were sent."""
    shop = Process(place, seconds)
    async with shop.open(None) as hitl:
        page = await hitl.store.fetch(ListSlips(SlipKind.MESSAGE, shop.clock.now()))
        return len(page.items), len(await trail(hitl, AuditEvent.MESSAGE_SENT))


@on_both("after", *SENDING, "before", of_these=2)
def test_a_message_is_never_lost_and_has_one_id_wherever_its_process_is_killed(
    place: Place, at: CrashPoint | When
) -> None:
    asyncio.run(kept(place))
    point, kills = (at, None) if isinstance(at, CrashPoint) else (None, at)
    assert child(lambda: sent(place, 20, point, kills)) == KILLED
    before = len(Wire(place.folder / "wire.jsonl").arrived)
    asyncio.run(sent(place, 20 + PATIENCE.total_seconds()))
    arrived = Wire(place.folder / "wire.jsonl").arrived
    done = str(at) == "after DropSlips 1"
    assert len(arrived) == before + (not done), "sent again only where it is not known that it was sent"
    assert 1 <= len(arrived) <= 2
    assert len({json.dumps(each) for each in arrived}) == 1, "who hears it twice knows it by its id"
    asyncio.run(sent(place, 3_600))
    assert Wire(place.folder / "wire.jsonl").arrived == arrived
    assert asyncio.run(left(place, 3_600)) == (0, 1)


# ── what nobody was told of ──────────────────────────────────────────────────────────────────────────────────────────

NOTICED = policy(rule("noticed", level="notify", allow_irreversible="for the test"))
REMINDED = policy(rule("reminded", level="confirm", approvers={"roles": ["lead"]}, remind=["1h"]))
TOLD = UNTOLD_AFTER.total_seconds()
HOUR = 3_600.0

Story = Callable[[Runtime], Awaitable[Any]]


async def asks(hitl: Runtime) -> None:
    await hitl.start({})


async def gives_on(hitl: Runtime) -> None:
    (run,) = (await hitl.store.fetch(ListRuns())).items
    await hitl.respond(only(await hitl.run(run.id)).delegate("bob", by="ann"))


async def ticks(hitl: Runtime) -> None:
    await hitl.tick()


async def lived(place: Place, story: Story, seconds: float, rules: Policy = LEAD, at: CrashPoint | None = None) -> None:
    """A process that does it, tells people, and sends; it is killed `at`."""
    async with post(place, seconds, at, Wire(place.folder / "wire.jsonl"), rules) as (hitl, _):
        await story(hitl)
        await hitl._announcer.close()


def heard(place: Place) -> list[object]:
    return [address for _, address, _ in Wire(place.folder / "wire.jsonl").arrived]


def killed(place: Place, story: Story, seconds: float, rules: Policy, at: CrashPoint) -> None:
    before = heard(place)
    assert child(lambda: lived(place, story, seconds, rules, at)) == KILLED
    assert heard(place) == before
    asyncio.run(lived(place, ticks, seconds + TOLD - 1, rules))


@on_both(*UNTOLD, of_these=1)
def test_people_are_told_once_wherever_the_process_that_asks_is_killed(place: Place, at: CrashPoint) -> None:
    killed(place, asks, 0, LEAD, at)
    is_kept = str(at) == "after KeepMessages 1"
    assert heard(place) == ["ann@example.com"] * is_kept, "whoever is at it may still tell them"
    asyncio.run(lived(place, ticks, TOLD))
    assert heard(place) == ["ann@example.com"]
    asyncio.run(lived(place, ticks, HOUR))
    assert heard(place) == ["ann@example.com"]
    assert asyncio.run(left(place, HOUR)) == (0, 1)


@on_both(CrashPoint("RecordResponse", "after"))
def test_who_is_given_a_request_is_told_once(place: Place, at: CrashPoint) -> None:
    asyncio.run(lived(place, asks, 0))
    killed(place, gives_on, 60, LEAD, at)
    for later in (TOLD, HOUR):
        asyncio.run(lived(place, ticks, 60 + later))
    assert heard(place) == ["ann@example.com", "bob@example.com"]


@on_both(CrashPoint("FireTimers", "after"))
def test_who_is_reminded_is_told_once(place: Place, at: CrashPoint) -> None:
    asyncio.run(lived(place, asks, 0, REMINDED))
    killed(place, ticks, HOUR, REMINDED, at)
    for later in (TOLD, HOUR):
        asyncio.run(lived(place, ticks, HOUR + later, REMINDED))
    assert heard(place) == ["ann@example.com"] * 2


@on_both(CrashPoint("BeginEffect", "after"))
def test_a_notice_is_sent_once(place: Place, at: CrashPoint) -> None:
    killed(place, asks, 0, NOTICED, at)
    for later in (TOLD, HOUR):
        asyncio.run(lived(place, ticks, later))
    assert heard(place) == ["ann@example.com"]
