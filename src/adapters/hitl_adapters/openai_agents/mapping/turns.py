"""A model's answer ↔ its line in the journal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from agents import ModelResponse, TResponseInputItem, Usage
from agents.items import TResponseOutputItem
from openai.types.responses import Response, ResponseCompletedEvent, ResponseUsage
from pydantic import BaseModel, TypeAdapter

from hitl_core.protocol import Json
from hitl_core.tools import as_json

__all__ = ["TResponseInputItem", "call_ids", "completed", "from_record", "response_of", "to_record"]

_OUTPUT: Final = TypeAdapter(list[TResponseOutputItem])
_USAGE: Final = TypeAdapter(Usage)


def to_record(response: ModelResponse) -> dict[str, Json]:
    """All that another process needs to hand out the same answer."""
    output: list[Json] = [as_json(_plain(item)) for item in response.output]
    usage = as_json(_USAGE.dump_python(response.usage, mode="json"))
    return {"output": output, "usage": usage, "response_id": response.response_id}


def from_record(record: dict[str, Any]) -> ModelResponse:
    return ModelResponse(
        output=_OUTPUT.validate_python(record["output"]),
        usage=_USAGE.validate_python(record["usage"]),
        response_id=record["response_id"],
    )


def completed(response: ModelResponse) -> ResponseCompletedEvent:
    """An answer as the last event of a stream, which holds all of it."""
    usage = response.usage
    counted = ResponseUsage.model_construct(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        input_tokens_details=usage.input_tokens_details,
        output_tokens_details=usage.output_tokens_details,
    )
    whole = Response.model_construct(
        id=response.response_id or "recorded",
        created_at=0,
        model="recorded",
        object="response",
        output=response.output,
        tool_choice="auto",
        tools=[],
        parallel_tool_calls=True,
        usage=counted,
    )
    return ResponseCompletedEvent.model_construct(type="response.completed", sequence_number=0, response=whole)


def response_of(event: ResponseCompletedEvent) -> ModelResponse:
    """What a stream came to."""
    whole = event.response
    used = whole.usage
    usage = (
        Usage()
        if used is None
        else Usage(
            requests=1,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            total_tokens=used.total_tokens,
            input_tokens_details=used.input_tokens_details,
            output_tokens_details=used.output_tokens_details,
        )
    )
    return ModelResponse(output=list(whole.output), usage=usage, response_id=whole.id)


def call_ids(output: Sequence[Any]) -> list[str]:
    """The ids of everything that the model asked to be done."""
    found = []
    for item in output:
        raw = _plain(item)
        name = raw.get("id") if raw.get("type") == "mcp_approval_request" else raw.get("call_id")
        found += [name] if isinstance(name, str) else []
    return found


def _plain(item: Any) -> dict[str, Any]:
    return item.model_dump(mode="json", exclude_unset=True) if isinstance(item, BaseModel) else dict(item)
