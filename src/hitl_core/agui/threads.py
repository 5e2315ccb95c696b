"""A conversation as it stands: its newest run, what was said in it, and what it asks of whoever looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, cast

from ..commands import ListRuns, ListSaid, PutSlip, Slip, SlipKind, hashed
from ..contracts import every
from ..errors import RunNotFound
from ..protocol import DraftVersion, Json, PauseRequest, Role, Run, RunState, Said, new_id, state_id
from ..runtime import Runtime, inbox_of, known_as, may_decide
from .agent import Agent
from .people import Person

PATIENCE: Final = 300.0
"""Seconds that a page is kept waiting for a turn that another process, or another page, has begun."""
SOON: Final = 5.0
"""Seconds that a run may wait for somebody to take it up: if nobody has by then, nobody is there to."""
_KNOWN: Final = timedelta(days=1)
"""How long it is known which run is to come next; as soon as it is there, the conversation has it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`run` is the newest; `asked` are its open requests that the person may decide, `elsewhere` those for others."""

    id: str
    run: Run | None = None
    said: tuple[Said, ...] = ()
    asked: tuple[PauseRequest, ...] = ()
    elsewhere: tuple[PauseRequest, ...] = ()
    own: bool = True
    """Whether the person may go on with it: nobody says anything in the conversation of somebody else."""
    drafts: Mapping[str, DraftVersion] = field(default_factory=dict)
    """Of the requests that share a draft, by their ids: its newest version."""
    state: Json = None
    """The app's own state, as it was when a turn of the newest run ended; None where it has shown none."""

    @property
    def is_at_work(self) -> bool:
        """Whether somebody works on its newest run, or is to."""
        return self.run is not None and self.run.state.at_work

    @property
    def heard(self) -> frozenset[str]:
        """The ids of all messages, and of the calls in them."""
        messages = (each.id for each in self.said)
        return frozenset((*messages, *(call.id for each in self.said for call in each.calls)))

    @property
    def client_tools(self) -> frozenset[str]:
        """The names of the tools that the run was started with."""
        return frozenset(each.name for each in self.run.tools) if self.run is not None else frozenset()


async def thread_of(agent: Agent, id: str, person: Person) -> Thread:
    """A conversation, whole.

    Raises RunNotFound for one of somebody else, in which the person has nothing to decide, and for one with another
    agent.
    """
    hitl, found = agent.hitl, await standing(agent, id, person)
    if found.run is None:
        return found
    said = tuple([each async for each in every(hitl.store, ListSaid(thread=id, tenant=found.run.tenant))])
    return await with_drafts(hitl, replace(found, said=said, state=await _state_of(hitl, found.run)))


async def _state_of(hitl: Runtime, run: Run) -> Json:
    """What a page that was not there is shown of the state of a run's app."""
    query = ListSaid(run.thread, run.tenant, limit=1, run_id=run.id, id=state_id(run.id))
    kept = (await hitl.store.fetch(query)).items
    return cast("Json", json.loads(kept[0].text)) if kept and kept[0].role is Role.STATE else None


async def with_drafts(hitl: Runtime, thread: Thread) -> Thread:
    """A conversation with what people have made of the drafts that are asked about."""
    drafts = {each.id: (await hitl.draft(each.id))[-1] for each in thread.asked if each.draft is not None}
    return replace(thread, drafts=drafts) if drafts else thread


async def with_words_of_its_run(agent: Agent, thread: Thread) -> Thread:
    """A conversation with what was said in its newest run, which is all that a turn of that says again."""
    if thread.run is None:
        return thread
    query = ListSaid(thread.id, thread.run.tenant, run_id=thread.run.id)
    return replace(thread, said=tuple([each async for each in every(agent.hitl.store, query)]))


async def is_heard(agent: Agent, thread: Thread, message: str) -> bool:
    """Whether a message is in the transcript: that one is looked for, and no other is read."""
    if thread.run is None:
        return False
    query = ListSaid(thread.id, thread.run.tenant, limit=1, id=message)
    return bool((await agent.hitl.store.fetch(query)).items)


