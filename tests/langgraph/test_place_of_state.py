"""Where a spec's agent keeps its state: with a store on a server in its database, so that any machine resumes it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.langgraph.building import elsewhere, open_saver, place_of_state
from hitl_core import Config
from hitl_core.config import make_adapter
from hitl_core.errors import ConfigError
from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step
from hitl_core.tools import Catalogue
from tests.postgres.server import a_schema, a_server

PAUSED, PATIENCE = 3, 120
SCRIPT = Script.of(Step(call=(Call(name="refund", arguments={"amount": 40}),)), Step(say="It is refunded."))

APP = """
import os
from hitl_core import AgentSpec, ModelSpec, tool

@tool(reversible=False)
def refund(amount: int) -> str:
    "Pay money back."
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"refund {amount}\\n")
    return f"paid {amount}"

SPEC = AgentSpec(
    name="desk", instructions="Refund.", tools=(refund,),
    model=ModelSpec(name="scripted", base_url=os.environ["MODEL"]),
)
"""
CONFIG = """
[backend]
name = "langgraph"
spec = "desk:SPEC"

[store]
url = "{url}"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(SCRIPT) as running:
        yield running


def machine(folder: Path, url: str) -> Path:
    """A folder of its own, as on a machine of its own."""
    folder.mkdir()
    (folder / "desk.py").write_text(APP)
    (folder / "hitl.toml").write_text(CONFIG.format(url=url))
    return folder


def hitl(folder: Path, model: ScriptedModel, *arguments: str) -> tuple[int, Any]:
    surroundings = os.environ | {
        "LEDGER": str(folder.parent / "ledger"),
        "MODEL": model.base_url,
        "OPENAI_API_KEY": "test",
        "HITL_AUDIT_KEY": "5a" * 32,
    }
    command = [sys.executable, "-P", "-m", "hitl_core.cli", *arguments, "--json"]
    done = subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.postgres
@pytest.mark.processes
def test_what_pauses_on_one_machine_ends_on_another(server: str, model: ScriptedModel, tmp_path: Path) -> None:
    url = a_schema(server, tmp_path)
    north, south = machine(tmp_path / "north", url), machine(tmp_path / "south", url)
    code, started = hitl(north, model, "run", "--input", '"refund A-1042"')
    assert (code, started["state"]) == (PAUSED, "paused"), started
    (request,) = started["pending"]
    code, ended = hitl(south, model, "respond", request["id"], "approve", "--as", "ann", "--resume")
    assert (code, ended["state"], ended["output"]) == (0, "completed", {"answer": "It is refunded."})
    assert (tmp_path / "ledger").read_text() == "refund 40\n"
    assert [each.name for folder in (north, south) for each in folder.glob("*langgraph*")] == []


@pytest.mark.postgres
async def test_processes_that_make_its_tables_at_once_all_have_them(server: str, tmp_path: Path) -> None:
    url = a_schema(server, tmp_path)
    script = (
        "import asyncio, sys\n"
        "from hitl_adapters.langgraph.building import open_saver\n"
        "async def work():\n"
        "    async with open_saver(sys.argv[1], None) as saver:\n"
        "        await saver.aget_tuple({'configurable': {'thread_id': '1'}})\n"
        "asyncio.run(work())"
    )
    command = (sys.executable, "-c", script, url)
    several = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert [await each.wait() for each in several] == [0, 0, 0]
    async with open_saver(url, None) as saver, saver._cursor() as cursor:
        await cursor.execute("SELECT COUNT(*) AS steps FROM checkpoint_migrations")
        assert (await cursor.fetchone())["steps"] == len(saver.MIGRATIONS)


async def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """SQLite sends away whoever turns to its log beside another, however long they would wait."""
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with open_saver("sqlite:///state.db", tmp_path) as saver:
        await saver.conn.execute("PRAGMA busy_timeout = 0")
        looks = asyncio.ensure_future(saver.aget_tuple({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}))
        assert await asyncio.wait((looks,), timeout=0.5) == (set(), {looks})
        other.execute("COMMIT")
        assert await looks is None
    other.close()


async def test_a_file_that_is_no_database_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database " * 100)
    async with open_saver("sqlite:///state.db", tmp_path) as saver:
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            await saver.aget_tuple({"configurable": {"thread_id": "1", "checkpoint_ns": ""}})


@pytest.mark.parametrize(
    ("checkpointer", "store", "url"),
    [
        ("", "postgresql://desk/hitl", "postgresql://desk/hitl"),
        ("", "postgres://desk/hitl", "postgres://desk/hitl"),
        ("", "sqlite:///hitl.db", "sqlite:///hitl-langgraph.db"),
        ("", "", "sqlite:///hitl-langgraph.db"),
        ("sqlite:///own.db", "postgresql://desk/hitl", "sqlite:///own.db"),
        ("postgresql://other/hitl", "postgresql://desk/hitl", "postgresql://other/hitl"),
    ],
)
def test_the_place_follows_the_store_unless_it_is_said(checkpointer: str, store: str, url: str) -> None:
    assert place_of_state(checkpointer, store) == url
    found = list(elsewhere(checkpointer, store))
    assert [each.level for each in found] == (["warn"] if checkpointer == "sqlite:///own.db" else [])


@pytest.mark.postgres
async def test_a_state_on_this_machine_beside_a_store_on_a_server_is_found(
    server: str, model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL", model.base_url)
    folder = machine(tmp_path / "desk", a_schema(server, tmp_path))
    monkeypatch.syspath_prepend(str(folder))
    config = Config.load(folder / "hitl.toml")
    own = Config("langgraph", config.app, config.store_url, options={"checkpointer": "sqlite:///own.db"}, folder=folder)
    adapter = make_adapter(own, Catalogue())
    found = [each for each in await adapter.attach() if each.place == "backend.options.checkpointer"]
    assert [each.level for each in found] == ["warn"]
    assert "no other one can resume" in found[0].message
    await adapter.close()


async def test_without_its_package_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.checkpoint.postgres.aio", None)
    with pytest.raises(ConfigError, match="pip install langgraph-checkpoint-postgres"):
        async with open_saver("postgresql://desk/hitl", None):
            pass
