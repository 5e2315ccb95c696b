"""Client tools: what is wrong with them, and their arguments held to a JSON Schema of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_core.errors import ConfigError, EffectRefused
from hitl_core.gate.client_tools import ClientTools
from hitl_core.protocol import TOOLS_LIMIT, ClientTool, Kind, Level, OnTimeout, Ruling
from hitl_core.tools import Catalogue, CatalogueOfRun, client_tool, client_tool_faults, refusal_of, tool
from hitl_core.tools.client import argument_faults
from tests.core.desk import run

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"type": "string"}}, "most": {"type": "integer"}},
    "required": ["colours"],
    "additionalProperties": False,
}
PICK = ClientTool(name="pickColour", description="Let the user pick a colour.", parameters=SCHEMA)


def faults(*tools: ClientTool) -> list[str]:
    return [str(each) for each in client_tool_faults(tools)]


def refusal(schema: dict[str, Any], arguments: Any) -> str:
    """What a model is told of these arguments; "" if nothing is wrong with them."""
    try:
        client_tool(ClientTool(name="pick", parameters=schema)).typed(arguments)
    except ValidationError as exc:
        return refusal_of(exc)
    return ""


# ── before a run ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "pick colour", "a" * 65, "wähle", "a.b"])
def test_a_name_that_no_model_could_call_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="String should match pattern"):
        ClientTool(name=name)


def test_what_is_right_has_no_fault() -> None:
    assert faults(PICK, ClientTool(name="ok")) == []


def test_a_name_is_given_once() -> None:
    assert faults(PICK, PICK) == ["tools.pickColour: is given twice"]


def test_arguments_have_names() -> None:
    said = "tools.a.parameters: must be of type 'object', not 'array': arguments have names"
    assert faults(ClientTool(name="a", parameters={"type": "array"})) == [said]


def test_every_schema_that_is_none_is_named() -> None:
    broken = [ClientTool(name=each, parameters={"type": "object", "properties": 3}) for each in ("a", "b")]
    assert [each.partition(":")[0] for each in faults(*broken)] == ["tools.a.parameters", "tools.b.parameters"]
    odd = ClientTool(name="c", parameters={"type": "object", "$schema": {"not": "a name"}})
    assert "cannot be read as JSON Schema" in faults(odd)[0]


def test_all_of_them_together_are_bounded() -> None:
    half: dict[str, Any] = {"type": "object", "description": "x" * (TOOLS_LIMIT // 2)}
    two = [ClientTool(name=each, parameters=half) for each in ("a", "b")]
    assert faults(two[0]) == []
    (said,) = faults(*two)
    assert said.startswith("tools: have 65,")
    assert said.endswith(" bytes as JSON; the limit is 65,536. Name fewer, or say less")


def test_what_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(70):
        schema = {"type": "object", "properties": {"p": schema}}
    assert faults(ClientTool(name="a", parameters=schema))[0].endswith("is nested deeper than 64 levels")


@pytest.mark.parametrize("there", ["https://example.com/schema.json", "file:///etc/passwd", "other.json"])
def test_what_it_refers_to_stands_in_it(there: str) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"anyOf": [{"$ref": there}]}, "b": {"$ref": "#/properties/a"}},
    }
    said = f"tools.a.parameters: refers to {there!r}, which is elsewhere; what it needs has to stand in it"
    assert faults(ClientTool(name="a", parameters=schema)) == [said]


# ── its arguments ────────────────────────────────────────────────────────────────────────────────────────────


def test_its_schema_is_the_one_that_was_given() -> None:
    made = client_tool(PICK)
    assert (made.schema, made.kind, made.function, made.traits.title) == (SCHEMA, Kind.INPUT, None, PICK.description)
    assert made.definition != client_tool(PICK.model_copy(update={"parameters": {"type": "object"}})).definition


def test_arguments_that_fit_are_taken_as_they_are() -> None:
    model = client_tool(PICK).parameters
    given = {"colours": ["red"], "most": 1}
    assert model.model_validate(given).model_dump() == given
    assert model.model_validate(model.model_validate(given)).model_dump() == given


def test_all_that_is_wrong_with_them_is_told() -> None:
    said = refusal(SCHEMA, {"colours": [1], "more": 2})
    assert "colours[0]: 1 is not of type 'string'" in said
    assert "Additional properties are not allowed ('more' was unexpected)" in said
    assert said.endswith("Correct them and call again.")


def test_a_regular_expression_of_somebody_else_is_not_tried() -> None:
    """This one would take years."""
    text = {"type": "string", "pattern": "^(a+)+$"}
    slow: dict[str, Any] = {"type": "object", "properties": {"text": text, "pattern": {"enum": [{"pattern": "a"}]}}}
    slow |= {"allOf": [{"patternProperties": {"^(a+)+$": False}, "additionalProperties": False}]}
    assert refusal(slow, {"text": "a" * 40 + "b", "a" * 40 + "b": 1}) == ""
    assert "text: 1 is not of type 'string'" in refusal(slow, {"text": 1})
    assert "pattern: 3 is not one of [{'pattern': 'a'}]" in refusal(slow, {"pattern": 3})


@pytest.mark.parametrize("there", ["https://example.com/schema.json", "file:///etc/passwd", "#/nowhere"])
def test_no_reference_is_fetched(there: str) -> None:
    found = argument_faults({"type": "object", "properties": {"a": {"$ref": there}}}, {"a": 1})
    assert "their schema cannot be followed" in found[0].problem


# ── in a run ─────────────────────────────────────────────────────────────────────────────────────────────────


@tool
def refund(order: str) -> str:
    """Pay back."""
    return order


def test_a_run_knows_the_tools_of_its_app_and_its_own() -> None:
    app = Catalogue([refund], redact=("card",))
    own = CatalogueOfRun(app, [client_tool(PICK)])
    assert own.tool("pickColour") is not None
    assert (own.tool("refund"), app.tool("pickColour")) == (refund, None)
    assert own.secrets("pickColour") == (("card",),)


def test_what_is_found_in_the_app_is_known_in_all_of_its_runs() -> None:
    app = Catalogue()
    CatalogueOfRun(app, [client_tool(PICK)]).learn(refund)
    assert app.tool("refund") is refund


def test_a_tool_of_the_app_with_the_name_of_one_of_the_runs_is_refused() -> None:
    own = CatalogueOfRun(Catalogue(), [client_tool(ClientTool(name="refund"))])
    with pytest.raises(ConfigError, match="refund: is a tool of the app, and one that this run was started with"):
        own.learn(refund)


def test_nothing_of_ours_carries_out_a_client_tool() -> None:
    clients = ClientTools(run(tools=(PICK,)))
    clients.require_ours("refund")
    with pytest.raises(EffectRefused, match="'pickColour' is a client tool"):
        clients.require_ours("pickColour")


def test_silence_is_no_answer() -> None:
    clients = ClientTools(run(tools=(PICK,)))
    proceeds = Ruling(level=Level.CONFIRM, rule="r", version="1", why="a test", on_timeout=OnTimeout.PROCEED)
    assert clients.ruling("pickColour", proceeds).on_timeout is OnTimeout.REFUSE
    assert clients.ruling("refund", proceeds).on_timeout is OnTimeout.PROCEED
