"""What a person changed, as the app's own code sees it: the context of a tool, and the guardrails before it."""

from __future__ import annotations

import copy
import inspect
import json
from dataclasses import replace
from typing import Any, cast

from agents import ToolGuardrailFunctionOutput, ToolInputGuardrail, ToolInputGuardrailData
from agents.tool_context import ToolContext

from hitl_core.protocol import Proceed, Refuse, Substitute

from ..suspend import found


def with_arguments(context: ToolContext[Any], text: str) -> ToolContext[Any]:
    """The context of a call with other arguments. What the SDK has prepared of the model's is left out."""
    made = copy.copy(context)
    made.tool_arguments = text
    if made.tool_call is not None:
        made.tool_call = made.tool_call.model_copy(update={"arguments": text})
    if hasattr(made, "_function_tool_arguments"):
        cast("Any", made)._function_tool_arguments = None
    return made


def checks_what_runs(guardrail: ToolInputGuardrail[Any]) -> ToolInputGuardrail[Any]:
    """A guardrail that looks at the arguments with which the tool will run, and not at a call that will not."""

    async def seen(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        now, context = found(), data.context
        verdict = None if now is None else now.verdicts.get(now.place(context.tool_call_id))
        if isinstance(verdict, Substitute | Refuse):
            return ToolGuardrailFunctionOutput.allow()
        if isinstance(verdict, Proceed) and verdict.note:
            data = replace(data, context=with_arguments(context, json.dumps(verdict.action.arguments)))
        made = guardrail.guardrail_function(data)
        return await made if inspect.isawaitable(made) else made

    return replace(guardrail, guardrail_function=seen, name=guardrail.get_name())
