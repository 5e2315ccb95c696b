"""The tools that there are. None of them answers a request: it is the model that calls tools, and people who decide."""

from __future__ import annotations

from typing import Final

from mcp_types import Tool, ToolAnnotations

from ..callers.desk import LONGEST_WAIT
from ..callers.schemas import Schema, object_schema

INPUT: Final[Schema] = {"description": "What the agent is given: any JSON."}
RUN: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 256, "description": "The id of a run."}
WAIT: Final[Schema] = {
    "type": "number",
    "minimum": 0,
    "maximum": LONGEST_WAIT,
    "description": "Seconds to wait, at most, until the run pauses or ends.",
}
KEY: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 256,
    "description": "A name for this start. The same key again is the same run, for a day: give it again if you do not "
    "know what became of the call.",
}
READS: Final = ToolAnnotations(read_only_hint=True)

TOOLS: Final = (
    Tool(
        name="start_run",
        description="Start a run of the agent. Where people have to decide, the client's user is asked if they may, "
        "else it says who waits and where people answer.",
        input_schema=object_schema({"input": INPUT, "wait": WAIT, "key": KEY}, "input"),
    ),
    Tool(
        name="wait_for_run",
        description="Wait until a run pauses or ends. Where people have to decide, as in start_run.",
        input_schema=object_schema({"run": RUN, "wait": WAIT}, "run"),
    ),
    Tool(
        name="read_run",
        description="A run as it stands, with what it waits for. Nobody is asked by this.",
        input_schema=object_schema({"run": RUN}, "run"),
        annotations=READS,
    ),
    Tool(
        name="list_requests",
        description="What waits for people, oldest first: of one run, or of all that you see.",
        input_schema=object_schema({"run": RUN, "cursor": {"type": "string", "maxLength": 1000}}),
        annotations=READS,
    ),
    Tool(
        name="cancel_run",
        description="End a run; what waits in it never runs.",
        input_schema=object_schema({"run": RUN, "reason": {"type": "string", "maxLength": 1000}}, "run"),
    ),
)
SCHEMAS: Final = {tool.name: tool.input_schema for tool in TOOLS}
