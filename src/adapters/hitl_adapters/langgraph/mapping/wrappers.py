"""What is wrapped around the tools of a ToolNode, outermost first: between the gate and the tool nothing may be.

A wrapper there sees the call after it was decided about, so it can change what runs, or run it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from hitl_core.contracts import Finding

from .inference import Place, tools_of

F = TypeVar("F", bound=Callable[..., Any])

_GATE: Final = "__hitl_gate__"
_TELLS: Final = "__hitl_tells__"
_MODEL_FACES: Final = {"func": "wrap_model_call_handler", "afunc": "awrap_model_call_handler"}
_HANDLERS: Final = {"model_node": "wrap_model_call_handler", "amodel_node": "awrap_model_call_handler"}
"""Where `create_agent` keeps what is wrapped around a model call (langchain.agents.factory)."""


def is_the_gate(function: F) -> F:
    """Mark a wrapper as the gate, so that it is found in an app's graph."""
    setattr(function, _GATE, True)
    return function


def only_tells_the_model(function: F) -> F:
    """Mark a wrapper of ours around a model call: it adds what people said to it, and does nothing else."""
    setattr(function, _TELLS, True)
    return function


def is_gated(node: Any) -> bool:
    """Whether every call of a ToolNode goes through the gate."""
    return all(any(map(_is_gate, face)) for face in _faces(node))


def has_no_effect(place: Place) -> bool:
    """Whether a node does nothing but call the model, or tools behind the gate: then it may run again after a crash."""
    if list(tools_of(place.bound)):
        return all(len(face) == 1 and _is_gate(face[0]) for face in _faces(place.bound))
    faces = [getattr(place.bound, name, None) for name in ("func", "afunc")]
    return all(map(_only_calls_the_model, faces))


def _only_calls_the_model(function: Any) -> bool:
    """The model node of `create_agent`, without a middleware of somebody else around the call."""
    if getattr(function, "__module__", "") != "langchain.agents.factory":
        return False
    handler = _HANDLERS.get(function.__name__, "")
    wrapper = _cells(function).get(handler, function)
    return wrapper is not function and all(_tells(each) for each in _chain(wrapper))


def takes_tools(place: Place) -> bool:
    """Whether a node is the model of an agent with our middleware, which can tell it of more tools."""
    faces = [(getattr(place.bound, name, None), handler) for name, handler in _MODEL_FACES.items()]
    return all(any(map(_tells, _chain(_cells(face).get(handler)))) for face, handler in faces)


def wrapper_findings(place: Place) -> Iterator[Finding]:
    """Refusals for wrappers that stand between the gate and a tool, and for a gate that has one face only."""
    if not list(tools_of(place.bound)):
        return
    faces = _faces(place.bound)
    inside = dict.fromkeys(name for face in faces for name in _inside(face))
    if inside:
        yield Finding("refuse", place.name, f"{_listed(inside)} between the gate and the tool, where it could change a "
                      "call after it was approved, or run it twice; put OversightMiddleware last")  # fmt: skip
    if not is_gated(place.bound) and any(map(_is_gate, (wrapper for face in faces for wrapper in face))):
        text = "the gate is in only one of wrap_tool_call and awrap_tool_call, so the other runs tools without it"
        yield Finding("refuse", place.name, f"{text}; use gated_tool_node, or OversightMiddleware")


def _listed(names: dict[str, None]) -> str:
    return f"{', '.join(names)} {'stand' if len(names) > 1 else 'stands'}"


def _inside(face: list[Any]) -> list[str]:
    first = next((index for index, each in enumerate(face) if _is_gate(each)), len(face))
    return [_name(each) for each in face[first + 1 :]]


def _faces(node: Any) -> tuple[list[Any], list[Any]]:
    """The wrappers of calls that run in threads and on the event loop, which falls back to the others."""
    blocking = getattr(node, "_wrap_tool_call", None)
    return list(_chain(blocking)), list(_chain(getattr(node, "_awrap_tool_call", None) or blocking))


def _chain(wrapper: Any) -> Iterator[Any]:
    """The wrappers that `create_agent` has put into one, outermost first (langchain.agents.factory)."""
    parts = _cells(wrapper)
    if {"outer", "inner"} <= parts.keys() and wrapper.__module__ == "langchain.agents.factory":
        yield from _chain(parts["outer"])
        yield from _chain(parts["inner"])
    elif "single_handler" in parts and wrapper.__module__ == "langchain.agents.factory":
        yield from _chain(parts["single_handler"])
    elif wrapper is not None:
        yield wrapper


def _cells(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return dict(zip(names, (cell.cell_contents for cell in function.__closure__), strict=True)) if names else {}


def _is_gate(wrapper: Any) -> bool:
    return bool(getattr(_innermost(wrapper), _GATE, False))


def _tells(wrapper: Any) -> bool:
    return bool(getattr(_innermost(wrapper), _TELLS, False))


def _name(wrapper: Any) -> str:
    inner = _innermost(wrapper)
    owner = getattr(inner, "__self__", None)
    return type(owner).__name__ if owner is not None else str(getattr(inner, "__qualname__", inner))


def _innermost(wrapper: Any) -> Any:
    """Behind the tracing that LangChain puts around each."""
    return _innermost(wrapper.__wrapped__) if hasattr(wrapper, "__wrapped__") else wrapper
