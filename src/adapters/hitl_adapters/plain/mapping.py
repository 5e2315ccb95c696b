"""How the requests of plain calls look: an approval, a question, a choice, a review. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_core.gate import Form
from hitl_core.protocol import Json, Kind, Option
from hitl_core.tools import Tool


def tool_form(tool: Tool) -> Form:
    """A guarded function: an approval with typed arguments."""
    return Form(title=tool.traits.title, arguments_schema=tool.schema)


def question_form(question: str, answer_schema: dict[str, Json] | None) -> Form:
    """A question in free text, or for a value that fits a schema."""
    return Form(kind=Kind.INPUT, title=question, answer_schema=answer_schema)


def choice_form(question: str, options: Sequence[str]) -> Form:
    """A choice of one of the options."""
    return Form(kind=Kind.CHOICE, title=question, options=tuple(Option(id=option) for option in options))


def review_form(title: str) -> Form:
    """A draft to accept, edit or send back."""
    return Form(kind=Kind.REVIEW, title=title)
