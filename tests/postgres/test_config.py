"""From `store.url` to a finished run: the same app, the same calls, another database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core import AppSource, Config, connect
from hitl_core.protocol import RunState

pytestmark = pytest.mark.postgres


async def test_a_run_pauses_in_one_client_is_answered_in_another_and_ends_in_a_third(url: str, tmp_path: Path) -> None:
    paid: list[float] = []

    @gate.guard(reversible=False)
    async def pay(amount: float) -> str:
        paid.append(amount)
        return "paid"

    async def app(case: dict[str, Any]) -> str:
        return await pay(case["amount"])

    config = Config("plain", AppSource.of(app), store_url=url, folder=tmp_path)
    async with connect(config) as hitl:
        run = await hitl.start({"amount": 40.0})
    assert (run.state, paid) == (RunState.PAUSED, [])
    async with connect(config) as hitl:
        (waiting,) = (await hitl.inbox()).items
        await hitl.respond(waiting.request.approve(by="ann"))
    async with connect(config) as hitl, asyncio.timeout(60):
        run = await hitl.wait(run.id)
    assert (run.state, run.output, paid) == (RunState.COMPLETED, "paid", [40.0])
