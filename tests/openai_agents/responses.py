"""A model of the Responses API in the process, what it says, and the local tools that it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents import Agent, ApplyPatchTool, CustomTool, Model, ModelResponse, ShellTool, Usage
from agents.editor import ApplyPatchResult
from agents.models.fake_id import FAKE_RESPONSES_ID
from agents.tool import ShellCommandOutput, ShellResult
from openai.types.responses import (
    ResponseApplyPatchToolCall,
    ResponseCustomToolCall,
    ResponseFunctionShellToolCall,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from openai.types.responses.response_apply_patch_tool_call import OperationCreateFile
from openai.types.responses.response_function_shell_tool_call import Action

from .desk import record


class Says(Model):
    """Answers with the turn whose number is that of its calls' outputs."""

    def __init__(self, *turns: Sequence[Any]) -> None:
        self.turns = turns
        self.seen: list[list[Any]] = []

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        items = [] if isinstance(input, str) else list(input)
        self.seen.append(items)
        done = sum(str(each.get("type", "")).endswith(("_output", "_response")) for each in items)
        turn = [each.model_copy(deep=True) for each in self.turns[min(done, len(self.turns) - 1)]]
        return ModelResponse(output=turn, usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    @property
    def outputs(self) -> list[Any]:
        """What came of its calls, as it was told last."""
        return [each for each in self.seen[-1] if str(each.get("type", "")).endswith("_output")]


def text(words: str) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=words, annotations=[])
    return ResponseOutputMessage(
        id=FAKE_RESPONSES_ID, type="message", role="assistant", status="completed", content=[part]
    )


def function_call(name: str, arguments: str, *, call_id: str = "f1", **more: Any) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(type="function_call", name=name, call_id=call_id, arguments=arguments, **more)


def shell_call(command: str, **limits: Any) -> ResponseFunctionShellToolCall:
    action = Action(commands=[command], **limits)
    return ResponseFunctionShellToolCall(id="s1", call_id="s1", type="shell_call", status="completed", action=action)


def patch_call(path: str, *, call_id: str = "p1") -> ResponseApplyPatchToolCall:
    operation = OperationCreateFile(type="create_file", path=path, diff="+hello")
    return ResponseApplyPatchToolCall(
        id=call_id, call_id=call_id, type="apply_patch_call", status="completed", operation=operation
    )


def custom_call(name: str, words: str) -> ResponseCustomToolCall:
    return ResponseCustomToolCall(call_id="q1", type="custom_tool_call", name=name, input=words)


class Editor:
    """Records what it is asked to do, and fails where the path says so."""

    def create_file(self, operation: Any) -> ApplyPatchResult:
        record("apply_patch", path=operation.path, diff=operation.diff)
        status: Any = "failed" if operation.path == "full.txt" else "completed"
        return ApplyPatchResult(status=status, output=f"{status} {operation.path}")

    update_file = delete_file = create_file


async def run_commands(request: Any) -> ShellResult:
    commands = request.data.action.commands
    record("shell", commands=commands)
    if commands == ["false"]:
        raise RuntimeError("no shell")
    return ShellResult(output=[ShellCommandOutput(stdout=f"ran {commands}")], max_output_length=40)


async def run_sql(context: Any, query: str) -> str:
    record("sql", query=query, shown=context.tool_arguments)
    return f"did {query}"


LOCAL: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "shell": (shell_call("rm -r x"), lambda needs: ShellTool(executor=run_commands, needs_approval=needs)),
    "apply_patch": (patch_call("a.txt"), lambda needs: ApplyPatchTool(editor=Editor(), needs_approval=needs)),
    "sql": (
        custom_call("sql", "DROP TABLE orders"),
        lambda needs: CustomTool("sql", "Run", run_sql, needs_approval=needs),
    ),
}
"""Each local tool with a call of it, and how it is made."""


def local(tool: str, *calls: Any, needs: Any = True) -> tuple[Says, Callable[[str], Agent[Any]]]:
    """An unchanged agent with one local tool, and its model, which makes the calls and is done."""
    call, make = LOCAL[tool]
    made = calls or (call,)
    model = Says(made, *[made] * (len(made) - 1), [text("done")])
    return model, lambda url: Agent(name="desk", model=model, tools=[make(needs)])
