"""What differs between two JSON values, place by place. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ...protocol import Json
from .shapes import ABSENT

NOTHING: Final = "(not there)"


@dataclass(frozen=True, slots=True)
class Changed:
    """One place, and what stands there before and after; ABSENT for nothing."""

    path: str
    before: Any
    after: Any

    @property
    def was_there(self) -> bool:
        return self.before is not ABSENT

    @property
    def is_there(self) -> bool:
        return self.after is not ABSENT

    @property
    def before_as_json(self) -> str:
        return _written(self.before) if self.was_there else NOTHING

    @property
    def after_as_json(self) -> str:
        return _written(self.after) if self.is_there else NOTHING


def changes(before: Json, after: Json, path: str = "") -> Iterator[Changed]:
    """Each place at which they differ. Lists of one length are compared entry by entry, others as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            below = f"{path}.{name}" if path else name
            if name in before and name in after:
                yield from changes(before[name], after[name], below)
            else:
                yield Changed(below, before.get(name, ABSENT), after.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, other, f"{path}[{place}]")
    elif _written(before) != _written(after):
        yield Changed(path or "(the whole)", before, after)


def _written(value: Json) -> str:
    """`1`, `1.0` and `true` are written apart: what differs in type differs."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
