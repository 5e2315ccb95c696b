"""What is tried: one file per group of promises. Importing them declares every behaviour."""

from . import (
    answers,
    asking,
    at_work,
    decide,
    doubt,
    honesty,
    levels,
    limits,
    override,
    people,
    record,
    restart,
    several,
    steering,
    time,
    workers,
)

ROOMS = (
    decide,
    asking,
    levels,
    limits,
    answers,
    people,
    several,
    restart,
    doubt,
    workers,
    time,
    override,
    steering,
    at_work,
    record,
    honesty,
)
