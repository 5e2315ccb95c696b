"""A shop of plain Python whose processes are observed: what leaves them is what their tests read."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.shop import PATIENCE, Configured, environment

APP = """
from pathlib import Path

from hitl_adapters.plain import Refused, gate

HERE = Path(__file__).parent


@gate.guard(title="Pay money back")
async def refund(order: str, amount: float) -> str:
    with (HERE / "ledger").open("a") as ledger:
        ledger.write(order + "\\n")
    return f"paid {amount}"


@gate.guard(reversible=True)
async def note(order: str) -> str:
    return "noted"


async def agent(given):
    await note(given["order"])
    try:
        return await refund(given["order"], given["amount"])
    except Refused as exc:
        return str(exc)
"""

CONFIG = """
[backend]
name = "plain"
app = "{module}:agent"

[store]
url = "{url}"
audit_key = "audit.key"

[policy]
file = "policy.toml"
"""

POLICY = """
version = "1"

[[rules]]
id = "notes"
match = { tool = "note" }
level = "autonomous"
why = "Notes are harmless."
"""


@dataclass(frozen=True)
class Shop(Configured):
    """One folder with an app, a configuration and a store."""

    url: str

    @classmethod
    def build(cls, folder: Path, url: str) -> Shop:
        module = f"desk_{uuid.uuid4().hex}"
        (folder / f"{module}.py").write_text(APP, encoding="utf-8")
        (folder / "hitl.toml").write_text(CONFIG.format(module=module, url=url), encoding="utf-8")
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        return cls(folder, url)

    def python(self, script: str, **given: Any) -> Any:
        """Run `script` in a process of its own with `given` as its `GIVEN`; the JSON that it prints last."""
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            input=json.dumps({"config": str(self.config), **given}),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
            cwd=self.folder,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
