"""How a payload without a protocol is shown: what is asked, about which tool call, draft or options.

The shape says what a person sees. It never says what the code expects back (research/langgraph.md §3.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hitl_core.protocol import Json, Option

from .pause import NativePause
from .vocabulary import listed

_ASKS: Final = listed("message question query prompt instruction instructions title task description text reason")
_BODIES: Final = listed(
    "draft content body output llm_output llm_generated_summary text_to_revise proposal plan summary email post "
    "article report document answer text data value details"
)
_CALLS: Final = listed("tools tool_calls calls actions tool_call toolCall call tool action")
_OPTIONS: Final = ("options", "choices")
_NAMES: Final = ("name", "tool", "action", "function")
_ARGUMENTS: Final = ("args", "arguments", "parameters", "input", "tool_input", "tool_args", "details")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a person is shown. `call` says that `arguments` are those of one tool call; `body` names the draft's key."""

    title: str
    tool: str
    arguments: dict[str, Json]
    call: bool = False
    body: str | None = None
    options: tuple[Option, ...] = ()
    asks_approval: bool = False
    free: bool = False
    """a bare question: no draft, no tool, no options"""


def shape_of(pause: NativePause) -> Shape:
    """The shape of any payload; what is not recognised is shown whole."""
    value = pause.value
    if isinstance(value, str):
        return Shape(value, pause.node, {"question": value}, free=True)
    if not isinstance(value, dict):
        return Shape(f"{pause.node} waits", pause.node, {"value": value})
    return _of_dict(value, pause.node)


def _of_dict(value: dict[str, Json], node: str) -> Shape:
    ask = next((key for key in _ASKS if isinstance(value.get(key), str)), None)
    title = str(value[ask]) if ask else f"{node} waits"
    asks_approval = str(value.get("type", "")).lower().startswith(("approv", "confirm"))
    options = _options(value)
    rest = {key: item for key, item in value.items() if key != ask}
    if options:
        return Shape(title, node, rest, options=options)
    call = _single_call(value)
    if call is not None:
        return Shape(title, call[0], call[1], call=True, asks_approval=asks_approval)
    body = next((key for key in _BODIES if key in rest and isinstance(rest[key], str)), None)
    has_calls = any(key in value for key in _CALLS)
    return Shape(
        title,
        node,
        rest or value,
        body=None if has_calls else body,
        asks_approval=asks_approval or has_calls,
        free=not rest,
    )


def _options(value: dict[str, Json]) -> tuple[Option, ...]:
    listed = next((value[key] for key in _OPTIONS if isinstance(value.get(key), list)), None)
    return options_of(listed) if isinstance(listed, list) else ()


def options_of(listed: Iterable[Json]) -> tuple[Option, ...]:
    """Options as listed: what is sent back is exactly the listed value. Two that look alike cannot be told apart."""
    made = [_option(item) for item in listed]
    ids = [option.id for option in made]
    return tuple(made) if len(set(ids)) == len(ids) and all(ids) else ()


def _option(item: Json) -> Option:
    if isinstance(item, dict):
        named = next((item[k] for k in ("id", "value", "key", "name", "label") if item.get(k) is not None), "")
        label = next((item[k] for k in ("label", "title", "text", "description", "name") if item.get(k)), named)
        return Option.model_construct(id=str(named)[:256], label=str(label), value=item)
    if isinstance(item, str):
        return Option.model_construct(id=item[:256], label="", value=item)
    return Option.model_construct(id=str(item), label="", value=item)


def _single_call(value: dict[str, Json]) -> tuple[str, dict[str, Json]] | None:
    """The one tool call of a payload: `{"tool_call": {…}}`, `{"tools": [{…}]}`, `{"tool": name, "args": {…}}`."""
    key = next((key for key in _CALLS if key in value), None)
    if key is None:
        return None
    found = value[key]
    calls = found if isinstance(found, list) else [found]
    if len(calls) != 1:
        return None
    return _call(calls[0], value, key)


def _call(call: Json, value: dict[str, Json], key: str) -> tuple[str, dict[str, Json]] | None:
    if isinstance(call, dict):
        name = next((call[k] for k in _NAMES if isinstance(call.get(k), str)), None)
        arguments = next((call[k] for k in _ARGUMENTS if isinstance(call.get(k), dict)), None)
        return (name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None
    if not isinstance(call, str) or not call:
        return None
    arguments = next((value[k] for k in _ARGUMENTS if isinstance(value.get(k), dict)), None)
    if isinstance(arguments, dict):
        return call, arguments
    flat = {k: v for k, v in value.items() if k != key and k not in ("message", "question", "type", "description")}
    return (call, flat) if flat else None


def schema_like(arguments: dict[str, Json], editable: Iterable[str] | None = None) -> dict[str, Json]:
    """A JSON Schema that keeps the types of these arguments; those that are not `editable` must stay as they are."""
    may = set(arguments if editable is None else editable)
    properties: dict[str, Json] = {
        key: _type_of(value) if key in may else {"const": value} for key, value in arguments.items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(arguments),
        "additionalProperties": False,
    }


def _type_of(value: Json) -> dict[str, Json]:
    names: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    if value is None:
        return {}
    return {"type": names.get(type(value), "object")}
