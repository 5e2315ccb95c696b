"""What the apps of the frameworks' benches have in common: a refund after a conversation, and a model over HTTP.

The model is the scripted one in a process of its own, so that a call costs what it costs over loopback, and nothing of
what it does is on anybody's account. It proposes one refund, and closes when it has seen the result.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hitl_core.testing.scripted_model import Call, Rule, Script, When

MESSAGES = (10, 100, 1_000)
CLOSING = "The refund is done."
SCRIPT = Script.of(
    Rule(when=When(tool_result="paid"), say=CLOSING),
    Rule(when=When(), call=(Call(name="refund", arguments={"order": "A-1042", "amount": 120.5}),)),
)


class Till:
    """Counts what was paid: a cycle counts only if exactly one refund came of it."""

    def __init__(self) -> None:
        self.paid = 0

    def pay(self, order: str, amount: float) -> str:
        self.paid += 1
        return f"paid {amount} for {order}"

    @contextmanager
    def once(self) -> Iterator[None]:
        """What is done meanwhile pays once. Raises AssertionError."""
        before = self.paid
        yield
        assert self.paid == before + 1, f"{self.paid - before} refunds were paid, not one"


TILL = Till()


def conversation(messages: int) -> dict[str, Any]:
    """Messages of about a hundred characters, as a run's input."""
    return {"messages": [{"role": "user", "content": line} for line in lines(messages)]}


def lines(messages: int) -> list[str]:
    """The same for every run, and no easier to compress than what people write."""
    chosen = random.Random(7)
    return [f"{number}: {' '.join(_word(chosen) for _ in range(16))}" for number in range(messages)]


def _word(chosen: random.Random) -> str:
    return "".join(chosen.choices("etaoinshrdlu", k=5))


@contextmanager
def model(folder: Path) -> Iterator[str]:
    """The address of a scripted model in a process of its own."""
    script = folder / "script.json"
    script.write_text(SCRIPT.model_dump_json(exclude_none=True), encoding="utf-8")
    command = [sys.executable, "-m", "hitl_core.testing.scripted_model", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def keep(path: Path, text: str) -> str:
    """A text in a file, durably: the least that a pause kept by hand costs. Returns what is read back."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path.read_text(encoding="utf-8")
