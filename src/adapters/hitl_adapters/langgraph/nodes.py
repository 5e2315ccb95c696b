"""Functions that a node calls itself, through the gate."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, cast

from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp

from hitl_core.protocol import Action, Arguments, Executed, Json, Origin, Proceed, Refuse, Substitute, Verdict
from hitl_core.tools import Tool, as_json, tool

from .driving import Current, Proposal, asettle, current, halting, keeping_invalid, lineage, settle
from .proposals import form_of


def gated(function: Callable[..., Any] | Tool | None = None, /, **traits: Any) -> Any:
    """Gate a function that a node calls itself. It raises Refused if the answer is no; `traits` as for `tool`."""
    if function is None:
        return functools.partial(gated, **traits)
    declared = function if isinstance(function, Tool) else tool(**traits)(function)
    made = cast("Callable[..., Any]", declared.function)
    if inspect.iscoroutinefunction(made):

        @functools.wraps(made)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            now, proposal = _propose_function(declared, args, kwargs)
            with now.working(), halting(now, proposal):
                verdict = await asettle(now, proposal)
                if not isinstance(verdict, Proceed):
                    return _result_or_refusal(verdict)
                async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
                    with keeping_invalid():
                        result = await declared.run(effect.arguments)
                    effect.outcome = Executed(result)
                return result

        return guarded

    @functools.wraps(made)
    def guarded_sync(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose_function(declared, args, kwargs)
        with halting(now, proposal):
            verdict = settle(now, proposal)
            if not isinstance(verdict, Proceed):
                return _result_or_refusal(verdict)
            with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
                with keeping_invalid():
                    result = as_json(made(**declared.typed(effect.arguments)))
                effect.outcome = Executed(result)
            return result

    return guarded_sync


class Refused(Exception):
    """The gate refused a call inside a node; the message says why. The function did not run."""


def _result_or_refusal(verdict: Verdict) -> Json:
    if isinstance(verdict, Substitute):
        return verdict.result
    raise Refused(verdict.text if isinstance(verdict, Refuse) else "nobody has decided")


def _propose_function(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Current, Proposal]:
    now = current(declared.name)
    now.gate.catalogue.learn(declared)
    config = get_config().get("configurable", {})
    place = now.place(config, declared.name)
    bound = inspect.signature(cast("Callable[..., Any]", declared.function)).bind(*args, **kwargs)
    arguments = cast("Arguments", as_json(dict(bound.arguments)))
    origin = Origin(path=lineage(config.get("checkpoint_ns", "")))
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=origin)
    return now, Proposal(action, place, form_of(declared, None, action))
