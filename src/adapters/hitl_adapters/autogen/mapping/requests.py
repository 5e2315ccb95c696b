"""Native pauses and tool calls as actions, and how their requests look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

from autogen_agentchat.messages import BaseChatMessage
from autogen_core.code_executor import CodeBlock
from jsonschema import Draft202012Validator
from referencing import Registry

from hitl_core.gate import Form
from hitl_core.protocol import Action, Arguments, Context, Json, Kind, Option, Origin, Reply, canonical, sha256
from hitl_core.tools import Tool

_SHOWN: Final = 8
"""How many of the last messages a request shows."""

_LONGEST: Final = 8_000
"""Characters of one message that a request shows."""


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────


def strict(schema: Mapping[str, Any]) -> dict[str, Json]:
    """A tool's JSON Schema that refuses unknown names: AutoGen's tools drop them silently, so that what was shown
    would not be what runs."""
    return {"additionalProperties": False, **cast("dict[str, Json]", dict(schema))}


def schema_faults(schema: Mapping[str, Any], arguments: Arguments) -> list[str]:
    """All ways in which the arguments break a tool's JSON Schema; no reference is ever fetched."""
    checker = Draft202012Validator(schema, registry=Registry())
    found = sorted(checker.iter_errors(arguments), key=lambda error: error.json_path)
    return [f"arguments{error.json_path.removeprefix('$')}: {error.message}" for error in found]


def definition_of(schema: Mapping[str, Any]) -> str:
    """Digest of a native tool's definition: changes when the tool is redefined."""
    shown = {"name": schema["name"], "description": schema.get("description", "")}
    return sha256(canonical({**shown, "schema": cast("Json", dict(schema.get("parameters") or {}))}))


def tool_form(neutral: Tool | None, schema: dict[str, Json] | None, arguments: Arguments) -> Form:
    """How the request of a tool call looks."""
    if neutral is None or neutral.kind is Kind.APPROVAL:
        return Form(arguments_schema=neutral.schema if neutral else schema)
    title = arguments.get("question")
    return Form(
        kind=neutral.kind,
        title=title if isinstance(title, str) else neutral.description,
        options=neutral.options or _offered(arguments.get("options")),
    )


def _offered(options: Json) -> tuple[Option, ...]:
    """The options that an agent made up itself."""
    return tuple(Option(id=str(option)) for option in options) if isinstance(options, list) else ()


# ── people in a team ─────────────────────────────────────────────────────────────────────────────────────────


def question_of(messages: Sequence[BaseChatMessage]) -> dict[str, Json]:
    """What a person in a team is asked: the last thing that was said to them. AutoGen hands no question over."""
    if not messages:
        return {}
    last = messages[-1]
    return {"question": last.to_text()[:_LONGEST], "from": last.source}


def person_action(person: str, asked: Mapping[str, Json], path: tuple[str, ...], agents: Collection[str]) -> Action:
    """A person's turn as an action. A person is no agent, so the origin is whichever of the agents asks them."""
    asker = asked.get("from")
    agent = asker if isinstance(asker, str) and asker in agents and asker != person else None
    return Action(tool=person, arguments=dict(asked), origin=Origin(agent=agent, path=path))


def person_form(person: str, asked: Mapping[str, Json], messages: Sequence[BaseChatMessage], *, handoff: bool) -> Form:
    """A question to a person in a team, or the whole conversation handed to them.

    Rejecting is not offered: the person's words are all that a team understands, and a refusal written out as words
    could be what it takes for consent.
    """
    question = asked.get("question")
    said: list[Json] = [{"from": each.source, "text": each.to_text()[:_LONGEST]} for each in list(messages)[-_SHOWN:]]
    floor = (Reply.TAKE_OVER, Reply.HAND_BACK, Reply.CANCEL)
    return Form(
        kind=Kind.HANDOFF if handoff else Kind.INPUT,
        title=f"{person}: {question}"[:_LONGEST] if question else f"{person} is asked to speak",
        context=Context(details={"conversation": said}),
        allowed=floor if handoff else (Reply.ANSWER, Reply.CANCEL),
    )


# ── code and drafts ──────────────────────────────────────────────────────────────────────────────────────────

_CODE: Final[dict[str, Json]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["blocks"],
    "properties": {
        "blocks": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["language", "code"],
                "properties": {"language": {"type": "string"}, "code": {"type": "string"}},
            },
        }
    },
}


def code_action(executor: str, blocks: Sequence[CodeBlock], path: tuple[str, ...]) -> Action:
    """Code that an agent wants to run."""
    shown: list[Json] = [{"language": block.language, "code": block.code} for block in blocks]
    return Action(tool=executor, arguments={"blocks": shown}, origin=Origin(agent=executor, path=path))


def code_blocks(arguments: Arguments) -> list[CodeBlock]:
    """The code that was allowed."""
    blocks = cast("list[dict[str, str]]", arguments["blocks"])
    return [CodeBlock(code=block["code"], language=block["language"]) for block in blocks]


def code_form(executor: str) -> Form:
    return Form(title=f"Run code as {executor}", arguments_schema=_CODE)


def review_form(agent: str) -> Form:
    return Form(kind=Kind.REVIEW, title=f"Review what {agent} wrote")
