"""Write docs/openapi.json: the OpenAPI document of the server, as it serves it at /openapi.json.

python scripts/generate_openapi.py            # write
python scripts/generate_openapi.py --check    # exit 1 if the file is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from hitl_core.runtime import Runtime
from hitl_core.server import create_app

TARGET = Path(__file__).parents[1] / "docs" / "openapi.json"


class _NoRuntime:
    """A description needs none."""

    store = clock = None


def document() -> dict[str, Any]:
    return create_app(cast("Runtime", _NoRuntime())).openapi()


def generated() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        return 0 if TARGET.read_text(encoding="utf-8") == generated() else 1
    TARGET.write_text(generated(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
