"""Starting the clerks, and hearing what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 300.0
"""Seconds in which a process says what it is waited for, and ends when it is told to; one that does not is killed."""


class Clerk:
    """A process of bench/clerks.py, or of bench/dbos_clerks.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def heard(self) -> dict[str, Any]:
        """What it says next. Raises AssertionError if it has ended instead."""
        assert self._process.stdout is not None
        late = threading.Timer(PATIENCE, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        assert line, f"process {self.pid} ended with {self._process.wait()}"
        said: dict[str, Any] = json.loads(line)
        return said

    def tell(self, what: str = "") -> None:
        """One line; an empty one says to go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def cpu(self) -> float:
        """Seconds of CPU that it has used, all its threads together (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Bytes that it holds now (Linux)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """At once, wherever it is."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()


@contextmanager
def clerk(role: str, store: str, folder: Path, *, of: str = "bench.clerks") -> Iterator[Clerk]:
    """A process in this role, ready."""
    command = [sys.executable, "-W", "ignore", "-m", of, role, store, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        made = Clerk(process)
        try:
            assert made.heard() == {"ready": True}
            yield made
        finally:
            made.end()


ROOT = Path(__file__).parents[1]
TICKS = 100
"""Of a second, in which the kernel counts CPU (USER_HZ, which is 100 on every Linux)."""
