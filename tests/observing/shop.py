"""A shop of plain Python whose processes are observed: what leaves them is what their tests read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0

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
class Shop:
    """One folder with an app, a configuration and a store."""

    folder: Path
    url: str

    @classmethod
    def build(cls, folder: Path, url: str) -> Shop:
        module = f"desk_{uuid.uuid4().hex}"
        (folder / f"{module}.py").write_text(APP, encoding="utf-8")
        (folder / "hitl.toml").write_text(CONFIG.format(module=module, url=url), encoding="utf-8")
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        return cls(folder, url)

    @property
    def config(self) -> Path:
        return self.folder / "hitl.toml"

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

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "hitl_core.cli", *arguments, "-c", str(self.config)]

    def hitl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
            cwd=self.folder,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on in the background; whoever starts it ends it."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=self.folder,
        )


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("HITL_", "OTEL_"))} | {
        "NO_COLOR": "1"
    }
