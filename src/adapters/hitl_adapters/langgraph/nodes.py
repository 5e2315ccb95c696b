"""Functions that a node calls itself, through the gate."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast, overload

from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp

from hitl_core.errors import CallRefused
from hitl_core.gate import Carrying
from hitl_core.protocol import Action, Executed, Failed, Json, Origin, Proceed, Refuse, Substitute, Verdict
from hitl_core.tools import Tool, as_json, tool

from .driving import Current, Proposal, admitted, current, halting, keeping_invalid, lineage
from .proposals import form_of

F = TypeVar("F", bound=Callable[..., Any])


@overload
def gated(function: F, /) -> F: ...
@overload
def gated(function: Tool, /) -> Callable[..., Any]: ...
@overload
def gated(**traits: Any) -> Callable[[F], F]: ...
def gated(function: Callable[..., Any] | Tool | None = None, /, **traits: Any) -> Any:
    """Gate a function that a node calls itself; `traits` as for `tool`.

    It raises CallRefused (HITL-E05) if the answer is no or the function raised, again each time the node runs again.
    """
    if function is None:
        return functools.partial(gated, **traits)
    declared = function if isinstance(function, Tool) else tool(**traits)(function)
    made = cast("Callable[..., Any]", declared.function)
    return _gated_async(declared, made) if inspect.iscoroutinefunction(made) else _gated_sync(declared, made)


def _gated_async(declared: Tool, made: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(made)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose(declared, args, kwargs)
        with now.working():
            verdict = await _decided(now, proposal)
            if not isinstance(verdict, Proceed):
                return _obeyed(verdict)
            with halting(now, proposal):
                async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
                    with _recorded(effect) as errors:
                        effect.outcome = Executed(await declared.run(effect.arguments))
        return _result(effect, errors)

    return guarded


def _gated_sync(declared: Tool, made: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(made)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose(declared, args, kwargs)
        verdict = now.gate.blocking(_decided(now, proposal))
        if not isinstance(verdict, Proceed):
            return _obeyed(verdict)
        carrying = now.gate.carry_out(verdict, suspends=(GraphBubbleUp,))
        with halting(now, proposal), carrying as effect, _recorded(effect) as errors:
            effect.outcome = Executed(as_json(made(**declared.typed(effect.arguments))))
        return _result(effect, errors)

    return guarded


def _propose(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Current, Proposal]:
    now = current(declared.name)
    now.gate.catalogue.learn(declared)
    config = get_config().get("configurable", {})
    place = now.place(config, declared.name)
    origin = Origin(path=lineage(config.get("checkpoint_ns", "")))
    arguments = declared.named(args, kwargs)
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=origin)
    return now, Proposal(action, place, form_of(declared, None, action))


async def _decided(now: Current, proposal: Proposal) -> Verdict:
    try:
        return await admitted(now, proposal)
    except RuntimeError as exc:  # in the store's transaction, which was rolled back
        return Refuse(f"This call was tried and failed: {exc}")


def _obeyed(verdict: Verdict) -> Json:
    if isinstance(verdict, Substitute):
        return verdict.result
    raise CallRefused(verdict.text if isinstance(verdict, Refuse) else "Nobody has decided about this call.")


@contextmanager
def _recorded(effect: Carrying) -> Iterator[list[Exception]]:
    """What the function raises becomes its outcome, and is listed; only pauses pass."""
    errors: list[Exception] = []
    try:
        with keeping_invalid():
            yield errors
    except GraphBubbleUp:
        raise
    except Exception as exc:
        errors.append(exc)
        effect.outcome = Failed(f"{type(exc).__name__}: {exc}"[:4000])


def _result(effect: Carrying, errors: list[Exception]) -> Json:
    if isinstance(effect.outcome, Executed):
        return effect.outcome.result
    error = effect.outcome.error if isinstance(effect.outcome, Failed) else "it has no outcome"
    raise CallRefused(f"This call was tried and failed: {error}") from next(iter(errors), None)
