"""Flows: `@human_feedback` and `ask` of an unchanged flow, and methods that ended are not run again.

A flow is resumed by running it again from its start. A method that ended gives its recorded output and state, so joins
and branches come out as they did. A branch that waits simply has no listeners, so all others get to their own end.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final, cast

from crewai.flow.human_feedback import _resolve_llm_instance
from crewai.flow.runtime import Flow
from pydantic import BaseModel, PrivateAttr

from hitl_core.commands import Settled
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Accept,
    Answer,
    Choose,
    Json,
    OnTimeout,
    Origin,
    Revise,
)
from hitl_core.tools import as_json

from ..mapping import ask_action, ask_form, feedback_action, feedback_form, shown
from ..suspend import Current, Suspended, current, scope, seam
from ..suspend.models import ExactModel
from .lifting import Unanswered, decided_at


def oversee_flows() -> None:
    """Hold on to CrewAI's flows, once per process."""
    seam(Flow, "_execute_method", _execute_method)
    seam(Flow, "_execute_start_method", _start_method)
    seam(Flow, "_execute_single_listener", _listener)
    seam(Flow, "_run_human_feedback_step", _feedback_step)
    seam(Flow, "ask", _ask)


def _is_internal(flow: Any) -> bool:
    """CrewAI's own machinery is made of flows too."""
    return current() is None or bool(type(flow).is_crewai_internal)


# ── branches ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _start_method(original: Any, flow: Any, name: Any) -> Any:
    try:
        return await original(flow, name)
    except Suspended:
        if _is_internal(flow):
            raise
        return None


