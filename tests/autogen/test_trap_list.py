"""Which test closes which trap of AutoGen, by section of the research; what is not stands declared."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import ClassVar

from hitl_adapters.autogen.adapter import CAPABILITIES
from hitl_core.capabilities import Capability
from tests.traps import TrapList, declared, trap


class TestTrapsOfAutoGen(TrapList):
    backend = "autogen"
    capabilities = CAPABILITIES
    sections: ClassVar = {
        "1.1": "a person in a team",
        "1.2": "the state of a team that waits",
        "1.3": "errors and cancellation",
        "1.4": "what the documentation advises instead",
        "1.5": "a team that can be paused",
        "2.1": "tools that do not simply return",
        "2.2": "approval functions and code executors",
        "2.3": "agents that can be paused",
        "3.1": "the mapping",
        "3.2": "streams",
        "3.3": "stopping a team",
        "4": "where a crash can fall",
        "6": "releases",
        "7": "more of them",
    }
    traps = (
        trap(
            "1.1",
            "no question is passed, a thread is blocked, ids are not stable",
            "traps::a_person_is_asked_what_was_said_and_not_enter_your_response",
        ),
        trap(
            "1.1",
            "a handoff to somebody else breaks a person",
            "traps::a_handoff_to_somebody_else_does_not_break_a_person",
        ),
        trap("1.1", "a person in a class of their own", "traps::a_person_with_a_way_of_their_own_is_refused"),
        trap("1.1", "threads do not know their context", "traps::a_sync_tool_knows_which_call_it_is"),
        trap("1.2", "whose turn it is is not in the state", "traps::the_person_is_not_skipped_in_a_fresh_team"),
        trap("1.3", "an error breaks the team", "traps::an_error_fails_the_run_in_one_line_and_it_can_go_on"),
        trap("1.3", "a graph is not recoverable", "traps::a_branch_that_fails_beside_one_that_waits_loses_nothing"),
        trap("1.3", "a live snapshot of a graph loses messages", "teams::graph_with_parallel_branches"),
        trap("1.3", "a team is never used again", "traps::a_team_that_is_given_instead_of_a_factory_is_refused"),
        trap("1.4", "a word in a text ends a team", "traps::a_question_is_not_answered_by_a_refusal_in_words"),
        trap(
            "1.4",
            "a handoff to somebody outside ends the team",
            "teams::swarm_that_ends_by_a_handoff_to_somebody_outside",
        ),
        trap("1.4", "MagenticOne does not go on", "teams::magentic_one"),
        trap(
            "1.4",
            "there is no way back to an earlier point",
            declared(Capability.UNDO_BY_FORK, "has no history to go back to"),
        ),
        trap("1.5", "a runtime of the team's own", "traps::a_runtime_of_the_teams_own_is_refused"),
        trap(
            "1.5",
            "counters of conditions",
            "traps::the_limit_of_messages_counts_over_pauses",
            "teams::termination_counts_go_on",
        ),
        trap("1.5", "triggered groups of a graph", "traps::what_made_a_node_ready_is_kept"),
        trap(
            "1.5", "a team inside loses what was said before", "traps::a_team_inside_a_team_pauses_as_often_as_it_likes"
        ),
        trap(
            "1.5",
            "a team inside is not saved by itself, but replayed",
            declared(Capability.NESTED_PAUSES, "replayed by journal; AutoGen saves none"),
        ),
        trap(
            "2.1",
            "a tool raises what is no Exception",
            "traps::a_tool_that_raises_what_it_must_not_does_not_hang_the_agent",
        ),
        trap(
            "2.1",
            "a workbench raises",
            "traps::a_workbench_that_raises_does_not_hang_the_agent",
            "traps::of_a_tool_that_ran_the_model_is_never_told_that_it_did_not",
        ),
        trap(
            "2.1",
            "arguments have no JSON form",
            "traps::a_call_that_cannot_be_checked_says_so_and_does_not_run",
        ),
        trap("2.1", "a token is cancelled in a tool", "traps::a_stop_while_a_tool_works_ends_the_run_after_it"),
        trap("2.1", "half a batch", "traps::a_half_finished_batch_makes_no_second_model_call"),
        trap(
            "2.2",
            "an approval function blocks the loop",
            "code::the_loop_is_never_blocked",
            "code::code_is_run_as_decided",
        ),
        trap("2.2", "a code executor forgets", "code::an_agent_that_writes_and_runs_keeps_its_memory"),
        trap("2.3", "ids of calls are empty or repeated", "traps::calls_with_one_id_are_told_apart"),
        trap("2.3", "streams of tools are lost", "traps::what_an_agent_inside_a_tool_says_is_shown"),
        trap("2.3", "an agent in a tool has one conversation", "traps::two_calls_of_one_agent_take_turns"),
        trap("2.3", "events are shown again", "control::an_agent_is_watched_through_a_pause"),
        trap(
            "2.3",
            "an edit is not visible in the model's own call",
            declared(Capability.EDIT_ARGUMENTS, "its own call stays"),
        ),
        trap(
            "2.3",
            "a memory is asked again when a turn is replayed",
            declared(Capability.SURVIVE_RESTART, "asks an agent's memory again"),
        ),
        trap(
            "3.1",
            "a new process builds the team with other tools than those that were approved",
            "traps::a_tool_that_is_gone_does_not_become_the_models_mistake",
            "traps::a_tool_that_was_redefined_is_asked_about_again",
        ),
        trap(
            "3.1",
            "timeouts are seen between turns",
            "control::a_deadline_ends_the_wait_for_a_person_and_a_late_answer_is_refused",
        ),
        trap("3.2", "a result holds one stretch only", "teams::round_robin"),
        trap("3.3", "a model that does not heed the token", "traps::a_stop_while_a_model_answers_does_not_wait_for_it"),
        trap("3.3", "a cancelled team goes on", "traps::a_lost_worker_leaves_nothing_behind"),
        trap(
            "3.3",
            "nothing stops a team at once, but between calls",
            declared(Capability.DRAIN, "AutoGen stops only between turns"),
        ),
        trap(
            "4",
            "killed at any point",
            "killed::killed_around_every_command_to_the_store",
            "memory::no_other_model_call_begins_before",
        ),
        trap("4", "an agent of the app's own dies", "control::an_agent_of_the_apps_own_that_died_at_work_is_in_doubt"),
        trap(
            "6",
            "a release with another inside",
            "versions::another_version_is_refused_by_name",
            "versions::an_autogen_that_does_not_resume_as_believed_is_refused",
        ),
        trap("7", "other names, another manager", "traps::an_app_that_changed_under_a_pause_runs_nothing"),
        trap("7", "a selector is loaded twice", "traps::a_selector_that_is_loaded_hears_everything_once"),
        trap("7", "an empty task", "traps::a_team_inside_that_heard_nothing_new_goes_on"),
        trap(
            "7",
            "a selection that falls otherwise",
            "traps::a_team_inside_that_selects_otherwise_does_not_get_the_answer",
        ),
        trap(
            "7",
            "tools in agents that nobody knows",
            "own_agents::what_such_an_agent_holds_is_refused_with_the_next_step",
        ),
    )


def test_each_trap_of_the_trap_tests_names_its_section() -> None:
    tree = ast.parse((Path(__file__).with_name("test_traps.py")).read_text(encoding="utf-8"))
    tests = [node for node in tree.body if getattr(node, "name", "").startswith("test_")]
    without = [node.name for node in tests if not (ast.get_docstring(node) or "").startswith(("§", "P44", "P92"))]  # type: ignore[attr-defined,arg-type]
    assert without == []
