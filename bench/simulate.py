"""How many reviewers and workers does a load need? python -m bench.simulate --per-hour 60 --review-minutes 5 …

    questions arrive ─► wait for a reviewer ─► are decided ─► their runs wait for a place of a worker ─► go on
                          └─ past the deadline ─► expire

A discrete-event simulation: questions come at random (Poisson), are taken in the order in which they came, and take a
random time (exponential) to decide; reviewers begin in working hours only, and finish what they have begun. An answer
after the deadline counts for nothing, as in the store: the reviewer's time is lost. What has expired goes on too, with
what its deadline declares. The same seed gives the same numbers. `erlang_c` is the closed form for round-the-clock
reviewers without a deadline, against which tests/bench/test_simulate.py holds it.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
MOST: Final = 10_000
"""People or workers that are tried at most."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When reviewers work: from `begin` to `end` o'clock on the first `days` days of each week, from a Monday on."""

    begin: float = 0.0
    end: float = 24.0
    days: int = 7

    def next_open(self, at: float) -> float:
        """`at` if that is in working hours, else when they begin next."""
        day = math.floor(at / DAY) * DAY
        while True:
            opens, closes = day + self.begin * HOUR, day + self.end * HOUR
            if (day % WEEK) / DAY < self.days and at < closes:
                return max(at, opens)
            day += DAY

    @property
    def share(self) -> float:
        """Of all time, how much they work."""
        return (self.end - self.begin) / 24 * self.days / 7


@dataclass(frozen=True, slots=True)
class Load:
    """Times are seconds, `per_hour` and the rest means. `asked_in_hours`: questions come in working hours only."""

    per_hour: float
    review: float
    reviewers: int
    deadline: float = math.inf
    hours: Hours = Hours()
    asked_in_hours: bool = False
    resume: float = 5.0
    places: int = 4
    """Runs that go on at the same time: workers times their concurrency."""


@dataclass(slots=True)
class Seen:
    """What happened. `waits` are seconds until a review began or the deadline had passed, `resumed` those until a run
    went on after its question was settled. `open_seconds` is the area under the number of open questions.
    """

    asked: int = 0
    decided: int = 0
    expired: int = 0
    waits: list[float] = field(default_factory=list)
    lasted: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    reviewing: float = 0.0
    resuming: float = 0.0
    open_seconds: float = 0.0
    most_open: int = 0
    ended: float = 0.0

    def wait(self, percent: float) -> float:
        return _percentile(self.waits, percent)


# ── the simulation ───────────────────────────────────────────────────────────────────────────────────────────


def simulate(load: Load, *, questions: int, seed: int = 1) -> Seen:
    """Let that many questions come, and go on until all of them are settled and their runs have gone on."""
    seen, settled = Seen(), list[float]()
    _review(load, seen, settled, list(_arrivals(load, questions, random.Random(f"{seed} arrivals"))), seed)
    _resume(load, seen, sorted(settled), random.Random(f"{seed} resumes"))
    return seen


def _arrivals(load: Load, questions: int, chance: random.Random) -> Iterator[float]:
    at = 0.0
    for _ in range(questions):
        at += chance.expovariate(load.per_hour / HOUR)
        if load.asked_in_hours:
            at = load.hours.next_open(at)
        yield at


def _review(load: Load, seen: Seen, settled: list[float], arrivals: Sequence[float], seed: int) -> None:
    """Each question to whoever is free first; `free` is when each reviewer is."""
    chance, free = random.Random(f"{seed} reviews"), [0.0] * load.reviewers
    for came in arrivals:
        seen.asked += 1
        due, takes = came + load.deadline, chance.expovariate(1 / load.review)
        begins = load.hours.next_open(max(came, free[0]))
        if begins > due:
            settles, waited = due, load.deadline
            seen.expired += 1
        else:
            heapq.heapreplace(free, begins + takes)
            seen.reviewing += takes
            settles, waited = min(due, begins + takes), begins - came
            seen.decided += begins + takes <= due
            seen.expired += begins + takes > due
        seen.waits.append(waited)
        seen.lasted.append(settles - came)
        settled.append(settles)
    _count_open(seen, arrivals, settled)


def _count_open(seen: Seen, arrivals: Sequence[float], settled: Sequence[float]) -> None:
    moves = sorted([*((at, 1) for at in arrivals), *((at, -1) for at in settled)])
    there, before = 0, 0.0
    for at, change in moves:
        seen.open_seconds += there * (at - before)
        there, before = there + change, at
        seen.most_open = max(seen.most_open, there)
    seen.ended = before
    assert there == 0, "a question was left"


def _resume(load: Load, seen: Seen, settled: Sequence[float], chance: random.Random) -> None:
    """Each settled run to whichever place is free first."""
    free = [0.0] * load.places
    for ready in settled:
        begins, takes = max(ready, free[0]), chance.expovariate(1 / load.resume)
        heapq.heapreplace(free, begins + takes)
        seen.resuming += takes
        seen.resumed.append(begins - ready)


# ── what is needed ───────────────────────────────────────────────────────────────────────────────────────────


