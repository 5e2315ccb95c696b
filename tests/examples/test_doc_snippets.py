"""The code in the documentation is code: it parses, and what is marked as runnable runs.

A `python` block runs, alone in an empty folder, when the line above it is `<!-- run -->`.
Every other `python`, `toml` and `json` block must at least be valid.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
FOUND = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
PAGES = sorted(page for page in FOUND if "node_modules" not in page.parts)  # what `npm ci` brings is not ours
RUN = "<!-- run -->"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str
    runs: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def snippets_of(page: Path) -> list[Snippet]:
    found, above = [], ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.map:
            found.append(Snippet(page, token.map[0] + 1, token.info.strip(), token.content, above == RUN))
        above = token.content.strip() if token.type == "html_block" else ""
    return found


SNIPPETS = [snippet for page in PAGES for snippet in snippets_of(page)]
RUNNABLE = [snippet for snippet in SNIPPETS if snippet.runs]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_a_snippet_is_valid(snippet: Snippet) -> None:
    match snippet.language:
        case "python":
            compile(snippet.code, str(snippet), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        case "toml":
            tomllib.loads(snippet.code)
        case "json":
            json.loads(snippet.code)
        case "":
            pytest.fail(f"{snippet}: say the language of the block, `text` if it has none")
        case _:
            pass


@pytest.mark.processes
@pytest.mark.parametrize("snippet", RUNNABLE, ids=str)
def test_a_runnable_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    assert snippet.language == "python", f"{snippet}: only python blocks can be run"
    script = tmp_path / "snippet.py"
    script.write_text(snippet.code, encoding="utf-8")
    command = [sys.executable, "-W", "error", script.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{snippet}:\n{done.stdout}{done.stderr}"
