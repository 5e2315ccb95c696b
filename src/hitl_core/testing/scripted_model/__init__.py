"""A scripted model: an OpenAI-compatible server that plays a script and logs every call.

    request ─► read_request ─► choose ─► log ─► OpenAI's shape ─► reply
               (conversation)  (choice)  (call_log)  (wire)       (server)

It serves the real client of each framework over loopback. What it answers depends on the request
alone, so an agent can be killed and resumed in another process while the model lives on, and a
replayed request gets the same answer with the same tool-call ids. A request that no step was
written for is refused (HTTP 400), never answered with something made up.

    from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step, repeated_calls

    script = Script.of(
        Step(call=(Call(name="refund", arguments={"order": "A-1042", "amount": 40}),)),
        Step(say="The refund is done: {{tool_result}}"),
    )
    with ScriptedModel(script) as model:
        run_agent(base_url=model.base_url, api_key="test")
    assert not repeated_calls(model.calls)

As a process of its own: ``python -m hitl_core.testing.scripted_model SCRIPT.json --log CALLS.jsonl``.
"""

from .call_log import CallEntry, read_calls, repeated_calls
from .script import Call, Conversation, Drop, Refuse, Rule, Script, Step, When, load_script
from .server import ScriptedModel

__all__ = [
    "Call",
    "CallEntry",
    "Conversation",
    "Drop",
    "Refuse",
    "Rule",
    "Script",
    "ScriptedModel",
    "Step",
    "When",
    "load_script",
    "read_calls",
    "repeated_calls",
]
