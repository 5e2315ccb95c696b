"""A record as one line of JSON."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

FIELDS: Final = ("run_id", "request_id", "turn", "worker", "trace_id", "span_id")
"""What `Placed` puts on a record; what is not known is left out."""


class JsonLines(logging.Formatter):
    """One JSON object a record: `time`, `level`, `logger`, `message`, where it was, and `error` with its place.

    What a record has as `fields`, a table of values, stands there under its own names.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": at.replace("+00:00", "Z"), "level": record.levelname.lower()}
        line |= {"logger": record.name, "message": record.getMessage()}
        line |= {name: value for name in FIELDS if (value := getattr(record, name, ""))}
        line |= {name: value for name, value in getattr(record, "fields", {}).items() if name not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def _error(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "message": str(error), "frames": places}
