"""docs/testing.md runs as it stands: its files in an empty folder, with pytest, as a user's own project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
FILE = re.compile(r"```\w+\n(# (\w+\.(?:py|toml))\n.*?)```", re.DOTALL)
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"


def test_every_test_of_the_page_passes(tmp_path: Path) -> None:
    files = {match[2]: match[1] for match in FILE.finditer(PAGE.read_text(encoding="utf-8"))}
    for name, text in {**files, "pytest.ini": SETTINGS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = sum(text.count("\nasync def test_") for text in files.values())
    assert f"{shown} passed" in done.stdout
    assert not [path.name for path in tmp_path.iterdir() if path.suffix == ".db"], "the user's folder stays clean"
