"""The place of one behaviour on disk: what really happened, what the agent heard, and the tools that do it.

Nothing is kept in memory, so that processes that come and go, and die, share one stage.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ...protocol import Json
from ...tools import Tool, choice, current_call, question, review, tool
from ..crashing import die
from ..databases import A_FILE, ask, is_server
from ..scripted_model import CallEntry, read_calls, repeated_calls
from .scenes import OPTIONS, UNDO_WINDOW, Scene

MODEL_LOG: Final = "model.jsonl"

_TABLE: Final = "CREATE TABLE IF NOT EXISTS conformance_bookings (booked TEXT NOT NULL)"


When = Literal["before", "after"]


class Stage:
    """A folder with a ledger. `model_url` is where the scripted model of a scene listens, for kits that use one;
    `store_url` is the store of its runs, for kits whose framework keeps something of its own."""

    def __init__(self, folder: Path, model_url: str = "", store_url: str = A_FILE) -> None:
        self.folder = folder
        self.model_url = model_url
        self.store_url = store_url

    # ── for kits without a model ─────────────────────────────────────────────────────────────────────────────

    def hear(self, text: str) -> None:
        """The agent was told this: a tool's result, a refusal, a note, a person's words."""
        _append(self.folder / "heard.jsonl", text)

    def think(self, turn: str) -> None:
        """The agent decided what to do in that turn (of that run): what would be one call of a model."""
        _append(self.folder / "thoughts.jsonl", turn)

    # ── for apps that pause by themselves ────────────────────────────────────────────────────────────────────

    def pays(self, order: str, amount: float) -> str:
        """The effect of an app's own code: money is paid, and nothing of ours has to let it through."""
        return self._does("pay", f"paid {amount}", order=order, amount=amount)

    # ── for frameworks that keep something of their own ──────────────────────────────────────────────────────────

    def database(self, file: str) -> str:
        """Where that is: with the runs if they are on a server, else in this file of the folder."""
        return self.store_url if is_server(self.store_url) else f"sqlite:///{file}"

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────

    def happened(self, tool: str = "") -> list[dict[str, Any]]:
        """The effects of a tool, or of all, in order: its name, its arguments, and the key of its call."""
        return [line for line in _read(self.folder / "ledger.jsonl") if tool in ("", line["tool"])]

    def heard(self) -> str:
        """All that the agent was ever told, one thing a line."""
        told = [str(line) for line in _read(self.folder / "heard.jsonl")]
        bodies = [entry.body or {} for entry in self._calls()]
        told += [said for body in bodies for said in _told(body.get("messages"))]
        return "\n".join(dict.fromkeys(told))

    def told(self, text: str) -> int:
        """How often a text stands in what the agent's model knew last; all else that it knew is not looked at."""
        own = sum(text in str(line) for line in _read(self.folder / "heard.jsonl"))
        bodies = [entry.body or {} for entry in self._calls() if entry.answered]
        last = "\n".join(_told(bodies[-1].get("messages"))) if bodies else ""
        return own + last.count(text)

    def thoughts(self) -> int:
        """How often the model was asked and answered."""
        return len(_read(self.folder / "thoughts.jsonl")) + sum(entry.answered for entry in self._calls())

    def repeated_thoughts(self) -> int:
        """How many of these were the same question once more."""
        own = [str(line) for line in _read(self.folder / "thoughts.jsonl")]
        groups = repeated_calls(self._calls())
        return len(own) - len(set(own)) + sum(len(group) - 1 for group in groups)

    def booked(self) -> int:
        """How many bookings the store's own database holds."""
        return int(ask(self.store_url, self.folder, _TABLE, "SELECT count(*) FROM conformance_bookings"))

    def _calls(self) -> tuple[CallEntry, ...]:
        log = self.folder / MODEL_LOG
        return read_calls(log) if log.exists() else ()

    # ── the tools ────────────────────────────────────────────────────────────────────────────────────────────

    def kills(self, tool: str, when: When) -> None:
        """The next call of `tool` ends its process, before or after its effect; only that one."""
        (self.folder / f"kill-{when}-{tool}").touch()

    def tools(self, scene: Scene) -> tuple[Tool, ...]:
        """The tools that the app of a scene has."""
        made = (*self._acting(redefines=scene.redefines), *_asking())
        return tuple(each for each in made if each.name not in scene.lacks)

    def _acting(self, *, redefines: tuple[str, ...]) -> tuple[Tool, ...]:
        async def repay(receipt: str, arguments: dict[str, Json]) -> str:
            return self._does("repay", f"took back {receipt!r}", **arguments)

        async def erase(receipt: str, arguments: dict[str, Json]) -> str:
            self._does("erase", "", **arguments)
            raise ConnectionError(f"{receipt!r} cannot be erased")

        def unbook(receipt: str, transaction: Any) -> str:
            transaction.execute("DELETE FROM conformance_bookings")
            return f"took back {receipt!r}"

        async def release(receipt: dict[str, Json]) -> str:
            return self._does("release", "released", **receipt)

        @tool(
            description="Pay anybody, by express." if "pay" in redefines else "",
            undo=repay,
            undo_window=UNDO_WINDOW,
            compensates="the fee stays",
        )
        async def pay(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
            """Pay money back."""
            return self._does("pay", f"paid {amount}", order=order, amount=amount)

        @tool(reversible=True, undo=erase)
        async def note(text: str) -> str:
            """Write something down."""
            return self._does("note", f"noted {text}", text=text)

        @tool(idempotent=True)
        async def ship(order: str) -> str:
            """Ship an order."""
            return self._does("ship", f"shipped {order}", order=order)

        @tool(transactional=True, undo=unbook)
        def book(order: str, transaction: Any) -> str:
            """Book an order."""
            transaction.execute(_TABLE)
            transaction.execute("INSERT INTO conformance_bookings VALUES ('booked')")
            return f"booked {order}"

        @tool(undo=release)
        async def reserve(order: str) -> dict[str, Json]:
            """Reserve a room."""
            self._does("reserve", "", order=order)
            return {"order": order, "room": 7}

        @tool
        async def fail(order: str) -> str:
            """Try something that does not work."""
            self._does("fail", "", order=order)
            raise ConnectionError(f"the line to {order} is dead")

        @tool(reversible=True)
        async def weigh(order: str) -> Any:
            """Weigh an order."""
            self._does("weigh", "", order=order)
            return {"grams": 12.5, "fragile": False}

        return (pay, note, ship, book, reserve, fail, weigh)

    def _does(self, name: str, result: str, **arguments: Json) -> str:
        self._dies(name, "before")
        _append(self.folder / "ledger.jsonl", {"tool": name, **arguments, "key": _key()})
        self._dies(name, "after")
        return result

    def _dies(self, name: str, when: When) -> None:
        marker = self.folder / f"kill-{when}-{name}"
        if marker.exists():
            marker.unlink()
            die()


def _key() -> str:
    """The key of the gated call that runs now; "" in an app's own code."""
    try:
        return current_call().key
    except LookupError:
        return ""


def _asking() -> tuple[Tool, ...]:
    return (
        question("ask", "Ask people a question."),
        choice("pick", "Let people choose.", OPTIONS),
        review("show", "Show a draft."),
    )


def _append(path: Path, value: Json) -> None:
    """One whole line, on disk before this returns, however many processes write and die."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(value).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def _read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _told(messages: object) -> list[str]:
    """The texts of a conversation that do not come from its author or from the model."""
    if not isinstance(messages, list):
        return []
    return [_text(each.get("content")) for each in messages if each.get("role") not in ("system", "assistant")]


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)
