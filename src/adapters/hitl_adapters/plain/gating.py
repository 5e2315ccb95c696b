"""How a call of a plain function reaches the gate: guarded functions, and what an app asks of people."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast, overload

from pydantic import ValidationError

from hitl_core.errors import CallRefused, ResultNotKept
from hitl_core.gate import Form, guiding, tried, with_words
from hitl_core.protocol import (
    Action,
    Arguments,
    ClientTool,
    EffectMode,
    Executed,
    Json,
    Origin,
    Proceed,
    Refuse,
    Substitute,
    Verdict,
    Wait,
)
from hitl_core.tools import Tool, as_json, refusal_of, tool

from .errors import failed, refused_after
from .mapping import choice_form, question_form, review_form, tool_form
from .suspend import PASS, Current, Suspended, current

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Key = Callable[..., object]


_agents: ContextVar[tuple[str, ...]] = ContextVar("hitl_plain_agents", default=())
_words: ContextVar[str] = ContextVar("hitl_plain_words", default="")


class PlainGate:
    """The gate as plain functions see it: guard, ask, choose, review, step, guidance, together, acting_as, say, …"""

    @overload
    def guard(self, function: F, /) -> F: ...
    @overload
    def guard(self, function: Tool, /) -> Callable[..., Any]: ...
    @overload
    def guard(self, /, *, key: Key | None = None, **traits: Any) -> Callable[[F], F]: ...
    def guard(
        self, function: Callable[..., Any] | Tool | None = None, /, *, key: Key | None = None, **traits: Any
    ) -> Any:
        """Guard a function (async or sync): it runs only if the policy or a person lets this very call through.

        `traits` are those of `hitl_core.tool`. The guarded function raises CallRefused if the answer is no. A sync
        function is to be called from a sync app (which runs in a thread).

        The calls of a function are told apart by their order, which has to be the same whenever the app runs again.
        Where it is not (calls side by side), `key` makes a short text of the arguments that tells them apart:
        `key=lambda order, amount: order`.
        """
        if function is None:
            return functools.partial(self.guard, key=key, **traits)
        declared = function if isinstance(function, Tool) else tool(**traits)(function)
        guarded: Any = _guarded(declared, key)
        guarded.hitl_tool = declared
        return guarded

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

    async def ask_page(self, name: str, arguments: Arguments) -> Json:
        """Call a client tool: one that this run was started with (`hitl.start(…, tools=…)`); returns what was answered.

        Raises CallRefused for arguments that do not fit its schema, and LookupError if the run has no such tool.
        """
        declared = _client_tool(current(), name)
        try:
            declared.typed(arguments)
        except ValidationError as exc:
            raise CallRefused(refusal_of(exc)) from exc
        return await self._consult(name, arguments, Form(kind=declared.kind), definition=declared.definition)

    @property
    def client_tools(self) -> tuple[ClientTool, ...]:
        """The tools that this run was started with."""
        return current().gate.run.tools

    async def step(self, function: Callable[..., Any], /, *args: Any, name: str = "", **kwargs: Any) -> Json:
        """Do something that needs no approval, and remember its JSON result: a model call, a look-up.

        On resume it is not done again. A process that dies between the work and the remembering leaves no trace of it,
        and then it is; what must not happen twice belongs behind `guard`.
        """
        now = current()
        place = now.place(f"step:{name or function.__name__}")
        if place in now.journal:
            return now.journal[place]
        if await now.gate.heed_stops():
            raise now.suspend()
        result = function(*args, **kwargs)
        made = as_json(await result if inspect.isawaitable(result) else result)
        return await now.gate.remember(place, made)

    async def guidance(self) -> tuple[str, ...]:
        """What people have said to the agent since it was last asked for, in words for a model; call it before each
        model call. When the app runs again, the same comes back at the same place."""
        now = current()
        place = now.place("guidance")
        given = await now.gate.entering(place, replayed=place in now.journal, seals=True)
        return tuple(map(guiding, given))

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

    @contextmanager
    def saying(self, words: str) -> Iterator[None]:
        """What is called inside is called with these words, a model's beside its calls: people are shown them, marked
        as the agent's own, and as its answer if they had asked it about an earlier call."""
        token = _words.set(words)
        try:
            yield
        finally:
            _words.reset(token)

    def say(self, text: str) -> None:
        """Say something to whoever talks with this run: a whole message, which its thread's transcript keeps.

        Messages are told apart by their order, which has to be the same whenever the app runs again.
        """
        current().spoken(text, _agents.get())

    def emit(self, text: str, data: Json = None) -> None:
        """Tell whoever watches this run how far it is."""
        current().emit(text, data)

    def wait(self, step: Any) -> Any:
        """Wait for one of the async methods from a sync app: `gate.wait(gate.ask("…"))`."""
        return current().gate.blocking(step)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people have changed in the calls of this run so far, in words for a model."""
        return tuple(current().notes)

    async def _consult(self, name: str, arguments: Arguments, form: Form, *, definition: str | None = None) -> Json:
        now = current()
        place = now.place(name)
        action = Action(tool=name, arguments=arguments, definition=definition, origin=_origin())
        verdict = await now.gate.propose(action, call=place, form=_spoken(now, form, place))
        return await _told(now, action, place, _answered(now, verdict, place))


gate = PlainGate()


def _client_tool(now: Current, name: str) -> Tool:
    """Raises LookupError, naming those that there are."""
    names = [each.name for each in now.gate.run.tools]
    found = now.gate.catalogue.tool(name) if name in names else None
    if found is None:
        raise LookupError(f"this run was started without a client tool {name!r}; it has: {', '.join(names) or 'none'}")
    return found


def declared_by(app: Callable[..., Any]) -> tuple[Tool, ...]:
    """The guarded functions that are known before the app runs: those of its module, and those in its `tools`.

    An app that makes its guarded functions anew for every run says with `app.tools = (refund, …)` which they are.
    """
    module = sys.modules.get(getattr(app, "__module__", ""))
    seen = tuple(vars(module).values()) if module else ()
    tools = [getattr(each, "hitl_tool", None) for each in (*seen, *getattr(app, "tools", ()))]
    return tuple(each for each in tools if isinstance(each, Tool))


def _guarded(declared: Tool, key: Key | None) -> Callable[..., Any]:
    function = declared.function
    assert function is not None
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            return await _run(declared, key, args, kwargs)

        return guarded

    @functools.wraps(function)
    def guarded_sync(*args: Any, **kwargs: Any) -> Any:
        return current().gate.blocking(_run(declared, key, args, kwargs))

    return guarded_sync


async def _run(declared: Tool, key: Key | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Json:
    now = current()
    now.catalogue.learn(declared)
    arguments = declared.named(args, kwargs)
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=_origin())
    place = now.place(declared.name if key is None else f"{declared.name}:{key(*args, **kwargs)}")
    verdict = await now.gate.propose(action, call=place, form=_spoken(now, tool_form(declared), place))
    return await _told(now, action, place, _obey(now, declared, verdict, place))


async def _told(now: Current, action: Action, place: str, work: Awaitable[Json]) -> Json:
    """What comes of a call, and who watches is told of both."""
    now.called(place, action)
    try:
        result = await work
    except CallRefused as exc:
        now.came(place, str(exc), action.origin.path)
        raise
    now.came(place, result, action.origin.path)
    return result


async def _answered(now: Current, verdict: Verdict, place: str) -> Json:
    match verdict:
        case Wait():
            raise now.suspend()
        case Refuse(text=text):
            now.used.append(place)
            raise CallRefused(text)
        case Proceed():
            now.used.append(place)
            late = f"nobody answered {place!r} before its deadline; go on without an answer, or ask again"
            raise CallRefused(late)
        case Substitute(result=result):
            now.used.append(place)
            return result


def _origin() -> Origin:
    """The agents that the app says it acts for."""
    path = _agents.get()
    return Origin(agent=path[-1] if path else None, path=path)


def _spoken(now: Current, form: Form, place: str) -> Form:
    """The form of a call with what the app says in its agent's name."""
    words, agents = _words.get(), _agents.get()
    now.says(place, agents, words)
    return with_words(form, words, lambda earlier: now.said_since(earlier.call, place, agents))


