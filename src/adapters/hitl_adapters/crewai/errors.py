"""CrewAI's versions, its seams that we hold on to, and its errors in our words. Imports no CrewAI by itself."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from hitl_core.errors import AdapterNotInstalled, AdapterTooOld, EffectRefused, HitlError
from hitl_core.versions import require_at_least

OLDEST: Final = {"crewai": "1.15.30"}

SEAMS: Final = (
    "crewai.hooks.dispatch:get_global_hook_list",
    "crewai.hooks.dispatch:get_scoped_hooks",
    "crewai.hooks.dispatch:HookAborted",
    "crewai.hooks.tool_hooks:ToolCallHookContext.request_human_input",
    "crewai.hooks.llm_hooks:LLMCallHookContext.request_human_input",
    "crewai.core.providers.human_input:set_provider",
    "crewai.core.providers.human_input:SyncHumanInputProvider._get_output_string",
    "crewai.agent.core:Agent._times_executed",
    "crewai.agents.agent_executor:AgentExecutor._invoke_loop",
    "crewai.agents.agent_executor:AgentExecutor._ainvoke_loop",
    "crewai.agents.agent_executor:AgentExecutor._format_feedback_message",
    "crewai.memory.unified_memory:Memory._encode_batch",
    "crewai.memory.unified_memory:Memory._submit_save",
    "crewai.tools.structured_tool:CrewStructuredTool._original_tool",
    "crewai.flow.human_feedback:_resolve_llm_instance",
    "crewai.events.event_context:_event_context_config",
    "crewai.llms.base_llm:BaseLLM.__init_subclass__",
    "crewai.llms.providers.openai.completion:OpenAICompletion._extract_chat_finish_reason_and_id",
    "crewai.llms.providers.openai.completion:OpenAICompletion._extract_responses_finish_reason_and_id",
    "crewai.utilities.internal_instructor:InternalInstructor.to_pydantic",
    "crewai.agents.agent_executor:AgentExecutor._execute_single_native_tool_call",
    "crewai.agents.agent_executor:execute_tool_and_check_finality",
    "crewai.task:Task.execute_async",
    "crewai.task:Task._execute_core",
    "crewai.task:Task._aexecute_core",
    "crewai.flow.runtime:Flow.flow_definition",
    "crewai.flow.runtime:Flow._execute_method",
    "crewai.flow.runtime:Flow._execute_start_method",
    "crewai.flow.runtime:Flow._execute_single_listener",
    "crewai.flow.runtime:Flow._execute_racing_listeners",
    "crewai.flow.runtime:Flow._run_human_feedback_step",
    "crewai.flow.runtime:Flow.ask",
)
"""What must be there for every promise to hold. Some are private: a release without one of them is refused by name."""

QUIET: Final = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
}
"""CrewAI's own switches. `OTEL_SDK_DISABLED` would turn off the traces and metrics of everybody in the process."""


def keep_quiet() -> None:
    """Telemetry and tracing off, unless the environment says otherwise. Has its effect before CrewAI is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def require_versions() -> None:
    """Raises AdapterNotInstalled, or AdapterTooOld naming what was found and what is needed."""
    try:
        require_at_least(OLDEST, extra="crewai")
    except PackageNotFoundError as exc:
        raise AdapterNotInstalled("'crewai' is not installed: pip install 'hitl-core[crewai]'") from exc
    missing = [seam for seam in SEAMS if not _is_there(seam)]
    if missing:
        found = f"crewai {version('crewai')} has no {', '.join(missing)}"
        raise AdapterTooOld(f"{found}; this release of hitl-core cannot oversee it")


def in_words(error: BaseException) -> str:
    """What to tell people about an error that came out of a crew or a flow."""
    return f"{error.code} {error}" if isinstance(error, HitlError) else f"{type(error).__name__}: {error}"


class Unanswered(EffectRefused):
    """Nobody answered before the deadline, and the app has no answer of its own that would mean so."""


class GivenUp(EffectRefused):
    """A person did not let a step run again that a crash had cut off."""


class OutsideItsRun(EffectRefused):
    """A tool of a run was called in a context that does not belong to the run, so that no gate could be asked."""


class PausesAreNoErrors(logging.Filter):
    """Keeps CrewAI from logging our own pauses as errors of the app, and from guessing aloud how long a prompt is."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not any(each in record.getMessage() for each in (PAUSED, "approximate input token count"))


PAUSED: Final = "hitl: this run waits for people"
"""The text of the exception that ends a turn inside CrewAI."""


def silence() -> None:
    """No panels on the terminal: what a run says goes to those who watch it."""
    from crewai.events.event_listener import event_listener

    console = type(event_listener.formatter.console)
    event_listener.formatter.console = console(quiet=True)


@contextmanager
def expecting_pauses() -> Iterator[None]:
    """A pause leaves tasks and agents without their closing events; CrewAI is not to print that each time."""
    from crewai.events.event_context import EventContextConfig, MismatchBehavior, _event_context_config

    silent = MismatchBehavior.SILENT
    token = _event_context_config.set(EventContextConfig(mismatch_behavior=silent, empty_pop_behavior=silent))
    try:
        yield
    finally:
        _event_context_config.reset(token)


def filter_logs() -> None:
    """No pause of ours in the log as an error of the app."""
    for name in ("crewai.flow.runtime", "crewai.agents.agent_executor", "crewai.crew", "crewai.llms.base_llm", "root"):
        logger = logging.getLogger(None if name == "root" else name)
        if not any(isinstance(each, PausesAreNoErrors) for each in logger.filters):
            logger.addFilter(PausesAreNoErrors())


def _is_there(seam: str) -> bool:
    module, _, path = seam.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return False
    return True
