"""What each framework's lane tries with its runs on a PostgreSQL server: some promises that the store keeps, a storm.

All of them, on every backend: `make promises`; longer storms: `make storm`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hitl_core.testing.conformance import Behaviour, Trial, chosen
from hitl_core.testing.pytest_plugin import ConformanceSuite, StormSuite
from tests.postgres.server import a_large_server, restart

PROMISES = (
    "each_start_follows_a_decision_in_the_trail",
    "an_edit_keeps_the_types_of_the_tool",
    "a_report_keeps_its_json_type",
    "of_two_at_once_one_wins",
    "another_answer_under_the_same_key_is_refused",
    "kinds_wait_side_by_side",
    "pauses_inside_and_outside_wait_together",
    "every_process_dies_once",
    "a_resume_that_died_before_the_tool_is_taken_over",
    "the_call_beside_it_is_not_in_doubt",
    "an_idempotent_tool_is_retried_with_its_key",
    "a_transactional_effect_is_never_in_doubt",
    "two_workers_share_the_work",
    "a_worker_that_froze_cannot_begin_a_tool",
    "a_deadline_passes_while_no_process_is_up",
    "a_stop_that_races_a_resume_is_before_or_after_it",
    "cancel_blocks_what_was_granted",
    "guidance_outlives_a_kill_before_the_model_call",
    "a_cut_is_found",
    "calls_of_one_turn_do_not_pass_the_limit_together",
)


class OnAServer(ConformanceSuite, StormSuite):
    """One server for both."""

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_store(cls) -> Iterator[str]:
        with a_large_server() as url:
            yield url

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_restart(cls, hitl_store: str) -> Callable[[], None]:
        return partial(restart, hitl_store)

    @pytest.mark.parametrize("tried", chosen(names=PROMISES), ids=lambda each: f"{each.promise}-{each.name}")
    def test_behaviour(self, tried: Behaviour, trial: Trial, request: pytest.FixtureRequest) -> None:
        super().test_behaviour(tried, trial, request)
