"""What is tried: one file per group of promises. Importing them declares every behaviour."""

from . import (
    answers,
    asking,
    decide,
    doubt,
    honesty,
    levels,
    override,
    record,
    restart,
    several,
    steering,
    time,
    workers,
)

ROOMS = (decide, asking, levels, answers, several, restart, doubt, workers, time, override, steering, record, honesty)
