"""A conversation as it stands: its newest run, what was said in it, and what it asks of whoever looks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Final, cast

from ..commands import ListRuns, ListSaid, PutSlip, Slip, SlipKind, hashed
from ..contracts import every
from ..errors import RunNotFound
from ..protocol import Json, PauseRequest, Run, RunState, Said
from ..runtime import Runtime, inbox_of, may_decide
from .people import Person

PATIENCE: Final = 300.0
"""Seconds that a page is kept waiting for a turn that another process, or another page, has begun."""
_ONCE: Final = timedelta(minutes=1)
"""How long a message that was posted twice is known by itself; later the transcript has it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`run` is the newest; `asked` are its open requests that the person may decide, `elsewhere` those for others."""

    id: str
    run: Run | None = None
    said: tuple[Said, ...] = ()
    asked: tuple[PauseRequest, ...] = ()
    elsewhere: tuple[PauseRequest, ...] = ()

    @property
    def heard(self) -> frozenset[str]:
        """The ids of all messages, and of the calls in them."""
        messages = (each.id for each in self.said)
        return frozenset((*messages, *(call.id for each in self.said for call in each.calls)))

    @property
    def client_tools(self) -> frozenset[str]:
        """The names of the tools that the run was started with."""
        return frozenset(each.name for each in self.run.tools) if self.run is not None else frozenset()


async def thread_of(hitl: Runtime, id: str, person: Person) -> Thread:
    """Raises RunNotFound for a conversation of somebody else, in which the person has nothing to decide."""
    newest = (await hitl.store.fetch(ListRuns(thread=id, limit=1))).items
    if not newest:
        return Thread(id)
    run = await hitl.run(newest[0].id)
    asked, elsewhere = list[PauseRequest](), list[PauseRequest]()
    for request in run.pending:
        own = await may_decide(hitl, request, person.responder, tenant=run.tenant)
        (asked if own else elsewhere).append(request)
    if not _sees(person, run) and not asked:
        raise RunNotFound(f"the conversation {id!r} is somebody else's; begin one of your own")
    said = tuple([each async for each in every(hitl.store, ListSaid(thread=id, tenant=run.tenant))])
    return Thread(id, run, said, tuple(asked), tuple(elsewhere))


async def waiting(hitl: Runtime, person: Person) -> list[Json]:
    """The conversations in which somebody has something to decide, oldest request first, at most a page of them.

    Raises NotPermitted for whom no directory knows.
    """
    found: dict[str, list[str]] = {}
    for settled in (await hitl.store.fetch(await inbox_of(hitl, person.responder))).items:
        run = await hitl.run(settled.request.run_id)
        if await may_decide(hitl, settled.request, person.responder, tenant=run.tenant):
            found.setdefault(run.thread, []).append(settled.request.title)
    return [{"threadId": thread, "titles": cast("Json", titles)} for thread, titles in found.items()]


def _sees(person: Person, run: Run) -> bool:
    if person.tenant not in (None, run.tenant):
        return False
    return person.sees_runs or run.started_by == person.starts_as


async def is_first(hitl: Runtime, thread: str, message: str) -> bool:
    """Whether nobody else has begun to work on this message: a page, or what is between, may post it twice."""
    now, mine = hitl.clock.now(), token_hex(8)
    key = hashed(f"agui\n{thread}\n{message}")
    slip = Slip(SlipKind.REPEAT, key, now, hitl.settings.tenant, body={"by": mine}, expires=now + _ONCE)
    return (await hitl.store.apply(PutSlip(slip, now))).body["by"] == mine


async def settled(hitl: Runtime, thread: str) -> None:
    """Return when nobody works on the newest run of a conversation, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not await _rests(hitl, thread):
                await hitl.store.changed(timeout=1.0)


async def _rests(hitl: Runtime, thread: str) -> bool:
    newest = (await hitl.store.fetch(ListRuns(thread=thread, limit=1))).items
    return bool(newest) and newest[0].state not in (RunState.RUNNING, RunState.READY)
