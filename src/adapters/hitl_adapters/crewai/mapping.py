"""CrewAI's calls, reviews and results in neutral words, and what people said in CrewAI's. Pure; imports no CrewAI."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any, Final, cast

from pydantic import BaseModel, ValidationError

from hitl_core.apps import as_one_text, conversation_of
from hitl_core.gate import Form
from hitl_core.protocol import Action, Context, Json, Kind, Option, Origin, Reply, canonical, sha256
from hitl_core.tools import Tool, as_json, refusal_of

REVIEW: Final = "human_input"
FEEDBACK: Final = "human_feedback"
ASK: Final = "flow.ask"
HOOK: Final = "request_human_input"


# ── tool calls ───────────────────────────────────────────────────────────────────────────────────────────────


def tool_form(neutral: Tool | None, action: Action, schema: dict[str, Json] | None) -> Form:
    """How the request of a tool call looks."""
    if neutral is None or neutral.kind is Kind.APPROVAL:
        return Form(arguments_schema=neutral.schema if neutral else schema)
    title = action.arguments.get("question")
    return Form(
        kind=neutral.kind,
        title=title if isinstance(title, str) else neutral.description,
        options=neutral.options or offered(action.arguments.get("options")),
    )


def offered(options: Json) -> tuple[Option, ...]:
    """The options that an agent made up itself."""
    return tuple(Option(id=str(option)) for option in options) if isinstance(options, list) else ()


def definition_of(name: str, description: str, schema: dict[str, Json] | None) -> str:
    """Digest of a tool's definition: changes when the tool is redefined."""
    return sha256(canonical({"name": name, "description": description, "schema": schema}))


def argument_fault(model: type[BaseModel] | None, arguments: dict[str, Any], *, client: bool = False) -> str:
    """What is wrong with arguments that the tool would not take, for the model; "" if nothing is.

    Only of a `client` tool a model without fields says anything about them.
    """
    if model is None or not (model.model_fields or client):
        return ""
    try:
        model.model_validate(arguments)
    except ValidationError as exc:
        return refusal_of(exc)
    return ""


def role_of(agent: Any) -> str | None:
    """The role of an agent, as its name."""
    role = getattr(agent, "role", None)
    return str(role).strip()[:200] or None if role else None


def said(result: Json, note: str = "") -> str:
    """A result as the model reads it, after what it has to be told about its call."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return f"{note}\n\n{text}" if note else text


# ── what an agent says with its calls ────────────────────────────────────────────────────────────────────────


def words_in(response: Any) -> str:
    """What a model says in the answer of its provider, apart from its calls and from what it thinks: in the choices of
    OpenAI, Azure and LiteLLM, OpenAI's output, Anthropic's blocks, Gemini's candidates, or Bedrock's message."""
    text = _at(response, "choices", 0, "message", "content") or _at(response, "output_text")
    if isinstance(text, str):
        return text
    candidates = _at(response, "candidates", 0, "content", "parts")
    parts = candidates or _at(response, "output", "message", "content") or _at(response, "content")
    texts = [_at(part, "text") for part in parts if not _at(part, "thought")] if isinstance(parts, list) else []
    return "".join(each for each in texts if isinstance(each, str))


def _at(value: Any, *path: str | int) -> Any:
    """A part of an answer, as an object or as JSON; None if it has no such part."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else getattr(value, step, None)
    return value


_ACTION: Final = re.compile(r"^\s*Action\s*\d*\s*:", re.MULTILINE)


def before_action(text: str) -> str:
    """What a model says before the call that it writes as text."""
    words = _ACTION.split(text, maxsplit=1)[0].strip()
    return words.removeprefix("Thought:").strip()


# ── native pauses ────────────────────────────────────────────────────────────────────────────────────────────


def review_action(draft: str, origin: Origin) -> Action:
    return Action(tool=REVIEW, arguments={"content": draft}, origin=origin)


def review_form(task: str, *, structured: bool) -> Form:
    """The draft of a task with `human_input=True`. The text of a structured output is the model's to write."""
    allowed = (Reply.ACCEPT, Reply.REVISE, Reply.CANCEL)
    return Form(
        kind=Kind.REVIEW,
        title="Review the result of a task",
        context=Context(message=task[:4000]),
        allowed=allowed if structured else (Reply.ACCEPT, Reply.EDIT, Reply.REVISE, Reply.CANCEL),
    )


