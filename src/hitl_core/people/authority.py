"""Which roles may stop, lift, steer and the rest. Pure: values in, every fault out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import Fault
from ..protocol import Responder


class Act(StrEnum):
    """What a person does without having been asked."""

    STOP = "stop"
    LIFT = "lift"
    STEER = "steer"
    CANCEL = "cancel"
    REVOKE = "revoke"
    UNDO = "undo"
    REWIND = "rewind"
    GRANT = "grant"
    OVERRIDE = "override"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Authority:
    """The roles that each act needs, one of them; an act that is not named here is anybody's.

    `lift_by_another`: whoever put a stop in force does not lift it. None means: where there is a directory.
    """

    roles: Mapping[Act, tuple[str, ...]] = field(default_factory=dict)
    lift_by_another: bool | None = None

    def faults(self, act: Act, who: Responder) -> list[Fault]:
        """Why this person may not do this; an empty list means that they may."""
        needed = self.roles.get(act)
        if needed is None or set(needed) & set(who.roles):
            return []
        return [Fault("by", f"{who.id!r} may not {act}; it needs {' or '.join(f'role {role}' for role in needed)}")]
