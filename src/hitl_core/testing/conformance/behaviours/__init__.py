"""What is tried: one file per group of promises. Importing them declares every behaviour."""

from . import (
    answers,
    asking,
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
    record,
    honesty,
)
