"""A reviewer's machine need not have the app: it reads, answers and edits; the gate checks once more at the run."""

from __future__ import annotations

from pathlib import Path

from hitl_adapters.plain import gate
from hitl_core import AppSource, Config, connect
from hitl_core.protocol import RunState

paid: list[float] = []


@gate.guard(reversible=False)
async def pay(order: str, amount: float) -> str:
    paid.append(amount)
    return f"paid {amount:.2f}"


async def app(case: dict[str, str]) -> object:
    return await pay(case["order"], 40.0)


async def test_an_edit_is_taken_where_the_app_is_missing_and_runs_where_it_is(tmp_path: Path) -> None:
    paid.clear()
    here = Config(backend="plain", app=AppSource("shop:app", app), folder=tmp_path)
    elsewhere = Config(backend="plain", app=AppSource("shop:app", folder=tmp_path), folder=tmp_path)
    async with connect(here) as hitl:
        run = await hitl.start({"order": "A-1"})
    async with connect(elsewhere) as reviewer:
        (waiting,) = (await reviewer.inbox()).items
        await reviewer.respond(waiting.request.edit({"order": "A-1", "amount": 25.0}, by="ann"))
    async with connect(here) as hitl:
        run = await hitl.wait(run.id)
    assert (run.state, run.output, paid) == (RunState.COMPLETED, "paid 25.00", [25.0])
