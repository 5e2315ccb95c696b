"""The seams: what an adapter, a store, a channel and a clock must be. Protocols; base classes are never demanded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast, runtime_checkable

from .capabilities import Capabilities, Capability
from .commands import Claimed, Command, FollowAudit, Page, Query, ReadAudit
from .errors import CapabilityNotSupported, Fault
from .logs import named
from .protocol import ClientTool, Json, LiveEvent, PauseRequest, Run

if TYPE_CHECKING:
    from .gate import Gate

R = TypeVar("R")


class Clock(Protocol):
    """Where time comes from, so that tests can move it."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""
        ...


class Store(Protocol):
    """The only authority. Every change is one `Command`, every read one `Query`."""

    async def apply(self, command: Command[R]) -> R:
        """Carry out one command as one durable transaction. Raises what the command documents, and StoreError."""
        ...

    async def fetch(self, query: Query[R]) -> R:
        """Answer one query from a consistent state. Raises what the query documents, and StoreError."""
        ...

    async def changed(self, *, timeout: float) -> None:
        """Return soon after anybody changes the store, in this process or another, or after `timeout` seconds."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of files and connections. Closing twice is harmless."""
        ...


PAGE: Final = 1_000
"""Items that are asked for at once where all of them are wanted."""


async def pages(store: Store, query: Query[Page[R]]) -> AsyncIterator[Page[R]]:
    """All pages of a query that has them, in order; one page is held at a time. Its own `limit` does not count."""
    asked: Any = replace(query, limit=PAGE)  # type: ignore[call-arg]
    while True:
        page: Page[R] = await store.fetch(asked)
        yield page
        if page.cursor is None:
            return
        asked = replace(asked, **_behind(asked, page.cursor))


async def every(store: Store, query: Query[Page[R]]) -> AsyncIterator[R]:
    """All items of a query that has pages, in order: what holds for the first page need not hold for the next."""
    async for page in pages(store, query):
        for item in page.items:
            yield item


def _behind(query: Query[Any], cursor: str) -> dict[str, Any]:
    return {"after": int(cursor)} if isinstance(query, ReadAudit | FollowAudit) else {"cursor": cursor}


# ── adapters ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch of a run that an adapter drives: from the start or a pause to the next pause or the end.

    `gate` is the door for every action of this turn. `emit` streams live events; `watched` says if anybody looks.
    `ask_again` drops the answers that a failed run was given: its pauses are asked anew.
    """

    claimed: Claimed
    gate: Gate
    emit: Callable[[LiveEvent], None]
    watched: bool = False
    ask_again: bool = False

    @property
    def run(self) -> Run:
        return self.claimed.run

    @property
    def checkpoint(self) -> Json:
        return self.claimed.checkpoint


@dataclass(frozen=True, slots=True)
class Completed:
    """The app is done. `output` is JSON."""

    output: Json
    consumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Paused:
    """The framework waits. `checkpoint` is all that the adapter needs to go on in another process.

    `requests` are those lifted from native pauses; those that the gate asked for are known to the gate.
    `consumed` and `orphaned` are as in PauseRun.
    """

    checkpoint: Json
    requests: tuple[PauseRequest, ...] = ()
    consumed: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broke:
    """The app or its framework failed. The run can be retried from `checkpoint`.

    `repeatable`: what the turn did besides actions of the gate does no harm if it is done again, so that a worker may
    try by itself. Silence means no.
    `unasked`: what a crash before this turn may have left was not asked about yet; the next turn is told of that crash.
    It is so for whatever `advance` raises.
    """

    error: str
    checkpoint: Json = None
    consumed: tuple[str, ...] = ()
    repeatable: bool = False
    unasked: bool = False


Ending = Completed | Paused | Broke

endings = named("hitl_core.endings")
"""How turns ended: an adapter logs here the exception behind its Broke, once, with `exc_info`. Who waits for a run
reads the rest from the run; a worker's log is the only one to say it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an adapter noticed about an app when it was attached. Level `refuse` means it will not run it."""

    level: str
    """note, warn or refuse"""
    place: str
    message: str
    ungated: bool = False
    """Whether it names something of the app that runs, or could run, without passing the gate."""
    tools: tuple[str, ...] = ()
    """The tools that it is about, by the names that a policy would know them by; empty where it cannot say."""


