"""A client tool: one that a run was started with, and that whoever started it carries out: a page, another program."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from .record import Record, Text

TOOLS_LIMIT: Final = 65_536
"""Bytes of JSON that the client tools of a run may have together."""

ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""What the providers of models take for the name of a function."""


def _nothing() -> dict[str, JsonValue]:
    return {"type": "object", "properties": {}}


class ClientTool(Record):
    """What a model is told of the tool. `parameters` is the JSON Schema of its arguments, an object.

    A call of it is a request to people; what they answer is its result.
    """

    name: ToolName
    description: Text = ""
    parameters: dict[str, JsonValue] = Field(default_factory=_nothing)
