"""Run a scripted model as a process: ``python -m hitl_core.testing.scripted_model SCRIPT.json``.

Prints one line, its base URL, when it is ready; ends with status 0 on SIGTERM or SIGINT, and with
status 2 for a script or a log it cannot use or a port it cannot have.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .script import load_script
from .server import ScriptedModel


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until told to stop."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        script = load_script(given.script)
        model = ScriptedModel(script, log=given.log, port=given.port, log_bodies=given.log_bodies)
        model.start()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with model:
        print(model.base_url, flush=True)
        while True:
            time.sleep(60)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hitl_core.testing.scripted_model",
        description="Serve a script as an OpenAI-compatible model on loopback.",
    )
    parser.add_argument("script", type=Path, help="a .json or .toml script")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--log", type=Path, help="append one JSON line per call to this file")
    parser.add_argument("--log-bodies", action="store_true", help="keep each request whole in the log")
    return parser


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second signal must not cut the stop short
    sys.exit(0)


if __name__ == "__main__":
    main()
