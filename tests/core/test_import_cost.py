"""`import hitl_core` is cheap: no framework, no web, no terminal and no database package comes with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    *("langgraph", "langchain", "langchain_core", "crewai", "autogen_agentchat", "autogen_core", "agents"),
    *("openai", "fastapi", "starlette", "uvicorn", "jinja2", "httpx", "requests", "aiohttp", "ag_ui"),
    *("typer", "click", "rich", "apprise", "slack_sdk"),
    *("psycopg", "sqlalchemy", "hitl_adapters"),
}
PROGRAM = "import sys, hitl_core; print(*sys.modules)"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Every module there is after `import hitl_core` in a fresh interpreter."""
    # -I: neither this folder nor the environment's variables help it.
    done = subprocess.run([sys.executable, "-I", "-c", PROGRAM], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.processes
def test_importing_the_core_loads_nothing_heavy(loaded: set[str]) -> None:
    assert "hitl_core" in loaded
    assert not HEAVY & loaded


@pytest.mark.processes
def test_importing_the_core_leaves_testing_alone(loaded: set[str]) -> None:
    assert "hitl_core.testing" not in loaded
