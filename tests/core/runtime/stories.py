"""What a customer-service desk does in one run, told in six ways, and the processes that it takes.

Each process is one coroutine here: `start`, `respond`, `resume` (or `work`). They may be killed anywhere.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core.clock import SystemClock
from hitl_core.contracts import Store
from hitl_core.errors import AlreadyDecided, ResponseRefused
from hitl_core.protocol import Arguments, PauseRequest, Response, RunState
from hitl_core.runtime import Runtime, Worker
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die
from tests.core.shop import App, Ledger, Shop, policy, rule

STORIES = ("approve", "edit", "reject", "answer", "question", "choice")

RULES = policy(
    rule("refunds-ask", level="confirm"),
    rule("mails-go-out", match={"tool": "mail"}, level="autonomous", allow_irreversible="a test"),
)

REFUND: dict[str, Any] = {"order": "A-1042", "amount": 120.5}
EDITED: Arguments = {"order": "A-1042", "amount": 90.0}


def desk(story: str, ledger: Ledger, crash: str = "") -> App:
    """Look the order up (a step), ask people, send a mail (a tool that may), write the receipt (a step)."""

    def at(place: str) -> None:
        if crash == place:
            die()

    @gate.guard
    async def refund(order: str, amount: float) -> str:
        at("before the refund")
        ledger.write("refund", order=order, amount=amount)
        at("after the refund")
        return f"paid {amount}"

    @gate.guard
    async def mail(text: str) -> str:
        at("before the mail")
        ledger.write("mail", text=text)
        at("after the mail")
        return "sent"

    def step(name: str) -> str:
        ledger.write(name)
        return name

    async def ask() -> str:
        if story == "question":
            return str(await gate.ask("Why is it due?"))
        if story == "choice":
            return await gate.choose("Which carrier?", ["dhl", "ups"])
        try:
            return str(await refund(**REFUND))
        except Refused:
            return "refused"

    async def app(input: Any) -> Any:
        await gate.step(step, "look up", name="look up")
        said = await ask()
        await mail(said)
        await gate.step(step, "receipt", name="receipt")
        return said

    return app


def answer(story: str, request: PauseRequest, by: str = "ann") -> Response:
    """What people say in this story."""
    match story:
        case "approve":
            return request.approve(by=by)
        case "edit":
            return request.edit(dict(EDITED), by=by)
        case "reject":
            return request.reject("the parcel arrived", by=by)
        case "answer":
            return request.answer("a voucher", by=by)
        case "question":
            return request.answer("it was empty", by=by)
        case _:
            return request.choose("ups", by=by)


SAID = {
    "approve": "paid 120.5",
    "edit": "paid 90.0",
    "reject": "refused",
    "answer": "a voucher",
    "question": "it was empty",
    "choice": "ups",
}


def opened(folder: str, story: str, crash: str = "", log: list[CommandLog] | None = None) -> Any:
    """A runtime of this process. `crash` is `before COMMAND n`, `after COMMAND n`, or a place inside a tool."""
    shop = Shop(Path(folder), policy=RULES, time=SystemClock())
    point = crash_point(crash)

    def wrap(store: Store) -> Store:
        if log is None:
            return CrashingStore(store, point)
        log.append(CommandLog(store))
        return log[-1]

    return shop.open(desk(story, shop.ledger, "" if point else crash), wrap=wrap)


def crash_point(text: str) -> CrashPoint | None:
    when, command, *nth = text.split() if text else ("", "")
    return CrashPoint(command, when, int(nth[0])) if nth and nth[0].isdigit() else None  # type: ignore[arg-type]


# ── the processes ────────────────────────────────────────────────────────────────────────────────────────────


async def start(folder: str, story: str, crash: str = "") -> str:
    async with opened(folder, story, crash) as hitl:
        return str((await hitl.start({"story": story})).id)


async def respond(folder: str, story: str, crash: str = "") -> list[str]:
    """Answer everything that is open; what is in doubt, as the ledger says. Returns the places in doubt."""
    ledger = Ledger(Path(folder) / "ledger.jsonl")
    in_doubt = []
    async with opened(folder, story, crash) as hitl:
        for settled in (await hitl.inbox()).items:
            request = settled.request
            if request.in_doubt:
                in_doubt.append(request.call)
                happened = ledger.count(request.action.tool) > 0
                await hitl.respond(request.choose("happened" if happened else "not_happened", by="bob"))
            else:
                await hitl.respond(answer(story, request))
    return in_doubt


async def resume(folder: str, story: str, crash: str = "") -> dict[str, Any]:
    """Go on with the run, if there is one, as far as it goes without people."""
    async with opened(folder, story, crash) as hitl:
        runs = (await hitl.runs()).items
        if not runs:
            return {"state": "", "output": None}
        run = await hitl.wait(runs[0].id)
        return {"state": run.state.value, "output": run.output, "error": run.error}


async def record(folder: str, story: str) -> dict[str, list[str]]:
    """Play the story once in this process; returns the names of the commands of each of its three processes."""
    logs: list[CommandLog] = []
    async with opened(folder, story, log=logs) as hitl:
        run = await hitl.start({"story": story})
    async with opened(folder, story, log=logs) as hitl:
        await hitl.respond(answer(story, run.pending[0]))
    async with opened(folder, story, log=logs) as hitl:
        await hitl.resume(run.id)
    return {name: log.names for name, log in zip(("start", "respond", "resume"), logs, strict=True)}


# ── two workers, two people ──────────────────────────────────────────────────────────────────────────────────


UNDER_WAY = (RunState.PAUSED, RunState.READY, RunState.RUNNING)


async def start_many(folder: str, runs: int) -> int:
    async with opened(folder, "approve") as hitl:
        for _ in range(runs):
            await hitl.start(None)
    return runs


async def work_until_done(folder: str) -> int:
    """A worker of its own, until every run is over; returns how many turns it took."""
    async with opened(folder, "approve") as hitl:
        worker, turns = Worker(hitl, concurrency=4), 0
        while (await hitl.runs(states=UNDER_WAY, limit=1)).items:
            turns += await worker.run_until_idle()
            await hitl.store.changed(timeout=0.2)
    return turns


async def answer_all(folder: str, by: str) -> dict[str, int]:
    """A person who approves everything in sight; returns how often they were first, and how often not."""
    counts = {"won": 0, "lost": 0}
    async with opened(folder, "approve") as hitl:
        while (await hitl.runs(states=(RunState.PAUSED,), limit=1)).items:
            await _answer_page(hitl, by, counts)
    return counts


async def _answer_page(hitl: Runtime, by: str, counts: dict[str, int]) -> None:
    for settled in (await hitl.inbox(limit=20)).items:
        try:
            recorded = await hitl.respond(settled.request.approve(by=by))
        except AlreadyDecided:
            counts["lost"] += 1
        except ResponseRefused as exc:
            raise AssertionError(f"refused for another reason: {exc}") from exc
        else:
            counts["won" if not recorded.replayed else "lost"] += 1
        await asyncio.sleep(0)
