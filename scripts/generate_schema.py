"""Write the JSON Schema of the protocol's records to `docs/protocol/schema/`.

    python scripts/generate_schema.py

`tests/tree/test_docs_schema.py` fails while the files differ from the records.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from hitl_core.protocol import (
    PROTOCOL,
    Action,
    AuditEntry,
    Comment,
    DraftVersion,
    Grant,
    Guidance,
    LiveEvent,
    PauseRequest,
    Record,
    Response,
    Ruling,
    Run,
    Undoing,
)

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "protocol" / "schema"
RECORDS: Final[tuple[type[Record], ...]] = (
    Action,
    Ruling,
    PauseRequest,
    Response,
    Run,
    DraftVersion,
    Comment,
    Grant,
    Undoing,
    Guidance,
    LiveEvent,
    AuditEntry,
)
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def pages() -> dict[Path, str]:
    """Every schema file and what it should hold."""
    return {FOLDER / f"{_file_name(record)}.json": _schema(record) for record in RECORDS}


def _schema(record: type[Record]) -> str:
    """The schema of a record as it is read: fields with a default may be left out, unknown fields are kept."""
    name = f"urn:hitl-core:protocol:{PROTOCOL}:{_file_name(record)}"
    schema = {"$schema": DIALECT, "$id": name, **record.model_json_schema(mode="validation")}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _file_name(record: type[Record]) -> str:
    """`PauseRequest` → `pause_request`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()


def main() -> None:
    """Write the files; anything else in the folder is taken away."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for stale in set(FOLDER.glob("*.json")) - made.keys():
        stale.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
