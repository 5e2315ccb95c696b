"""What the adapter is told about an action it proposed, and what it tells us afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .action import Action
from .record import Json
from .request import PauseRequest


class EffectMode(StrEnum):
    """How a tool's effect behaves in a crash.

    ledger: a crash between start and outcome is in doubt and a person is asked (the default).
    idempotent: retried with the same key.  transactional: commits inside the store's own transaction.
    """

    LEDGER = "ledger"
    IDEMPOTENT = "idempotent"
    TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True)
class Proceed:
    """Run the action with exactly `action.arguments`. `note` (if any) must reach the model: its call was changed."""

    action: Action
    call: str
    request_id: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not run it. `text` goes to the model as the tool's refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class Substitute:
    """Do not run it: `result` stands for it, in a person's words or (`recorded`) as the tool itself returned it.

    `note` is as in Proceed, for a call that was changed before it ran.
    """

    result: Json
    recorded: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody has decided yet. Suspend the framework; the request is stored when the run pauses."""

    request: PauseRequest


Verdict = Proceed | Refuse | Substitute | Wait


@dataclass(frozen=True, slots=True)
class Executed:
    """The tool ran and returned `result` (JSON, replayed if the framework asks again)."""

    result: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """The tool ran and raised; it may have had effects."""

    error: str


Outcome = Executed | Failed
