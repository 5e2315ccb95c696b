"""Who gives held answers, or sends messages, is killed at every step: nothing is lost, nothing is given twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from hitl_core.channels.messages import Around, Message, Messages, Route
from hitl_core.channels.messages.outbox import PATIENCE
from hitl_core.commands import ListSlips, SlipKind
from hitl_core.config import Serving
from hitl_core.contracts import Store
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent, Response, RunState
from hitl_core.runtime import Runtime
from hitl_core.server.pages import give_held
from hitl_core.server.pages.holding import hold
from hitl_core.server.site import Site
from hitl_core.testing.crashing import CrashingStore, CrashPoint, die
from tests.core.shop import Shop, one_refund, only, policy, rule, trail
from tests.forking import KILLED, child

pytestmark = pytest.mark.processes

When = Literal["before", "after"]
MOMENTS: tuple[When, ...] = ("before", "after")
GIVING = [
    CrashPoint(name, when) for name, when in product(("TakeSlips", "RecordResponse", "ChangeSlip", "UseSlip"), MOMENTS)
]
SENDING = [CrashPoint(name, when) for name, when in product(("TakeSlips", "PutSlip", "DropSlips"), MOMENTS)]
MAIL = Route("mail", "apprise", "mailto://example.com?to={address}")
PEOPLE = '[people.ann]\nroles = ["lead"]\naddresses = { mail = "ann@example.com" }\n'


def shop_at(folder: Path, seconds: float) -> Shop:
    """The shop, so much later, for a process of its own."""
    shop = Shop(folder)
    shop.policy = policy(rule("lead", level="confirm", approvers={"roles": ["lead"]}))
    shop.people(PEOPLE)
    shop.clock.advance(seconds)
    return shop


# ── answers that are held ────────────────────────────────────────────────────────────────────────────────────


async def held(folder: Path) -> str:
    """An approval that is held; returns its request."""
    shop = shop_at(folder, 0)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        said: Response = request.approve(by="ann").model_copy(update={"idempotency_key": "once"})
        await hold(Site(hitl, Serving()), said, title="Refund", tenant="default", typed={})
        return request.id


async def given(folder: Path, seconds: float, at: CrashPoint | None = None) -> None:
    """A process gives what is due, and is killed `at`."""
    shop = shop_at(folder, seconds)
    async with shop.open(one_refund(shop.ledger), wrap=lambda store: CrashingStore(store, at)) as hitl:
        while await give_held(Site(hitl, Serving())):
            pass


async def became(folder: Path, seconds: float, request_id: str) -> tuple[RequestState, int, int]:
    """The state of the request, how often it was decided, and how often its action ran, when all has gone on."""
    shop = shop_at(folder, seconds)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        settled = await hitl.request(request_id)
        run = await hitl.resume(settled.request.run_id)
        assert run.state is RunState.COMPLETED
        return settled.state, len(await trail(hitl, AuditEvent.REQUEST_DECIDED)), shop.ledger.count("refund")


@pytest.mark.parametrize("at", GIVING, ids=str)
def test_a_held_answer_is_given_once_wherever_its_process_is_killed(tmp_path: Path, at: CrashPoint) -> None:
    request = asyncio.run(held(tmp_path))
    assert child(lambda: given(tmp_path, 6, at)) == KILLED
    asyncio.run(given(tmp_path, 60))
    assert asyncio.run(became(tmp_path, 120, request)) == (RequestState.DECIDED, 1, 1)


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
    folder: Path, seconds: float, at: CrashPoint | None, wire: Wire
) -> AsyncIterator[tuple[Runtime, Messages]]:
    """A process with a route whose messages go over `wire`; its store kills it `at`."""
    shop = shop_at(folder, seconds)
    store: Store = CrashingStore(await shop.store(), at)
    channel = Messages({"mail": (MAIL, wire)}, Around(store, shop.clock, shop.directory, "https://inbox.example.com"))
    try:
        async with shop.open(one_refund(shop.ledger), channels=(channel,)) as hitl:
            yield hitl, channel
    finally:
        await store.close()


async def kept(folder: Path) -> None:
    """A message that nobody could send yet."""
    wire = Wire(folder / "away" / "wire.jsonl")
    async with post(folder, 0, None, wire) as (hitl, _):
        await hitl.start({})
        await hitl._announcer.close()
    assert wire.arrived == []


async def sent(folder: Path, seconds: float, at: CrashPoint | None = None, kills: When | None = None) -> None:
    async with post(folder, seconds, at, Wire(folder / "wire.jsonl", kills)) as (_, channel):
        await channel.sweep()


async def left(folder: Path, seconds: float) -> tuple[int, int]:
    """How many messages are kept, and how many the trail says were sent."""
    shop = shop_at(folder, seconds)
    async with shop.open(None) as hitl:
        page = await hitl.store.fetch(ListSlips(SlipKind.MESSAGE, shop.clock.now()))
        return len(page.items), len(await trail(hitl, AuditEvent.MESSAGE_SENT))


@pytest.mark.parametrize("at", [*SENDING, *MOMENTS], ids=str)
def test_a_message_is_never_lost_and_has_one_id_wherever_its_process_is_killed(
    tmp_path: Path, at: CrashPoint | When
) -> None:
    asyncio.run(kept(tmp_path))
    point, kills = (at, None) if isinstance(at, CrashPoint) else (None, at)
    assert child(lambda: sent(tmp_path, 20, point, kills)) == KILLED
    before = len(Wire(tmp_path / "wire.jsonl").arrived)
    asyncio.run(sent(tmp_path, 20 + PATIENCE.total_seconds()))
    arrived = Wire(tmp_path / "wire.jsonl").arrived
    done = str(at) == "after DropSlips 1"
    assert len(arrived) == before + (not done), "sent again only where it is not known that it was sent"
    assert 1 <= len(arrived) <= 2
    assert len({json.dumps(each) for each in arrived}) == 1, "who hears it twice knows it by its id"
    asyncio.run(sent(tmp_path, 3_600))
    assert Wire(tmp_path / "wire.jsonl").arrived == arrived
    assert asyncio.run(left(tmp_path, 3_600)) == (0, 1)
