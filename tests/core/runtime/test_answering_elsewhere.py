"""A reviewer's machine need not have the app: it reads, answers and edits; the gate checks once more at the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_adapters.plain import gate
from hitl_core import AppSource, Config, connect
from hitl_core.protocol import RunState

# What the app's module does where its packages are missing, or its settings.
NOT_AT_HOME = ["import no_such_framework", "raise KeyError('DATABASE_URL')", "1 / 0"]

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


@pytest.mark.parametrize("module", NOT_AT_HOME)
async def test_an_app_that_cannot_be_imported_keeps_nobody_from_answering(tmp_path: Path, module: str) -> None:
    paid.clear()
    name = f"away{NOT_AT_HOME.index(module)}"
    (tmp_path / f"{name}.py").write_text(module, encoding="utf-8")
    here = Config(backend="plain", app=AppSource(f"{name}:app", app), folder=tmp_path)
    elsewhere = Config(backend="plain", app=AppSource(f"{name}:app", folder=tmp_path), folder=tmp_path)
    async with connect(here) as hitl:
        edited, ended, cancelled = [await hitl.start({"order": f"A-{number}"}) for number in range(3)]
    async with connect(elsewhere) as reviewer:
        await reviewer.respond(edited.pending[0].edit({"order": "A-0", "amount": 25.0}, by="ann"))
        await reviewer.respond(ended.pending[0].cancel("wrong customer", by="ann"))
        assert (await reviewer.cancel(cancelled.id, by="ann")).state is RunState.CANCELLED
        assert (await reviewer.run(ended.id)).state is RunState.CANCELLED
    async with connect(here) as hitl:
        assert (await hitl.wait(edited.id)).state is RunState.COMPLETED
    assert paid == [25.0]


async def test_a_framework_is_not_told_about_the_run_of_another_app(tmp_path: Path) -> None:
    here = Config(backend="plain", app=AppSource("shop:app", app), folder=tmp_path)
    other = Config(backend="plain", app=AppSource("other:app", app), folder=tmp_path)
    told: list[str] = []

    async def cancel(run: object, checkpoint: object) -> None:
        told.append("cancel")

    async with connect(here) as hitl:
        run = await hitl.start({"order": "A-1"})
    async with connect(other) as hitl:
        hitl.adapter.cancel = cancel  # type: ignore[method-assign]
        assert (await hitl.cancel(run.id, by="ann")).state is RunState.CANCELLED
    assert told == []
