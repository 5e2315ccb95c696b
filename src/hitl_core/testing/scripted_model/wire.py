"""OpenAI's shapes for what a model sends: completions, stream chunks, model lists, errors.

Source: the Chat Completions part of the OpenAI API reference. ``system_fingerprint`` is left out,
token counts are estimates (four characters to a token).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ERROR_TYPES: Final = {429: "rate_limit_error", 404: "not_found_error"}
FRAGMENT: Final = 12  # characters in one delta, at most

Json = dict[str, object]


class Refusal(Exception):
    """An HTTP error instead of an answer. ``code`` is ours, the rest is OpenAI's error shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> Json:
        """OpenAI's error object."""
        fallback = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = ERROR_TYPES.get(self.status, fallback)
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}


@dataclass(frozen=True)
class ToolCall:
    """A tool call; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """What the model says to one request."""

    text: str | None
    calls: tuple[ToolCall, ...]

    @property
    def finish_reason(self) -> str:
        """Why the model stopped: for its tool calls or because it was done."""
        return "tool_calls" if self.calls else "stop"


@dataclass(frozen=True)
class Envelope:
    """What is around an answer. ``created``: Unix seconds; ``prompt_size``: characters of the messages."""

    id: str
    model: str
    created: int
    prompt_size: int


def completion(answer: Answer, envelope: Envelope) -> Json:
    """The body of an answer that is not streamed."""
    calls = [_function_call(call, call.arguments) for call in answer.calls]
    message: Json = {"role": "assistant", "content": answer.text, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _framed("chat.completion", envelope) | {"choices": [choice], "usage": usage(answer, envelope)}


def chunks(answer: Answer, envelope: Envelope, *, include_usage: bool) -> Iterator[Json]:
    """The chunks of a streamed answer, without the final ``[DONE]``.

    Role first, then text and tool calls in fragments, then the finish reason, then the usage when
    ``include_usage`` asks for it (the chunks before it then carry ``usage: null``).
    """
    frame = _framed("chat.completion.chunk", envelope)
    rest: Json = {"usage": None} if include_usage else {}
    for delta in _deltas(answer):
        yield frame | {"choices": [_choice(delta, None)]} | rest
    yield frame | {"choices": [_choice({}, answer.finish_reason)]} | rest
    if include_usage:
        yield frame | {"choices": [], "usage": usage(answer, envelope)}


def usage(answer: Answer, envelope: Envelope) -> Json:
    """Estimated token counts; the total is the sum of the other two."""
    said = len(answer.text or "") + sum(len(call.name) + len(call.arguments) for call in answer.calls)
    prompt, completed = _tokens(envelope.prompt_size), _tokens(said)
    return {"prompt_tokens": prompt, "completion_tokens": completed, "total_tokens": prompt + completed}


def model_list(names: tuple[str, ...]) -> Json:
    """The body of ``GET /v1/models``."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in names]
    return {"object": "list", "data": models}


def _deltas(answer: Answer) -> Iterator[Json]:
    yield {"role": "assistant", "content": None if answer.text is None else ""}
    for fragment in _fragments(answer.text or ""):
        yield {"content": fragment}
    for index, call in enumerate(answer.calls):
        yield {"tool_calls": [{"index": index} | _function_call(call, "")]}
        for fragment in _fragments(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}


def _function_call(call: ToolCall, arguments: str) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _fragments(text: str) -> Iterator[str]:
    """The text in pieces, at least two unless it is a single character: clients must join them."""
    size = min(FRAGMENT, max(1, -(-len(text) // 2)))
    return (text[start : start + size] for start in range(0, len(text), size))


def _choice(delta: Json, finish_reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _framed(kind: str, envelope: Envelope) -> Json:
    return {"id": envelope.id, "object": kind, "created": envelope.created, "model": envelope.model}


def _tokens(characters: int) -> int:
    return max(1, -(-characters // 4))
