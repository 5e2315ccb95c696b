"""What differs between two JSON values, place by place. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ....protocol import Json

NOTHING: Final = "(not there)"


@dataclass(frozen=True, slots=True)
class Changed:
    """One place, and what stands there before and after, as JSON or `NOTHING`."""

    path: str
    before: str
    after: str


def changes(before: Json, after: Json, path: str = "") -> Iterator[Changed]:
    """Each place at which they differ. Lists of one length are compared entry by entry, others as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            below = f"{path}.{name}" if path else name
            if name in before and name in after:
                yield from changes(before[name], after[name], below)
            else:
                yield Changed(below, _said(before, name), _said(after, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, other, f"{path}[{place}]")
    elif _written(before) != _written(after):
        yield Changed(path or "(the whole)", _written(before), _written(after))


def _said(there: dict[str, Json], name: str) -> str:
    return _written(there[name]) if name in there else NOTHING


def _written(value: Json) -> str:
    """`1`, `1.0` and `true` are written apart: what differs in type differs."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
