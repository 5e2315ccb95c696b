"""What a request says: the conversation so far, read from a chat completions body."""

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from .wire import Refusal


class _Read(BaseModel):
    """Fields the model has no use for are left unread."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TextPart(_Read):
    """One part of a message's content; parts that are not text (images, …) read as empty."""

    text: str = ""


class CalledFunction(_Read):
    """The function of an `AskedCall`; its arguments are not needed."""

    name: str


class AskedCall(_Read):
    """A tool call the model made earlier, as the client sends it back."""

    id: str
    function: CalledFunction


class Message(_Read):
    """One message of the conversation."""

    role: str
    content: str | tuple[TextPart, ...] | None = None
    tool_calls: tuple[AskedCall, ...] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content as one text; parts are joined by nothing, none is the empty text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or ())


class ToolResult(_Read):
    """A tool message, with the name of the tool that was called."""

    tool: str
    text: str


class StreamOptions(_Read):
    """What a client may ask of a stream."""

    include_usage: bool = False


class ChatRequest(_Read):
    """A chat completions request.

    ``digest``: SHA-256 (hex) of the messages as JSON with sorted keys and no spaces. ``prompt_size``:
    characters of that JSON. ``body``: the request as it came.
    """

    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    digest: str
    prompt_size: int
    body: dict[str, JsonValue]

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a chunk of token counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def turn(self) -> int:
        """How many assistant messages there are: the index of the step that is due."""
        return sum(message.role == "assistant" for message in self.messages)

    @property
    def system_text(self) -> str:
        """All system and developer messages, one after the other."""
        prompts = (m.text for m in self.messages if m.role in ("system", "developer"))
        return "\n".join(prompts)

    @property
    def user_text(self) -> str | None:
        """The last user message, wherever it stands."""
        texts = (m.text for m in reversed(self.messages) if m.role == "user")
        return next(texts, None)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results that came since the model last spoke, in the order of their messages."""
        spoken = [place for place, message in enumerate(self.messages) if message.role == "assistant"]
        if not spoken:
            return ()
        calls = self.messages[spoken[-1]].tool_calls or ()
        names = {call.id: call.function.name for call in calls}
        since = (message for message in self.messages[spoken[-1] :] if message.role == "tool")
        return tuple(ToolResult(tool=names.get(m.tool_call_id or "", ""), text=m.text) for m in since)


def read_request(raw: bytes) -> ChatRequest:
    """Read a request body; raises `Refusal` (400) for one that OpenAI's service would not take either."""
    body = _json_object(raw)
    canonical = json.dumps(body.get("messages"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    derived = {"digest": digest, "prompt_size": len(canonical), "body": body}
    try:
        request = ChatRequest.model_validate({**body, **derived})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        message = f"not a chat completions request: {'; '.join(faults)}"
        raise Refusal(400, "invalid_request", message) from error
    _check_results_follow_calls(request.messages)
    return request


def _json_object(raw: bytes) -> dict[str, JsonValue]:
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair decodes, but is no text
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json", f"the body is not a JSON object but a {type(body).__name__}")
    return body


def _check_results_follow_calls(messages: tuple[Message, ...]) -> None:
    """Every tool call has a result right after it, and every result a call right before it.

    OpenAI's service refuses a conversation that breaks this, and an agent that breaks it works
    with no real model: a refused call still needs its tool message.
    """
    waiting: set[str] = set()
    answerable: set[str] = set()
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in answerable:
                raise _unpaired(f"the tool message for {message.tool_call_id!r} answers no call before it")
            waiting.discard(message.tool_call_id)
            continue
        if waiting:
            break
        answerable = {call.id for call in message.tool_calls or ()}
        waiting = set(answerable)
    if waiting:
        raise _unpaired(f"tool calls without a tool message right after them: {sorted(waiting)!r}")


def _unpaired(message: str) -> Refusal:
    return Refusal(400, "unpaired_tool_messages", message)
