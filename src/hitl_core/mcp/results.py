"""What a call returns: data, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_types import CallToolResult, TextContent

from ..callers import shown, told
from ..channels.plain_text import visible
from ..commands import Settled
from ..errors import FaultyError, HitlError
from ..protocol import Json, Run, RunState, canonical


def of_run(run: Run, *, inbox: str, said: Sequence[str] = ()) -> CallToolResult:
    """A run, what it waits for, and what became of what was answered (`said`)."""
    waiting: list[Json] = [shown(request, inbox=inbox) for request in run.pending]
    data: dict[str, Json] = {"run": run.id, "state": run.state.value, "waiting": waiting, "said": list[Json](said)}
    if run.state is RunState.COMPLETED:
        data["output"] = run.output
    return CallToolResult(content=[TextContent(text=_words(run, inbox, said))], structured_content=data)


def of_requests(found: Sequence[Settled], cursor: str | None, *, inbox: str) -> CallToolResult:
    waiting: list[Json] = [shown(each.request, inbox=inbox) for each in found]
    words = "\n\n".join(told(each.request) for each in found) or "Nothing waits for people."
    data: dict[str, Json] = {"waiting": waiting, "cursor": cursor}
    return CallToolResult(content=[TextContent(text=words)], structured_content=data)


def of_refusal(exc: HitlError) -> CallToolResult:
    """Why a call came to nothing."""
    faults: list[Json] = []
    if isinstance(exc, FaultyError):
        faults = [{"path": each.path, "problem": each.problem} for each in exc.faults]
    return of_failure(str(exc), {"code": exc.code, "faults": faults})


def of_failure(why: str, data: dict[str, Json] | None = None) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=visible(why))], structured_content=data, is_error=True)


def _words(run: Run, inbox: str, said: Sequence[str]) -> str:
    lines = [*said, f"Run {run.id} is {run.state.value}."]
    if run.state is RunState.COMPLETED:
        lines.append(run.output if isinstance(run.output, str) else canonical(run.output).decode())
    if run.pending:
        where = f" in the inbox at {inbox}" if inbox else ""
        lines.append(f"It waits for people, who answer{where}:")
        lines += [told(request) for request in run.pending]
    return "\n".join(visible(line, lines=True) for line in lines)
