"""The sync face says exactly what the runtime says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_blocking_is_generated_from_the_runtime() -> None:
    script = ROOT / "scripts" / "generate_blocking.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert done.returncode == 0, "run: python scripts/generate_blocking.py"
