"""What agents wanted to do, as it was recorded: an entry for each action that was decided on or that began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ...protocol import Action, Level


class Came(StrEnum):
    """What came of a proposal; BEGAN is no proposal: something that was proposed before begins."""

    LET_THROUGH = "let_through"
    NOTIFIED = "notified"
    ANNOUNCED = "announced"
    ASKED = "asked"
    REFUSED = "refused"
    GRANTED = "granted"
    BEGAN = "began"


BEGIN = (Came.LET_THROUGH, Came.NOTIFIED, Came.GRANTED, Came.BEGAN)
"""With these something begins, which counts for what comes after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One entry. `action` is None where it was erased; `rule`, `version` and `level` where they were not kept.

    `question`: not an approval, so that it asks whatever the policy says, unless that denies.
    """

    at: datetime
    came: Came
    run: str
    call: str
    tool: str
    tenant: str
    backend: str
    started_by: str | None = None
    action: Action | None = None
    level: Level | None = None
    rule: str | None = None
    version: str | None = None
    request: str | None = None
    question: bool = False
