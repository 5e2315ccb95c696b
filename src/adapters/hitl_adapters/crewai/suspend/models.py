"""Every model call of a run is made once: its answer is in the journal, under what was asked and how often before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from crewai.events.event_bus import crewai_event_bus
from crewai.events.types.llm_events import LLMStreamChunkEvent
from crewai.llms.base_llm import BaseLLM
from crewai.utilities.agent_utils import extract_tool_call_info, is_tool_call_list
from crewai.utilities.internal_instructor import InternalInstructor
from pydantic import BaseModel

from hitl_core.errors import AppRefused, HitlError
from hitl_core.gate import guided
from hitl_core.protocol import Json, sha256
from hitl_core.tools import as_json

from ..mapping import before_action, role_of, words_in
from .current import Current, Suspended, current
from .places import conversation, scope
from .seams import seam

_FIELDS: Final = ("role", "content", "tool_calls", "tool_call_id", "name")

_streamed: ContextVar[list[str] | None] = ContextVar("hitl_crewai_streamed", default=None)
"""Set while a model is asked: whether its words have been passed on as they came."""

_answering: ContextVar[str] = ContextVar("hitl_crewai_answering", default="")
"""Set while a model is asked: the key under which its answer is going to be kept."""

_heard: ContextVar[list[str] | None] = ContextVar("hitl_crewai_heard", default=None)
"""Set while a model is asked: what it says in the answers that come from its provider."""

_calling: ContextVar[bool] = ContextVar("hitl_crewai_model_call", default=False)

before_model_call: list[Callable[[], None]] = []
"""What has to hold before the tools of an answer are called; see gating.hooks."""


class ExactModel(BaseLLM):
    """Marks models that are ours and answer by themselves: nothing about them is remembered."""

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def journal_models() -> None:
    """Hold on to every class of models that exists by now; asked again before each kickoff."""
    for cls in _classes(BaseLLM):
        if issubclass(cls, ExactModel):
            continue
        if "call" in vars(cls):
            seam(cls, "call", _call)
        if "acall" in vars(cls):
            seam(cls, "acall", _acall)
        for name in filter(_hears, tuple(vars(cls))):  # all at once: other threads may add to a class
            seam(cls, name, _hear)
    seam(InternalInstructor, "to_pydantic", _instruct)


def _hears(name: str) -> bool:
    """Whether this is where a provider's client looks at its answer for why it ended; each calls it its own way."""
    return name.lstrip("_").startswith("extract") and "finish_reason" in name


def watch_models() -> None:
    """Pass on what models say as they say it; once per process. CrewAI tells this at once and in our context."""
    crewai_event_bus.on(LLMStreamChunkEvent)(_chunk)


def _chunk(source: Any, event: LLMStreamChunkEvent) -> None:
    now, streamed = current(), _streamed.get()
    if now is None or streamed is None or event.tool_call is not None or not event.chunk:
        return
    streamed.append(event.chunk)
    now.says(_answering.get(), event.chunk)


def _hear(original: Callable[..., Any], response: Any, *args: Any, **kwargs: Any) -> Any:
    """Every provider looks here at its whole answer. Of one with calls, CrewAI keeps nothing else."""
    heard = _heard.get()
    if heard is not None:
        heard.append(words_in(response))
    return original(response, *args, **kwargs)


def _classes(root: type[Any]) -> Iterator[type[Any]]:
    cls: type[Any]
    for cls in root.__subclasses__():
        yield cls
        yield from _classes(cls)


# ── the three ways to a model ────────────────────────────────────────────────────────────────────────────────


