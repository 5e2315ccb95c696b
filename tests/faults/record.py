"""What a release left waiting: recorded once by its own code, kept in `recorded/`, and resumed by every later one.

    python -m tests.faults.record tests/faults/recorded/0.1.0.dev0.sql       # by the code of that release

The file is a database of SQLite as text, with its audit key in the first line and its last anchor in the second.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core.config import Config, connect
from hitl_core.runtime import leases
from hitl_core.tools import current_call
from tests.faults.diary import LEDGER, Diary

CONFIG = """
[backend]
name = "plain"
app = "tests.faults.record:agent"

[store]
url = '{url}'
"""

WAITING = {
    "pay": "paused",
    "edited": "paused",
    "refused": "paused",
    "answered": "ready",
    "ask": "paused",
    "choose": "paused",
    "review": "paused",
    "twice": "paused",
}
"""What is recorded, and in which state each is left."""

CAME = {
    "pay": "paid 120.5",
    "edited": "paid 90.0",
    "refused": "refused",
    "answered": "paid 120.5",
    "ask": "it was empty",
    "choose": "ups",
    "review": "accepted",
    "twice": ["paid 120.5", "it was empty"],
}
"""What each comes to, when people have said what `respond` says."""


@gate.guard(reversible=False)
async def refund(order: str, amount: float) -> str:
    """Pay money back; the ledger lies where the process works."""
    Diary(Path.cwd() / LEDGER).write(tool="refund", key=current_call().key, order=order, amount=amount)
    return f"paid {amount}"


async def agent(given: dict[str, Any]) -> Any:
    match given["do"]:
        case "ask":
            return await gate.ask("Why is it due?")
        case "choose":
            return await gate.choose("Which carrier?", ["dhl", "ups"])
        case "review":
            return (await gate.review("Dear customer, no.", title="The letter"))["outcome"]
        case "twice":
            return [await refund("A-1042", 120.5), await gate.ask("Why was it due?")]
        case _:
            try:
                return await refund("A-1042", 120.5)
            except Refused:
                return "refused"


def respond(do: str, request: Any) -> Any:
    """What people say."""
    match do:
        case "edited":
            return request.edit({"order": "A-1042", "amount": 90.0}, by="ann")
        case "refused":
            return request.reject("the parcel arrived", by="ann")
        case "choose":
            return request.choose("ups", by="ann")
        case "review":
            return request.accept(by="ann")
        case _ if request.kind == "input":
            return request.answer("it was empty", by="ann")
        case _:
            return request.approve(by="ann")


async def record(folder: Path) -> None:
    """Leave all of it waiting in a store in this folder, as a worker of some other machine."""
    leases._host = lambda: "elsewhere"
    (folder / "hitl.toml").write_text(CONFIG.format(url="sqlite:///store.db"), encoding="utf-8")
    async with connect(Config.load(folder / "hitl.toml")) as hitl:
        for do in WAITING:
            run = await hitl.start({"do": do})
            if do in ("answered", "twice"):
                await hitl.respond(run.pending[0].approve(by="ann"))
            if do == "twice":
                await hitl.resume(run.id)


def as_text(folder: Path) -> str:
    """The database with its key, as text."""
    key, anchors = [(folder / f"store.db.{beside}").read_text().strip() for beside in ("key", "anchors")]
    with closing(sqlite3.connect(folder / "store.db")) as file:
        marks = {name: file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")}
        pragmas = "".join(f"PRAGMA {name} = {value};\n" for name, value in marks.items())
        marked = f"-- key {key}\n-- {anchors.splitlines()[-1]}\n"
        return f"{marked}{pragmas}" + "\n".join(file.iterdump()) + "\n"


def restored(recording: Path, folder: Path) -> None:
    """Put a recording back as a store in this folder."""
    text = recording.read_text(encoding="utf-8")
    key, anchor, *_ = text.splitlines()
    (folder / "store.db.key").write_text(key.removeprefix("-- key ") + "\n")
    (folder / "store.db.anchors").write_text(anchor.removeprefix("-- ") + "\n")
    with closing(sqlite3.connect(folder / "store.db")) as file:
        file.executescript(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(record(Path(folder)))
        Path(sys.argv[1]).write_text(as_text(Path(folder)), encoding="utf-8")
