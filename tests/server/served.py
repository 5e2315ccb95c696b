"""`hitl serve` as a process of its own, and what it says."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cli.shop import PATIENCE, Shop


@dataclass(frozen=True)
class Served:
    """A server that has begun to listen. `said` is what it printed then."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["url"])

    @classmethod
    def of(cls, process: subprocess.Popen[str]) -> Served:
        """Reads what it says when it listens. AssertionError if it ends before."""
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                return cls(process, json.loads("".join(lines)))
        raise AssertionError(f"it ended before it listened: {''.join(lines)}{process.communicate()[1]}")

    def ended(self) -> tuple[int, str]:
        """Its exit status and what it wrote to standard error."""
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err


@contextmanager
def one_port() -> Iterator[str]:
    """A port of this machine on which servers may listen one after the other, each asked for it by its number.

    It stays bound, so that nobody else is given it meanwhile: neither who asks for any port, nor who calls somebody.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield str(held.getsockname()[1])


@contextmanager
def starting() -> Iterator[Callable[..., Served]]:
    """`begin(shop, *options)` starts a server and waits until it listens; what is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(shop: Shop, *arguments: str) -> Served:
        started.append(serve(shop, *arguments))
        return Served.of(started[-1])

    try:
        yield begin
    finally:
        for process in started:
            process.kill()
            process.communicate()


def serve(shop: Shop, *arguments: str) -> subprocess.Popen[str]:
    """`hitl serve` on a port that is free."""
    return shop.start("serve", "--port", "0", "--json", *arguments)
