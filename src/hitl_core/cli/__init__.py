"""The `hitl` command: run agents, see what waits for people, answer it, look after the work. Needs the extra `cli`."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

from .importing import importing

_OF_THE_EXTRA: Final = ("typer", "rich")


def main() -> NoReturn:
    """Run the command line of this process and end with its exit status."""
    try:
        with importing():
            from .app import run
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] not in _OF_THE_EXTRA:
            raise
        sys.exit(f"hitl needs the package {exc.name!r}, which is not installed: pip install 'hitl-core[cli]'")
    sys.exit(run(sys.argv[1:]))
