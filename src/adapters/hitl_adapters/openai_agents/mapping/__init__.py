"""Native calls, pauses and answers on one side, actions, requests and verdicts on the other. Pure.

calls      a model's tool call as an action and a form; local: the same of shell, apply_patch and custom tools
results    what a tool returned, as it is kept, handed out again, and told
speech     what people and agents say: input, output, conversations, live events
turns      a model's answer ↔ its line in the journal
"""

from .calls import (
    DECISION_ONLY,
    CallFault,
    action_of,
    bounded,
    definition_of,
    form_of,
    read_arguments,
)
from .local import (
    arguments_of,
    cut_shell,
    edited_patch,
    edited_shell,
    local_arguments,
    local_form,
    patch_result,
    several_operations,
    shell_result,
)
from .results import NoResult, kept, noted, said, unkept
from .speech import (
    answer_of,
    calls_in,
    conversation,
    delta_of,
    guidance_item,
    input_of,
    record_of,
    results_in,
    step_of,
    words_in,
)
from .turns import call_ids, completed, from_record, response_of, to_record

__all__ = [
    "DECISION_ONLY",
    "CallFault",
    "NoResult",
    "action_of",
    "answer_of",
    "arguments_of",
    "bounded",
    "call_ids",
    "calls_in",
    "completed",
    "conversation",
    "cut_shell",
    "definition_of",
    "delta_of",
    "edited_patch",
    "edited_shell",
    "form_of",
    "from_record",
    "guidance_item",
    "input_of",
    "kept",
    "local_arguments",
    "local_form",
    "noted",
    "patch_result",
    "read_arguments",
    "record_of",
    "response_of",
    "results_in",
    "said",
    "several_operations",
    "shell_result",
    "step_of",
    "to_record",
    "unkept",
    "words_in",
]
