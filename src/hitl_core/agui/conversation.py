"""One POST of a page, answered.

read ─► answers? `hitl.respond` ─► something to go on with, or something new? the app works, and is told as it happens
     ─► what it has come to: RUN_FINISHED with the interrupts that are open, or without

Nothing that a page sends ends in an error of the run: a page of today that gets one cannot be used any more. A stale
answer is told as a text; a bad one as the same interrupts again, with what is wrong in their messages.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Container, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Final

from ag_ui.core import BaseEvent, Message, MessagesSnapshotEvent, StateSnapshotEvent

from ..capabilities import Capability
from ..errors import (
    AlreadyDecided,
    Fault,
    HitlError,
    LeaseLost,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
    RunBusy,
    RunNotFound,
    ToolsRefused,
)
from ..lifecycle import RequestState
from ..protocol import ClientTool, LiveEvent, PauseRequest, Response, RunState
from ..runtime import Words, converse
from .agent import Agent
from .answers import abandoned, decision_in
from .endings import ended, notes_on, started, told
from .events import Speaker, call_events
from .held import Held
from .interrupts import interrupt_of
from .page_calls import PageCall, page_calls
from .people import Person
from .reading import ECHO, Given, Heard, Posted, call_of, value_in
from .replay import asking, messages_of
from .threads import (
    Thread,
    is_heard,
    is_in,
    may_begin,
    next_run,
    settled,
    standing,
    thread_of,
    with_words_of_its_run,
)
from .working import Working

log = logging.getLogger("hitl_core.agui")

STALE: Final = "That was answered or is over already; your answer has changed nothing."
TAKEN: Final = "Your answer was taken. Nothing more is asked of you here."
UNECHOED: Final = "is missing: send the id of the call back with the answer, or it may be meant for another one"
MAY_NOT_START: Final = "You may read and answer here, and start nothing."
NOT_YOURS: Final = (
    "This conversation is somebody else's: you may read and answer here. To say something, begin your own."
)
ONLY_TEXT: Final = "Only text is taken up here; left out: {}."
ATTEMPTS: Final = 5
"""How often a post tries to begin a run while others begin theirs in the same conversation."""
WAITS: Final = "This waits for a decision; what you say can be taken up after it."


@dataclass(slots=True)
class Conversation:
    """A page's POST to an agent. `working` holds the turns that go on when the page has gone."""

    agent: Agent
    person: Person
    posted: Posted
    working: Working
    _refused: dict[str, list[Fault]] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)
    _held: Held = field(init=False)
    _client_tools: frozenset[str] = frozenset()
    _taken: bool = False
    _waits: bool = True
    """Whether what is at work is still waited for: once it has taken too long, the page is told how it stands."""

    def __post_init__(self) -> None:
        self._held = Held(self.posted.messages)

    async def run(self) -> AsyncGenerator[BaseEvent]:
        """The events of a POST to `run`: answers are given, the app goes on or begins, and what comes of it is told."""
        yield started(self.posted)
        try:
            thread = await standing(self.agent, self.posted.thread, self.person)
            await self._answer(thread)
            async for event in self._work(thread):
                yield event
            thread = await self._at_rest()
        except Exception as exc:  # a page that gets an error, or no end, cannot be used any more
            self._note(exc)
            thread = await self._now()
        for event in (*self._missed(thread), *self._notice(thread), *self._ended(thread)):
            yield event

    async def connect(self) -> AsyncGenerator[BaseEvent]:
        """The events of a POST to `connect`: all that was said, and what is open. Nothing is changed by it."""
        yield started(self.posted)
        thread = await self._now()
        yield MessagesSnapshotEvent(messages=self._messages(thread, self._page_calls(thread)))
        if thread.state is not None:
            yield StateSnapshotEvent(snapshot=thread.state)
        for event in (*self._notice(thread), *self._ended(thread)):
            yield event

    async def _thread(self) -> Thread:
        return await thread_of(self.agent, self.posted.thread, self.person)

    async def _at_rest(self) -> Thread:
        """The conversation when nobody works on it: what another post has begun meanwhile is waited for, too."""
        while (thread := await self._thread()).is_at_work and self._waits:
            self._waits = await settled(self.agent.hitl, thread.id)
        return thread

    async def _now(self) -> Thread:
        """The conversation as it stands; nothing of it where that cannot be had."""
        try:
            return await self._thread()
        except Exception as exc:  # as above
            self._note(exc)
            return Thread(self.posted.thread)

    def _note(self, exc: Exception) -> None:
        """Tell the page what went wrong, if that is meant to be told."""
        # All that they might see it for is answered, by them or by somebody who was faster.
        if isinstance(exc, RunNotFound) and (self._taken or self.posted.answers):
            self._notes.append(TAKEN if self._taken else STALE)
        elif isinstance(exc, HitlError):
            self._notes.append(str(exc))
        else:
            log.error("a page's call failed: %s", exc, exc_info=exc)
            self._notes.append("Something went wrong; the server's log says what. Load the page again.")

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, thread: Thread) -> None:
        """Give every answer that the page has sent. What is refused is asked again, with its faults."""
        self._client_tools = thread.client_tools
        waiting = {each.id: each for each in (*thread.asked, *thread.elsewhere)}
        for given in (*self.posted.answers, *self._results(waiting)):
            request = waiting.get(given.request_id)
            if given.fault:
                self._refuse(request, given, [Fault("", given.fault)])
            elif request is not None and self._is_of_any_call(request, given):
                self._refuse(request, given, [Fault(ECHO, UNECHOED)])
            elif request is None:
                await self._answer_again(thread, given)
            else:
                await self._respond(request, given)

    def _results(self, waiting: Container[str]) -> Iterator[Given]:
        """What the page's tools have come to, for requests that wait: of those that were asked again, the last time."""
        taken = set[str]()
        for given in self.posted.results:
            id = given.request_id
            if id in waiting and id not in taken and given.call == call_of(id, self._times(id) - 1):
                taken.add(id)
                yield given

    def _times(self, request_id: str) -> int:
        """How often the page was asked this by a call of its own."""
        return self.posted.times.get(request_id, 0)

    async def _answer_again(self, thread: Thread, given: Given) -> None:
        """An answer to what is not open any more: the one that was taken is the one that counts, and stays so.

        What was decided in other conversations is not told.
        """
        try:
            settled = await self.agent.hitl.request(given.request_id, by=self.person.responder)
            here = await is_in(self.agent.hitl, thread, settled.request)
            if here and settled.state is RequestState.FROZEN:  # of what is stopped, a refusal is taken
                await self._respond(settled.request, given)
                return
            same = settled.response is not None and self._response(settled.request, given).decision
            if not here or not same or settled.response is None or settled.response.decision != same:
                self._notes.append(STALE)
        except HitlError:
            self._notes.append(STALE)

    async def _respond(self, request: PauseRequest, given: Given) -> None:
        """Give an answer. Where it comes after the deadline, that what is due is done need not wait for a worker."""
        try:
            await self.agent.hitl.respond(self._response(request, given))
            self._taken = True
        except (AlreadyDecided, RequestClosed, RequestExpired, RequestNotFound) as exc:
            self._notes.append(STALE)
            if isinstance(exc, RequestExpired):
                await self.agent.hitl.tick()
        except ResponseRefused as exc:
            self._refuse(request, given, list(exc.faults))

    def _is_of_any_call(self, request: PauseRequest, given: Given) -> bool:
        """Whether an answer to one of several requests that one tool asks may have been meant for another of them."""
        return self._asked_by_call(request, given) and not given.echoed

    def _asked_by_call(self, request: PauseRequest, given: Given) -> bool:
        return given.call != "" and request.action.tool not in self._client_tools

    def _response(self, request: PauseRequest, given: Given) -> Response:
        payload = value_in(given.payload) if self._asked_by_call(request, given) else given.payload
        decision = abandoned(request) if given.dismissed else decision_in(request, payload)
        return Response.to(request, decision, by=self.person.responder)

    def _refuse(self, request: PauseRequest | None, given: Given, faults: list[Fault]) -> None:
        if request is None or given.call:
            self._notes.extend(str(each) for each in faults)
        self._refused.setdefault(given.request_id, []).extend(faults)

    # ── the app at work ──────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, thread: Thread) -> AsyncIterator[BaseEvent]:
        """Let the app go on where it can, then begin with what is new unless something waits; tell what happens."""
        hitl, run = self.agent.hitl, thread.run
        if run is not None and (await hitl.run(run.id)).state.at_work:
            thread = await with_words_of_its_run(self.agent, thread)
            # What another page, or a worker, has under way says is told when it has ended; or it was cancelled.
            with suppress(RunBusy, LeaseLost):
                async for event in self._heard(thread, hitl.stream_resume(run.id)):
                    yield event
        if not self.posted.heard or await is_heard(self.agent, thread, self.posted.heard[-1].id):
            return  # what came before the newest was heard with it
        self._notes += [ONLY_TEXT.format(", ".join(each.left_out)) for each in self.posted.heard[-1:] if each.left_out]
        for _ in range(ATTEMPTS):
            thread = await self._at_rest()
            if not (new := self._to_begin_with(thread)):
                return
            # Another post may have begun the next run, with this perhaps; or it was cancelled.
            with suppress(RunBusy, LeaseLost):
                async for event in self._heard(thread, await self._begin(thread, new)):
                    yield event
                return

    def _to_begin_with(self, thread: Thread) -> tuple[Heard, ...]:
        """What a new run is to be begun with; nothing, and a note that says why, where none may be."""
        new, run = self._new(thread), thread.run
        if not new:
            return ()
        if thread.is_at_work or (run is not None and run.state is RunState.PAUSED):
            self._notes += () if self.posted.answers else (WAITS,)
        elif not may_begin(self.agent.hitl, self.person):
            self._notes.append(MAY_NOT_START)
        elif not thread.own:
            self._notes.append(NOT_YOURS)
        else:
            return new
        return ()

    def _new(self, thread: Thread) -> tuple[Heard, ...]:
        """What the user has said since the app was last told something."""
        return tuple(each for each in self.posted.heard if each.id not in thread.heard and each.text)

    async def _begin(self, thread: Thread, new: tuple[Heard, ...]) -> AsyncIterator[LiveEvent]:
        """The turn of the run that comes next in the conversation: of all who begin it, one does."""
        if self.posted.tool_faults and self.agent.can(Capability.CLIENT_TOOLS):
            raise ToolsRefused(self.posted.tool_faults)
        given = self.agent.input_for(self.posted, thread.said, new)
        words = [Words(each.id, each.text) for each in new]
        by, tools, next_one = self.person.starts_as, self._tools(), await next_run(self.agent.hitl, thread)
        return converse(self.agent.hitl, given, words=words, thread=thread.id, run_id=next_one, by=by, tools=tools)

    def _tools(self) -> tuple[ClientTool, ...]:
        """The page's tools, where the backend has room for them; but the one by which it is asked."""
        if not self.agent.can(Capability.CLIENT_TOOLS):
            return ()
        return tuple(each for each in self.posted.tools if each.name != self.agent.asks_with)

    async def _heard(self, thread: Thread, work: AsyncIterator[LiveEvent]) -> AsyncIterator[BaseEvent]:
        """What a turn says, as it says it. It goes on if the page goes. Raises RunBusy for one under way elsewhere."""
        known, tools = thread.heard | self.posted.ids, thread.client_tools | {each.name for each in self._tools()}
        speaker = Speaker(known, client_tools=tools)
        try:
            async with aclosing(self.working.listen(work)) as events:
                async for live in events:
                    for event in speaker.hear(live):
                        self._held.hear(event)
                        yield event
        except Exception:
            for event in speaker.end():
                yield event
            raise
        for event in speaker.end():
            yield event

    # ── how it ends ──────────────────────────────────────────────────────────────────────────────────────────

    def _messages(self, thread: Thread, calls: Iterable[PageCall] = ()) -> list[Message]:
        return messages_of(thread.said, calls, of=thread.client_tools)

    def _missed(self, thread: Thread) -> Iterator[BaseEvent]:
        """All of the conversation, if this page has not all of it; the app's state, if it has none; and the calls that
        wait for the page."""
        done = {each.call for each in self.posted.results}
        known, new = list[Message](), list[tuple[str, PageCall]]()
        for each in self._page_calls(thread):
            id, times = each.request.id, self._times(each.request.id)
            if times == 0 or (last := call_of(id, times - 1)) in done:
                new.append((call_of(id, times), each))
            else:
                known.append(asking(each, last))
        for messages in self._held.snapshots(self._messages(thread), known):
            yield MessagesSnapshotEvent(messages=list(messages))
        if thread.state is not None and not (self.posted.state or self._held.is_shown):
            yield StateSnapshotEvent(snapshot=thread.state)
        for id, each in new:
            yield from call_events(id, each.tool, each.arguments)

    def _notice(self, thread: Thread) -> Iterator[BaseEvent]:
        """What the page is told beside the conversation."""
        yield from told([*self._notes, *notes_on(thread, self.person, self._refused)])

    def _ended(self, thread: Thread) -> Iterator[BaseEvent]:
        by_call = {each.request.id for each in self._page_calls(thread)}
        asked = [each for each in thread.asked if each.id not in by_call]
        interrupts = [
            interrupt_of(each, self._refused.get(each.id, ()), newest=thread.drafts.get(each.id)) for each in asked
        ]
        yield from ended(self.posted, interrupts, self.agent.wire)

    def _page_calls(self, thread: Thread) -> tuple[PageCall, ...]:
        return page_calls(thread, frozenset(each.name for each in self.posted.tools), self.agent.asks_with)
