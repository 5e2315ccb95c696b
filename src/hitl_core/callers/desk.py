"""What a caller gets done. The runtime judges every act and every answer as always; here it is only made narrower.

An agent never answers its own. Who calls is taken for an agent, whatever its client says of itself: so nothing is
answered through it unless an operator has said that its client carries the answers of people (`may_answer`); and of a
run that it has started itself it answers nothing even then, whatever the policy says of people who approve their own:
it can only say no. An answer to a question is no less an answer: an app may well pay by a "yes" to one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..commands import (
    GetRequest,
    GetRun,
    ListRequests,
    ListRuns,
    Page,
    PutSlip,
    Recorded,
    Settled,
    Slip,
    SlipKind,
    hashed,
)
from ..contracts import every
from ..errors import (
    Fault,
    HitlError,
    NotAuthorised,
    NotPermitted,
    NotUnderstood,
    RequestNotFound,
    RunBusy,
    RunNotFound,
)
from ..lifecycle import RequestState
from ..people import EVERY_TENANT
from ..protocol import (
    Json,
    PauseRequest,
    Reply,
    Responder,
    Response,
    Run,
    RunState,
    canonical,
    new_id,
)
from ..runtime import Runtime, known_as, record_refusal
from .answers import Submission
from .caller import OPERATE, REQUESTS, RUNS, START, Caller, may, sees

log = logging.getLogger("hitl_core")

KEPT: Final = timedelta(days=1)
"""How long a message that started a run is known again."""
LONGEST_WAIT: Final = 25.0
"""Seconds that one call waits for a run, at most: what stands between two machines cuts off who says nothing longer."""
LONGEST_NAME: Final = 100
"""Characters of a conversation's name that a client has made."""
MOST_LOOKED_AT: Final = 10_000
"""Runs that one page looks at; then it is short, or empty, and its cursor goes on."""
REFUSALS: Final = (Reply.REJECT, Reply.CANCEL)
"""Decisions that say no: also who has started a run may say that."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One runtime, as callers over one `channel` have it.

    `may_answer` are the callers, by the id that they are signed in under, whose clients carry answers of people.
    `inbox` is the URL where people answer; "" where there is none.
    """

    hitl: Runtime
    channel: str
    may_answer: frozenset[str] = frozenset()
    inbox: str = ""

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(
        self, caller: Caller, input: Json, *, talk: str = "", key: str | None = None, wait: float = LONGEST_WAIT
    ) -> Run:
        """Start a run for a caller, who then answers nothing of it. As it stands after `wait` seconds, at most.

        `talk` names the conversation that it belongs to, among those of this caller. The same `key` again is the same
        run. Raises NotPermitted, NotUnderstood.
        """
        self._require(caller, START, "start runs")
        home = self.hitl.settings.tenant
        if not sees(caller, home):
            raise NotPermitted(
                [Fault("", f"a run is started in tenant {home!r} here, and you are of {caller.tenant!r}")]
            )
        if len(talk) > LONGEST_NAME or not talk.isprintable():
            raise NotUnderstood([Fault("context_id", f"must be at most {LONGEST_NAME} characters that can be seen")])
        run_id = await self._run_id(caller, input, talk, key)
        thread = self._thread(caller, talk, run_id)
        wait = _bounded(wait)
        try:
            return await self.hitl.start_as(
                run_id, input, within=max(wait, 0.001), by=caller.responder.id, thread=thread
            )
        except RunBusy:  # it is there already: this is the same message again
            return await self.gone_on(caller, await self.seen(caller, run_id), wait)

    async def seen(self, caller: Caller, run_id: str) -> Run:
        """A run that a caller has started, or may see. Raises RunNotFound, also for what is hidden from it."""
        try:
            run = await self.hitl.store.fetch(GetRun(run_id))
        except RunNotFound:
            raise self._no_run(run_id) from None
        if not sees(caller, run.tenant) or not (may(caller, RUNS) or await self.owns(caller, run)):
            raise self._no_run(run_id)
        return run

    async def runs(
        self,
        caller: Caller,
        *,
        states: tuple[RunState, ...] = (),
        talk: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Run]:
        """What a caller has started, or may see, newest first, without its requests; `talk` keeps one conversation.

        A page may be short, or empty: as long as it has a cursor there may be more. Raises RecordError for a cursor
        that no page had.
        """
        own = None if may(caller, RUNS) else caller.responder.id
        thread = self._thread(caller, talk, "") if talk else None
        query = ListRuns(states, limit, cursor, None, caller.tenant, MOST_LOOKED_AT, thread, own)
        return await self.hitl.store.fetch(query)

    async def standing(self, run: Run, wait: float, *, over: Callable[[], bool] = lambda: False) -> Run:
        """A run at its next pause or end, or as it stands after `wait` seconds, or when it is `over` here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_bounded(wait)):
                while run.state.at_work and not over():
                    await self.hitl.store.changed(timeout=1.0)
                    run = await self.hitl.run(run.id)
        return run

    async def gone_on(self, caller: Caller, run: Run, wait: float) -> Run:
        """A run at its next pause or end: one that was answered, or whose process died, is worked on here.

        Unless a worker is quicker, or the caller has not the right to start what runs here.
        """
        wait = _bounded(wait)
        run = await self.hitl.run(run.id)
        if run.state.at_work and may(caller, START):
            try:
                return await self.hitl.going_on(self.hitl.resume(run.id), within=max(wait, 0.001))
            except (TimeoutError, RunBusy):
                run = await self.hitl.run(run.id)
            except HitlError as exc:  # a worker may have what is missing here
                log.info("run %s is left to a worker: %s", run.id, exc)
                run = await self.hitl.run(run.id)
        return await self.standing(run, wait)

    async def cancel(self, caller: Caller, run: Run, reason: str = "") -> Run:
        """End a run of the caller's own, or any that it sees with the right to. Raises NotPermitted, RunFinished."""
        if not await self.owns(caller, run):
            self._require(caller, OPERATE, "cancel what others have started")
        return await self.hitl.cancel(run.id, by=self.speaking(caller), reason=reason)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def open_requests(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Settled]:
        """What waits for people, oldest first, of all that a caller sees. Raises NotPermitted."""
        self._require(caller, RUNS, "see what others have started")
        await self.hitl.tick()
        return await self.hitl.store.fetch(
            ListRequests(states=(RequestState.OPEN,), limit=limit, cursor=cursor, tenant=caller.tenant)
        )

    async def asked(self, run: Run, request_id: str) -> PauseRequest:
        """A request of this run. Raises RequestNotFound, in the same words for one of another."""
        missing = f"there is no request {brief(request_id)} in run {run.id!r}; read the run to see what it waits for"
        with suppress(RequestNotFound):
            request = (await self.hitl.store.fetch(GetRequest(request_id))).request
            if request.run_id == run.id:
                return request
        raise RequestNotFound(missing)

    async def asked_until_now(self, run: Run, most: int) -> tuple[Settled, ...]:
        """What a run has asked people, open or not: the last `most`, oldest first."""
        asked = every(self.hitl.store, ListRequests(states=tuple(RequestState), run_id=run.id))
        return tuple(deque([each async for each in asked], maxlen=most))

    async def owns(self, caller: Caller, run: Run) -> bool:
        """Whether a caller has started a run, whichever way the directory of people wrote them then."""
        if run.started_by is None:
            return False
        return caller.responder.id in (run.started_by, await known_as(self.hitl, run.started_by))

    async def why_not(self, caller: Caller, run: Run, reply: Reply) -> tuple[Fault, ...]:
        """Why a decision of this kind does not come through this caller; nothing, if the runtime is to judge it."""
        who = caller.responder.id
        if who not in self.may_answer:
            return (
                Fault("responder", f"{who!r} calls as an agent, whose client carries no answers; {self._instead(who)}"),
            )
        faults = []
        if not may(caller, REQUESTS):
            faults.append(Fault("responder", f"{who!r} has not the right {REQUESTS!r}, which answering needs"))
        if reply not in REFUSALS and await self.owns(caller, run):
            why = f"{who!r} has started this run, and never answers what it asks: somebody else has to decide it"
            faults.append(Fault("responder", f"{why}, in the inbox or through another client"))
        return tuple(faults)

    async def answer(self, caller: Caller, run: Run, given: Submission) -> Recorded:
        """Give an answer that came through a caller's client. The first valid one wins.

        Raises ResponseRefused with every fault, or its subclass; NotAuthorised also for what `why_not` says. A refusal
        is recorded, and the request stays open.
        """
        await self.asked(run, given.request_id)
        response = Response(
            request_id=given.request_id,
            digest=given.digest,
            decision=given.decision,
            responder=self.speaking(caller),
            reason=given.reason,
            decided_at=self.hitl.clock.now(),
        )
        if faults := await self.why_not(caller, run, Reply(given.decision.type)):
            await record_refusal(self.hitl, response, faults)
            raise NotAuthorised(faults)
        return await self.hitl.respond(response)

    def speaking(self, caller: Caller) -> Responder:
        """Who calls, by this channel: that it was an agent's client is seen from it wherever it is recorded."""
        return caller.responder.model_copy(update={"channel": self.channel})

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _run_id(self, caller: Caller, input: Json, talk: str, key: str | None) -> str:
        """The id of the run that a message starts: the same one when the message comes again."""
        now = self.hitl.clock.now()
        if key is None:
            return new_id(now)
        who, tenant = caller.responder.id, caller.tenant or EVERY_TENANT
        said = hashlib.sha256(canonical([talk, input], what="input")).hexdigest()
        body: dict[str, Json] = {"digest": said, "run": new_id(now)}
        named = hashed(canonical([self.channel, who, tenant, key], what="key").decode())
        slip = Slip(SlipKind.REPEAT, named, now, tenant, who, body=body, expires=now + KEPT)
        kept = await self.hitl.store.apply(PutSlip(slip, now))
        if kept.body.get("digest") != said:
            raise NotUnderstood([Fault("message_id", "stands for another message; make a new one for each")])
        return str(kept.body["run"])

    def _thread(self, caller: Caller, talk: str, run_id: str) -> str:
        """The framework's conversation: a client names only those of its own, and a new one has the run's id."""
        home = self.hitl.settings
        return f"{self._talks_of(home.tenant, home.app, caller.responder.id)}{talk or run_id}"

    def talk_of(self, run: Run) -> str:
        """What the caller who started a run calls the conversation that it belongs to."""
        return run.thread.removeprefix(self._talks_of(run.tenant, run.app, run.started_by or ""))

    def _talks_of(self, tenant: str, app: str, who: str) -> str:
        """What the threads of a caller begin with: of this app alone, as a framework knows a thread by its name.

        Their length has an end, so a digest stands for the names.
        """
        return f"{self.channel}:{hashed(canonical([tenant, app, who], what='caller').decode())[:16]}:"

    def _require(self, caller: Caller, right: str, what: str) -> None:
        if not may(caller, right):
            who = caller.responder.id
            raise NotPermitted([Fault("by", f"{who!r} may not {what}: it has not the right {right!r}")])

    def _instead(self, who: str) -> str:
        there = f" at {self.inbox}" if self.inbox else ""
        return f'people answer in the inbox{there}, or an operator writes [server.agents] may_answer = ["{who}"]'

    def _no_run(self, run_id: str) -> RunNotFound:
        return RunNotFound(f"there is no run {brief(run_id)} here that you see")


def brief(name: str) -> str:
    """A name that somebody has made, as it is told: no longer than one of ours may be."""
    return repr(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…")


def _bounded(wait: float) -> float:
    return min(max(wait, 0.0), LONGEST_WAIT)
