"""A refund desk as people run it: an app, a hitl.toml, and `hitl worker` in processes of its own.

desk = Installed.at(place)
run = await desk.start(amount=1.0)                  # paused, in this process
with desk.worker() as worker: ...                   # `hitl worker`, until the block ends or it is killed
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core.config import Config, connect
from hitl_core.protocol import Run
from hitl_core.tools import current_call
from tests.cli.shop import eventually
from tests.faults.diary import LEDGER, Diary
from tests.faults.places import Place
from tests.tree.source import ROOT

CONFIG = """
[backend]
name = "plain"
app = "tests.faults.installed:agent"

[store]
url = '{url}'

[worker]
lease = {lease}
"""


@gate.guard(reversible=False)
async def refund(order: str, amount: float) -> str:
    """Pay money back; the ledger lies where the process works."""
    Diary(Path.cwd() / LEDGER).write(tool="refund", key=current_call().key, order=order, amount=amount)
    return f"paid {amount}"


async def agent(given: dict[str, Any]) -> str:
    try:
        return await refund(given.get("order", "A-1042"), given.get("amount", 120.5))
    except Refused as exc:
        return f"refused: {exc}"


@dataclass(frozen=True)
class Installed:
    """One configured folder."""

    place: Place
    config: Path

    @classmethod
    def at(cls, place: Place, *, lease: float = 30.0, more: str = "") -> Installed:
        config = place.folder / "hitl.toml"
        config.write_text(CONFIG.format(url=place.url, lease=lease) + more, encoding="utf-8")
        return cls(place, config)

    def open(self) -> Any:
        """A runtime, as `async with`."""
        return connect(Config.load(self.config))

    async def paused(self, count: int = 1, **given: Any) -> list[Run]:
        """Runs that wait for people."""
        async with self.open() as hitl:
            return [await hitl.start({"order": f"A-{number}", **given}) for number in range(count)]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "hitl_core.cli", *arguments, "-c", str(self.config)]

    def hitl(self, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """One command of the command line."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=environment(),
            cwd=self.place.folder,
        )

    @contextmanager
    def worker(self, *, before: Sequence[str] = ()) -> Iterator[Working]:
        """`hitl worker`, once it has said that it works; `before` is a command that starts it, such as one of `ip`."""
        log = self.place.folder / f"worker-{len(list(self.place.folder.glob('worker-*.log')))}.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                [*before, *self.command("worker")],
                stderr=said,
                stdout=subprocess.DEVNULL,
                env=environment(),
                cwd=self.place.folder,
            )
        working = Working(process, log)
        try:
            working.wait_for("works on up to")
            yield working
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Working:
    """A worker, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, words: str) -> None:
        """Until it says so."""

        def heard() -> bool:
            said = self.log.read_text()
            assert words in said or self.process.poll() is None, f"the worker ended: {said}"
            return words in said

        eventually(heard, f"{words!r} in {self.log}")


def environment() -> dict[str, str]:
    """Nothing that configures hitl otherwise, and this tree."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HITL_")}
    return ours | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
