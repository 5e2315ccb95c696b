"""Native calls, pauses and answers on one side, actions, requests and verdicts on the other. Pure."""

from .calls import (
    DECISION_ONLY,
    CallFault,
    action_of,
    arguments_of,
    bounded,
    definition_of,
    form_of,
    local_arguments,
    read_arguments,
)
from .results import kept, noted, said, unkept
from .speech import answer_of, conversation, events_of, guidance_item, input_of, record_of
from .turns import call_ids, completed, from_record, response_of, to_record

__all__ = [
    "DECISION_ONLY",
    "CallFault",
    "action_of",
    "answer_of",
    "arguments_of",
    "bounded",
    "call_ids",
    "completed",
    "conversation",
    "definition_of",
    "events_of",
    "form_of",
    "from_record",
    "guidance_item",
    "input_of",
    "kept",
    "local_arguments",
    "noted",
    "read_arguments",
    "record_of",
    "response_of",
    "said",
    "to_record",
    "unkept",
]
