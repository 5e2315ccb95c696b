"""A run as a task of A2A. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from a2a.types import Artifact, Message, Part, Role, Task, TaskState, TaskStatus
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from ..callers import shown, told
from ..errors import Fault
from ..protocol import Json, PauseRequest, Run, RunState, micros

STATES: Final = {
    RunState.RUNNING: TaskState.TASK_STATE_WORKING,
    RunState.PAUSED: TaskState.TASK_STATE_INPUT_REQUIRED,
    RunState.READY: TaskState.TASK_STATE_WORKING,
    RunState.COMPLETED: TaskState.TASK_STATE_COMPLETED,
    RunState.FAILED: TaskState.TASK_STATE_FAILED,
    RunState.CANCELLED: TaskState.TASK_STATE_CANCELED,
    RunState.STOPPED: TaskState.TASK_STATE_WORKING,
}
"""A stop may be lifted, so what it holds is at work still: its message says that it is held."""
ENDS: Final = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
"""States of a run whose task has ended, for this protocol: one that failed may be tried again, by who operates it."""
RESULT: Final = "output"


def task_of(run: Run, *, talk: str, inbox: str = "", refused: Sequence[Fault] = ()) -> Task:
    """The task that a run is. `talk` is its context, `refused` why an answer just given was not taken."""
    artifacts = [result_of(run)] if run.state is RunState.COMPLETED else []
    return Task(
        id=run.id, context_id=talk, status=status_of(run, talk=talk, inbox=inbox, refused=refused), artifacts=artifacts
    )


def status_of(run: Run, *, talk: str, inbox: str = "", refused: Sequence[Fault] = ()) -> TaskStatus:
    at = Timestamp()
    at.FromDatetime(run.updated_at)
    status = TaskStatus(state=STATES[run.state], timestamp=at)
    if parts := [*_why_not(refused), *_parts(run, inbox)]:
        said = f"{run.id}:{micros(run.updated_at)}"
        message = Message(message_id=said, task_id=run.id, context_id=talk, role=Role.ROLE_AGENT, parts=parts)
        status.message.CopyFrom(message)
    return status


def result_of(run: Run) -> Artifact:
    """What came out of a run."""
    return Artifact(artifact_id=RESULT, name=RESULT, parts=[value_part(run.output)])


def asks(request: PauseRequest, inbox: str) -> tuple[Part, Part]:
    """What people are asked: words for them, and data for what shows it to them."""
    return Part(text=told(request)), data_part(shown(request, inbox=inbox))


def value_part(value: Json) -> Part:
    """Any JSON as a part; a text as the text that it is."""
    return Part(text=value) if isinstance(value, str) else data_part(value)


def data_part(value: Json) -> Part:
    made: Value = ParseDict(cast("Any", value), Value())  # any JSON, whatever its type hint says
    return Part(data=made, media_type="application/json")


def _parts(run: Run, inbox: str) -> list[Part]:
    match run.state:
        case RunState.PAUSED:
            return [part for request in run.pending for part in asks(request, inbox)]
        case RunState.FAILED:
            return [Part(text="It failed. Whoever operates it finds why in the inbox, and may have it tried again.")]
        case RunState.STOPPED:
            return [Part(text="People have stopped it; nothing of it runs until that is lifted.")]
        case _:
            return []


def _why_not(refused: Sequence[Fault]) -> list[Part]:
    if not refused:
        return []
    words = "\n".join(("The answer was not taken:", *(f"- {fault}" for fault in refused)))
    faults: list[Json] = [{"path": fault.path, "problem": fault.problem} for fault in refused]
    return [Part(text=words), data_part({"refused": faults})]
