"""Durations as people write them: `90s`, `15m`, `2h`, `3d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(days=366)

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM: Final = re.compile(r"(?:(\d{1,8})d)?(?:(\d{1,8})h)?(?:(\d{1,8})m)?(?:(\d{1,8})s)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The duration that `text` says: whole numbers, units from great to small.

    Raises ValueError, which says what to write instead.
    """
    found = _FORM.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 15m, 2h, 3d or 1h30m")
    pairs = zip(found.groups(), _UNITS.values(), strict=True)
    duration = timedelta(seconds=sum(int(number) * unit for number, unit in pairs if number))
    if problem := duration_problem(duration):
        raise ValueError(f"{text!r} {problem}")
    return duration


def written(duration: timedelta) -> str:
    """A duration as people write it, in whole seconds: the inverse of `parse_duration`."""
    left, parts = int(duration.total_seconds()), []
    for unit, size in _UNITS.items():
        number, left = divmod(left, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"


def duration_problem(duration: timedelta) -> str | None:
    """Why a policy cannot use this duration, or None."""
    if duration <= timedelta(0):
        return "is no time at all; leave it out or give it some"
    if duration > LONGEST:
        return f"is more than {LONGEST.days} days"
    return None