async def _obey(now: Current, declared: Tool, verdict: Verdict, place: str) -> Json:
    if isinstance(verdict, Proceed | Substitute):
        now.tell(verdict.note, place)
    if not isinstance(verdict, Proceed):
        return await _answered(now, verdict, place)
    with now.working():
        return await _carry_out(now, declared, verdict)


async def _carry_out(now: Current, declared: Tool, allowed: Proceed) -> Json:
    if declared.traits.mode is EffectMode.TRANSACTIONAL:
        return await _carry_out_in_store(now, declared, allowed)
    try:
        return await _carry_out_once(now, declared, allowed)
    except ResultNotKept as exc:
        raise CallRefused(str(exc)) from exc


async def _carry_out_once(now: Current, declared: Tool, allowed: Proceed) -> Json:
    failure: Exception | None = None
    async with now.gate.carry_out(allowed, suspends=PASS) as effect:
        try:
            result = await declared.run(effect.arguments)
            effect.outcome = Executed(result)
        except (ResultNotKept, *PASS):
            raise  # it ran; or a guarded call inside it was stopped: it begins again when the stop is lifted
        except Exception as exc:
            failure, effect.outcome = exc, failed(exc)
    if failure is None:
        return result
    raise refused_after(failure) from failure


async def _carry_out_in_store(now: Current, declared: Tool, allowed: Proceed) -> Json:
    try:
        return await now.gate.carry_out_in_store(allowed, declared.run_in)
    except RuntimeError as exc:
        raise CallRefused(tried(str(exc))) from exc
