"""What is measured of a watched process is held against the clock of its runtime, which may be its store's server's."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest

from hitl_adapters.plain import gate
from hitl_core.apps import AppSource
from hitl_core.cli.watching import Watched
from hitl_core.config import Config, connect
from hitl_core.runtime import Worker
from hitl_core.testing.clock import ManualClock


async def app(input: object) -> str:
    return str(await gate.ask("Is it due?"))


def answered(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())


async def test_a_lag_is_what_has_passed_on_the_clock_of_the_runtime(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config("plain", AppSource.of(app), f"sqlite:///{tmp_path / 'hitl.db'}", folder=tmp_path)
    clock, watched = ManualClock(), Watched("0", None, lag=60)
    async with connect(config, clock=clock, observers=watched.observers) as hitl:
        run = await hitl.start(None)
        (request,) = run.pending
        await hitl.respond(request.answer("yes", by="ann"))
        clock.advance(7)

        async def work() -> str:
            assert await Worker(hitl).run_until_idle() == 1
            found = re.search(r"http://\S+", capsys.readouterr().err)
            assert found is not None
            return await asyncio.to_thread(answered, f"{found[0]}/metrics")

        assert "hitl_resume_lag_seconds_sum 7.0" in await watched.during(hitl, work)
