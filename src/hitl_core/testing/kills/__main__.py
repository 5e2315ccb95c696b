"""python -m hitl_core.testing.kills NAME [--kills 50] [--seed 7] [--again 7/12] [--store URL]"""

from __future__ import annotations

import argparse
import secrets
import shutil
import tempfile
from pathlib import Path

from ..conformance import find_kit
from .hunt import Hunt


def main() -> int:
    """Hunt, or play one run of a hunt again; 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m hitl_core.testing.kills", description=__doc__)
    parser.add_argument("name", help="the adapter, as in hitl.toml")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--again", metavar="SEED", help="play one run of a hunt once more, such as 7/12")
    parser.add_argument("--store", default="", metavar="URL", help="postgresql://…; by default a file for each run")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hitl-kills-"))
    with Hunt(find_kit(asked.name), folder, store=asked.store) as hunt:
        if asked.again:
            found = hunt.play(asked.again)
            print(found if found.faults else f"{found}\nno faults")
            broken = bool(found.faults)
        else:
            hunted = hunt.until(asked.kills, seed=asked.seed)
            print(hunted)
            broken = bool(hunted.broken)
    if broken:
        print(f"what is left of the runs is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
