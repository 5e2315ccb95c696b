"""A server with a LangGraph agent behind a page, killed at its commands: the page says again what had no answer.

Each process is real and dies of SIGKILL; one person says something, and another decides whatever the agent asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hitl_core.gate import HAPPENED, NOT_HAPPENED
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, points
from tests.agui.page import Page, resolved, served
from tests.crash_desk import SCRIPT, CrashDesk, only_run
from tests.forking import KILLED, child, model_process, on_two_cores
from tests.ledger import recorded

pytestmark = pytest.mark.processes

EACH = 1 if os.environ.get("HITL_FAULTS") == "all" else 6
"""Of so many places one is tried; and the one where the graph has ended, and nobody has been told."""


@pytest.fixture
def desk(tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    with model_process(SCRIPT, tmp_path / "model.jsonl") as url:
        yield CrashDesk("langgraph", tmp_path, url, tmp_path / "model.jsonl")


async def talks(at: CrashDesk, wrap: Any = lambda store: store) -> None:
    """Ann says on her page what she wants, Ben decides on his what is asked, and she posts all that she has again."""
    at.writes_its_own_ledger()
    async with at.open(wrap, transcripts=True) as hitl, served(hitl) as client:
        ann, ben = (Page(client, person=name) for name in ("ann", "ben"))
        ann.messages = [{"id": "m-1", "role": "user", "content": f"order {at.order}"}]
        await ann.post()
        await ben.connect()
        while ben.interrupts:
            await ben.resume(*(resolved(each["id"], _answer(each["metadata"]["request"])) for each in ben.interrupts))
        await ann.post()
        assert ann.texts[-1] == "done courier", ann.texts
        await ann.connect()
        assert [each["content"] for each in ann.messages if each["role"] == "user"] == [f"order {at.order}"]
        assert (await only_run(hitl)).state == "completed"
    happened = [each["effect"] for each in recorded()]
    assert sorted(happened) == ["look_up", "refund"], happened


def _answer(request: dict[str, Any]) -> Any:
    """Yes to everything; of what is in doubt, what the ledger says."""
    if request.get("in_doubt"):
        happened = any(each["effect"] == request["action"]["tool"] for each in recorded())
        return {"option": (HAPPENED if happened else NOT_HAPPENED).id}
    match request["kind"]:
        case "input":
            return {"answer": "yes, it is"}
        case "choice":
            return {"option": request["options"][-1]["id"]}
        case _:
            refunds = [each for each in recorded() if each["effect"] == "refund"]
            assert refunds == [], "it ran before anybody had said yes"
            return {"approved": True}


def places(desk: CrashDesk) -> list[CrashPoint]:
    """Where the server can die while it has this conversation."""
    names = desk.folder / "names"

    async def rehearses() -> None:
        logs: list[CommandLog] = []

        def wrap(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        await talks(desk.somewhere_else("rehearsal"), wrap)
        names.write_text("\n".join(logs[0].names))

    assert child(rehearses) == 0
    return points(names.read_text().splitlines())


def killed_and_gone_on(desk: CrashDesk, at: CrashPoint) -> None:
    here = desk.somewhere_else(str(at).replace(" ", "-"))
    assert child(lambda: talks(here, lambda store: CrashingStore(store, at))) == KILLED, at
    assert child(lambda: talks(here)) == 0, at


def test_a_conversation_goes_on_wherever_its_server_is_killed(desk: CrashDesk) -> None:
    found = places(desk)
    assert {each.command for each in found} >= {"OpenRun", "PauseRun", "RecordResponse", "BeginEffect", "KeepSaid"}
    last = max(each.nth for each in found if each.command == "KeepSaid")
    tried = dict.fromkeys([CrashPoint("KeepSaid", "before", last), *found[::EACH]])
    assert on_two_cores([partial(killed_and_gone_on, desk, at) for at in tried]) == [0, 0]
