"""Which test closes which trap of LangGraph and LangChain, by section of the research; what is not stands declared."""

from __future__ import annotations

from typing import ClassVar

from hitl_adapters.langgraph.adapter import CAPABILITIES
from hitl_core.capabilities import Capability
from tests.traps import TrapList, declared, trap

REPLACED = "healing::a_pause_that_somebody_else_replaced_is_superseded_and_the_new_one_shown"
MOVED_ON = "healing::a_thread_that_somebody_else_moved_past_the_pause_is_named"
AROUND_WRITES = "killed::killed_around_every_write_of_the_saver"
TOLD_ALREADY = "native_pauses::an_answer_that_was_told_already_never_answers_the_next_question"
STORED_ANSWER = "healing::a_retry_uses_the_stored_answer_and_never_answers_the_next_question_with_it"
NOTHING_REDONE = "native_pauses::while_others_wait_nothing_is_redone"
FAN_OUT = "native_pauses::a_fan_out_is_answered_in_any_order"
REWOUND = "control::a_rewind_of_a_native_pause"
CANCELLED = "control::a_cancelled_run_takes_no_answer_from_anybody"
EXPIRED = "control::a_deadline_decides_about_a_native_pause_and_a_late_answer_is_refused"
JUMPS = "findings::batched_approvals_are_noted_and_jumps_warned_of"
SAME_TOOL = "langchain::an_edit_cannot_switch_tools"
NOT_HEARD_OF = "nested_killed::a_pause_that_the_step_around_it_has_not_heard_of_takes_its_answer"
UNPROVEN = "ambiguous::is_refused_with_the_reason_and_the_lines_that_settle_it"


