"""Which step of the script answers a request, and with what: a pure function of the two."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from .conversation import ChatRequest, ToolResult
from .script import Call, Conversation, Script, Step, When
from .template import fill, fill_text
from .wire import Answer, Refusal, ToolCall


@dataclass(frozen=True)
class Choice:
    """The step that answers, and its place in the script, such as ``main.steps.1``."""

    place: str
    step: Step


def choose(script: Script, request: ChatRequest) -> Choice:
    """The step for this request; raises `Refusal` (400) that says which request had none."""
    part = next((part for part in script.parts if _fits(part, request)), None)
    if part is None:
        names = [part.name for part in script.parts]
        raise _no_step(request, f"it fits none of the conversations {names!r}")
    choice = next(_candidates(part, request), None)
    if choice is None:
        has = f"{len(part.rules)} rules and {len(part.steps)} steps"
        raise _no_step(request, f"conversation {part.name!r} has {has}, and none of them is for it")
    return choice


def answer(choice: Choice, script: Script, request: ChatRequest) -> Answer:
    """What the step says, with the conversation's values filled in and ids given to its calls."""
    known = _known_values(request)
    try:
        text = None if choice.step.say is None else fill_text(choice.step.say, known)
        arguments = [_arguments(call, known) for call in choice.step.call]
    except KeyError as error:
        raise _no_step(request, f"{choice.place} needs {error.args[0]!r}, which the request lacks") from error
    calls = tuple(
        ToolCall(id=_call_id(script, request, index), name=call.name, arguments=arguments[index])
        for index, call in enumerate(choice.step.call)
    )
    return Answer(text=text, calls=calls)


def _fits(part: Conversation, request: ChatRequest) -> bool:
    return _found(part.system, request.system_text) and part.model in (None, request.model)


def _candidates(part: Conversation, request: ChatRequest) -> Iterator[Choice]:
    for index, rule in enumerate(part.rules):
        if _matches(rule.when, request):
            yield Choice(f"{part.name}.rules.{index}", rule)
    for step in part.steps[request.turn : request.turn + 1]:
        yield Choice(f"{part.name}.steps.{request.turn}", step)


def _matches(when: When, request: ChatRequest) -> bool:
    return (
        _found(when.user, request.user_text)
        and _found(when.system, request.system_text)
        and when.model in (None, request.model)
        and when.turn in (None, request.turn)
        and _result_found(when, request.tool_results)
    )


def _found(wanted: str | None, text: str | None) -> bool:
    return wanted is None or (text is not None and wanted in text)


def _result_found(when: When, results: tuple[ToolResult, ...]) -> bool:
    if when.tool is None and when.tool_result is None:
        return True
    named = (result for result in results if when.tool in (None, result.tool))
    return any(_found(when.tool_result, result.text) for result in named)


def _known_values(request: ChatRequest) -> dict[str, str]:
    results = [message.text for message in request.messages if message.role == "tool"]
    last_result = results[-1] if results else None
    found = {"input": request.user_text, "tool_result": last_result}
    return {name: text for name, text in found.items() if text is not None}


def _arguments(call: Call, known: dict[str, str]) -> str:
    if isinstance(call.arguments, str):
        return fill_text(call.arguments, known)
    return json.dumps(fill(call.arguments, known), ensure_ascii=False)


def _call_id(script: Script, request: ChatRequest, index: int) -> str:
    if script.call_ids == "repeat":
        return f"call_{index}"
    material = json.dumps([request.model, request.digest, index])
    return f"call_{hashlib.sha256(material.encode()).hexdigest()[:24]}"


def _no_step(request: ChatRequest, why: str) -> Refusal:
    last = request.messages[-1]
    asked = (
        f"model {request.model!r}, {len(request.messages)} messages, {request.turn} of them the assistant's, "
        f"the last from {last.role!r}: {last.text[:200]!r}"
    )
    return Refusal(400, "no_scripted_step", f"the script has no answer for this request ({asked}): {why}")
