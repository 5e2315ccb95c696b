"""Each trap of CrewAI that its research page has measured: the test that closes it, or where the matrix says why."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from hitl_adapters.crewai.adapter import CAPABILITIES
from hitl_adapters.crewai.errors import SEAMS
from hitl_core.capabilities import Capability
from tests.tree.source import ADAPTERS, CORE, parsed, python_files

TRAPS: Final = (
    ("§1", "the draft is missing from the conversation", "native_pauses::feedback_goes_round_and_the_draft_is_in"),
    ("§1", "the console asks about a result that it never shows", "native_pauses::a_draft_is_accepted_without"),
    ("§1", "feedback to an awaited crew breaks after its first round", "flows::a_crew_that_is_awaited_is_gated"),
    ("§1", "a thread does not see who provides human input", "threads::a_crew_in_a_thread_of_the_app_is_gated"),
    ("§1a", "max_execution_time counts the time of people", "traps::1_the_clock_of_a_task"),
    ("§1a", "a waiter that was cancelled wakes and runs its tool", "control::a_run_that_is_taken_away_in_the_middle"),
    ("§1b", "an error lets the whole task run again, three times", "traps::1_an_error_of_the_model_lets_a_task"),
    ("§1b", "an error in a hook lets the tool run", "hooks::4_an_error_of_our_own_means_not_run"),
    ("§1b", "a BaseException hangs a crew with async tasks", "traps::2_a_pause_in_a_task_beside_others"),
    ("§1b", "a tool swallows the pause of what runs inside it", "traps::1_a_tool_that_swallows_the_pause"),
    ("§1b", "delegation swallows every exception", "native_pauses::a_pause_inside_a_coworker_climbs_out"),
    ("§1b", "a blocked tool becomes the result of its task", "traps::4_a_refusal_does_not_become_the_result"),
    ("§2", "checkpoints are lost, and know finished tasks only", Capability.UNDO_BY_FORK),
    ("§2", "replay runs finished tasks again", "native_pauses::callbacks_of_a_task_that_ended"),
    ("§2", "a structured output comes back without its type", "traps::5_a_structured_output_is_kept"),
    ("§3", "a join is lost over a pause", "flows::two_branches_ask_at_once_and_the_join_comes"),
    ("§3", "of two parallel pauses the second is dropped", "flows::two_branches_ask_at_once_and_the_join_comes"),
    ("§3", "what a slower sibling did is lost", "flows::two_branches_ask_at_once_and_the_join_comes"),
    ("§3", "a race ends with a branch that still asks", "flows::a_branch_that_asks_and_loses_its_race"),
    (
        "§3",
        "a crash after the feedback leaves nothing to resume",
        "cut_off::a_listener_that_was_cut_off",
    ),
    ("§3", "two resumes run the listeners twice", "conformance::P43"),
    ("§3", "a model guesses what a person chose", "flows::an_outcome_is_chosen_exactly_without_a_model"),
    ("§3", "ask turns a pause into None", "flows::ask_waits_for_an_answer_in_the_middle"),
    ("§3", "ask gives up after its timeout", "flows::silence_is_no_answer_to_a_question"),
    ("§3", "a subclass of a flow has no methods", "flows::a_loop_back_to_the_writer_repeats_no_method"),
    ("§3", "blank feedback is the first outcome", "flows::silence_is_never_the_first_outcome"),
    ("§3", "a crew in a method ends the method", "flows::a_crew_inside_a_flow"),
    ("§4", "what a hook returns must be exactly False", "hooks::4_a_veto_of_the_app_counts"),
    ("§4", "clear_all_hooks takes away the gate", "hooks::4_hooks_that_the_app_clears"),
    ("§4", "a nested scope hides the gate", "hooks::4_a_scope_of_the_apps_own_hooks"),
    ("§4", "a veto of ours hides the hooks of the app", "hooks::4_a_veto_of_the_app_counts"),
    ("§4", "hooks are global to the process", "hooks::4_outside_a_run_our_hooks_do_nothing"),
    ("§4", "an edit of a call without arguments is lost in text mode", "traps::4_a_tool_without_arguments"),
    ("§4", "the conversation shows the arguments before the edit", "gated_tools::an_edited_call_runs_with_types_kept"),
    ("§4", "bad arguments become an error text", "gated_tools::nobody_is_asked_about_invalid_arguments"),
    ("§4", "request_human_input waits at a terminal", "hooks::4_a_hook_that_asks_at_a_terminal"),
    ("§4", "the fifth identical call stops the agent", "traps::4_five_identical_calls_wait"),
    ("§4", "available_functions are called by the model's client", "traps::4_a_model_that_is_given_functions"),
    ("§5", "callbacks of tasks run again", "cut_off::callbacks_of_tasks_are_called_once"),
    ("§5", "memories are saved again", "traps::5_a_memory_is_saved_once"),
    ("§5", "kickoff and step callbacks and guardrails run again", Capability.SURVIVE_RESTART),
    ("§5", "a crash after the effect lets the tool run again", "cut_off::a_callback_or_a_tool_that_runs_unasked"),
    ("§5", "a crash in a flow's method lets it run again", "cut_off::a_method_that_was_cut_off"),
    ("§5", "replayed calls do not count as uses", "traps::4_a_limit_of_uses_counts"),
    ("§5", "a replayed result does not end its task in text mode", "traps::4_a_result_that_ends_the_task"),
    ("§5", "a prompt with the date is another question", "control::what_is_found_in_an_app_is_said"),
    ("§5", "thought signatures of Gemini are not kept", Capability.SURVIVE_RESTART),
    ("§5", "an approval is used for other arguments", "traps::5_an_approval_is_for_this_tool"),
    ("§6", "a stream loses a pause", "native_pauses::two_tasks_over_four_processes"),
    ("§6", "there is no cancel", Capability.DRAIN),
    ("§6", "tasks beside the one that paused go on", "native_pauses::three_tasks_side_by_side"),
    ("§7", "the import takes seconds", "traps::7_the_adapter_is_imported_without_crewai"),
    ("§7", "panels, warnings and telemetry", "traps::7_nothing_is_printed_and_nobody_is_called"),
    ("§10", "crews for each of a list", "flows::a_crew_that_is_kicked_off_for_each"),
    ("§10", "agents that plan call their tools in another executor", "gated_tools::the_steps_of_a_plan_are_gated"),
    ("§10", "tools of an MCP server", "gated_tools::a_tool_of_an_mcp_server_is_gated"),
    ("§8", "seams are missing from other releases", "traps::10_a_release_without_one_of_our_seams"),
)

HERE: Final = Path(__file__).parent


def test_every_trap_is_closed_by_a_test_or_declared_with_its_reason() -> None:
    missing = [(section, trap, closed) for section, trap, closed in TRAPS if not _is_there(closed)]
    assert not missing


def _is_there(closed: str | Capability) -> bool:
    if isinstance(closed, Capability):
        return CAPABILITIES[closed].because != ""
    file, _, name = closed.partition("::")
    if file == "conformance":
        return f'"{name}"' in (CORE / "testing" / "conformance" / "promises.py").read_text(encoding="utf-8")
    return re.search(rf"def test_{name}", (HERE / f"test_{file}.py").read_text(encoding="utf-8")) is not None


# ── what is private in CrewAI, and held on to ────────────────────────────────────────────────────────────────

OURS: Final = python_files(ADAPTERS / "crewai")


def test_every_private_name_of_crewai_is_looked_for_before_anything_runs() -> None:
    """A release that has none of that name is refused, and not found out about in the middle of a run."""
    looked_for = {part for seam in SEAMS for part in re.split(r"[:.]", seam)}
    assert _used() - _defined() <= looked_for


def _used() -> set[str]:
    nodes = [node for path in OURS for node in ast.walk(parsed(path))]
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {each.name for node in nodes if isinstance(node, ast.ImportFrom) for each in node.names}
    spelt = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {name for name in named | imported | spelt if re.fullmatch(r"_[a-z]\w+", name)}


def _defined() -> set[str]:
    nodes = [node for path in OURS for node in ast.walk(parsed(path))]
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    declared = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return functions | assigned | declared
