"""What the agent says with a call: the text of the message that makes it, and of those before it in its state."""

from __future__ import annotations

from langchain_core.messages import AIMessage
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.gate import Form, joined, with_words
from hitl_core.protocol import PauseRequest

from ..mapping.calls import made_as, messages_of


def spoken(form: Form, request: ToolCallRequest, call: str) -> Form:
    """The form of a call with the agent's own words."""
    return with_words(form, words_of(request), lambda earlier: words_since(earlier, request, call))


def words_of(request: ToolCallRequest) -> str:
    """What the model says in the message that makes the call."""
    said = messages_of(request.state)
    return str(said[-1].text) if said else ""


def words_since(earlier: PauseRequest, request: ToolCallRequest, call: str) -> str | None:
    """What it has said since an earlier call, this one's words included. A history may have been cut since: then these
    alone, if both calls are of one graph; None if they are not."""
    said = messages_of(request.state)
    made = [number for number, message in enumerate(said[:-1]) if _makes(message, earlier)]
    if made:
        return joined(str(message.text) for message in said[made[-1] + 1 :])
    return words_of(request) if _graph(earlier.call) == _graph(call) else None


def _makes(message: AIMessage, earlier: PauseRequest) -> bool:
    """Whether a message made that call. Some models use the same ids at every turn; the tool's name tells more."""
    named = (f"/{made_as(each)}" for each in message.tool_calls if each["name"] == earlier.action.tool)
    return any(earlier.call.endswith(name) or f"{name}~" in earlier.call for name in named)


def _graph(call: str) -> str:
    """The graph that a call was made in: where its node works, without the task."""
    return call.rpartition("/")[0].rpartition("|")[0]
