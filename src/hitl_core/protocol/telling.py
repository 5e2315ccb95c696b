"""The live events that every adapter makes in the same form: words, calls and results, under ids of their own. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from .events import LiveEvent, LiveKind
from .record import Json

MOST_TOLD: Final = 65_536
"""Characters of one event; who wants all of a result reads the run."""


def text_event(run_id: str, id: str, text: str, *, node: str = "") -> LiveEvent:
    """The next part of the message `id`."""
    return LiveEvent(run_id=run_id, kind=LiveKind.TEXT, node=_cut(node), id=id, text=_cut(text))


def call_event(run_id: str, id: str, tool: str, arguments: Any, *, message: str = "", node: str = "") -> LiveEvent:
    """The call `id`, whole; `arguments` as an object or as JSON text. `message` is the one that it was made in."""
    data: dict[str, Json] = {"tool": tool, "arguments": cast("Json", _object(arguments))}
    data |= {"message": message} if message else {}
    return LiveEvent(run_id=run_id, kind=LiveKind.TOOL_CALL, node=_cut(node), id=id, data=data)


def result_event(run_id: str, id: str, result: Json, *, node: str = "") -> LiveEvent:
    """What came of the call `id`, as the model reads it."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return LiveEvent(run_id=run_id, kind=LiveKind.TOOL_RESULT, node=_cut(node), id=id, text=_cut(text))


def _object(arguments: Any) -> dict[str, Any]:
    """Arguments as an object; {} for what a model wrote that is none."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return {}
    return dict(arguments) if isinstance(arguments, Mapping) else {}


def _cut(text: str) -> str:
    return text[:MOST_TOLD]