def fewest(enough: Callable[[int], bool]) -> int:
    """The smallest number from 1 on that is enough, where more are never worse. Raises ValueError over MOST."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST:
            raise ValueError(f"not even {MOST:,} are enough; the times or the deadline do not allow it")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def reviewers_needed(load: Load, *, expired: float, wait: float, questions: int, seed: int = 1) -> int:
    """So that at most this share expires, and 95 of 100 wait at most that many seconds."""

    def enough(many: int) -> bool:
        seen = simulate(replace(load, reviewers=many), questions=questions, seed=seed)
        return seen.expired / seen.asked <= expired and seen.wait(95) <= wait

    return fewest(enough)


def places_needed(load: Load, *, wait: float, questions: int, seed: int = 1) -> int:
    """So that 99 of 100 settled runs go on within that many seconds."""

    def enough(many: int) -> bool:
        seen = simulate(replace(load, places=many), questions=questions, seed=seed)
        return _percentile(seen.resumed, 99) <= wait

    return fewest(enough)


def erlang_c(per_second: float, each: float, servers: int) -> tuple[float, float]:
    """Whether one has to wait, and how long one waits in the mean, in M/M/c. Raises ValueError if it has no end."""
    offered = per_second * each
    if offered >= servers:
        raise ValueError(f"{servers} cannot do the work of {offered:.2f}")
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - offered / servers * (1 - blocked))
    return waits, waits * each / (servers - offered)


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


# ── at a terminal ────────────────────────────────────────────────────────────────────────────────────────────


def report(load: Load, seen: Seen, *, concurrency: int) -> str:
    """What was seen, line by line."""
    busy = seen.reviewing / (load.reviewers * seen.ended * load.hours.share)
    rows = deque(
        [
            ("questions", f"{seen.asked:,} in {seen.ended / DAY:,.1f} days, {load.per_hour:g} an hour"),
            ("reviewers", f"{load.reviewers}, busy {busy:.0%} of their working hours"),
            ("decided in time", f"{seen.decided:,} ({seen.decided / seen.asked:.2%})"),
            ("expired", f"{seen.expired:,} ({seen.expired / seen.asked:.2%})"),
            ("wait for a reviewer", ", ".join(f"p{p} {spoken(seen.wait(p))}" for p in (50, 95, 99))),
            ("open questions", f"{seen.open_seconds / seen.ended:,.1f} in the mean, {seen.most_open:,} at most"),
            ("workers", f"{math.ceil(load.places / concurrency)} with {concurrency} runs at once"),
            ("places busy", f"{seen.resuming / (load.places * seen.ended):.1%}"),
            ("wait for a worker", ", ".join(f"p{p} {spoken(_percentile(seen.resumed, p))}" for p in (50, 99))),
        ]
    )
    return "\n".join(f"{name:<20} {value}" for name, value in rows)


def spoken(seconds: float) -> str:
    """A time in the unit that people would say it in."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bench.simulate", description="How many reviewers and workers does a load need?"
    )
    add = made.add_argument
    add("--per-hour", type=float, required=True, help="questions an hour, when they are asked")
    add("--review-minutes", type=float, required=True, help="minutes that a decision takes, in the mean")
    add("--hours", default="0-24", help="when reviewers work, 9-17 for example")
    add("--days", type=int, default=7, help="on how many days of the week")
    add("--asked-in-hours", action="store_true", help="questions come in these hours only")
    add("--deadline-hours", type=float, default=math.inf, help="hours until a question expires")
    add("--reviewers", type=int, help="how many there are; else the fewest that are enough")
    add("--expired-at-most", type=float, default=0.01, help="share of questions that may expire (0.01)")
    add("--wait-minutes", type=float, default=math.inf, help="minutes that 95 of 100 questions may wait for a reviewer")
    add("--resume-seconds", type=float, default=5.0, help="seconds that a run goes on after an answer, in the mean (5)")
    add("--concurrency", type=int, default=4, help="runs that one worker has in hands at once (4)")
    add("--workers", type=int, help="how many there are; else the fewest that are enough")
    add("--resume-wait-seconds", type=float, default=2.0, help="seconds that 99 of 100 answered runs may wait (2)")
    add("--questions", type=int, help="how many are simulated (a quarter of a year, 20,000 to 200,000)")
    add("--seed", type=int, default=1)
    return made


def load_of(given: argparse.Namespace) -> Load:
    """The load, with as many reviewers and places as were said or are needed."""
    begin, _, end = given.hours.partition("-")
    load = Load(
        per_hour=given.per_hour,
        review=given.review_minutes * 60,
        reviewers=given.reviewers or 1,
        deadline=given.deadline_hours * HOUR,
        hours=Hours(float(begin), float(end), given.days),
        asked_in_hours=given.asked_in_hours,
        resume=given.resume_seconds,
        places=(given.workers or 1) * given.concurrency,
    )
    how = {"questions": questions(given), "seed": given.seed}
    if given.reviewers is None:
        wait = given.wait_minutes * 60
        load = replace(load, reviewers=reviewers_needed(load, expired=given.expired_at_most, wait=wait, **how))
    if given.workers is None:
        places = places_needed(load, wait=given.resume_wait_seconds, **how)
        load = replace(load, places=math.ceil(places / given.concurrency) * given.concurrency)
    return load


def questions(given: argparse.Namespace) -> int:
    """Enough that what is random, and how it begins, hardly matters."""
    quarter = int(given.per_hour * 13 * WEEK / HOUR)
    return int(given.questions or min(200_000, max(20_000, quarter)))


def main(arguments: Sequence[str] | None = None) -> str:
    """What the command prints."""
    given = parser().parse_args(arguments)
    load = load_of(given)
    return report(load, simulate(load, questions=questions(given), seed=given.seed), concurrency=given.concurrency)


if __name__ == "__main__":
    print(main())