def _call(original: Callable[..., Any], llm: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
    now = current()
    if now is None or _calling.get():
        return original(llm, messages, *args, **kwargs)
    asked = _Asked(now, llm, messages, args, kwargs)
    if (known := asked.known()) is not None:
        return known
    with _as_outermost(asked.key):
        answer = original(llm, asked.messages(), *args, **kwargs)
    return asked.remember(answer)


async def _acall(original: Callable[..., Any], llm: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
    now = current()
    if now is None or _calling.get():
        return await original(llm, messages, *args, **kwargs)
    asked = _Asked(now, llm, messages, args, kwargs)
    if (known := asked.known()) is not None:
        return known
    with _as_outermost(asked.key):
        answer = await original(llm, asked.messages(), *args, **kwargs)
    return asked.remember(answer)


def _instruct(original: Callable[..., Any], instructor: Any) -> Any:
    """Structured output by way of a client that is not the model's own `call`."""
    now = current()
    if now is None or _calling.get():
        return original(instructor)
    messages = [{"role": "user", "content": instructor.content}]
    asked = _Asked(now, instructor.llm, messages, (), {"response_model": instructor.model})
    if (known := asked.known()) is not None:
        return known
    with _as_outermost(asked.key):
        answer = original(instructor)
    return asked.remember(answer)


@contextmanager
def _as_outermost(key: str) -> Iterator[None]:
    token = _calling.set(True)
    _answering.set(key)
    _streamed.set([])
    _heard.set([])
    try:
        yield
    finally:
        _calling.reset(token)


# ── one call ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Asked:
    """One model call: its key in the journal. Raises Suspended if something waits in this task."""

    def __init__(self, now: Current, llm: Any, messages: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        now.check()
        given = dict(zip(("tools", "callbacks", "available_functions"), args, strict=False)) | kwargs
        if not all(_only_plans(each) for each in (given.get("available_functions") or {}).values()):
            error = AppRefused("a model was given functions to call by itself (available_functions): no gate sees that")
            now.halt(error)
            raise Suspended from error
        self._now = now
        self._messages, self._agent = messages, given.get("from_agent")
        self._shape: type[BaseModel] | None = given.get("response_model")
        self.key = now.place("model", _content(llm, messages, given, self._shape))
        for ready in before_model_call:
            ready()

    def known(self) -> Any:
        value = self._now.journal.get(self.key)
        if value is None:
            return None
        if self._now.turn.claimed.interrupted:  # nobody knows what was told by whoever has died
            self._tell(cast("dict[str, Json]", value))
        return self._as_given(value)

    def messages(self) -> Any:
        """What is asked, with what people have said to the agent whose call it is; CrewAI's own list stays as it is."""
        if self._agent is None or not isinstance(self._messages, list):
            return self._messages
        told = guided(self._now.gate, self._messages, of=scope().path, record=_message, told=_told)
        try:
            heard = self._now.blocking(told)
        except HitlError as exc:  # to CrewAI it would be an error of the model, to be tried again
            self._now.halt(exc)
            raise Suspended from exc
        return self._messages if len(heard) == len(self._messages) else heard

    def remember(self, answer: Any) -> Any:
        """Keep the answer, and give CrewAI the kept form: the next time it gets the same."""
        value = cast("dict[str, Json]", self._now.remember(self.key, _kept(answer, _words())))
        if not _streamed.get():
            self._tell(value)
        return self._as_given(value)

    def _tell(self, value: dict[str, Json]) -> None:
        self._now.says(self.key, str(value.get("text") or value.get("words") or ""))

    def _as_given(self, value: Json) -> Any:
        kept = cast("dict[str, Any]", value)
        calls = [self._reserve(call) for call in kept.get("calls", ())]
        self._says(kept, [each for each in calls if each])
        if "calls" in kept:
            return [dict(call, function=dict(call["function"])) for call in kept["calls"]]
        if "model" in kept and self._shape is not None:
            return self._shape.model_validate(kept["model"])
        return kept.get("text", kept.get("json"))

    def _says(self, kept: dict[str, Any], calls: list[str]) -> None:
        """Keep an agent's words; what it says as text may have a call in it."""
        words = kept.get("words", "") if "calls" in kept else before_action(kept.get("text", ""))
        if self._agent is not None:
            self._now.talk.says(conversation(role_of(self._agent)), self.key, words, calls)

    def _reserve(self, call: dict[str, Any]) -> str:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        try:
            parsed = json.loads(arguments) if arguments else {}
            return self._now.reserve(call["id"], name, parsed)
        except ValueError:
            return ""  # CrewAI tells the model that these are no arguments


def _only_plans(function: Any) -> bool:
    """CrewAI gives a planning agent's model one function of its own, which only writes down the plan."""
    return getattr(function, "__module__", "") == "crewai.utilities.reasoning_handler"


def _content(llm: Any, messages: Any, given: dict[str, Any], shape: type[BaseModel] | None) -> Json:
    """What a call asks, as JSON; two calls with the same content are told apart by their order."""
    tools = [_tool_name(tool) for tool in given.get("tools") or () if isinstance(tool, dict)]
    return [
        str(getattr(llm, "model", llm)),
        _sha([_message(each) for each in messages] if isinstance(messages, list) else [messages]),
        _sha(tools),
        "" if shape is None else shape.__name__,
    ]


def _tool_name(tool: dict[str, Any]) -> str:
    """A tool that was redefined meanwhile does not make the model's answer another one."""
    return str(tool.get("function", tool).get("name", ""))


def _message(message: Any) -> Any:
    if not isinstance(message, dict):
        return str(message)
    return {name: message[name] for name in _FIELDS if message.get(name) is not None}


def _told(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _sha(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str, ensure_ascii=False).encode(errors="replace"))


def _words() -> str:
    """What the model that was asked has said, beside its calls."""
    return "".join(_streamed.get() or ()) or "".join((_heard.get() or [""])[-1:])


def _kept(answer: Any, words: str) -> dict[str, Json]:
    """A model's answer as the journal keeps it."""
    if isinstance(answer, str):
        return {"text": answer}
    if isinstance(answer, BaseModel):
        return {"model": answer.model_dump(mode="json")}
    if isinstance(answer, list) and is_tool_call_list(answer):
        found = [extract_tool_call_info(call) for call in answer]
        calls: dict[str, Json] = {"calls": [_neutral_call(*each) for each in found if each is not None]}
        return {**calls, "words": words} if words else calls
    return {"json": as_json(answer)}


def _neutral_call(call_id: str, name: str, arguments: Any) -> Json:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