async def _listener(original: Any, flow: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return await original(flow, name, *args, **kwargs)
    except Suspended:
        task = asyncio.current_task()
        in_a_race = task is not None and task.get_name() == str(name)
        if _is_internal(flow) or in_a_race:  # in a race it must not count as the first to end
            raise
        return None, None


# ── methods that ended ───────────────────────────────────────────────────────────────────────────────────────


async def _execute_method(original: Any, flow: Any, name: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
    if _is_internal(flow):
        return await original(flow, name, method, *args, **kwargs)
    return await original(flow, name, _once(flow, method), *args, **kwargs)


def _once(flow: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, or what it came to in an earlier turn."""
    if asyncio.iscoroutinefunction(method):  # CrewAI marks its wrappers as such

        @functools.wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            once = _Once(flow)
            return once.recorded() if once.known else once.done(await method(*args, **kwargs))

        return awaited

    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        once = _Once(flow)
        if once.known:
            return once.recorded()
        made = method(*args, **kwargs)
        return once.when_done(made) if inspect.isawaitable(made) else once.done(made)

    return called


class _Once:
    """One execution of a flow method: its output, and what it changed in the flow's state."""

    def __init__(self, flow: Any) -> None:
        now = current()
        assert now is not None
        self._now: Current = now
        self._flow = flow
        self._path = scope().base
        self._key = f"step:{self._path}"
        self._entry = now.journal.get(self._key)
        self._before = _snapshot(flow.state)

    @property
    def known(self) -> bool:
        return self._entry is not None

    def recorded(self) -> Any:
        entry = cast("dict[str, Any]", self._entry)
        self._now.skip(self._path)
        _change(self._flow.state, entry["state"])
        return _unpacked(entry["output"])

    async def when_done(self, made: Any) -> Any:
        return self.done(await made)

    def done(self, output: Any) -> Any:
        """Remember it. A method whose output has no JSON form is run again; its models and tools are not."""
        self._now.check(self._path)
        after = _snapshot(self._flow.state)
        packed = _packed(output)
        if packed is None or after is None or self._before is None:
            return output
        changed = {name: value for name, value in after.items() if self._before.get(name, _NOTHING) != value}
        self._now.remember(self._key, {"output": packed, "state": changed})
        return output


_NOTHING: Final = object()


def _snapshot(state: Any) -> dict[str, Json] | None:
    """A flow's state as JSON, or None if it has no such form."""
    try:
        return cast("dict[str, Json]", as_json(dict(state) if isinstance(state, dict) else state.model_dump()))
    except (TypeError, ValueError):
        return None


def _change(state: Any, changed: dict[str, Json]) -> None:
    if isinstance(state, dict):
        state.update(changed)
        return
    whole = type(state).model_validate({**state.model_dump(), **changed})
    for name in changed:
        setattr(state, name, getattr(whole, name))


def _packed(value: Any) -> dict[str, Json] | None:
    """An output with what it takes to have it again, or None."""
    try:
        if isinstance(value, BaseModel):
            name = f"{type(value).__module__}:{type(value).__qualname__}"
            packed: dict[str, Json] = {"model": name, "data": value.model_dump(mode="json")}
            return packed if "<locals>" not in name and _unpacked(packed) == value else None
        data = as_json(value)
        return {"data": data} if data == value else None
    except (TypeError, ValueError, ImportError, AttributeError):
        return None


def _unpacked(packed: dict[str, Any]) -> Any:
    if "model" not in packed:
        return packed["data"]
    module, _, path = packed["model"].partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found.model_validate(packed["data"])


# ── @human_feedback ──────────────────────────────────────────────────────────────────────────────────────────


class Chosen(ExactModel):
    """Says exactly what a person chose, where CrewAI would let a model guess it from their words."""

    _real: Any = PrivateAttr(default=None)
    _outcome: str | None = PrivateAttr(default=None)

    @classmethod
    def before(cls, real: Any) -> Chosen:
        made = cls(model="a-person")
        made._real = real
        return made

    def choose(self, outcome: str | None) -> None:
        self._outcome = outcome

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        shape = kwargs.get("response_model")
        if shape is not None and set(shape.model_fields) == {"outcome"}:
            return shape(outcome=self._outcome)
        return _resolve_llm_instance(self._real).call(messages, *args, **kwargs)

    def supports_function_calling(self) -> bool:
        return True


class Feedback:
    """Stands in for whatever the app, or CrewAI, would have asked people with."""

    def __init__(self, now: Current, model: Chosen) -> None:
        self._now, self._model = now, model

    def request_feedback(self, context: Any, flow: Any) -> str:
        """The words of a person, "" if they had none. Raises Suspended while nobody has decided."""
        place = f"{scope().base}/feedback"
        origin = Origin(agent=type(flow).__name__, path=(type(flow).__name__,))
        action = feedback_action(context.method_name, shown(context.method_output), origin)
        form = feedback_form(context.message, context.emit)
        settled = decided_at(self._now, action, place, form)
        decision = settled.response.decision if settled.response is not None else None
        match decision:
            case Choose(option=option):
                self._model.choose(option)
                return settled.response.reason or option if settled.response else option
            case Revise(feedback=feedback):
                return feedback
            case Accept():
                return ""
            case _:
                return self._unanswered(settled, context)

    def _unanswered(self, settled: Settled, context: Any) -> str:
        """Silence means what the flow declares; CrewAI itself would take the first outcome, often the approval."""
        if context.default_outcome:
            return ""
        if (
            settled.state is RequestState.EXPIRED
            and settled.request.on_timeout is OnTimeout.PROCEED
            and not context.emit
        ):
            return ""
        error = f"nobody answered {context.method_name!r} and it declares no default_outcome ({settled.state})"
        self._now.halt(Unanswered(error))
        raise Suspended


async def _feedback_step(original: Any, flow: Any, name: Any, definition: Any, output: Any) -> Any:
    now = current()
    if now is None or _is_internal(flow):
        return await original(flow, name, definition, output)
    model = Chosen.before(definition.llm)
    ours = definition.model_copy(update={"provider": Feedback(now, model), "llm": model})
    return await original(flow, name, ours, output)


def _ask(original: Any, flow: Any, message: str, timeout: float | None = None, metadata: Any = None) -> Any:
    """`flow.ask`: CrewAI would make a pause out of here, like any error, into the answer None."""
    now = current()
    if now is None or _is_internal(flow):
        return original(flow, message, timeout, metadata)
    origin = Origin(agent=type(flow).__name__, path=(type(flow).__name__,))
    place = now.place("ask", message)
    settled = decided_at(now, ask_action(message, as_json(metadata), origin), place, ask_form(message))
    decision = settled.response.decision if settled.response is not None else None
    return str(decision.value) if isinstance(decision, Answer) else None
