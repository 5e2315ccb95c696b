"""A shop of plain Python under `hitl`: an app module, a configuration, and a ledger of what really happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds that a test waits at most for something that another process does. Other work may share the machine."""

APP = '''
"""What the shop's agent does, by the word that it is given."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

from hitl_adapters.plain import Refused, gate
from hitl_core import Preview

HERE = Path(__file__).parent


def record(effect, **arguments):
    with (HERE / "ledger.jsonl").open("a") as ledger:
        ledger.write(json.dumps({"effect": effect, **arguments}) + "\\n")


def preview(arguments):
    return Preview(effect=f"Pay {arguments['amount']} EUR back", target=arguments["order"], reversible=False)


@gate.guard(reversible=False, title="Pay money back", preview=preview)
async def refund(order: str, amount: float, note: str = "") -> str:
    record("refund", order=order, amount=amount, note=note)
    return f"paid {amount}"


@gate.guard(title="Ship it")
async def ship(order: str) -> str:
    record("ship", order=order)
    while not (HERE / "go_on").exists():
        time.sleep(0.02)
    return "shipped"


@gate.guard(title="Load it")
async def load(order: str) -> str:
    record("load", order=order)
    while not (HERE / "go_on").exists():
        await asyncio.sleep(0.02)
    return "loaded"


@gate.guard(reversible=True)
async def jot(order: str, text: str) -> str:
    record("jot", order=order, text=text)
    return "jotted"


def look_up():
    record("look_up")
    return True


async def agent(given):
    await gate.step(look_up)
    try:
        return await globals()[given["do"]](given)
    except Refused as exc:
        return {"refused": str(exc)}


async def pay(given):
    return {"done": await refund(given["order"], given["amount"], given.get("note", "")), "notes": list(gate.notes)}


async def ask(given):
    return {"answer": await gate.ask(given.get("question", "May they keep it?"))}


async def choose(given):
    return {"chosen": await gate.choose("Who picks it up?", ["post", "courier"])}


async def review(given):
    return await gate.review("Dear customer, no.", title="The letter")


async def ship_it(given):
    return {"done": await ship(given["order"])}


async def load_it(given):
    return {"done": await load(given["order"])}


async def jot_and_wait(given):
    jotted = await jot(given["order"], given.get("text", ""))
    record("waits")
    while not (HERE / "go_on").exists():
        await asyncio.sleep(0.02)
    return {"done": jotted}


async def ask_and_wait(given):
    await gate.ask("Now?")
    while not (HERE / "go_on").exists():
        await asyncio.sleep(0.02)


async def break_once(given):
    await gate.ask("Now?")
    if not (HERE / "repaired").exists():
        record("breaks")
        raise ConnectionError("the model is away")
    return "repaired"


async def die(given):
    jotted = await jot(given["order"], given.get("text", ""))
    record("dies")
    os.kill(os.getpid(), signal.SIGKILL)


async def jot_it(given):
    return {"done": await jot(given["order"], given.get("text", ""))}


async def jot_and_ask(given):
    jotted = await jot(given["order"], given.get("text", ""))
    answer = await gate.ask("Good?")
    return {"done": jotted, "answer": answer, "told": list(await gate.guidance())}


async def jot_and_pay(given):
    return {"done": [await jot(given["order"], ""), await refund(given["order"], given["amount"])]}


async def insist(given):
    for _ in range(3):
        try:
            return {"done": await refund(given["order"], given["amount"])}
        except Refused:
            pass
    return {"done": None}


async def both(given):
    return {"done": await gate.together(refund("A", 1.0), refund("B", 2.0))}


async def fail(given):
    if not (HERE / "repaired").exists():
        raise KeyError("the warehouse")
    return "repaired"
'''

CONFIG = """
[backend]
name = "plain"
app = "{module}:agent"

[store]
url = "{store}"
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def flat(self) -> str:
        """The output without its line breaks and frames."""
        return " ".join(self.out.replace("│", " ").split())


@dataclass(frozen=True)
class Configured:
    """A folder with a `hitl.toml`. `hitl` runs a command in a process of its own."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "hitl.toml"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "hitl_core.cli", *arguments, "-c", str(self.config)]

    def hitl(self, *arguments: str, stdin: str = "") -> Done:
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
            cwd=self.folder,
        )
        return Done(done.returncode, done.stdout, done.stderr)

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


@dataclass(frozen=True)
class Shop(Configured):
    """One folder with the app of this page, and its ledger."""

    module: str = field(default_factory=lambda: f"desk_{uuid.uuid4().hex}")

    @classmethod
    def build(cls, folder: Path, *, more: str = "", store: str = "sqlite:///hitl.db") -> Shop:
        shop = cls(folder)
        (folder / f"{shop.module}.py").write_text(APP, encoding="utf-8")
        shop.config.write_text(CONFIG.format(module=shop.module, store=store) + more, encoding="utf-8")
        return shop

    def ledger(self, effect: str | None = None) -> list[dict[str, Any]]:
        """What really happened, in order."""
        file = self.folder / "ledger.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if effect is None or line["effect"] == effect]

    def paused(self, do: str = "pay", **given: Any) -> tuple[str, str]:
        """The ids of a run that waits and of the request that it waits for."""
        run = self.hitl("run", "--input", order(do, **given), "--json").json
        return run["id"], run["pending"][0]["id"]


def order(do: str = "pay", **given: Any) -> str:
    """The input of a run."""
    return json.dumps({"do": do, "order": "A-1042", "amount": 48.5, **given})


def environment() -> dict[str, str]:
    """What a command may see of the surroundings: nothing that configures hitl or traces it, and no colours."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("HITL_", "OTEL_"))}
    return others | {"NO_COLOR": "1"}


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds that another process brings about."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.02)


@dataclass(frozen=True)
class ShopAtHome(Shop):
    """A shop whose commands run in the process of the test, which costs a tenth: for what is not about processes."""

    run: Callable[..., Done] = field(kw_only=True)

    def hitl(self, *arguments: str, stdin: str = "") -> Done:
        assert not stdin, "who reads from standard input needs a process of its own"
        return self.run(*arguments)


AtHome = Callable[[Shop], Shop]
"""Makes a shop one whose commands run in the process of the test."""
