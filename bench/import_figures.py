"""What `import hitl_core` costs, against importing pydantic alone; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from .yardsticks import Figure, median

ROUNDS = 7


def figures() -> Iterator[Figure]:
    """Interleaved process starts; the bare interpreter is taken off both."""
    codes = ("pass", "import pydantic.main", "import hitl_core", "from hitl_core import *")
    spent: dict[str, list[float]] = {code: [] for code in codes}
    for _ in range(ROUNDS + 1):
        for code, times in spent.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-c", code], check=True)
            times.append(time.perf_counter() - begun)
    bare, pydantic, ours, everything = (median(times[1:]) for times in spent.values())
    ratio = (ours - bare) / (pydantic - bare)
    yield Figure("import hitl_core", f"{(ours - bare) * 1e3:,.0f} ms", "import pydantic", ratio, 1.5)
    ratio = (everything - bare) / (pydantic - bare)
    yield Figure("all public names loaded", f"{(everything - bare) * 1e3:,.0f} ms", "import pydantic", ratio)
