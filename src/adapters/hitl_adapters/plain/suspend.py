"""How a plain function stops and starts: a pause is an exception, and a resume is the function run again."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast, overload

from hitl_core.errors import HitlError, NoRun, Stopped
from hitl_core.gate import Form, Gate
from hitl_core.protocol import (
    Action,
    Arguments,
    EffectMode,
    Executed,
    Failed,
    Json,
    LiveEvent,
    LiveKind,
    Origin,
    Proceed,
    Refuse,
    Substitute,
    Verdict,
    Wait,
)
from hitl_core.tools import TRANSACTION, Catalogue, Tool, as_json, tool

from .mapping import choice_form, question_form, review_form, tool_form

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Suspended(BaseException):
    """The run waits for people. Not an Exception, so that the app's own handlers let it pass."""


class Refused(HitlError):
    """A guarded call came to nothing: the gate refused it, or it was tried and failed; the message says why.

    It is the same error when the function runs again from its start, so that an app that catches it goes the same way.
    """

    code = "HITL-E05"


class Session:
    """What one turn of a plain function knows: its gate, its journal, and how often each name was called."""

    def __init__(
        self, gate: Gate, journal: dict[str, Json], catalogue: Catalogue, emit: Callable[[LiveEvent], None]
    ) -> None:
        self.gate = gate
        self.journal = journal
        self.catalogue = catalogue
        self.notes: list[str] = []
        self.used: list[str] = []
        self.waiting = False
        self._emit = emit
        self._counts: Counter[str] = Counter()
        self._reached: list[str] = []
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def place(self, name: str) -> str:
        """The name of the next call of `name`: its place in the run, the same whenever the function runs again."""
        self._counts[name] += 1
        place = f"{name}#{self._counts[name]}"
        self._reached.append(place)
        return place

    def order(self) -> list[Json]:
        """The places that wait."""
        return [request.call for request in self.gate.waiting] or list(self._reached[-1:])

    def unmet(self, checkpoint: Json) -> list[str]:
        """The places that the checkpoint waits at and that this turn did not reach."""
        waited = checkpoint.get("calls", []) if isinstance(checkpoint, dict) else []
        return [str(call) for call in cast("list[Json]", waited) if call not in self._reached]

    def lost(self, checkpoint: Json) -> bool:
        """Whether this turn reached none of the places that the checkpoint waits at."""
        waited = checkpoint.get("calls") if isinstance(checkpoint, dict) else None
        return bool(waited) and self.unmet(checkpoint) == waited

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a guarded function runs."""
        self._working += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()

    async def idle(self) -> None:
        """Return when no guarded function runs any more: what is under way in other tasks is to have its outcome."""
        await self._idle.wait()

    def suspend(self) -> Suspended:
        self.waiting = True
        return Suspended()

    def tell(self, note: str, call: str) -> None:
        """Keep what the agent has to be told about a call."""
        if note:
            self.notes.append(note)
            self.emit(LiveKind.CUSTOM, note, {"changed": call})

    def emit(self, kind: LiveKind, text: str, data: Json = None) -> None:
        self._emit(LiveEvent(run_id=self.gate.run.id, kind=kind, text=text, data=data))


_session: ContextVar[Session | None] = ContextVar("hitl_plain_session", default=None)


@contextmanager
def entered(session: Session) -> Iterator[None]:
    """Make `session` the current one for the app and all that it calls."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def current() -> Session:
    """The session of the run that calls us. Raises NoRun outside one: nobody could have approved anything."""
    session = _session.get()
    if session is None:
        raise NoRun("this function is guarded and was called outside a run; start it with hitl.start(…) or `hitl run`")
    return session


_agents: ContextVar[tuple[str, ...]] = ContextVar("hitl_plain_agents", default=())


