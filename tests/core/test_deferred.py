"""An adapter is loaded when a run is first worked on, not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar, cast

import pytest

import hitl_core
from hitl_core import connect
from hitl_core.capabilities import NATIVE, Capabilities, Capability, absent
from hitl_core.config.deferred import DeferredAdapter
from hitl_core.contracts import Adapter
from hitl_core.errors import AdapterNotFound, CapabilityNotSupported, ConfigError, Fault
from hitl_core.protocol import ClientTool, Json, Run
from tests.core import desk

READS = """
import asyncio, sys
from hitl_core import connect
async def main():
    async with connect({file!r}) as hitl:
        await hitl.inbox()
    print(*sorted(name for name in sys.modules if name.startswith("hitl_adapters")))
asyncio.run(main())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "hitl.toml"
    made.write_text('[backend]\nname = "plain"\napp = "nowhere:app"\n', encoding="utf-8")
    return made


def test_reading_the_inbox_loads_no_adapter(file: Path) -> None:
    code = READS.format(file=str(file))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


async def test_the_first_work_on_a_run_loads_it(file: Path) -> None:
    async with connect(file) as hitl:
        with pytest.raises(ConfigError, match="no module 'nowhere'"):
            await hitl.start({})


async def test_an_unknown_adapter_is_refused_at_once(file: Path) -> None:
    with pytest.raises(AdapterNotFound, match=r"known: .*plain"):
        async with connect(file, backend="plane"):
            raise AssertionError("it was opened")


class Counting:
    """An adapter as far as a deferred one looks at it."""

    name = "counting"
    capabilities: ClassVar[Capabilities] = {}
    closed = 0

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        return [Fault("tools", each.name) for each in tools]

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        return [run.id, checkpoint]

    async def close(self) -> None:
        self.closed += 1


async def test_what_was_never_needed_is_never_loaded_nor_closed() -> None:
    loads: list[str] = []
    adapter = DeferredAdapter("counting", lambda: cast("Adapter", loads.append("loaded")))
    await adapter.close()
    assert loads == []


async def test_it_is_loaded_once_and_closed() -> None:
    inner = Counting()
    loads: list[Counting] = []

    def load() -> Adapter:
        loads.append(inner)
        return cast("Adapter", inner)

    adapter = DeferredAdapter("counting", load)
    assert adapter.capabilities == {}
    assert adapter.capabilities == {}
    await adapter.close()
    assert (len(loads), inner.closed) == (1, 1)


async def test_what_is_asked_of_it_is_asked_of_the_adapter() -> None:
    adapter = DeferredAdapter("counting", lambda: cast("Adapter", Counting()))
    assert await adapter.rewind(desk.run(id="run-7"), {"step": 1}) == ["run-7", {"step": 1}]


def test_an_adapter_says_which_client_tools_have_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = DeferredAdapter("counting", lambda: cast("Adapter", Counting()))
    tools = (ClientTool(name="pick"),)
    monkeypatch.setattr(Counting, "capabilities", {Capability.CLIENT_TOOLS: NATIVE})
    assert adapter.tool_faults(tools) == [Fault("tools", "pick")]
    monkeypatch.setattr(Counting, "capabilities", {Capability.CLIENT_TOOLS: absent("a test")})
    with pytest.raises(CapabilityNotSupported, match="a test"):
        adapter.tool_faults(tools)


def test_the_front_door_lists_what_it_has() -> None:
    assert set(hitl_core.__all__) <= set(dir(hitl_core))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hitl_core.nothing
