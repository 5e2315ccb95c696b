"""A shop under oversight: one store, a clock moved by hand, a policy that can change, and a ledger.

Each `open` is what a new process would be: its own store object, adapter and owner over the same file. The ledger is
a file of what really happened, one line per effect, so that tests speak about effects and not about states.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hitl_adapters.plain import PlainAdapter, Refused, gate
from hitl_core.apps import AppSource
from hitl_core.audit import Report, verify
from hitl_core.commands import ReadAudit
from hitl_core.contracts import Adapter, Channel, Clock, Store
from hitl_core.gate import REJECTED_IN_A_ROW, Surroundings
from hitl_core.people import Authority, Directory, PeopleFile
from hitl_core.policy import Policy
from hitl_core.protocol import AuditEntry, PauseRequest, Run
from hitl_core.runtime import Runtime, Settings
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import ManualClock
from hitl_core.tools import Catalogue, current_call

App = Callable[[Any], Any]

LEASE = 30.0
"""Seconds that a worker holds a run without a sign of life."""

ASKS_FOR_EVERYTHING = Policy(version="1")


class Ledger:
    """What really happened, in order: one JSON line per effect, written through to the file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, effect: str, **details: Any) -> None:
        line = json.dumps({"effect": effect, **details}) + "\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)

    def lines(self, effect: str = "") -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        found = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [line for line in found if not effect or line["effect"] == effect]

    def count(self, effect: str = "") -> int:
        return len(self.lines(effect))


class Shop:
    """The place where a test happens. Change `policy` or move `clock` at any time."""

    def __init__(self, folder: Path, *, policy: Policy = ASKS_FOR_EVERYTHING, time: Clock | None = None) -> None:
        self.folder = folder
        self.policy = policy
        self.clock = ManualClock()
        self.time: Clock = time or self.clock
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.directory: Directory | None = None
        self.authority = Authority()
        self.rejected_in_a_row = REJECTED_IN_A_ROW
        self.asked_a_minute = 0

    @asynccontextmanager
    async def open(
        self,
        app: App | None,
        *,
        channels: Sequence[Channel] = (),
        lease_seconds: float = LEASE,
        name: str = "shop:app",
        wrap: Callable[[Store], Store] = lambda store: store,
        adapter: Adapter | None = None,
        tells_everything: bool = False,
        version: str = "",
        resumes: tuple[str, ...] = (),
        **settings: Any,
    ) -> AsyncIterator[Runtime]:
        """A runtime as a new process would have it; `wrap` puts something around its store, `name` is the app's.

        `version` is the app's, `resumes` the others that it goes on with; `settings` are more of the runtime's.
        With an `adapter` of the test's own, `app` is not used.
        """
        catalogue = Catalogue()
        around = Surroundings(
            store=wrap(await self.store()),
            policy=lambda: self.policy,
            clock=self.time,
            catalogue=catalogue,
            directory=self.directory,
            authority=self.authority,
            tells_everything=tells_everything,
            rejected_in_a_row=self.rejected_in_a_row,
            asked_a_minute=self.asked_a_minute,
        )
        made = adapter or PlainAdapter(AppSource(name, app), catalogue=catalogue)
        how = Settings(app=name, app_version=version, resumes=resumes, lease_seconds=lease_seconds, **settings)
        async with Runtime(adapter=made, around=around, settings=how, channels=channels) as runtime:
            yield runtime

    def people(self, text: str) -> None:
        """Put a directory in force: a file of people."""
        path = self.folder / "people.toml"
        path.write_text(text, encoding="utf-8")
        self.directory = PeopleFile(path)

    async def verified(self) -> Report:
        """The audit trail, read again from its start; call it when nobody writes any more."""
        store = await self.store()
        try:
            return await verify(store, store.custody)
        finally:
            await store.close()

    async def store(self) -> SqliteStore:
        return await SqliteStore.open(self.folder / "shop.db", clock=self.time)


def found(ledger: Ledger, effect: str) -> str:
    """A step that looks something up."""
    ledger.write(effect)
    return "A-9"


class Crash(BaseException):
    """The process dies here, as far as the code under test can tell. Raise it, then open a new runtime."""


def crash() -> None:
    raise Crash


def refund_tool(ledger: Ledger, **traits: Any) -> Any:
    """The tool that most tests are about: it pays money back, and the ledger says so."""

    @gate.guard(**traits)
    async def refund(order: str, amount: float) -> str:
        """Pay money back."""
        ledger.write("refund", order=order, amount=amount, key=current_call().key)
        return f"paid {amount}"

    return refund


def one_refund(ledger: Ledger, **traits: Any) -> App:
    """An app that pays one refund and returns what the tool said, or what was said instead."""
    refund = refund_tool(ledger, **traits)

    async def app(input: Any) -> Any:
        given = input or {}
        try:
            said = await refund(given.get("order", "A-1042"), given.get("amount", 120.5))
        except Refused as exc:
            said = f"refused: {exc}"
        return {"said": said, "notes": list(gate.notes)}

    return app


def rule(id: str, **fields: Any) -> str:
    """One rule about refunds as TOML."""
    values = {"why": f"{id} says so", "match": {"tool": "refund"}, **fields}
    return f'[[rules]]\nid = "{id}"\n' + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def policy(*rules: str, version: str = "1") -> Policy:
    return Policy.from_toml(f'version = "{version}"\n' + "".join(rules))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def only(run: Run) -> PauseRequest:
    """The one request that a run waits for."""
    (request,) = run.pending
    return request


async def decide(hitl: Runtime, run: Run, decision: str, *fields: Any, by: str = "ann", **details: Any) -> Run:
    """Answer the one request of a run, and let the run go on."""
    await hitl.respond(getattr(only(run), decision)(*fields, by=by, **details))
    return await hitl.resume(run.id)


async def trail(runtime: Runtime, event: str = "") -> list[AuditEntry]:
    """The audit trail, or its lines about one kind of event."""
    page = await runtime.store.fetch(ReadAudit(limit=100_000))
    return [entry for entry in page.items if not event or entry.event == event]
