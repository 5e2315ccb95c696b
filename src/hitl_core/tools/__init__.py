"""Neutral tools: declared once with `@tool`, known by name in the catalogue, and what they know of their own call."""

from .call import RETURNED, Call, current_call, running, with_receipt
from .catalogue import Catalogue, Override
from .tool import NoParameters, Tool, Traits, as_json, choice, kept, question, review, tool

__all__ = [
    "RETURNED",
    "Call",
    "Catalogue",
    "NoParameters",
    "Override",
    "Tool",
    "Traits",
    "as_json",
    "choice",
    "current_call",
    "kept",
    "question",
    "review",
    "running",
    "tool",
    "with_receipt",
]
