"""How PostgreSQL says what the shared statements say in SQLite's words. Each statement is put into its words once."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count
from typing import Final

_RULES: Final = (
    (r"json_extract\(([\w.]+), '\$\.(\w+)'\)", r"(\1::json ->> '\2')"),
    (r"CAST\(([\w.]+) AS BLOB\)", r"convert_to(\1, 'UTF8')"),
    (r"\binstr\(", "strpos("),
    (r"\bzeroblob\(\d+\)", "NULL"),  # no row is moved when it grows: nothing is to be kept free
    (r"\bCROSS JOIN (\w+ \w+ ON)\b", r"JOIN \1"),  # the planner chooses the order, from what it has counted
    (r" INDEXED BY \w+", ""),
    # A line is referred to before it has its number.
    (r"\bhitl_audit l ON l\.rowid\b", "hitl_lines l ON l.line"),
    (r"\browid\b", "line"),
    (r"[\w.]+ NOT IN \(\)", "TRUE"),
    (r"[\w.]+ IN \(\)", "FALSE"),
)


@lru_cache(maxsize=1024)
def put(sql: str) -> str:
    """A statement of the shared commands in PostgreSQL's words, with `$1` for what it is given."""
    for pattern, said in _RULES:
        sql = re.sub(pattern, said, sql)
    numbers = count(1)
    return re.sub(r"\?(\d*)", lambda mark: f"${mark[1] or next(numbers)}", sql)
