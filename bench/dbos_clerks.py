"""What DBOS runs in processes of its own: python -m bench.dbos_clerks ROLE URL FOLDER, as bench/clerks.py does for us.

As its documentation shows a wait for a person: a workflow that is blocked in `recv`, in the process that started or
recovered it; whoever answers calls `send`. The version of the app is pinned, or no process would take over what a
killed one had; so is the id of the executor, by which one is known to take over from another.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from dbos import DBOS, DBOSConfig, SetWorkflowID

from .paying import pay

YEAR: Final = 365 * 86_400.0


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


@DBOS.workflow()
async def waiting(number: int, memo: str) -> str:
    """Waits for a person; when it goes on, it says when that is."""
    await DBOS.recv_async(timeout_seconds=YEAR)
    say(number=number, at=time.monotonic_ns())
    return "done"


@DBOS.step()
async def refund(ledger: str, number: int) -> str:
    """The effect of the kill test."""
    await asyncio.to_thread(pay, ledger, number)
    return "paid"


ONE_AT_A_TIME = asyncio.Semaphore(1)


@DBOS.workflow()
async def desk(ledger: str, number: int) -> str:
    """Pays once somebody approves."""
    await DBOS.recv_async(timeout_seconds=YEAR)
    async with ONE_AT_A_TIME:
        return str(await refund(ledger, number))


async def _serve(begin: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]) -> None:
    """Orders are lines of JSON on the standard input; its end is ours."""
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        began = time.perf_counter()
        for number in range(order["first"], order["first"] + order["many"]):
            with SetWorkflowID(f"{order['name']}-{number}"):
                await begin({**order, "number": number})
        say(started=order["many"], seconds=time.perf_counter() - began)


async def _wait(order: dict[str, Any]) -> None:
    await DBOS.start_workflow_async(waiting, order["number"], order["memo"])


async def _desk(order: dict[str, Any]) -> None:
    await DBOS.start_workflow_async(desk, order["ledger"], order["number"])


ROLES: Final = {"waiting": _wait, "payer": _desk}


def main() -> None:
    role, url, _ = sys.argv[1:]
    settings: DBOSConfig = {
        "name": "bench",
        "system_database_url": url,
        "application_version": "1",
        "executor_id": "bench",
        "log_level": "CRITICAL",
    }
    DBOS(config=settings)
    DBOS.launch()
    asyncio.run(_serve(ROLES[role]))
    DBOS.destroy()


if __name__ == "__main__":
    main()
