"""Neutral tools: declared once with `@tool`, known by name in the catalogue, and what they know of their own call."""

from .call import RETURNED, Call, current_call, running, with_receipt
from .catalogue import Catalogue, CatalogueOfRun, Override
from .client import client_tool, client_tool_faults, name_taken
from .tool import NoParameters, Tool, Traits, as_json, choice, kept, question, refusal_of, review, tool

__all__ = [
    "RETURNED",
    "Call",
    "Catalogue",
    "CatalogueOfRun",
    "NoParameters",
    "Override",
    "Tool",
    "Traits",
    "as_json",
    "choice",
    "client_tool",
    "client_tool_faults",
    "current_call",
    "kept",
    "name_taken",
    "question",
    "refusal_of",
    "review",
    "running",
    "tool",
    "with_receipt",
]