class TestTrapsOfLangGraph(TrapList):
    backend = "langgraph"
    capabilities = CAPABILITIES
    sections: ClassVar = {
        "0": "rules for an adapter",
        "1.1": "interrupts and their ids",
        "1.2": "what runs again on a resume",
        "1.3": "where a pause can be seen",
        "1.4": "swallowed pauses, errors, retries, cancel, time",
        "1.5": "time travel",
        "1.6": "state that is edited under a pause",
        "1.7": "payloads",
        "2.1": "an answer that comes twice, one after the other",
        "2.2": "an answer that comes twice at once",
        "2.3": "once and only once",
        "2.4": "the poisoned thread",
        "2.5": "the wrong tool gets the approval",
        "2.6": "where a crash can fall",
        "3.1": "LangChain's own middleware",
        "3.2": "the Agent Inbox",
        "3.3": "recognising a payload",
        "3.4": "what an answer has to look like",
        "4": "checkpointers",
        "7": "known bugs",
        "8": "the mapping",
    }
    traps = (
        # ── 0 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap("0", "answering one by one costs a run of every other node each time", NOTHING_REDONE),
        trap("0", "the step after an answer is lost in a crash unless it is written at once", AROUND_WRITES),
        trap("0", "pauses come in the order in which their nodes end", FAN_OUT),
        trap("0", "a resume may come back although its answer has not arrived", NOT_HEARD_OF),
        # ── 1 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "1.1",
            "older releases give all pauses of a task one id",
            "versions::an_old_version_is_refused_before_anything_of_it_is_imported",
            "native_pauses::a_loop_asks_each_time_anew",
        ),
        trap(
            "1.1",
            "a renamed node loses its pause without an error",
            "healing::a_renamed_node_is_named_nothing_runs_and_the_old_app_goes_on",
        ),
        trap("1.1", "new input or an edited state gives a pause another id", REPLACED),
        trap(
            "1.2",
            "a node begins again at its first line, effects before its question included",
            "effect_modes::a_result_that_is_handed_out_again_is_what_the_tool_returned_and_says_that_it_was_edited",
            "gated_tools::a_gated_function_that_raises_is_the_same_refusal_on_replay",
            declared(Capability.DETECT_IN_DOUBT, "LangGraph runs a node again by itself"),
        ),
        trap("1.2", "what waits beside an answered task begins again", NOTHING_REDONE),
        trap("1.2", "several pauses at once cannot be answered by a bare value", FAN_OUT),
        trap(
            "1.2",
            "of two questions in one task only one can be answered at a time",
            "native_pauses::questions_in_sequence_each_get_their_own_answer",
            "existing_nodes::two_questions_in_one_node_have_codecs_of_their_own",
        ),
        trap(
            "1.2",
            "a tool node runs its finished tools again with each answer",
            "gated_tools::a_call_beside_one_that_waits_comes_to_its_end",
        ),
        trap(
            "1.2",
            "a graph that a node calls lets the whole node run again",
            "native_pauses::a_graph_inside_a_graph_pauses_with_its_lineage",
            "steps_in_doubt::a_node_that_was_on_its_way_to_a_graph_is_in_doubt",
            declared(Capability.DETECT_IN_DOUBT, "LangGraph runs a node again by itself"),
        ),
        trap(
            "1.2",
            "an entrypoint runs again from its start around its finished tasks",
            "native_pauses::a_task_of_the_functional_api_pauses_and_finished_tasks_are_kept",
        ),
        trap(
            "1.2",
            "a subgraph that keeps no checkpoints asks for ever",
            "findings::a_subgraph_without_checkpoints_asks_for_ever",
        ),
        trap(
            "1.2",
            "a static breakpoint has neither payload nor id",
            "native_pauses::a_static_breakpoint_asks_to_go_on",
            "native_pauses::a_refused_breakpoint_ends_the_thread",
        ),
        trap(
            "1.2",
            "a thread that crashed looks like one at a breakpoint",
            "breakpoints_killed::a_step_that_was_cut_off_is_in_doubt_and_not_a_breakpoint",
        ),
        trap("1.3", "some streams show no pause at all", "streaming::an_agent_is_watched_through_a_pause"),
        trap(
            "1.3",
            "a pause in a subgraph is seen once at each level",
            "native_pauses::a_graph_inside_a_graph_pauses_with_its_lineage",
        ),
        trap("1.3", "nobody lists what waits in all threads", "races::two_workers_and_two_people"),
        trap(
            "1.4",
            "a handler for any exception swallows the pause, and the graph goes on unapproved",
            "findings::such_a_graph_really_goes_on_unapproved",
            "findings::a_handler_that_eats_the_pause_is_refused",
            "findings::a_decorator_that_eats_the_pause_is_warned_of",
        ),
        trap(
            "1.4",
            "a retry runs an approved node again with the same answer",
            "gated_tools::a_retry_policy_does_not_repeat_a_gated_effect",
        ),
        trap(
            "1.4",
            "a node that fails after its answer keeps question and answer",
            "healing::a_node_that_failed_for_another_reason_goes_on_with_its_answer",
        ),
        trap(
            "1.4",
            "a step in a thread cannot be cancelled",
            "control::a_graph_in_a_thread_ends_with_its_turn",
        ),
        trap("1.4", "a pause never expires", EXPIRED),
        trap(
            "1.4",
            "a graph at work ends only between two of its steps",
            "control::a_stop_while_a_graph_works_ends_it_after_its_step_and_lifting_goes_on",
        ),
        trap(
            "1.4",
            "without a checkpointer it pauses and can never go on",
            "healing::a_graph_without_a_checkpointer_is_refused_by_name",
        ),
        trap("1.5", "going back drops the old answers and asks under another id", REWOUND),
        trap(
            "1.5",
            "going back takes no effect back",
            "control::a_rewind_asks_again_on_a_branch_and_what_happened_stays_on_record",
        ),
        trap("1.6", "any edit of the state takes the pauses away until the next run", REPLACED),
        trap(
            "1.6",
            "an edit in the name of one waiting node lets the others vanish",
            "healing::an_edit_in_the_name_of_one_of_several_pauses_is_named_and_nothing_runs",
        ),
        trap("1.6", "a jump to the end does not cancel, but asks again", CANCELLED, "control::a_cancel_as_an_answer"),
        trap(
            "1.7",
            "payloads that are no JSON come back as something else",
            "payloads::each_is_shown_as_the_table_says",
            "payloads::it_is_decided_about_as_shown",
        ),
        trap(
            "1.7",
            "what cannot be written down breaks the pause",
            "payloads::a_payload_that_cannot_be_kept_fails_the_run_and_nothing_runs",
            "payloads::what_cannot_be_shown_is_refused_by_its_type",
        ),
        trap(
            "1.7",
            "an answer is another object when it is replayed",
            "properties::any_payload_with_any_decision",
        ),
        # ── 2 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap("2.1", "a second submit answers the next question", TOLD_ALREADY),
        trap("2.1", "an answer to a run that is over is lost silently", "conformance::a_finished_run_takes_no_answer"),
        trap("2.1", "an unknown id is ignored silently", "conformance::an_unknown_request_is_refused"),
        trap(
            "2.1",
            "an answer to a thread that is not there starts the graph",
            "healing::a_thread_that_was_deleted_is_named",
        ),
        trap(
            "2.1",
            "nothing, an empty map and a map of hex keys are not taken for answers",
            "native_pauses::an_answer_that_looks_like_none_or_like_a_map_of_answers_arrives_as_it_is",
        ),
        trap("2.1", "an old answer is given to the next question when the run goes on", STORED_ANSWER),
        trap("2.1", "at an old checkpoint the old answer is replayed and what follows runs again", REWOUND),
        trap(
            "2.1",
            "new input drops the pause",
            REPLACED,
            "healing::a_thread_that_waits_for_another_run_is_refused",
        ),
        trap(
            "2.2",
            "two processes resume one pause and both succeed",
            "races::raw_langgraph_runs_the_tool_twice",
            "races::with_us_it_runs_once",
            "conformance::two_workers_share_the_work",
        ),
        trap("2.3", "who lost the claim goes on all the same", "conformance::a_worker_that_froze_is_refused"),
        trap(
            "2.3",
            "a node may be tried twice for one decision",
            "effect_modes::an_idempotent_effect_is_repeated_with_its_key_and_nobody_is_asked",
            "every_boundary::killed_anywhere_it_comes_to_its_end",
        ),
        trap("2.3", "other code runs the same thread", MOVED_ON),
        trap(
            "2.4",
            "an answer of the wrong shape is kept, and every right one after it ignored",
            "existing_nodes::an_answer_that_does_not_fit_leaves_the_pause_unharmed",
            "forms::every_fault_is_named_and_the_pause_stays",
            "healing::a_poisoned_thread_is_asked_again",
        ),
        trap("2.4", "the right answer that follows a wrong one answers the next question unseen", STORED_ANSWER),
        trap(
            "2.4",
            "the repair runs finished work beside it again",
            "healing::asking_again_is_refused_where_finished_work_beside_it_would_run_twice",
        ),
        trap("2.4", "an edit to another tool fails only after its neighbours have run", SAME_TOOL),
        trap(
            "2.5",
            "in one tool node the answer goes to whichever tool asks first",
            "shared_tool_nodes::two_calls_in_one_task_are_refused_and_nothing_is_paid",
            "shared_tool_nodes::calls_that_are_sent_one_by_one_each_get_their_own_answer",
            "gated_tools::the_approval_reaches_its_own_call_whichever_is_faster",
        ),
        trap(
            "2.6",
            "killed in a step, LangGraph runs it again unasked",
            "killed::killed_in_a_node_of_the_app_the_step_is_in_doubt",
        ),
        trap(
            "2.6",
            "killed in the step after it, the answered one may run again",
            "every_boundary::killed_anywhere_it_comes_to_its_end",
            "breakpoints_killed::killed_after_any_write_of_the_saver_it_goes_on",
        ),
        trap(
            "2.6",
            "killed between the pause inside and the step around it, an answer finds nothing",
            NOT_HEARD_OF,
        ),
        # ── 3 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "3.1",
            "one pause stands for a whole batch, answered by position and in full",
            "langchain_middleware::every_call_is_a_request_of_its_own_and_answers_are_mixed",
            "langchain_middleware::half_answered_nothing_runs",
            "langchain::half_of_a_batch_cannot_be_lowered",
            "langchain::swapped_answers_are_refused",
        ),
        trap("3.1", "an edit can name another tool, which runs unreviewed", SAME_TOOL),
        trap("3.1", "beside a middleware that jumps to the tools a refused call still runs: told of at attach", JUMPS),
        trap(
            "3.1",
            "a condition is asked again on the resume, and may flip: told of at attach",
            "findings::when_predicates_are_warned_of",
        ),
        trap(
            "3.1",
            "of several answers in one map a bad one comes after the others' tools",
            "langchain_middleware::an_edit_that_does_not_fit_the_tool_is_refused_and_the_thread_unharmed",
        ),
        trap(
            "3.2",
            "an acceptance sends all arguments back as texts",
            "native_pauses::the_agent_inbox_protocol",
        ),
        trap(
            "3.2",
            "a graph reads the first of the answers only",
            "lift::several_inbox_requests_in_one_pause_are_ambiguous",
        ),
        trap("3.3", "a payload only looks like a protocol", "lift::half_a_protocol_is_none"),
        trap(
            "3.3",
            "any node can write a payload that claims to be ours",
            "native_pauses::a_payload_that_claims_to_be_the_gates_own_is_never_answered",
        ),
        trap(
            "3.4",
            "a refusal in words, or in a record, is true where truth decides",
            "ambiguous::a_refusal_by_truth_is_false_itself",
            "properties::no_refusal_is_a_yes",
        ),
        trap(
            "3.4",
            "the same question expects another form of answer in every graph",
            "existing_nodes::what_runs_is_what_the_person_meant",
            "example_graphs_run::it_runs_unchanged",
        ),
        trap("3.4", "what is read in a helper, or nowhere, proves nothing", UNPROVEN),
        # ── 4, 7, 8 ──────────────────────────────────────────────────────────────────────────────────────────
        trap("4", "no checkpointer can claim a thread", "races::with_us_it_runs_once"),
        trap(
            "4",
            "a sync checkpointer refuses an async graph",
            "checkpointers::native_pauses",
            "gated_tools::a_sync_agent_with_a_sync_saver",
        ),
        trap(
            "4",
            "a checkpointer in memory forgets every pause with its process",
            "findings::a_saver_that_forgets_is_warned_of",
            "healing::a_thread_that_was_only_in_memory_is_said_to_be_gone_with_its_process",
        ),
        trap("7", "a loop replays all its answers", "native_pauses::a_loop_asks_each_time_anew"),
        trap(
            "7",
            "a finished task is lost where a graph pauses that is called after it",
            "native_pauses::a_task_before_a_graph_that_pauses_is_kept",
        ),
        trap("7", "replay in a subgraph begins it again", REWOUND),
        trap("7", "calls of one turn with one id are taken for one", "twin_calls::two_calls_with_one_id_are_two_calls"),
        trap(
            "7",
            "after an edit the model calls again for what it wanted first",
            "gated_tools::an_edited_call_runs_with_types_kept_and_the_model_is_told",
        ),
        trap(
            "8",
            "a late answer takes a decision that a deadline has taken",
            EXPIRED,
            "conformance::an_answer_before_anybody_noticed_is_late_too",
        ),
        trap(
            "8",
            "an option is sent that nobody listed",
            "codecs::chosen_values_are_sent_exactly_as_listed",
            "conformance::no_other_option_is_taken",
        ),
        trap(
            "8",
            "a stop does not reach what was granted and not yet used",
            "control::a_stop_holds_back_what_was_granted_at_a_native_pause",
        ),
        trap("8", "a cancelled thread still takes an answer", CANCELLED),
        trap(
            "8",
            "no person can take the conversation",
            "capabilities::a_handoff_to_a_person_is_refused_by_name_and_nothing_is_made",
            declared(Capability.HANDOFF_TO_HUMAN, "no participant that is a person"),
        ),
    )
