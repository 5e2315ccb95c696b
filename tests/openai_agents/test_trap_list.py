"""Which test closes which trap of the OpenAI Agents SDK, by section of the research; what is not stands declared."""

from __future__ import annotations

from typing import ClassVar

from hitl_adapters.openai_agents.adapter import CAPABILITIES
from hitl_core.capabilities import Capability
from tests.traps import TrapList, declared, trap

ONE_NAME = "traps_inside::agents_of_one_name_are_told_apart"
ONE_CALL = "traps::an_approval_is_for_one_call_and_not_for_its_tool"
THINKS_AGAIN = "traps::a_predicate_that_thinks_again_changes_nothing_that_was_decided"
UNCHANGED = "native_pauses::an_unchanged_approval"
CONTEXT = "native_pauses::the_context_and_hooks_of_the_app_are_its_own"
TWO_DEEP = "sub_agents::two_agent_tools_deep"
TURNS = "traps::more_turns_than_the_sdk_admits_by_itself"
ANSWERED = "traps::an_answer_ends_a_run_that_stops_at_its_first_tool"
IN_DOUBT = "killed::killed_in_the_tool_it_is_in_doubt_until_a_person_says"
MODEL_FAILED = "control::a_run_whose_model_failed_is_retried_without_doing_anything_again"
NOT_WRITTEN = "streaming_and_sessions::a_session_that_cannot_be_written_is_written_at_the_next_try"
MCP_STATE = "older_states::a_tool_of_an_mcp_server_that_the_sdk_will_not_run_any_more"


