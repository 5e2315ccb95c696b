"""`hitl conformance` on a server that is started for it: `python -m tests.postgres.promises crewai --json FILE`."""

from __future__ import annotations

import sys

from hitl_core.cli.app import run
from tests.postgres.server import a_server

if __name__ == "__main__":
    with a_server() as url:
        code = run(["conformance", *sys.argv[1:], "--store", url])
    raise SystemExit(code)