class PlainGate:
    """The gate as plain functions see it: guard, ask, choose, review, step, together, acting_as, emit, wait, notes."""

    @overload
    def guard(self, function: F, /) -> F: ...
    @overload
    def guard(self, function: Tool, /) -> Callable[..., Any]: ...
    @overload
    def guard(self, /, **traits: Any) -> Callable[[F], F]: ...
    def guard(self, function: Callable[..., Any] | Tool | None = None, /, **traits: Any) -> Any:
        """Guard a function (async or sync): it runs only if the policy or a person lets this very call through.

        `traits` are those of `hitl_core.tool`. The guarded function raises Refused if the answer is no. A sync
        function is to be called from a sync app (which runs in a thread).
        """
        if function is None:
            return functools.partial(self.guard, **traits)
        declared = function if isinstance(function, Tool) else tool(**traits)(function)
        return _guarded(declared)

    async def ask(self, question: str, *, name: str = "ask", answer_schema: dict[str, Json] | None = None) -> Json:
        """Ask people a question; returns their words, or a value that fits `answer_schema`."""
        return await self._consult(name, {"question": question}, question_form(question, answer_schema))

    async def choose(self, question: str, options: Sequence[str], *, name: str = "choose") -> str:
        """Let people pick one of `options`; returns it."""
        arguments: Arguments = {"question": question, "options": list(options)}
        return cast("str", await self._consult(name, arguments, choice_form(question, options)))

    async def review(self, content: str, *, title: str = "Review", name: str = "review") -> dict[str, Json]:
        """Show a draft; returns `{"outcome": "accepted" | "edited" | "revise", "content": …, "feedback": …}`."""
        return cast("dict[str, Json]", await self._consult(name, {"content": content}, review_form(title)))

    async def step(self, function: Callable[..., Any], /, *args: Any, name: str = "", **kwargs: Any) -> Json:
        """Do something that needs no approval once, and remember its JSON result: a model call, a look-up."""
        session = current()
        place = session.place(f"step:{name or function.__name__}")
        if place in session.journal:
            return session.journal[place]
        result = function(*args, **kwargs)
        made = as_json(await result if inspect.isawaitable(result) else result)
        return await session.gate.remember(place, made)

    async def together(self, *calls: Awaitable[Any]) -> list[Any]:
        """Await several calls at once, so that all of their pauses are shown at once."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        if not tasks:
            return []
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()  # those that are done take no notice
        errors = [task.exception() for task in tasks]
        if any(isinstance(error, Suspended) for error in errors):
            raise current().suspend()
        return [task.result() for task in tasks]

    @contextmanager
    def acting_as(self, agent: str) -> Iterator[None]:
        """What is called inside is called by `agent`; nested, by an agent that another one has called."""
        token = _agents.set((*_agents.get(), agent))
        try:
            yield
        finally:
            _agents.reset(token)

    def emit(self, text: str, data: Json = None) -> None:
        """Tell whoever watches this run how far it is."""
        current().emit(LiveKind.CUSTOM, text, data)

    def wait(self, step: Any) -> Any:
        """Wait for one of the async methods from a sync app: `gate.wait(gate.ask("…"))`."""
        return current().gate.blocking(step)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people have changed in the calls of this run so far, in words for a model."""
        return tuple(current().notes)

    async def _consult(self, name: str, arguments: Arguments, form: Form) -> Json:
        session = current()
        place = session.place(name)
        verdict = await session.gate.propose(
            Action(tool=name, arguments=arguments, origin=_origin()), call=place, form=form
        )
        match verdict:
            case Wait():
                raise session.suspend()
            case Refuse(text=text):
                session.used.append(place)
                raise Refused(text)
            case Proceed():
                session.used.append(place)
                raise Refused("nobody answered this question before its deadline")
            case Substitute(result=result):
                session.used.append(place)
                return result


gate = PlainGate()


def _guarded(declared: Tool) -> Callable[..., Any]:
    function = declared.function
    assert function is not None
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            return await _run(declared, args, kwargs)

        return guarded

    @functools.wraps(function)
    def guarded_sync(*args: Any, **kwargs: Any) -> Any:
        return current().gate.blocking(_run(declared, args, kwargs))

    return guarded_sync


async def _run(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Json:
    session = current()
    session.catalogue.learn(declared)
    arguments = _arguments(declared, args, kwargs)
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=_origin())
    place = session.place(declared.name)
    verdict = await session.gate.propose(action, call=place, form=tool_form(declared))
    return await _obey(session, declared, verdict, place)


def _origin() -> Origin:
    """The agents that the app says it acts for."""
    path = _agents.get()
    return Origin(agent=path[-1] if path else None, path=path)


def _arguments(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """What a call was given, by name; the transaction is added when it runs."""
    assert declared.function is not None
    signature = inspect.signature(declared.function)
    named = [parameter for name, parameter in signature.parameters.items() if name != TRANSACTION]
    bound = signature.replace(parameters=named).bind(*args, **kwargs)
    return cast("Arguments", as_json(dict(bound.arguments)))


async def _obey(session: Session, declared: Tool, verdict: Verdict, place: str) -> Json:
    match verdict:
        case Wait():
            raise session.suspend()
        case Refuse(text=text):
            session.used.append(place)
            raise Refused(text)
        case Substitute(result=result, note=note):
            session.used.append(place)
            session.tell(note, place)
            return result
        case Proceed(note=note):
            session.tell(note, place)
            with session.working():
                return await _carry_out(session, declared, verdict)


async def _carry_out(session: Session, declared: Tool, allowed: Proceed) -> Json:
    if declared.traits.mode is EffectMode.TRANSACTIONAL:
        return await _carry_out_in_store(session, declared, allowed)
    failure: Exception | None = None
    async with session.gate.carry_out(allowed, suspends=(Suspended, Stopped)) as effect:
        try:
            result = await declared.run(effect.arguments)
            effect.outcome = Executed(result)
        except Stopped:
            raise  # a guarded call inside it was stopped: it begins again when the stop is lifted
        except Exception as exc:
            failure, effect.outcome = exc, Failed(f"{type(exc).__name__}: {exc}"[:4000])
    if failure is None:
        return result
    raise Refused(f"This call was tried and failed: {type(failure).__name__}: {failure}"[:4096]) from failure


async def _carry_out_in_store(session: Session, declared: Tool, allowed: Proceed) -> Json:
    try:
        return await session.gate.carry_out_in_store(allowed, declared.run_in)
    except RuntimeError as exc:
        raise Refused(f"This call was tried and failed: {exc}") from exc
