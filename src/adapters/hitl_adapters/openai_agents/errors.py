"""The SDK's errors in our words, and what the installed version can do."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from agents.exceptions import (
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OutputGuardrailTripwireTriggered,
)
from agents.run_state import CURRENT_SCHEMA_VERSION

from hitl_core.errors import HitlError
from hitl_core.versions import numbers, require_at_least

OLDEST: Final = {"openai-agents": "0.20"}
"""The first release whose RunState takes further input (`add_input`) and keeps approvals when the context changes."""

NESTED_TWICE: Final = "0.21"
"""Before this, a pause two agent tools deep is never resolved: the SDK asks for it for ever (research §4)."""

TOLD_APART: Final = "0.23"
"""Before this, the SDK mixes up an agent and an agent tool inside it that has the same name, which asks for ever, and
the agent tools of all runs in a process whose call ids are equal (research §4)."""

BINDS: Final = "1.18"
"""Before this version of a state it does not say which MCP server a waiting call goes to, and newer releases of the SDK
let no such call run; what is said in its place they take."""


def sdk_version() -> str:
    """The installed release of the SDK."""
    return version("openai-agents")


def schema_version() -> str:
    """The version of the states that the installed SDK writes. It reads older ones, never newer ones."""
    return CURRENT_SCHEMA_VERSION


def readable_schemas() -> tuple[str, ...]:
    """The versions of states that the installed SDK reads, its own first."""
    major, minor = numbers(schema_version())[:2]
    return tuple(f"{major}.{each}" for each in range(minor, -1, -1))


def at_least(release: str) -> bool:
    """Whether the installed release of the SDK is this one or a newer one."""
    return numbers(sdk_version()) >= numbers(release)


def require_versions() -> None:
    """Raises AdapterTooOld, naming what was found and what is needed."""
    require_at_least(OLDEST, extra="openai_agents")


def in_words(error: BaseException) -> str:
    """What to tell people about an error that came out of a run."""
    match error:
        case MaxTurnsExceeded():
            advice = "raise `max_turns` in [backend.options] (0 for no limit) and resume the run"
            return f"the agents did not end within their limit of turns: {error}; {advice}"
        case InputGuardrailTripwireTriggered() | OutputGuardrailTripwireTriggered():
            return f"a guardrail ended the run: {error}"
        case HitlError(code=code):
            return f"{code} {error}"
        case _:
            return f"{type(error).__name__}: {error}"


def in_short(error: BaseException) -> str:
    """An error of a tool as it goes on record."""
    return f"{type(error).__name__}: {error}"[:4000]