async def standing(agent: Agent, id: str, person: Person) -> Thread:
    """How a conversation stands, without what was said in it. Raises RunNotFound as above."""
    hitl = agent.hitl
    newest = (await hitl.store.fetch(ListRuns(thread=id, limit=1))).items
    if not newest:
        return Thread(id)
    run = await hitl.run(newest[0].id)
    if not _is_of(person, run):
        raise _of_somebody_else(id)
    asked, elsewhere = list[PauseRequest](), list[PauseRequest]()
    for request in run.pending:
        own = await may_decide(hitl, request, person.responder, tenant=run.tenant)
        (asked if own else elsewhere).append(request)
    own = await _is_theirs(hitl, run, person.starts_as)
    if not (own or asked or person.sees_runs):
        raise _of_somebody_else(id)
    if (run.backend, run.app) in agent.others:
        raise RunNotFound(f"the conversation {id!r} is with another agent; begin one of its own with {agent.name!r}")
    return Thread(id, run, (), tuple(asked), tuple(elsewhere), own or (person.sees_runs and run.started_by is None))


async def waiting(agent: Agent, person: Person) -> list[Json]:
    """The conversations in which somebody has something to decide, oldest request first, at most a page of them.

    Of the person's tenant, whether the directory knows it or whoever has signed them in.

    Raises NotPermitted for whom no directory knows.
    """
    hitl, found = agent.hitl, dict[str, list[str]]()
    query = replace(await inbox_of(hitl, person.responder), not_of=tuple(agent.others))
    query = query if person.tenant is None else replace(query, tenant=person.tenant)
    for settled in (await hitl.store.fetch(query)).items:
        run = await hitl.run(settled.request.run_id)
        if await may_decide(hitl, settled.request, person.responder, tenant=run.tenant):
            found.setdefault(run.thread, []).append(settled.request.title)
    return [{"threadId": thread, "titles": cast("Json", titles)} for thread, titles in found.items()]


async def is_in(hitl: Runtime, thread: Thread, request: PauseRequest) -> bool:
    """Whether a request, open or not, was asked in this conversation."""
    run = await hitl.run(request.run_id)
    return thread.run is not None and (run.thread, run.tenant) == (thread.id, thread.run.tenant)


def may_begin(hitl: Runtime, person: Person) -> bool:
    """Whether what somebody says may begin a run, which is of this runtime's own tenant."""
    return person.may_start and person.tenant in (None, hitl.settings.tenant)


def _is_of(person: Person, run: Run) -> bool:
    """Whether a run is of the tenant whose things somebody sees: nothing else counts where it is not."""
    return person.tenant in (None, run.tenant)


async def _is_theirs(hitl: Runtime, run: Run, who: str | None) -> bool:
    """Whether a run is on behalf of this person, whom the directory may write otherwise than their page does."""
    return run.started_by == who or (who is not None and run.started_by == await known_as(hitl, who))


def _of_somebody_else(id: str) -> RunNotFound:
    return RunNotFound(f"the conversation {id!r} is somebody else's; begin one of your own")


# ── what comes next ──────────────────────────────────────────────────────────────────────────────────────────


async def next_run(hitl: Runtime, thread: Thread) -> str:
    """The id of the run that comes after the newest of a conversation: the same for all who would begin it.

    So whoever posts something twice begins one run, and of several who begin a conversation of one name, one has it:
    the others find the run there. Wherever a process dies, its message is taken up by the next, or known to be.
    """
    now, after = hitl.clock.now(), "" if thread.run is None else thread.run.id
    key = hashed(json.dumps(["agui", "next", thread.id, after]))
    slip = Slip(SlipKind.REPEAT, key, now, hitl.settings.tenant, body={"run": new_id(now)}, expires=now + _KNOWN)
    return str((await hitl.store.apply(PutSlip(slip, now))).body["run"])


async def settled(hitl: Runtime, thread: str) -> bool:
    """Whether nobody works on the newest run of a conversation any more, which is waited for.

    Not for ever, and not for long if nobody takes it up.
    """
    now = asyncio.get_running_loop().time()
    until = {RunState.RUNNING: now + PATIENCE, RunState.READY: now + SOON}
    while (newest := await _newest(hitl, thread)) is not None and newest.state in until:
        try:
            async with asyncio.timeout_at(until[newest.state]):
                await hitl.store.changed(timeout=1.0)
        except TimeoutError:
            return False
    return True


async def _newest(hitl: Runtime, thread: str) -> Run | None:
    return next(iter((await hitl.store.fetch(ListRuns(thread=thread, limit=1))).items), None)
