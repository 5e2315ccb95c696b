"""A storm on a server that is started for it, and stopped in it: `python -m tests.postgres.storm crewai`."""

from __future__ import annotations

import sys
from functools import partial

from hitl_core.testing.storm.__main__ import main
from tests.postgres.server import a_large_server, restart

if __name__ == "__main__":
    with a_large_server() as url:
        code = main(sys.argv[1:], database=url, restart=partial(restart, url))
    raise SystemExit(code)
