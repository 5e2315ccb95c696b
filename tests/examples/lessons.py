"""The lessons from outside, on any backend: each is one command, ends by itself, and its verdict is checked."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest
from markdown_it import MarkdownIt

from tests.examples.desk import scripted_environment

ROOT = Path(__file__).resolve().parents[2]
LESSONS = ROOT / "examples" / "lessons"
NAMES = sorted(path.parent.name for path in LESSONS.glob("*/__main__.py"))
PATIENCE_S = 600.0
NOT_AS_SAID = 1
PROMPT = ", decide: "
LEAVE = "q"


def told(lesson: str, *options: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Tell a lesson with its one command, with nobody at a terminal."""
    where = [] if folder is None else ["--dir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", f"examples.lessons.{lesson}", *where, *options],
        cwd=ROOT,
        env=scripted_environment("http://127.0.0.1:9"),  # nobody is there: the lesson brings its own model
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def asked(lesson: str, keys: str) -> tuple[int, str]:
    """Tell a lesson with `--ask` to somebody who presses these keys and then leaves everything to the script."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", f"examples.lessons.{lesson}", "--ask"],
        cwd=ROOT,
        env={**scripted_environment("http://127.0.0.1:9"), "TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    seen, pressed, limit = "", 0, time.monotonic() + PATIENCE_S
    while (read := _read(ours)) is not None and time.monotonic() < limit:
        seen += read
        if seen.count(PROMPT) > pressed:
            os.write(ours, keys[pressed : pressed + 1].encode() or LEAVE.encode())
            pressed += 1
    os.close(ours)
    process.kill()
    return process.wait(), seen


def _read(terminal: int) -> str | None:
    """What comes from a terminal within a second; None if nobody is there any more."""
    readable, _, _ = select.select([terminal], [], [], 1.0)
    try:
        return os.read(terminal, 65_536).decode(errors="replace") if readable else ""
    except OSError:
        return None


def excerpts(lesson: str) -> list[str]:
    """What the page of a lesson says that you will see."""
    tokens = MarkdownIt().parse((LESSONS / lesson / "README.md").read_text(encoding="utf-8"))
    found = [token.content.rstrip("\n") for token in tokens if token.type == "fence" and token.info == "text"]
    assert found, f"the page of {lesson} shows nothing of it"
    return found


class Lessons:
    """Each lesson on one backend."""

    backend: ClassVar[str]

    @pytest.mark.parametrize("lesson", NAMES)
    def test_a_lesson_is_as_its_page_says(self, lesson: str) -> None:
        ended = told(lesson, "--backend", self.backend)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert not re.findall(r"^  NO  ", ended.stdout, re.MULTILINE)
        for excerpt in excerpts(lesson):
            assert excerpt in ended.stdout, ended.stdout
