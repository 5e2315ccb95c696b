"""From a request body to what goes out: the script's answer, its faults, the log entry."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from .call_log import CallEntry, CallLog
from .choice import Choice, answer, choose
from .conversation import ChatRequest, read_request
from .script import Drop, Refuse, Script
from .wire import Envelope, Json, Refusal, chunks, completion

HTTP_OK: Final = 200


@dataclass(frozen=True)
class Whole:
    """A reply with one JSON body; ``cut``: the connection ends after half of it."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_ms: int = 0
    cut: bool = False


@dataclass(frozen=True)
class Streamed:
    """A reply in server-sent events; ``cut_after``: how many are sent before the connection ends."""

    events: tuple[Json, ...]
    delay_ms: int = 0
    cut_after: int | None = None


Reply = Whole | Streamed


class Playback:
    """Plays a script: every request gets its reply, and its line in the log before that.

    Safe to call from several threads.
    """

    def __init__(self, script: Script, log: CallLog, *, clock: Callable[[], datetime], log_bodies: bool) -> None:
        self._script = script
        self._log = log
        self._clock = clock
        self._log_bodies = log_bodies
        self._turn = threading.Lock()

    def reply(self, raw: bytes) -> Reply:
        """The reply to a request body."""
        try:
            request = read_request(raw)
        except Refusal as refusal:
            return self.refuse(refusal)
        with self._turn:
            return self._reply_to(request)

    def refuse(self, refusal: Refusal) -> Reply:
        """The reply to a request whose body could not be read."""
        with self._turn:
            self._log.append(self._log.next_entry(at=self._clock(), status=refusal.status))
        return Whole(refusal.status, refusal.body)

    def _reply_to(self, request: ChatRequest) -> Reply:
        entry = self._entry(request)
        try:
            choice = choose(self._script, request)
            entry = entry.model_copy(update={"step": choice.place})
            fault = self._fault_due(choice, request)
            if isinstance(fault, Refuse):
                return self._scripted_error(choice, fault, entry)
            return self._answer(choice, fault, request, entry)
        except Refusal as refusal:
            self._log.append(entry.model_copy(update={"status": refusal.status}))
            return Whole(refusal.status, refusal.body)

    def _entry(self, request: ChatRequest) -> CallEntry:
        facts = {"digest": request.digest, "model": request.model, "messages": len(request.messages)}
        body = {"body": request.body} if self._log_bodies else {}
        return self._log.next_entry(at=self._clock(), status=HTTP_OK).model_copy(update=facts | body)

    def _fault_due(self, choice: Choice, request: ChatRequest) -> Refuse | Drop | None:
        fault = choice.step.fault
        if fault is None or fault.times is None:
            return fault
        seen = self._log.times_seen(digest=request.digest, model=request.model, step=choice.place)
        return fault if seen < fault.times else None

    def _scripted_error(self, choice: Choice, fault: Refuse, entry: CallEntry) -> Reply:
        refusal = Refusal(fault.status, "scripted_fault", f"{choice.place} is written to fail here")
        self._log.append(entry.model_copy(update={"status": fault.status}))
        return Whole(fault.status, refusal.body, _retry_headers(fault.retry_after), choice.step.delay_ms)

    def _answer(self, choice: Choice, drop: Drop | None, request: ChatRequest, entry: CallEntry) -> Reply:
        said = answer(choice, self._script, request)
        envelope = Envelope(
            id=f"chatcmpl-{request.digest[:24]}",
            model=request.model,
            created=int(entry.at.timestamp()),
            prompt_size=request.prompt_size,
        )
        self._log.append(entry.model_copy(update={"dropped": drop is not None}))
        delay_ms = choice.step.delay_ms
        if not request.stream:
            return Whole(HTTP_OK, completion(said, envelope), delay_ms=delay_ms, cut=drop is not None)
        events = tuple(chunks(said, envelope, include_usage=request.include_usage))
        return Streamed(events, delay_ms=delay_ms, cut_after=drop.drop_after if drop else None)


def _retry_headers(seconds: float | None) -> dict[str, str]:
    """``Retry-After`` counts whole seconds; OpenAI's clients prefer the header in milliseconds."""
    if seconds is None:
        return {}
    return {"Retry-After": str(int(-(-seconds // 1))), "retry-after-ms": str(int(seconds * 1000))}
