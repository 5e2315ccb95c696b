"""Which test closes which trap of research/autogen.md, by section; what is not closed stands in the matrix."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from hitl_adapters.autogen.adapter import CAPABILITIES
from hitl_core.capabilities import Capability

HERE: Final = Path(__file__).parent
MATRIX: Final = HERE.parents[1] / "docs" / "capabilities.md"

CLOSED: Final = {
    "1.1 no question is passed, a thread is blocked, ids are not stable": [
        "test_a_person_is_asked_what_was_said_and_not_enter_your_response"
    ],
    "1.1 a handoff to somebody else breaks a person": ["test_a_handoff_to_somebody_else_does_not_break_a_person"],
    "1.1 a person in a class of their own": ["test_a_person_with_a_way_of_their_own_is_refused"],
    "1.1 threads do not know their context": ["test_a_sync_tool_knows_which_call_it_is"],
    "1.2 whose turn it is is not in the state": ["test_the_person_is_not_skipped_in_a_fresh_team"],
    "1.3 an error breaks the team": ["test_an_error_fails_the_run_in_one_line_and_it_can_go_on"],
    "1.3 a graph is not recoverable": ["test_a_branch_that_fails_beside_one_that_waits_loses_nothing"],
    "1.3 a live snapshot of a graph loses messages": ["test_graph_with_parallel_branches"],
    "1.3 a team is never used again": ["test_a_team_that_is_given_instead_of_a_factory_is_refused"],
    "1.4 a word in a text ends a team": ["test_a_question_is_not_answered_by_a_refusal_in_words"],
    "1.4 a handoff to somebody outside ends the team": ["test_swarm_that_ends_by_a_handoff_to_somebody_outside"],
    "1.4 MagenticOne does not go on": ["test_magentic_one"],
    "1.5 a runtime of the team's own": ["test_a_runtime_of_the_teams_own_is_refused"],
    "1.5 counters of conditions": ["test_the_limit_of_messages_counts_over_pauses", "test_termination_counts_go_on"],
    "1.5 triggered groups of a graph": ["test_what_made_a_node_ready_is_kept"],
    "1.5 a team inside loses what was said before": ["test_a_team_inside_a_team_pauses_as_often_as_it_likes"],
    "2.1 a tool raises what is no Exception": ["test_a_tool_that_raises_what_it_must_not_does_not_hang_the_agent"],
    "2.1 a workbench raises": ["test_a_workbench_that_raises_does_not_hang_the_agent"],
    "2.1 a token is cancelled in a tool": ["test_a_stop_while_a_tool_works_ends_the_run_after_it"],
    "2.1 half a batch": ["test_a_half_finished_batch_makes_no_second_model_call"],
    "2.2 an approval function blocks the loop": ["test_the_loop_is_never_blocked", "test_code_is_run_as_decided"],
    "2.2 a code executor forgets": ["test_an_agent_that_writes_and_runs_keeps_its_memory"],
    "2.3 ids of calls are empty or repeated": ["test_calls_with_one_id_are_told_apart"],
    "2.3 streams of tools are lost": ["test_what_an_agent_inside_a_tool_says_is_shown"],
    "2.3 an agent in a tool has one conversation": ["test_two_calls_of_one_agent_take_turns"],
    "2.3 events are shown again": ["test_an_agent_is_watched_through_a_pause"],
    "3.1 timeouts are seen between turns": ["test_a_deadline_ends_the_wait_for_a_person_and_a_late_answer_is_refused"],
    "3.2 a result holds one stretch only": ["test_round_robin"],
    "3.3 a model that does not heed the token": ["test_a_stop_while_a_model_answers_does_not_wait_for_it"],
    "3.3 a cancelled team goes on": ["test_a_lost_worker_leaves_nothing_behind"],
    "4 killed at any point": [
        "test_killed_around_every_command_to_the_store",
        "test_no_other_model_call_begins_before",
    ],
    "4 an agent of the app's own dies": ["test_an_agent_of_the_apps_own_that_died_at_work_is_in_doubt"],
    "6 a release with another inside": [
        "test_another_version_is_refused_by_name",
        "test_an_autogen_that_does_not_resume_as_believed_is_refused",
    ],
    "7 other names, another manager": ["test_an_app_that_changed_under_a_pause_runs_nothing"],
    "7 a selector is loaded twice": ["test_a_selector_that_is_loaded_hears_everything_once"],
    "7 an empty task": ["test_a_team_inside_that_heard_nothing_new_goes_on"],
    "7 a selection that falls otherwise": ["test_a_team_inside_that_selects_otherwise_does_not_get_the_answer"],
    "7 tools in agents that nobody knows": ["test_what_such_an_agent_holds_is_refused_with_the_next_step"],
}

DECLARED: Final = {
    "1.4 there is no way back to an earlier point": Capability.UNDO_BY_FORK,
    "1.5 a team inside is not saved by itself, but replayed": Capability.NESTED_PAUSES,
    "2.3 an edit is not visible in the model's own call": Capability.EDIT_ARGUMENTS,
    "2.3 a memory is asked again when a turn is replayed": Capability.SURVIVE_RESTART,
    "3.3 nothing stops a team at once, but between calls": Capability.DRAIN,
}


def written() -> set[str]:
    """The names of the tests in this folder, and of those that every backend has."""
    files = [*HERE.glob("test_*.py"), HERE.parent / "killed.py"]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize("trap", CLOSED)
def test_a_trap_is_closed_by_tests_that_are_there(trap: str) -> None:
    assert set(CLOSED[trap]) <= written()


@pytest.mark.parametrize("trap", DECLARED)
def test_what_is_not_closed_stands_in_the_matrix_with_its_reason(trap: str) -> None:
    support = CAPABILITIES[DECLARED[trap]]
    assert support.level != "native"
    row = f"- `{DECLARED[trap]}` is {support.level}: {support.because}."
    _, _, section = MATRIX.read_text(encoding="utf-8").partition("### `autogen` ")
    assert row in section.partition("\n### ")[0].splitlines()


def test_each_trap_of_the_trap_tests_names_its_section() -> None:
    tree = ast.parse((HERE / "test_traps.py").read_text(encoding="utf-8"))
    tests = [node for node in tree.body if getattr(node, "name", "").startswith("test_")]
    without = [node.name for node in tests if not (ast.get_docstring(node) or "").startswith(("§", "P44", "P92"))]  # type: ignore[attr-defined,arg-type]
    assert without == []
