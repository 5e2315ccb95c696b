"""Write docs/openapi.json, the OpenAPI document of the server, and the table of calls in docs/http-api.md.

python scripts/generate_openapi.py            # write
python scripts/generate_openapi.py --check    # exit 1 if the file is out of date
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, cast

from hitl_core.runtime import Runtime
from hitl_core.server import create_app

DOCS = Path(__file__).parents[1] / "docs"
TARGET = DOCS / "openapi.json"
PAGE = DOCS / "http-api.md"
START, END = "<!-- calls: made by scripts/generate_openapi.py -->\n", "<!-- end -->"
RIGHT = re.compile(r"Needs the right `(\w+)`")


class _NoRuntime:
    """A description needs none."""

    store = clock = None


def document() -> dict[str, Any]:
    return create_app(cast("Runtime", _NoRuntime())).openapi()


def generated() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def calls() -> str:
    """The table of calls, as the document has them."""
    rows = ["\n| call | what it does | right |\n|---|---|---|\n"]
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            right = RIGHT.search(operation.get("description", ""))
            needed = f"`{right[1]}`" if right else ""
            rows.append(f"| `{method.upper()} {path}` | {operation.get('summary', '')} | {needed} |\n")
    return "".join(rows) + "\n"


def page(text: str) -> str:
    before, _, rest = text.partition(START)
    return before + START + calls() + END + rest.partition(END)[2]


def is_current() -> bool:
    text = PAGE.read_text(encoding="utf-8")
    return TARGET.read_text(encoding="utf-8") == generated() and text == page(text)


def main() -> int:
    if "--check" in sys.argv:
        return 0 if is_current() else 1
    TARGET.write_text(generated(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
