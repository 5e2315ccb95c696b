"""The simulation against closed forms of queueing theory, and against what holds for every queue."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.simulate import (
    DAY,
    HOUR,
    Hours,
    Load,
    Seen,
    erlang_c,
    fewest,
    main,
    places_needed,
    reviewers_needed,
    simulate,
)

MANY = 60_000
OFFICE = Hours(9, 17, 5)
DESK = Load(per_hour=60, review=300.0, reviewers=6, deadline=24 * HOUR, hours=OFFICE, asked_in_hours=True)


def served(reviewers: int, busy: float) -> tuple[Load, Seen]:
    """Round the clock, without a deadline: M/M/c."""
    load = Load(per_hour=reviewers * busy / 300.0 * HOUR, review=300.0, reviewers=reviewers)
    return load, simulate(load, questions=MANY)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


# ── closed forms ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("offered", "servers"), [(0.5, 1), (2.0, 3), (10.0, 12), (90.0, 100)])
def test_erlang_c_is_its_sum(offered: float, servers: int) -> None:
    """The recursion against the definition, with every term."""
    last = math.exp(servers * math.log(offered) - math.lgamma(servers + 1)) * servers / (servers - offered)
    terms = sum(math.exp(number * math.log(offered) - math.lgamma(number + 1)) for number in range(servers))
    assert erlang_c(offered, 1.0, servers)[0] == pytest.approx(last / (terms + last))


@pytest.mark.parametrize(("reviewers", "busy"), [(1, 0.5), (1, 0.8), (3, 0.7), (8, 0.8)])
def test_waits_are_those_of_erlang_c(reviewers: int, busy: float) -> None:
    load, seen = served(reviewers, busy)
    waits, mean_wait = erlang_c(load.per_hour / HOUR, load.review, reviewers)
    assert sum(wait > 0 for wait in seen.waits) / seen.asked == pytest.approx(waits, rel=0.04)
    assert mean(seen.waits) == pytest.approx(mean_wait, rel=0.12)


def test_a_long_wait_is_as_rare_as_it_is_in_a_queue_of_one() -> None:
    load, seen = served(1, 0.7)
    left = 1 / load.review - load.per_hour / HOUR
    for seconds in (300.0, 900.0, 1_800.0):
        longer = sum(wait > seconds for wait in seen.waits) / seen.asked
        assert longer == pytest.approx(0.7 * math.exp(-left * seconds), rel=0.15)


def test_where_nobody_waits_a_deadline_cuts_off_the_tail_of_the_reviews() -> None:
    load = Load(per_hour=60, review=300.0, reviewers=200, deadline=600.0)
    seen = simulate(load, questions=MANY)
    assert max(seen.waits) == 0
    assert seen.expired / seen.asked == pytest.approx(math.exp(-600 / 300), rel=0.05)


def test_runs_wait_for_a_worker_as_questions_do_for_a_reviewer() -> None:
    """What leaves M/M/c is Poisson again (Burke), so the second queue is one too."""
    load = Load(per_hour=1_440, review=10.0, reviewers=8, resume=5.0, places=3)
    seen = simulate(load, questions=MANY)
    waits, mean_wait = erlang_c(load.per_hour / HOUR, load.resume, load.places)
    assert sum(wait > 0 for wait in seen.resumed) / seen.asked == pytest.approx(waits, rel=0.05)
    assert mean(seen.resumed) == pytest.approx(mean_wait, rel=0.12)


def test_more_work_than_people_has_no_end() -> None:
    with pytest.raises(ValueError, match=r"3 cannot do the work of 3\.50"):
        erlang_c(0.35, 10.0, 3)


# ── what holds for every queue ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("load", [DESK, replace(DESK, reviewers=2), replace(DESK, deadline=600.0)], ids=str)
def test_nothing_is_lost(load: Load) -> None:
    seen = simulate(load, questions=5_000)
    assert seen.decided + seen.expired == seen.asked == len(seen.resumed) == 5_000
    # Little: the mean number is the rate times the mean time.
    assert seen.open_seconds == pytest.approx(sum(seen.lasted))
    assert seen.reviewing <= load.reviewers * seen.ended
    assert max(seen.waits) <= load.deadline
    assert max(seen.lasted) <= load.deadline + 1e-6


def test_people_are_as_busy_as_the_work_that_there_is() -> None:
    load, seen = served(3, 0.7)
    assert seen.reviewing / (load.reviewers * seen.ended) == pytest.approx(0.7, rel=0.03)


def test_the_same_seed_is_the_same_day() -> None:
    assert simulate(DESK, questions=500, seed=3) == simulate(DESK, questions=500, seed=3)
    assert simulate(DESK, questions=500, seed=3) != simulate(DESK, questions=500, seed=4)


def test_nobody_begins_outside_of_the_hours() -> None:
    friday_evening, monday = 4 * DAY + 18 * HOUR, 7 * DAY
    assert OFFICE.next_open(friday_evening) == monday + 9 * HOUR
    assert OFFICE.next_open(monday + 10 * HOUR) == monday + 10 * HOUR
    assert OFFICE.next_open(monday + 17 * HOUR) == monday + DAY + 9 * HOUR
    assert OFFICE.share == pytest.approx(40 / 168)


def test_questions_of_the_night_wait_until_the_morning() -> None:
    load = Load(per_hour=1, review=1.0, reviewers=100, hours=Hours(9, 17, 7))
    seen = simulate(load, questions=5_000)
    assert sum(wait > 0 for wait in seen.waits) / seen.asked == pytest.approx(16 / 24, rel=0.05)
    assert max(seen.waits) == pytest.approx(16 * HOUR, rel=0.01)


# ── what is needed ───────────────────────────────────────────────────────────────────────────────────────────


def test_one_less_would_not_be_enough() -> None:
    few = replace(DESK, deadline=2 * HOUR)
    needed = reviewers_needed(few, expired=0.02, wait=900.0, questions=4_000)
    for many, enough in ((needed, True), (needed - 1, False)):
        seen = simulate(replace(few, reviewers=many), questions=4_000)
        assert (seen.expired / seen.asked <= 0.02 and seen.wait(95) <= 900.0) is enough


def test_places_follow_from_the_work_after_the_answers() -> None:
    load = replace(DESK, per_hour=3_600, reviewers=400, resume=8.0)
    assert places_needed(load, wait=2.0, questions=4_000) > 8
    assert places_needed(replace(load, resume=0.1), wait=2.0, questions=4_000) == 1


def test_what_no_number_can_do_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not even 10,000 are enough"):
        fewest(lambda many: False)


def test_the_command_says_what_is_needed() -> None:
    asked = ["--per-hour", "60", "--review-minutes", "5"]
    said = main([*asked, "--hours", "9-17", "--days", "5", "--asked-in-hours", "--questions", "2000"])
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert lines["expired"] == "0 (0.00%)"
    assert lines["workers"] == "1 with 4 runs at once"
    assert "reviewers" in lines
