"""A person as an agent: a model whose every answer is a pause, and who speaks when that pause is answered.

    agent ──handoff──► person: human_turn(conversation)   the run pauses, with a handoff request
                         │ take_over   says something, and human_turn again
                         │ hand_back   says something, and hands over to an agent
                         └ answer      the last word: the output of the run

Everything is in the SDK's own state and in our store, so the person may take as long as they like.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from agents import Agent, FunctionTool, Handoff, Model, ModelResponse, TResponseInputItem, Usage, handoff
from agents.handoffs import HandoffInputData
from agents.items import InputItem, ItemHelpers, MessageOutputItem, RunItem
from agents.models.fake_id import FAKE_RESPONSES_ID
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from hitl_core.gate import Form
from hitl_core.protocol import Arguments, Context, Json, Kind, Option

from ..gating import HUMAN, is_person, overseen, walk
from ..mapping import completed, conversation

TURN: Final = "human_turn"
"""The call with which a person is asked to speak."""

_SCHEMA: Final = {
    "type": "object",
    "properties": {"conversation": {"type": "array", "items": {"type": "object"}}},
    "required": ["conversation"],
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said in their turn, and who has the floor now."""

    floor: str
    text: str = ""
    by: str = ""
    to: str | None = None
    heard: tuple[str, ...] = ()

    @classmethod
    def read(cls, output: str) -> Said:
        """What came back from a turn; anything but a person's own words gives the floor back to an agent."""
        try:
            read = json.loads(output)
        except ValueError:
            return cls("agent", output)
        if not isinstance(read, dict) or "floor" not in read:
            return cls("agent", output)
        heard = tuple(str(each) for each in read.get("heard") or ())
        return cls(str(read["floor"]), str(read.get("text") or ""), str(read.get("by") or ""), read.get("to"), heard)

    def spoken(self) -> str:
        return f"[{self.by}] {self.text}" if self.by and self.text else self.text


class HumanModel(Model):
    """Asks a person to speak, and says what they said."""

    def __init__(self, name: str) -> None:
        self.name = name
        setattr(self, HUMAN, True)

    async def get_response(
        self, system_instructions: str | None, input: Any, *args: Any, **kwargs: Any
    ) -> ModelResponse:
        handoffs: list[Handoff[Any, Any]] = args[3] if len(args) > 3 else kwargs["handoffs"]
        items = [{"role": "user", "content": input}] if isinstance(input, str) else list(input)
        said = last_turn(items)
        output = [_turn(items)] if said is None else _speech(said, items, handoffs)
        return ModelResponse(output=list(output), usage=Usage(), response_id=None)

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        yield completed(await self.get_response(*args, **kwargs))


def last_turn(items: Sequence[Any]) -> Said | None:
    """What the person said, if their turn is the last thing that happened; user messages may have come since."""
    turns = {each["call_id"] for each in items if each.get("type") == "function_call" and each.get("name") == TURN}
    for item in reversed(items):
        if item.get("type") == "function_call_output":
            return Said.read(str(item["output"])) if item["call_id"] in turns else None
        if item.get("role") != "user":
            return None
    return None


def _speech(said: Said, items: Sequence[Any], handoffs: Sequence[Handoff[Any, Any]]) -> list[Any]:
    spoken = said.spoken()
    words = [_message(spoken)] if spoken else []
    if said.floor == "person":
        return [*words, _turn([*items, *({"role": "assistant", "content": spoken} for _ in words)])]
    if said.floor == "agent" and handoffs:
        return [*words, _call(_destination(said.to, handoffs).tool_name, {})]
    return words or [_message("The conversation has ended.")]


def _destination(to: str | None, handoffs: Sequence[Handoff[Any, Any]]) -> Handoff[Any, Any]:
    return next((each for each in handoffs if each.agent_name == to), handoffs[0])


def _turn(items: Sequence[Any]) -> ResponseFunctionToolCall:
    return _call(TURN, {"conversation": conversation([each for each in items if each.get("name") != TURN])})


