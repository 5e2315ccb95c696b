"""python -m hitl_core.testing.storm NAME --store URL [--minutes 10] [--seed 7] [--restart COMMAND]"""

from __future__ import annotations

import argparse
import secrets
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..conformance import find_kit
from .storm import Storm


def main(given: list[str] | None = None, *, database: str = "", restart: Callable[[], None] | None = None) -> int:
    """Blow, and say what came of it; 1 if something is wrong. Whoever has a server says how to restart it."""
    parser = argparse.ArgumentParser(prog="python -m hitl_core.testing.storm", description=__doc__)
    parser.add_argument("name", help="the adapter, as in hitl.toml, or module:Class of a kit")
    parser.add_argument("--store", default=database, metavar="URL", required=not database)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=1.5, metavar="SECONDS", help="between gusts, on the average")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--restart", metavar="COMMAND", help="stops the server as a crash does, and starts it again")
    parser.add_argument("--show", action="store_true", help="show what the processes print")
    asked = parser.parse_args(given)
    folder = Path(tempfile.mkdtemp(prefix="hitl-storm-"))
    if asked.restart:
        restart = partial(_run, shlex.split(asked.restart))
    storm = Storm(find_kit(asked.name), folder, asked.store, asked.minutes * 60, asked.seed, every=asked.every)
    storm.restart, storm.quiet = restart, not asked.show
    stormed = storm.blow()
    print(stormed, flush=True)
    if stormed.faults:
        print(f"the history and the ledger are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # whoever calls us says what


if __name__ == "__main__":
    raise SystemExit(main())
