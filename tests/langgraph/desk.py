"""The desk of the LangGraph adapter's tests: `app` makes a compiled graph for a saver, which is a file too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core import Run
from hitl_core.config import Config
from hitl_core.protocol import Json
from tests import desk as desks
from tests.ledger import LEDGER, record, recorded
from tests.people import answering, approve, choosing, editing, reject

GO: Json = {"messages": [["user", "go"]]}
"""The input of an agent."""

Build = Callable[[Any], Any]
"""saver → compiled graph"""


@dataclass
class Desk(desks.Desk):
    """One graph with a folder for its store and its threads."""

    backend = "langgraph"
    first: ClassVar[Json] = {}
    saver: Callable[[Path], Any] | None = None

    def target(self) -> Any:
        """The app factory as users write it: a context manager that opens its own saver."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Any]:
            make = self.saver or sqlite_saver
            async with make(self.folder) as saver:
                yield self.app(saver)

        return opened

    @asynccontextmanager
    async def graph(self) -> AsyncIterator[Any]:
        """The graph itself, for what other people do to its threads."""
        async with self.target()() as graph:
            yield graph


def advised(message: str, folder: Path) -> dict[str, Any]:
    """The options that come of writing the lines of a message into a hitl.toml, as somebody does who follows it."""
    start = message.index("[backend.options.codecs]")
    lines = message[start:].partition("\n\n")[0]
    file = folder / "hitl.toml"
    file.write_text(f'[backend]\nname = "langgraph"\napp = "desk:app"\n\n{lines}\n')
    return dict(Config.load(file).options)


def sqlite_saver(folder: Path) -> Any:
    return AsyncSqliteSaver.from_conn_string(str(folder / "threads.db"))


def thread(run: Run) -> dict[str, Any]:
    return {"configurable": {"thread_id": run.thread}}


__all__ = [
    "GO",
    "LEDGER",
    "Build",
    "Desk",
    "advised",
    "answering",
    "approve",
    "choosing",
    "editing",
    "record",
    "recorded",
    "reject",
    "sqlite_saver",
    "thread",
]
