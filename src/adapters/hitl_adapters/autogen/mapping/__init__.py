"""Native pause → request, verdict → native answer. Pure.

inputs      a run's input as a task, and what came of it
requests    native pauses and tool calls as actions and forms
answers     verdicts and results as what a model reads, and what is kept of them
"""

from .answers import kept_result, no_answer, recalled, refused, said, with_note
from .inputs import as_task, output_of, text_of
from .requests import (
    code_action,
    code_blocks,
    code_form,
    definition_of,
    person_action,
    person_form,
    question_of,
    review_form,
    schema_faults,
    strict,
    tool_form,
)

__all__ = [
    "as_task",
    "code_action",
    "code_blocks",
    "code_form",
    "definition_of",
    "kept_result",
    "no_answer",
    "output_of",
    "person_action",
    "person_form",
    "question_of",
    "recalled",
    "refused",
    "review_form",
    "said",
    "schema_faults",
    "strict",
    "text_of",
    "tool_form",
    "with_note",
]
