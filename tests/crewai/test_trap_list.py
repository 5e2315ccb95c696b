"""Which test closes which trap of CrewAI, by section of the research; and what is private in CrewAI and held on to."""

from __future__ import annotations

import ast
import re
from typing import ClassVar, Final

from hitl_adapters.crewai.adapter import CAPABILITIES
from hitl_adapters.crewai.errors import SEAMS
from hitl_core.capabilities import Capability
from tests.traps import TrapList, declared, trap
from tests.tree.source import ADAPTERS, parsed, python_files


class TestTrapsOfCrewAI(TrapList):
    backend = "crewai"
    capabilities = CAPABILITIES
    sections: ClassVar = {
        "1": "reviews of a task",
        "1a": "a provider that waits",
        "1b": "a pause that is raised",
        "2": "what CrewAI keeps of a crew",
        "3": "flows",
        "4": "hooks and tools",
        "5": "a pause in the middle of a crew",
        "6": "streams, cancel, stop",
        "7": "cost and noise",
        "8": "the mapping",
        "10": "what was left untried",
    }
    traps = (
        trap(
            "1",
            "the draft is missing from the conversation",
            "native_pauses::feedback_goes_round_and_the_draft_is_in_the_conversation",
        ),
        trap(
            "1",
            "the console asks about a result that it never shows",
            "native_pauses::a_draft_is_accepted_without_another_model_call",
        ),
        trap(
            "1",
            "feedback to an awaited crew breaks after its first round",
            "flows::a_crew_that_is_awaited_is_gated_and_reviewed_round_by_round",
        ),
        trap(
            "1",
            "a thread does not see who provides human input",
            "threads::a_crew_in_a_thread_of_the_app_is_gated_and_repeats_nothing",
        ),
        trap(
            "1a",
            "max_execution_time counts the time of people",
            "traps::1_the_clock_of_a_task_does_not_count_the_time_of_people",
        ),
        trap(
            "1a",
            "a waiter that was cancelled wakes and runs its tool",
            "control::a_run_that_is_taken_away_in_the_middle_of_a_tool_starts_nothing_more",
        ),
        trap(
            "1b",
            "an error lets the whole task run again, three times",
            "traps::1_an_error_of_the_model_lets_a_task_begin_again_and_repeats_no_tool",
        ),
        trap("1b", "so does an error that ends the run", "traps::1_a_failed_run_is_retried_without_repeating_anything"),
        trap("1b", "an error in a hook lets the tool run", "hooks::4_an_error_of_our_own_means_not_run"),
        trap(
            "1b",
            "a BaseException hangs a crew with async tasks",
            "traps::2_a_pause_in_a_task_beside_others_does_not_hang",
        ),
        trap(
            "1b",
            "a tool swallows the pause of what runs inside it",
            "traps::1_a_tool_that_swallows_the_pause_of_a_crew_inside_it",
        ),
        trap("1b", "delegation swallows every exception", "native_pauses::a_pause_inside_a_coworker_climbs_out"),
        trap(
            "1b",
            "a blocked tool becomes the result of its task",
            "traps::4_a_refusal_does_not_become_the_result_of_the_task",
        ),
        trap(
            "2",
            "checkpoints are lost, and know finished tasks only",
            declared(Capability.UNDO_BY_FORK, "checkpoints know finished tasks only"),
        ),
        trap("2", "replay runs finished tasks again", "native_pauses::callbacks_of_a_task_that_ended_are_not_repeated"),
        trap(
            "2", "a structured output comes back without its type", "traps::5_a_structured_output_is_kept_with_its_type"
        ),
        trap("3", "a join is lost over a pause", "flows::two_branches_ask_at_once_and_the_join_comes"),
        trap("3", "of two parallel pauses the second is dropped", "flows::two_branches_ask_at_once_and_the_join_comes"),
        trap("3", "what a slower sibling did is lost", "flows::two_branches_ask_at_once_and_the_join_comes"),
        trap(
            "3", "a race ends with a branch that still asks", "flows::a_branch_that_asks_and_loses_its_race_asks_nobody"
        ),
        trap(
            "3",
            "a crash after the feedback leaves nothing to resume",
            "cut_off::a_listener_that_was_cut_off_after_feedback_is_asked_about_and_knows_the_feedback",
        ),
        trap(
            "3",
            "two resumes run the listeners twice",
            "conformance::two_workers_share_the_work",
            "conformance::a_run_that_is_worked_on_is_not_taken",
        ),
        trap("3", "a model guesses what a person chose", "flows::an_outcome_is_chosen_exactly_without_a_model"),
        trap("3", "ask turns a pause into None", "flows::ask_waits_for_an_answer_in_the_middle_of_a_method"),
        trap("3", "ask gives up after its timeout", "flows::silence_is_no_answer_to_a_question"),
        trap("3", "a subclass of a flow has no methods", "flows::a_loop_back_to_the_writer_repeats_no_method"),
        trap("3", "blank feedback is the first outcome", "flows::silence_is_never_the_first_outcome"),
        trap("3", "a crew in a method ends the method", "flows::a_crew_inside_a_flow"),
        trap(
            "4",
            "what a hook returns must be exactly False",
            "hooks::4_a_veto_of_the_app_counts_although_ours_comes_first",
        ),
        trap(
            "4",
            "clear_all_hooks takes away the gate",
            "hooks::4_hooks_that_the_app_clears_are_back_before_its_next_tool",
        ),
        trap("4", "a nested scope hides the gate", "hooks::4_a_scope_of_the_apps_own_hooks_does_not_hide_the_gate"),
        trap(
            "4",
            "a veto of ours hides the hooks of the app",
            "hooks::4_a_veto_of_the_app_counts_although_ours_comes_first",
        ),
        trap("4", "hooks are global to the process", "hooks::4_outside_a_run_our_hooks_do_nothing"),
        trap(
            "4",
            "an edit of a call without arguments is lost in text mode",
            "traps::4_a_tool_without_arguments_that_is_called_by_text_can_be_edited",
        ),
        trap(
            "4",
            "the conversation shows the arguments before the edit",
            "gated_tools::an_edited_call_runs_with_types_kept_and_the_model_is_told",
        ),
        trap("4", "bad arguments become an error text", "gated_tools::nobody_is_asked_about_invalid_arguments"),
        trap("4", "request_human_input waits at a terminal", "hooks::4_a_hook_that_asks_at_a_terminal_asks_people"),
        trap("4", "the fifth identical call stops the agent", "traps::4_five_identical_calls_wait_for_five_answers"),
        trap(
            "4",
            "available_functions are called by the model's client",
            "traps::4_a_model_that_is_given_functions_to_call_itself_is_refused",
        ),
        trap("5", "callbacks of tasks run again", "cut_off::callbacks_of_tasks_are_called_once"),
        trap("5", "memories are saved again", "traps::5_a_memory_is_saved_once_although_its_method_runs_again"),
        trap(
            "5",
            "kickoff and step callbacks and guardrails run again",
            declared(Capability.SURVIVE_RESTART, "kickoff and step callbacks and guardrails run again"),
        ),
        trap(
            "5",
            "a crash after the effect lets the tool run again",
            "cut_off::a_callback_or_a_tool_that_runs_unasked_is_in_doubt_when_it_was_cut_off",
        ),
        trap(
            "5",
            "a crash in a flow's method lets it run again",
            "cut_off::a_method_that_was_cut_off_runs_again_only_if_a_person_says_so",
        ),
        trap("5", "replayed calls do not count as uses", "traps::4_a_limit_of_uses_counts_over_processes"),
        trap(
            "5",
            "a replayed result does not end its task in text mode",
            "traps::4_a_result_that_ends_the_task_does_so_on_a_replay_too",
        ),
        trap(
            "5",
            "a prompt with the date is another question",
            "control::what_is_found_in_an_app_is_said_when_it_is_attached",
        ),
        trap(
            "5",
            "thought signatures of Gemini are not kept",
            declared(Capability.SURVIVE_RESTART, "thought signatures of Gemini are lost"),
        ),
        trap(
            "5",
            "an approval is used for other arguments",
            "traps::5_an_approval_is_for_this_tool_and_these_arguments_only",
        ),
        trap("6", "a stream loses a pause", "native_pauses::two_tasks_over_four_processes"),
        trap("6", "there is no cancel", declared(Capability.DRAIN, "CrewAI cannot be interrupted")),
        trap("6", "tasks beside the one that paused go on", "native_pauses::three_tasks_side_by_side_pause_at_once"),
        trap("7", "the import takes seconds", "traps::7_the_adapter_is_imported_without_crewai"),
        trap("7", "panels, warnings and telemetry", "traps::7_nothing_is_printed_and_nobody_is_called"),
        trap("10", "crews for each of a list", "flows::a_crew_that_is_kicked_off_for_each_of_a_list"),
        trap(
            "10",
            "agents that plan call their tools in another executor",
            "gated_tools::the_steps_of_a_plan_are_gated_side_by_side_and_repeat_nothing",
        ),
        trap("10", "tools of an MCP server", "gated_tools::a_tool_of_an_mcp_server_is_gated"),
        trap(
            "8",
            "seams are missing from other releases",
            "traps::10_a_release_without_one_of_our_seams_is_refused_by_name",
        ),
    )


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