class TestTrapsOfOpenAIAgents(TrapList):
    backend = "openai_agents"
    capabilities = CAPABILITIES
    sections: ClassVar = {
        "1": "what the SDK asks about, and what it does not",
        "2": "approvals",
        "2.1": "changed arguments",
        "2.2": "answers in place of a call",
        "3": "states in a new process",
        "4": "several at once, agents inside agents, handoffs, streams, sessions",
        "5": "a person who takes the conversation",
        "6": "where a crash can fall",
        "8": "what differs between releases",
        "9": "what users report",
    }
    traps = (
        # ── 1 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "1",
            "nobody is asked about what the provider carries out, about computers and sandboxes",
            "around_the_gate::a_tool_that_no_gate_is_before",
            "around_the_gate::the_tools_of_a_sandbox_are_its_own",
            "around_the_gate::a_kind_of_tool_that_came_later_is_not_taken_for_harmless",
            declared(Capability.GATE_TOOLS, "never asks about what the provider carries out"),
        ),
        trap(
            "1",
            "a tool asks nobody unless its author said so",
            "traps::a_gated_function_of_an_unchanged_agent",
            "around_the_gate::a_tool_that_the_apps_code_adds_while_agents_work_is_gated",
            "around_the_gate::what_a_search_for_tools_finds_is_gated",
        ),
        trap(
            "1",
            "a live session can be approved only while it lives",
            "around_the_gate::an_agent_in_a_live_session_is_refused",
        ),
        trap(
            "1",
            "code of the app can approve in the SDK's own callbacks",
            "local_tools::an_approval_in_the_apps_own_code_is_its_own_and_told",
        ),
        trap("1", "runs are traced to the SDK's own platform", "traps::nothing_is_traced_unless_asked_for"),
        # ── 2 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap("2", "one state restored twice runs its tool twice", "traps::one_state_resumed_by_two_runs_its_tool_once"),
        trap("2", "a state that has ended asks the model again", "traps::a_run_that_is_over_is_not_run_again"),
        trap("2", "an approval can count for every later call of its tool", ONE_CALL),
        trap(
            "2",
            "until the resume the last of several decisions counts",
            "conformance::a_different_answer_is_refused_and_told_who_won",
        ),
        trap("2", "a decision about an unknown call is ignored silently", "conformance::an_unknown_request_is_refused"),
        trap("2", "a predicate that raises ends the run", "traps::a_predicate_that_raises_lets_nothing_run"),
        trap("2", "a predicate is asked once and might answer otherwise later", THINKS_AGAIN),
        trap(
            "2.1",
            "the SDK refuses arguments that were changed in its state",
            UNCHANGED,
            "conformance::edit_runs_once_as_edited",
        ),
        trap(
            "2.1",
            "a change made in a guardrail spoils the state beside a pending call",
            "traps::an_edit_beside_a_pending_call_spoils_nothing",
        ),
        trap(
            "2.1",
            "a bad change becomes an error text for the model",
            "gated_tools::an_edit_keeps_its_types_and_the_model_reads_the_note_and_the_result",
            "local_tools::an_edit_that_is_no_such_call_is_refused",
        ),
        trap("2.1", "the model's own call stays as it was", "conformance::an_edit_is_told_to_the_model"),
        trap(
            "2.1",
            "a tool still finds what the model had asked for",
            "edited::a_tool_sees_nowhere_what_a_person_changed_away",
        ),
        trap("2.1", "tools of an MCP server are made anew each turn", "local_tools::a_tool_of_an_mcp_server"),
        trap(
            "2.1",
            "shells, patches and custom tools have no arguments to lay others over",
            "local_tools::what_a_person_changed_is_what_runs_and_the_model_is_told",
            "local_tools::of_two_equal_patches_the_approved_one_runs",
        ),
        trap(
            "2.1",
            "a hosted MCP call runs elsewhere, as it was asked for",
            "around_the_gate::everything_else_about_a_hosted_mcp_call_is_not_offered_and_refused",
            declared(Capability.EDIT_ARGUMENTS, "not over a hosted MCP call"),
        ),
        trap(
            "2.1",
            "a call inside an agent tool is unknown to the outer run",
            "traps_inside::an_edit_inside_an_agent_tool",
        ),
        trap(
            "2.1",
            "a wrapped tool can be called where no run is",
            "traps::a_gated_tool_does_not_run_where_nobody_could_have_approved",
        ),
        trap("2.2", "a refusal with words ends the run on some releases only", ANSWERED),
        trap(
            "2.2",
            "a shell or a patch has no room for a person's words",
            "local_tools::a_person_answers_in_its_place",
            "local_tools::where_the_output_has_no_room_to_tell_of_an_edit_there_is_none",
            declared(Capability.RESPOND_IN_PLACE, "not for the calls that cannot be edited"),
        ),
        trap(
            "2.2",
            "there is no question in the SDK, and nobody checks a choice",
            "gated_tools::people_are_asked",
            "conformance::no_other_option_is_taken",
        ),
        # ── 3 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "3",
            "an agent or a tool is not found any more",
            "changed::what_the_pause_was_about_is_gone",
            "edited::a_tool_that_is_switched_off_when_it_was_decided_does_not_run",
        ),
        trap(
            "3",
            "a tool with another meaning runs on the old approval",
            "changed::a_tool_with_another_meaning_is_asked_about_again",
        ),
        trap(
            "3",
            "an app that wants no approval any more leaves the pause",
            "changed::an_approval_is_not_skipped_because_the_app_no_longer_wants_one",
        ),
        trap("3", "agents of one name ask for ever", ONE_NAME),
        trap("3", "the limit of turns is that of the start", "traps::a_limit_that_was_reached_can_be_raised", TURNS),
        trap(
            "3",
            "a context comes back as something else, and what is secret in it is stored",
            CONTEXT,
            "native_pauses::without_a_context_there_is_none_after_a_pause_either",
        ),
        trap(
            "3",
            "a state of a newer release is not read by an older one",
            "changed::a_checkpoint_of_another_release_is_not_read",
            "changed::states_of_older_releases_are_read_and_of_newer_ones_refused",
        ),
        trap("3", "a state of an older release goes on", "older_states::a_function_tool"),
        trap("3", "an approved MCP call of an older state fails for ever", MCP_STATE),
        # ── 4 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "4",
            "what nobody is asked about runs before the pause, and may not run again",
            "gated_tools::parallel_calls_wait_together_while_the_free_one_runs",
        ),
        trap("4", "an approval releases pending calls of the same tool", ONE_CALL),
        trap("4", "two agent tools deep a pause is never resolved", TWO_DEEP),
        trap(
            "4",
            "a run picks up the nested state of another one",
            "traps_inside::two_runs_in_one_process_do_not_mix",
        ),
        trap(
            "4",
            "equal call ids in agents side by side are mixed up",
            "sub_agents::two_calls_of_one_sub_agent_in_parallel_are_two_conversations",
        ),
        trap(
            "4",
            "an agent that is run by hand hands its pause to code that drops it",
            "traps_inside::an_agent_that_a_tool_runs_by_hand_cannot_lose_a_pause",
            "traps_inside::what_an_agent_says_that_a_tool_runs_by_hand_is_no_answer_to_another",
            "traps_inside::an_agent_that_a_guardrail_runs_by_hand_says_nothing_in_the_run",
            "traps_inside::a_gated_call_inside_a_guardrail_ends_the_run",
        ),
        trap(
            "4",
            "a handoff stands beside a call that waits",
            "traps::a_gated_call_beside_a_handoff_is_decided_before_the_transfer",
        ),
        trap(
            "4",
            "no event of a stream tells of an approval",
            "streaming_and_sessions::a_watched_run_tells_what_it_does",
            "streaming_and_sessions::paused_in_a_stream_and_resumed_without",
        ),
        trap(
            "4",
            "without its session the rest of a turn is lost",
            "streaming_and_sessions::a_session_holds_the_conversation_once",
        ),
        trap(
            "4",
            "another run on the session of one that waits",
            "control::a_cancelled_run_takes_no_answer_and_its_session_can_be_talked_in_again",
        ),
        trap(
            "4",
            "a session that shortens itself drops the calls that wait",
            "streaming_and_sessions::a_session_that_shortens_itself_does_so_when_the_run_is_over",
        ),
        trap("4", "a failing session loses the output of an approved tool", NOT_WRITTEN),
        trap(
            "4",
            "the provider keeps the conversation and is sent only what is new",
            "traps::a_conversation_that_the_provider_keeps_is_sent_nothing_twice",
        ),
        trap(
            "4",
            "guardrails judge what the model wrote, and not what would run",
            "edited::the_apps_guardrails_are_asked_about_what_would_run",
            "edited::guardrails_before_the_decision_see_what_the_model_wrote",
        ),
        # ── 5 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "5",
            "a model for the whole run speaks in a person's place",
            "handoff::a_model_for_every_agent_may_not_speak_in_a_persons_place",
            "handoff::nor_in_agents_that_are_under_oversight_already",
            "traps_inside::an_agent_tool_with_a_model_of_its_own_cannot_go_around",
        ),
        trap(
            "5",
            "where the provider keeps the conversation a person's words are never heard",
            "handoff::where_the_provider_keeps_the_conversation_no_person_can_take_it",
            declared(Capability.HANDOFF_TO_HUMAN, "where the provider keeps the conversation"),
        ),
        trap(
            "5",
            "the agent takes a person's words for its own",
            "handoff::several_turns_then_back_to_the_agent",
        ),
        trap("5", "each turn of a person counts against the limit", TURNS),
        trap(
            "5",
            "a transfer cannot be gated",
            "around_the_gate::a_handoff_that_does_not_show_its_agent",
            declared(Capability.GATE_TOOLS, "a transfer between agents is no call"),
        ),
        trap(
            "5",
            "a person's turns are lost between processes",
            "killed::killed_between_the_turns_of_a_person",
            "handoff_processes::a_person_speaks_hears_and_hands_on_to_somebody_else",
        ),
        # ── 6 ────────────────────────────────────────────────────────────────────────────────────────────────
        trap("6", "a tool that ran before the crash runs again", IN_DOUBT),
        trap("6", "so does one that nobody is asked about", "killed::killed_in_an_ungated_tool_it_is_in_doubt_too"),
        trap("6", "so does one inside another agent", "killed::killed_in_the_tool_of_a_sub_agent"),
        trap(
            "6",
            "so does a shell or a patch",
            "local_tools::a_local_tool_that_nobody_is_asked_about_is_in_doubt_after_a_crash",
        ),
        trap("6", "a session has the output of a call twice", "killed::killed_in_a_session_nothing_is_said_twice"),
        trap(
            "6",
            "a run that fails has no state to go on from",
            MODEL_FAILED,
            "killed::killed_while_the_model_answers_only_that_call_is_made_again",
        ),
        trap(
            "6",
            "a hook that raises marks the call as carried out",
            "traps::a_hook_that_raises_before_the_tool_leaves_it_not_run",
        ),
        trap(
            "6",
            "a tool that raises is in doubt for ever",
            "traps::a_tool_that_raises_ends_the_run_and_is_not_tried_again",
        ),
        trap(
            "6",
            "a failure becomes a text, and the text a result",
            "edited::what_an_error_function_makes_of_a_failure_is_read_and_it_is_on_record_as_failed",
        ),
        trap(
            "6",
            "a tool that ran out of time is cancelled, whatever it had done",
            "traps::a_tool_that_ran_out_of_time_is_in_doubt",
        ),
        trap(
            "6",
            "an MCP server tries a call again by itself",
            "around_the_gate::an_mcp_server_that_tries_again_by_itself",
        ),
        trap(
            "6",
            "hooks, guardrails and on_handoff run again in a turn that is done again",
            declared(Capability.SURVIVE_RESTART, "hooks, guardrails and on_handoff of the app run again"),
        ),
        # ── 8, 9 ─────────────────────────────────────────────────────────────────────────────────────────────
        trap(
            "8",
            "newer releases do not ask a predicate about incomplete arguments",
            "traps::where_the_sdk_cannot_tell_a_person_is_asked",
        ),
        trap("8", "an approval given to another instance of the agent is ignored", UNCHANGED),
        trap(
            "8",
            "copies of a state share their approvals on older releases",
            "control::a_rewind_asks_again_on_a_branch_and_what_happened_stays_on_record",
        ),
        trap(
            "8",
            "the text of an error hides the error on newer releases",
            "native_pauses::what_the_tool_makes_of_its_own_errors_is_read_and_the_failure_is_on_record",
        ),
        trap("8", "a refused call ends the run on newer releases only", ANSWERED),
        trap("8", "agent tools two deep, and agents of one name, on older releases", TWO_DEEP, ONE_NAME),
        trap("8", "sessions are repaired on newer releases only", NOT_WRITTEN),
        trap("8", "MCP calls of older states are bound to no server", MCP_STATE),
        trap("8", "a release that is too old", "changed::an_older_sdk_is_refused_by_name"),
        trap(
            "9",
            "nested pauses loop once they have been written down",
            "sub_agents::a_pause_inside_an_approved_agent_tool",
        ),
        trap("9", "the words of a refusal are lost on the resume", UNCHANGED),
        trap("9", "a context given on the resume forgets the approvals", CONTEXT),
        trap("9", "a predicate is asked again on the resume", THINKS_AGAIN),
        trap(
            "9",
            "with a conversation at the provider the free call beside a gated one is sent twice, or never",
            "traps::a_free_call_beside_a_gated_one_is_told_to_the_provider_once",
        ),
        trap(
            "9",
            "beside output guardrails the session keeps an output without its call",
            "streaming_and_sessions::beside_an_output_guardrail_each_output_in_the_session_has_its_call",
        ),
        trap(
            "9",
            "nobody can interrupt an agent at work",
            "control::a_stop_while_agents_work_ends_the_run_before_the_next_call_of_a_model",
            declared(Capability.DRAIN, "before its next call of a model"),
        ),
        trap(
            "9",
            "nobody can say something more to a run that has begun",
            "steering::it_stays_where_it_entered",
        ),
        trap(
            "9",
            "an approval has no deadline, and nobody is known to have given it",
            "control::a_deadline_decides_and_a_late_answer_is_refused",
            "conformance::a_stranger_may_not_decide",
        ),
    )
