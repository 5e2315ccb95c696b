"""A run that has done two things, and the processes that take them back. They may be killed anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hitl_adapters.plain import gate
from hitl_core.clock import SystemClock
from hitl_core.contracts import Store
from hitl_core.protocol import Run
from hitl_core.testing.crashing import CommandLog, CrashingStore, die
from tests.core.runtime.stories import crash_point
from tests.core.shop import App, Ledger, Shop, policy, rule

FREE = {"level": "autonomous", "allow_irreversible": "a test"}
STORIES = {
    "unasked": policy(rule("all", match={"tool": {"glob": "*"}}, **FREE)),
    "asked": policy(
        rule("all", match={"tool": {"glob": "*"}}, **FREE),
        rule("undos", match={"tool": {"glob": "undo:*"}}, level="confirm"),
    ),
}
"""By what people are asked: nothing, or about every step of an undo."""

CALLS = ("ship#1", "pay#1")
"""What is taken back, the newest first."""


def desk(ledger: Ledger, crash: str) -> App:
    def at(place: str) -> None:
        if crash == place:
            die()

    def acting(name: str) -> Any:
        async def take_back(receipt: str) -> str:
            at(f"before the undo:{name}")
            ledger.write(f"undo:{name}", receipt=receipt)
            at(f"after the undo:{name}")
            return f"took back {receipt}"

        async def act(order: str) -> str:
            ledger.write(name, order=order)
            return f"{name} of {order}"

        act.__name__ = name
        return gate.guard(undo=take_back)(act)

    pay, ship = acting("pay"), acting("ship")

    async def app(input: Any) -> str:
        await pay(order="A-1")
        await ship(order="A-1")
        return "done"

    app.tools = (pay, ship)  # type: ignore[attr-defined]  # a function takes any attribute
    return app


def opened(folder: str, story: str, crash: str = "", log: list[CommandLog] | None = None) -> Any:
    """A runtime of this process. `crash` is `before COMMAND n`, `after COMMAND n`, or a place inside an undo."""
    shop = Shop(Path(folder), policy=STORIES[story], time=SystemClock())
    point = crash_point(crash)

    def wrap(store: Store) -> Store:
        if log is None:
            return CrashingStore(store, point)
        log.append(CommandLog(store))
        return log[-1]

    return shop.open(desk(shop.ledger, "" if point else crash), wrap=wrap)


# ── the processes ────────────────────────────────────────────────────────────────────────────────────────────


async def sell(folder: str, story: str) -> None:
    async with opened(folder, story) as hitl:
        await hitl.start(None)


async def undo(folder: str, story: str, crash: str = "") -> dict[str, Any]:
    """Begin an undo, or go on with the one that there is."""
    async with opened(folder, story, crash) as hitl:
        runs: tuple[Run, ...] = (await hitl.runs()).items
        begun = [each for each in runs if each.undoes is not None]
        sold = runs[-1]
        if begun:
            run = await hitl.wait(begun[0].id)
        else:
            run = (await hitl.undo(sold.id, by="bob")).run
        told = await hitl.undone(run.id)
        (listed,) = await hitl.undos(sold.id)
        assert (listed, told.undoes) == (told, sold.id)
        return {"state": run.state.value, "calls": {each.call: each.state.value for each in told.calls}}


async def respond(folder: str, story: str, crash: str = "") -> list[str]:
    """Approve everything; of what is in doubt say what the ledger says. Returns the places in doubt."""
    ledger, in_doubt = Ledger(Path(folder) / "ledger.jsonl"), []
    async with opened(folder, story, crash) as hitl:
        for settled in (await hitl.inbox()).items:
            request = settled.request
            if request.in_doubt:
                in_doubt.append(request.call)
                happened = ledger.count(request.action.tool) > 0
                await hitl.respond(request.choose("happened" if happened else "not_happened", by="ann"))
            else:
                await hitl.respond(request.approve(by="ann"))
    return in_doubt


async def record(folder: str, story: str) -> dict[str, list[str]]:
    """Play it once in this process; the names of the commands of each of its processes, as far as it needs them."""
    logs: list[CommandLog] = []
    await sell(folder, story)
    async with opened(folder, story, log=logs) as hitl:
        (sold,) = (await hitl.runs()).items
        undoing = await hitl.undo(sold.id, by="bob")
    if undoing.run.pending:
        async with opened(folder, story, log=logs) as hitl:
            for request in undoing.run.pending:
                await hitl.respond(request.approve(by="ann"))
        async with opened(folder, story, log=logs) as hitl:
            await hitl.resume(undoing.run.id)
    return {name: log.names for name, log in zip(("undo", "respond", "go on"), logs, strict=False)}
