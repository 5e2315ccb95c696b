"""One gesture, many answers: requests that are alike are decided together, each by a decision of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..commands import GetRequest, GetRun, ListRequests, Note, Recorded, Settled, WriteNote
from ..contracts import every
from ..errors import BatchRefused, Fault, RequestNotFound, ResponseRefused
from ..gate import Surroundings
from ..protocol import AuditEvent, Cancel, Json, PauseRequest, Reject, Response, canonical, new_id, sha256
from .grants import Grants


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one answer of a batch: recorded, or refused for a reason of its own."""

    response: Response
    recorded: Recorded | None = None
    refused: ResponseRefused | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of all of them, in their order. Every recorded decision has `id` as its batch."""

    id: str
    answers: tuple[Answered, ...]


class Batches(Grants):
    """Answer many at once."""

    async def alike(self, request_id: str) -> tuple[Settled, ...]:
        """The open requests like this one, itself included, oldest first: same tool, rule, kind and tenant."""
        await self.tick()
        one = (await self.store.fetch(GetRequest(request_id))).request
        tenant = (await self.store.fetch(GetRun(one.run_id))).tenant
        waiting = every(self.store, ListRequests(tenant=tenant))
        return tuple([each async for each in waiting if sort_of(each.request) == sort_of(one)])

    async def respond_many(self, responses: Sequence[Response]) -> Batch:
        """Give these answers in one gesture: each is judged and recorded by itself, under one batch id.

        All have to be to requests of one sort (tool, rule, kind), each to another one; those that let anything run need
        requests whose rule allows that and that can be taken back. Else none is taken: raises BatchRefused with every
        fault, which is recorded. An answer that is refused for a reason of its own leaves the others as they are.
        """
        now = self._around.now()
        batch = new_id(now)
        await _require_one_sort(self._around, batch, responses)
        given = [each.model_copy(update={"batch": batch}) for each in responses]
        return Batch(batch, tuple([await self._answered(each) for each in given]))

    async def _answered(self, response: Response) -> Answered:
        try:
            return Answered(response, recorded=await self.respond(response))
        except ResponseRefused as exc:
            return Answered(response, refused=exc)


def sort_of(request: PauseRequest) -> tuple[str, str, str]:
    """What requests have in common that can be answered together."""
    return request.action.tool, request.because.rule, request.kind


def shown_digest(requests: Iterable[PauseRequest]) -> str:
    """The digest of what was shown of several requests: each by its id and the digest of its action."""
    shown: list[Json] = [[each.id, each.digest] for each in requests]
    return sha256(canonical(shown, what="batch"))


async def _require_one_sort(around: Surroundings, batch: str, responses: Sequence[Response]) -> None:
    faults = [] if responses else [Fault("responses", "are none; give at least one")]
    sorts: dict[tuple[str, str, str], int] = {}
    answered: set[str] = set()
    for index, response in enumerate(responses):
        path = f"responses[{index}]"
        if response.request_id in answered:
            faults.append(Fault(path, f"is a second answer to request {response.request_id!r}; give one to each"))
        answered.add(response.request_id)
        try:
            request = (await around.store.fetch(GetRequest(response.request_id))).request
        except RequestNotFound as exc:
            faults += [Fault(path, fault.problem) for fault in exc.faults]
            continue
        sorts.setdefault(sort_of(request), index)
        if not request.batch and not isinstance(response.decision, Reject | Cancel):
            faults.append(Fault(path, f"request {request.id!r} is to be looked at alone; answer it by itself"))
    if len(sorts) > 1:
        named = "; ".join(f"{tool!r} by rule {rule!r} ({kind})" for tool, rule, kind in sorts)
        faults.append(Fault("responses", f"are about several things: {named}; answer each sort by itself"))
    if not faults:
        return
    body: dict[str, Json] = {"requests": [each.request_id for each in responses], "faults": list(map(str, faults))}
    by = responses[0].responder.id if responses else "nobody"
    await around.store.apply(WriteNote(Note(AuditEvent.BATCH_REFUSED, batch, by, body), around.now()))
    raise BatchRefused(faults)
