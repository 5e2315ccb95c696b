"""Somebody at the inbox: takes up what waits in any order, answers it, and often says the same again, or otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

from ...commands import ReadAudit, Settled
from ...errors import HitlError, StoreUnavailable
from ...gate import ABORT, HAPPENED, NOT_HAPPENED
from ...protocol import AuditEvent, Delegate, PauseRequest, Response
from ...runtime import Runtime
from ...runtime.leases import has_died
from ..conformance.world import answer
from ..kills.approved import body_of
from .ground import LOOKS, Ground
from .history import words_of

PEOPLE: Final = ("ann", "bob", "cyn")

_SAID: Final = {"approve": 10, "edit": 4, "reject": 3, "answer": 1, "delegate": 2}
"""How often a call is answered how, against the others."""

_AGAIN: Final = 0.25
_OTHERWISE: Final = 0.2
_LEFT_ALONE: Final = 0.5
"""How often an answer is sent twice, a different one after it; how often what has a deadline is left to it."""


class Person:
    """One process at the inbox. It has no name of its own: it says each time who it is."""

    def __init__(self, at: Ground, hitl: Runtime, random: Random) -> None:
        self._at, self._hitl, self._random = at, hitl, random

    async def looks_at_the_inbox(self) -> None:
        """Answer a few of what waits; in a calm all of it."""
        found = (await self._hitl.inbox(limit=100)).items
        few = found if self._at.calm else self._random.sample(found, min(3, len(found)))
        for settled in few:
            await self._answers(settled)

    async def _answers(self, settled: Settled) -> None:
        request = settled.request
        if request.in_doubt:
            said = await self._truthfully(request)
            await self._sends(said)
            return
        if request.deadline is not None and Random(request.id).random() < _LEFT_ALONE:  # noqa: S311  # by everybody
            return
        said = self._decides(settled)
        await self._sends(said)
        if self._random.random() < _AGAIN:
            await self._sends(said)
        if self._random.random() < _OTHERWISE:
            await self._sends(self._decides(settled))

    def _decides(self, settled: Settled) -> Response:
        request, by = settled.request, self._random.choice(_asked(settled))
        match request.action.tool:
            case "ask":
                return answer(request, "answer", self._random.choice(("it was broken", "it is due")), by=by)
            case "pick":
                return answer(request, "choose", self._random.choice(("green", "red")), by=by)
            case "show":
                return answer(request, "accept", by=by)
            case _:
                return self._decides_on_a_call(request, by)

    def _decides_on_a_call(self, request: PauseRequest, by: str) -> Response:
        offered = [each for each in _SAID if each in (*request.allowed, "delegate")]
        (how,) = self._random.choices(offered, [_SAID[each] for each in offered])
        match how:
            case "edit":
                return answer(request, "edit", _edited(request.action.arguments, self._random), by=by)
            case "reject":
                return answer(request, "reject", "not that one", by=by)
            case "answer":
                return answer(request, "answer", "done by hand", by=by)
            case "delegate":
                return answer(request, "delegate", self._random.choice([each for each in PEOPLE if each != by]), by=by)
            case _:
                return answer(request, "approve", by=by)

    async def _sends(self, response: Response) -> None:
        """As a client does it: where it is not known whether the answer was kept, the same one is given again."""
        told = {"request": response.request_id, "decision": response.decision.type, "by": response.responder.id}
        told["words"] = words_of(response)
        self._at.history.says("answers", **told)
        while True:
            try:
                recorded = await self._hitl.respond(response)
            except StoreUnavailable:
                await self._hitl.clock.sleep(LOOKS)
                continue
            except HitlError as exc:
                self._at.history.says("answer refused", **told, code=exc.code)
                return
            self._at.history.says("answered", **told, replayed=recorded.replayed)
            return

    # ── in doubt ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _truthfully(self, request: PauseRequest) -> Response:
        """What is known of a call in doubt. Nobody can know it while the process that began it may still go on: a
        frozen one has lost its claim, not its hands. So it is ended first, as an operator would."""
        await self._ends_who_began(request)
        happened = any(line["key"] == f"{request.run_id}:{request.call}" for line in self._at.stage().happened())
        if self._random.random() < _OTHERWISE / 2:
            return answer(request, "choose", ABORT.id)
        return answer(request, "choose", HAPPENED.id if happened else NOT_HAPPENED.id)

    async def _ends_who_began(self, request: PauseRequest) -> None:
        events = (AuditEvent.EFFECT_STARTED.value,)
        page = await self._hitl.store.fetch(ReadAudit(limit=100_000, run_id=request.run_id, events=events))
        for owner in {entry.actor for entry in page.items if body_of(entry)["call"] == request.call}:
            if not has_died(owner):
                self._at.history.says("ends", owner=owner, call=request.call)
                with suppress(ProcessLookupError):
                    os.kill(int(owner.split("/")[1]), signal.SIGKILL)
            while not has_died(owner):
                await self._hitl.clock.sleep(LOOKS / 10)


def _asked(settled: Settled) -> Sequence[str]:
    """Whoever it was given on to, or anybody."""
    given_on = [said.decision.to for said in settled.votes if isinstance(said.decision, Delegate)]
    return given_on[-1:] or PEOPLE


def _edited(arguments: dict[str, Any], random: Random) -> dict[str, Any]:
    if "amount" in arguments:
        return {**arguments, "amount": round(random.uniform(1, 9), 2)}
    return {**arguments, "order": f"{arguments['order']}-{random.randint(2, 9)}"}