def _call(name: str, arguments: dict[str, Any]) -> ResponseFunctionToolCall:
    text = json.dumps(arguments, ensure_ascii=False)
    return ResponseFunctionToolCall(type="function_call", name=name, call_id=f"hitl_{uuid4().hex}", arguments=text)


def _message(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(
        id=FAKE_RESPONSES_ID, type="message", role="assistant", status="completed", content=[part]
    )


def human_agent(
    name: str, *, handoffs: Sequence[Agent[Any] | Handoff[Any, Any]] = (), description: str = ""
) -> Agent[Any]:
    """An agent that is a person: hand over to it as to any other. `handoffs`: the agents it can hand back to.

    More can be put into its `handoffs` later, which agents that hand over to each other need.
    """
    person: Agent[Any] = Agent(
        name=name,
        handoff_description=description or "A person, who takes over the conversation.",
        model=HumanModel(name),
        handoffs=[back_to(each) if isinstance(each, Agent) else each for each in handoffs],
    )
    person.tools = [overseen(_turn_tool(), gated=True, form=lambda arguments: _form(person, arguments))]
    return person


def lead_back(root: Agent[Any]) -> None:
    """Give the agents that were put into a person's `handoffs` as they are the handoff that they need."""
    for agent in walk(root):
        if is_person(agent):
            agent.handoffs = [back_to(each) if isinstance(each, Agent) else each for each in agent.handoffs]


def back_to(agent: Agent[Any]) -> Handoff[Any, Any]:
    """A handoff from a person: the agent sees what was said, not the calls that asked the person to speak."""
    return handoff(agent, input_filter=strip_human_turns)


def _turn_tool() -> FunctionTool:
    async def never(context: Any, arguments: str) -> str:
        return "Nobody spoke before the deadline."

    return FunctionTool(
        name=TURN,
        description="Ask the person to speak.",
        params_json_schema=dict(_SCHEMA),
        on_invoke_tool=never,
        strict_json_schema=False,
        needs_approval=True,
    )


def _form(person: Agent[Any], arguments: Arguments) -> Form:
    back = [each.agent_name if isinstance(each, Handoff) else each.name for each in person.handoffs]
    return Form(
        kind=Kind.HANDOFF,
        title=f"{person.name} has the floor",
        options=tuple(Option(id=each, label=f"Hand back to {each}") for each in back),
        context=Context(message=_last_words(arguments.get("conversation"))),
    )


def _last_words(lines: Json) -> str:
    said = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return next((f"{line['role']}: {line['text']}" for line in reversed(said) if line.get("role") != "tool"), "")


def strip_human_turns(data: HandoffInputData) -> HandoffInputData:
    """An input filter for the way back from a person: their words are a user's, and the calls that asked them to speak
    or handed back are left out. The next model never reads as its own what it did not say; the history keeps all."""
    every = (*data.pre_handoff_items, *data.new_items)
    hidden = {_raw(item).get("call_id") for item in every if _is_theirs(item) and _raw(item).get("call_id")}
    before = [_as_heard(item) for item in data.pre_handoff_items if _raw(item).get("call_id") not in hidden]
    seen = [_as_heard(item) for item in data.new_items if _raw(item).get("call_id") not in hidden]
    return data.clone(pre_handoff_items=tuple(before), input_items=tuple(seen))


def _is_theirs(item: RunItem) -> bool:
    return _is_person(item.agent) and _raw(item).get("type") == "function_call"


def _as_heard(item: RunItem) -> RunItem:
    """A person's words as a message of a user."""
    if not (isinstance(item, MessageOutputItem) and _is_person(item.agent)):
        return item
    said: TResponseInputItem = {"role": "user", "content": ItemHelpers.text_message_output(item)}
    return InputItem(agent=item.agent, raw_item=said)


def _is_person(agent: Any) -> bool:
    return any(isinstance(tool, FunctionTool) and tool.name == TURN for tool in agent.tools)


def _raw(item: Any) -> dict[str, Any]:
    raw = item.raw_item
    return raw if isinstance(raw, dict) else dict(raw.model_dump())