def feedback_action(method: str, shown: str, origin: Origin) -> Action:
    return Action(tool=FEEDBACK, arguments={"method": method, "content": shown}, origin=origin)


def feedback_form(message: str, emit: list[str] | None) -> Form:
    """A flow's `@human_feedback`: one of its outcomes, or free words about the output (none: it is accepted)."""
    if emit:
        options = tuple(Option(id=each) for each in emit)
        return Form(kind=Kind.CHOICE, title=message, options=options, allowed=(Reply.CHOOSE, Reply.CANCEL))
    return Form(kind=Kind.REVIEW, title=message, allowed=(Reply.ACCEPT, Reply.REVISE, Reply.CANCEL))


def ask_action(message: str, metadata: Json, origin: Origin) -> Action:
    return Action(tool=ASK, arguments={"question": message, "metadata": metadata}, origin=origin)


def hook_action(prompt: str, about: dict[str, Json], origin: Origin) -> Action:
    """What a hook asks, with the call that it asks about."""
    return Action(tool=HOOK, arguments={"question": prompt, **about}, origin=origin)


def ask_form(message: str) -> Form:
    return Form(kind=Kind.INPUT, title=message, allowed=(Reply.ANSWER, Reply.CANCEL))


def shown(value: Any) -> str:
    """What a method returned, as people read it."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json(indent=2)
    try:
        return json.dumps(as_json(value), ensure_ascii=False, indent=2)
    except (TypeError, ValueError):
        return str(value)


# ── what a flow's method came to ─────────────────────────────────────────────────────────────────────────────


def snapshot(state: Any) -> dict[str, Json] | None:
    """A flow's state as JSON, or None if it has no such form."""
    try:
        return cast("dict[str, Json]", as_json(dict(state) if isinstance(state, dict) else state.model_dump()))
    except (TypeError, ValueError):
        return None


def changes(before: dict[str, Json], after: dict[str, Json]) -> dict[str, Json]:
    """What is new or another value in the later one of two snapshots."""
    return {name: value for name, value in after.items() if before.get(name, _NOTHING) != value}


_NOTHING: Final = object()


def applied(changed: dict[str, Json], state: Any) -> None:
    """Make the same changes to the state of another flow object."""
    if isinstance(state, dict):
        state.update(changed)
        return
    whole = type(state).model_validate({**state.model_dump(), **changed})
    for name in changed:
        setattr(state, name, getattr(whole, name))


def packed(value: Any) -> dict[str, Json] | None:
    """An output with what it takes to have it again, or None."""
    try:
        if isinstance(value, BaseModel):
            name = f"{type(value).__module__}:{type(value).__qualname__}"
            kept: dict[str, Json] = {"model": name, "data": value.model_dump(mode="json")}
            return kept if "<locals>" not in name and unpacked(kept) == value else None
        data = as_json(value)
        return {"data": data} if data == value else None
    except (TypeError, ValueError, ImportError, AttributeError):
        return None


def unpacked(kept: dict[str, Any]) -> Any:
    """The output again. Raises what an import or a validation raises if its class is another one now."""
    if "model" not in kept:
        return kept["data"]
    module, _, path = kept["model"].partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found.model_validate(kept["data"])


# ── inputs and outputs ───────────────────────────────────────────────────────────────────────────────────────


def kickoff_inputs(value: Json) -> dict[str, Any] | None:
    """A run's input as the inputs of a kickoff; what is not an object is named `input`."""
    if value is None:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"input": value}


def sentence(value: Json) -> str:
    """A run's input as the words of a task, for an agent that was built from a spec."""
    if isinstance(value, str):
        return value
    if said := conversation_of(value):
        return as_one_text(said)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return "Begin." if value is None else json.dumps(value, ensure_ascii=False)


def output_of(result: Any) -> Json:
    """What a crew or a flow returned, as JSON: a crew's last words are its `answer`."""
    if hasattr(result, "raw") and hasattr(result, "tasks_output"):
        answer: dict[str, Json] = {"answer": result.raw}
        structured = result.json_dict or (result.pydantic and result.pydantic.model_dump(mode="json"))
        return {**answer, "data": as_json(structured)} if structured else answer
    if isinstance(result, list | tuple):
        return [output_of(each) for each in result]
    try:
        return as_json(result)
    except (TypeError, ValueError):
        return str(result)
