"""An adapter is loaded when a run is first worked on, not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hitl_core import connect
from hitl_core.errors import AdapterNotFound, ConfigError

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
    with pytest.raises(AdapterNotFound, match="known: .*plain"):
        async with connect(file, backend="plane"):
            raise AssertionError("it was opened")
