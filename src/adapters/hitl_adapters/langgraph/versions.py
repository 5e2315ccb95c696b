"""Which versions of LangGraph's packages keep every promise; older ones are refused by name (decision 0008)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from hitl_core.errors import AdapterTooOld

OLDEST: Final = {
    "langgraph": "1.2.20",  # an answer to a question that is over raises, and every question has an id of its own
    "langgraph-prebuilt": "1.1.1",  # a ToolNode that handles errors lets pauses pass (langgraph#8217)
}


def require_versions() -> None:
    """Raises AdapterTooOld, naming what was found and what is needed."""
    found = {package: version(package) for package in OLDEST}
    old = [package for package, oldest in OLDEST.items() if _numbers(found[package]) < _numbers(oldest)]
    if old:
        named = " and ".join(f"{package} {found[package]} (needed: {OLDEST[package]} or newer)" for package in old)
        raise AdapterTooOld(f"found {named}: pip install --upgrade 'hitl-core[langgraph]'")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
