"""The run: one execution of an app under a backend."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from .client_tool import ClientTool
from .record import Instant, Name, Record, Text, TopRecord
from .request import PauseRequest


class RunState(StrEnum):
    """Where a run stands. `ready` means answered and waiting for a worker."""

    RUNNING = "running"
    PAUSED = "paused"
    READY = "ready"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (RunState.COMPLETED, RunState.CANCELLED)

    @property
    def at_work(self) -> bool:
        """Whether a process works on it, or a worker is going to."""
        return self in (RunState.RUNNING, RunState.READY)


class Overridden(Record):
    """That a person has put something else in the place of what came out: who, why and when."""

    by: Name
    reason: Text = ""
    at: Instant


class Run(TopRecord):
    """A run as the outside sees it. `pending` are its open requests, oldest first."""

    id: Name
    state: RunState
    backend: Name
    app: Text
    app_version: Text = ""
    thread: Name
    tenant: Name = "default"
    overridden: Overridden | None = None
    """Who has replaced the output, if somebody has; what it was before is kept."""
    undoes: Name | None = None
    """The run whose actions this one takes back; None for a run of an app."""
    started_by: Name | None = None
    input: JsonValue = None
    tools: tuple[ClientTool, ...] = ()
    """What it was started with besides the tools of the app: whoever started it carries these out."""
    output: JsonValue = None
    error: Text = ""
    attempts: int = 0
    tries: int = 0
    """Turns that were begun since it last paused, or since a person had it tried again."""
    retry_at: Instant | None = None
    """When a turn that broke is tried again by itself; None if it is not."""
    checkpoint_format: Text = ""
    """The form of its checkpoint, which a worker has to be able to read; "" if it has none, or says none."""
    created_at: Instant
    updated_at: Instant
    pending: tuple[PauseRequest, ...] = ()
