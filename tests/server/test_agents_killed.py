"""A server is killed at every step of a task, or of a call, and the client says again what it has said: nothing is
lost, nothing is done twice, and nothing has run that nobody has approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

from hitl_core.protocol import AuditEvent, RunState
from hitl_core.testing.crashing import CrashingStore, CrashPoint
from tests.core.shop import Shop, trail
from tests.forking import KILLED, child
from tests.server.a2a.client import calling as over_a2a
from tests.server.a2a.client import data, decided, output_of, requests_in
from tests.server.agents import Street, street
from tests.server.mcp.client import OLD, Does, accepts
from tests.server.mcp.client import calling as over_mcp

pytestmark = pytest.mark.processes

STEPS = ("PutSlip", "OpenRun", "PauseRun", "RecordResponse", "ClaimRuns", "BeginEffect", "EndEffect", "FinishRun")
MOMENTS: tuple[Literal["before", "after"], ...] = ("before", "after")
POINTS = [CrashPoint(name, when) for name, when in product(STEPS, MOMENTS)]
Plays = Callable[[Street], Awaitable[dict[str, Any]]]


def truth(here: Street) -> str:
    """What a person says who has looked."""
    return "happened" if here.shop.ledger.count() else "not_happened"


async def a_task(here: Street) -> dict[str, Any]:
    """Started by one client, answered through another, with the same messages each time."""
    async with over_a2a(here.url, "planner") as planner, over_a2a(here.url, "portal") as portal:
        task = await planner.send(data({"order": "A-7"}), message_id="start")
        for number in range(3):
            for request in requests_in(task):
                option = {"type": "choose", "option": truth(here)}
                said = option if request["kind"] == "choice" else {"type": "approve"}
                task = await portal.answer(task, decided(request, **said), message_id=f"answer-{number}")
        found: dict[str, Any] = output_of(task)
        return found


async def a_call(here: Street) -> dict[str, Any]:
    """The same over MCP, in sessions."""

    def decides(params: Any) -> Any:
        doubt = "option" in params.requested_schema["properties"]
        return accepts(**({"option": truth(here)} if doubt else {"decision": "approve"}))(params)

    does: list[Does] = [decides] * 3
    async with (
        over_mcp(here.url, "planner", era=OLD) as (planner, _),
        over_mcp(here.url, "portal", *does, era=OLD) as (portal, _),
    ):
        said = await planner.run("start_run", input={"order": "A-7"}, key="start")
        done = await portal.run("wait_for_run", run=said["run"])
        found: dict[str, Any] = done["output"]
        return found


CASES = [(at, (a_task, a_call)[(number + number // 2) % 2]) for number, at in enumerate(POINTS)]
"""In turn, as both stand on the same desk."""


async def killed(folder: Path, plays: Plays, at: CrashPoint) -> None:
    """A server that dies there, and its clients with it."""
    async with street(Shop(folder), wrap=lambda store: CrashingStore(store, at)) as here:
        await plays(here)


async def said_again(folder: Path, plays: Plays) -> None:
    """Another server over what is left, and clients that do not know what became of what they have said."""
    shop = Shop(folder)
    async with street(shop) as here:
        done = await plays(here)
        (run,) = (await here.hitl.runs()).items
        assert (run.state, run.started_by) == (RunState.COMPLETED, "planner")
        assert shop.ledger.count("refund") == 1
        asked = await trail(here.hitl, AuditEvent.REQUEST_DECIDED)
        assert {line.actor for line in asked} == {"portal"}
        assert len({line.subject for line in asked}) == len(asked)
        assert done["said"] == "paid 120.5" or len(asked) == 2, "what was in doubt is told by a person"
    assert (await shop.verified()).exit_code == 0


@pytest.mark.parametrize(("at", "plays"), CASES, ids=[f"{at}-{plays.__name__}" for at, plays in CASES])
def test_what_is_said_again_after_a_kill_is_done_once(tmp_path: Path, at: CrashPoint, plays: Plays) -> None:
    assert child(lambda: killed(tmp_path, plays, at)) == KILLED
    asyncio.run(said_again(tmp_path, plays))
