"""Templates: a resume value with holes. `{"$": "message"}` is filled from the decision, everything else is sent as is.

Holes are filled once and what is filled in is never looked into, so no answer can smuggle one in.

| hole                            | filled with                                                          |
|---------------------------------|----------------------------------------------------------------------|
| `{"$": "message"}`              | the words of a rejection or of feedback, else `default`              |
| `{"$": "value"}`                | the answer                                                           |
| `{"$": "chosen"}`               | the chosen option, exactly as it was listed                          |
| `{"$": "arguments"}`            | all arguments: edited, or as shown                                   |
| `{"$": "argument", "name": n}`  | one of them                                                          |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hitl_core.protocol import Json

HOLES: Final = frozenset({"message", "value", "chosen", "arguments", "argument"})

MESSAGE: Final[dict[str, Json]] = {"$": "message", "default": "Rejected by a reviewer."}
VALUE: Final[dict[str, Json]] = {"$": "value"}
CHOSEN: Final[dict[str, Json]] = {"$": "chosen"}
ARGUMENTS: Final[dict[str, Json]] = {"$": "arguments"}


def argument(name: str) -> dict[str, Json]:
    return {"$": "argument", "name": name}


def fill(template: Json, values: Mapping[str, Json]) -> Json:
    """The template with its holes filled. Raises KeyError for a hole that this decision cannot fill."""
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if not isinstance(template, dict):
        return template
    if "$" not in template:
        return {key: fill(item, values) for key, item in template.items()}
    hole = template["$"]
    if hole == "argument":
        arguments = values["arguments"]
        return arguments[str(template["name"])] if isinstance(arguments, dict) else None
    found = values[str(hole)]
    return template.get("default", found) if found == "" else found


def faults(template: Json) -> list[str]:
    """What is wrong with a template that a user wrote."""
    if isinstance(template, list):
        return [fault for item in template for fault in faults(item)]
    if not isinstance(template, dict):
        return []
    if "$" in template and template["$"] not in HOLES:
        return [f"{template['$']!r} is not a hole; there are {', '.join(sorted(HOLES))}"]
    return [fault for item in template.values() for fault in faults(item)]