class Adapter(Protocol):
    """Maps one framework onto the protocol; never interprets an answer that comes back through the framework."""

    @property
    def name(self) -> str:
        """The one name: entry point, extra, folder, config value."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """An answer for every capability."""
        ...

    async def attach(self) -> tuple[Finding, ...]:
        """Build the app once and say what was found in it. Raises AppRefused if it cannot be overseen."""
        ...

    async def advance(self, turn: Turn) -> Ending:
        """Drive the run from its start (`turn.claimed.first`) or from its checkpoint to its next ending.

        Decisions are read from `turn.gate`, never from what the framework hands back. Raises AppChanged if the
        paused place is gone (nothing ran).
        """
        ...

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """Let the framework forget a paused run, so that a late answer inside the framework has no effect."""
        ...

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        """Fork the framework's state back to its last pause; returns the new checkpoint. Effects stay as they are.

        Raises CapabilityNotSupported where the framework has no such thing.
        """
        ...

    async def close(self) -> None:
        """Let go of what `attach` opened, also if it failed half-way or was never called."""
        ...


class WritesForms(Protocol):
    """An adapter whose checkpoints have forms. Without this, any worker with the app takes its runs."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The forms of checkpoints that it reads, that which it writes first. A release that reads an older form, as
        minor ones of frameworks do, keeps its name: else what is paused waits for a worker of that release.
        """
        ...


class TakesTools(Protocol):
    """An adapter that can give the agent of one run the tools of `Run.tools`. Without this none of its runs has any."""

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Why a run of the app, which is attached, cannot have these tools; empty if it can.

        Each of them is one that the agent does not have, and `advance` gives it to the agent of that run alone.
        """
        ...


def tool_faults_of(adapter: Adapter, tools: tuple[ClientTool, ...]) -> list[Fault]:
    """Why a run of an adapter's app cannot have these tools. Raises CapabilityNotSupported where none can."""
    require(adapter, Capability.CLIENT_TOOLS)
    return cast("TakesTools", adapter).tool_faults(tools)


def formats_of(adapter: Adapter) -> tuple[str, ...]:
    """The forms that an adapter reads; empty if it says none."""
    found: tuple[str, ...] = getattr(adapter, "formats", ())
    return found


def require(adapter: Adapter, wanted: Capability) -> None:
    """Raises CapabilityNotSupported if the adapter declares that it cannot do this. Ask before anything is touched."""
    support = adapter.capabilities[wanted]
    if support.level == "absent":
        raise CapabilityNotSupported(adapter.name, wanted, support.because)


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────


@runtime_checkable
class Channel(Protocol):
    """Carries requests to people. Announcing is a courtesy: the inbox is complete without it."""

    @property
    def name(self) -> str: ...

    async def announce(self, request: PauseRequest) -> None:
        """Tell people about a new request or notice. An error here never harms the run."""
        ...


@dataclass(frozen=True, slots=True)
class More:
    """So many requests came from `agent` ("" for an app without one) within a minute besides those announced."""

    agent: str
    count: int
    newest: PauseRequest
    requests: tuple[str, ...] = ()
    """The ids of all of them."""


@runtime_checkable
class SumsUp(Protocol):
    """A channel that can say in one message how many more requests there are. Without this it announces the newest."""

    async def sum_up(self, more: More) -> None:
        """Tell people that an agent has asked more than they were told one by one. The inbox has all of it."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    """A channel that keeps what it says until it was said."""

    async def sweep(self) -> None:
        """Send what is due. Called with every tick of a runtime, never twice at the same time."""
        ...


UNTOLD_AFTER: Final = timedelta(minutes=2)
"""After so long whoever was to tell people of a request, and has not, seems to have died."""


@runtime_checkable
class Recalls(Sweeps, Protocol):
    """A channel that loses no request between its being stored and the channel's keeping what it says of it.

    With such a one, what is to be told is noted (`SlipKind.UNTOLD`) in the transaction that stores it. The channel uses
    that up in the transaction in which it keeps its own (`KeepMessages`).
    """

    async def untold(self) -> tuple[PauseRequest, ...]:
        """Requests that nobody was told of in time, as a process has died. Each is announced anew by who asks."""
        ...
