"""What is found wrong with a store, besides with its trail: where, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """What can be wrong with the tables."""

    DAMAGED = "damaged"
    MISSING = "missing"
    DANGLING = "dangling"
    UNKNOWN = "unknown"
    UNRECORDED = "unrecorded"
    WASTE = "waste"


ADVICE: Final = {
    Kind.DAMAGED: "what is damaged is not used; restore a backup, and check the disk",
    Kind.MISSING: "a row was deleted outside of hitl-core; restore a backup",
    Kind.DANGLING: "the other row was deleted outside of hitl-core; restore a backup",
    Kind.UNKNOWN: "a newer release or somebody else wrote it; it is not used. Upgrade hitl-core, or restore a backup",
    Kind.UNRECORDED: "a row was changed outside of hitl-core: find out by whom, and restore a backup",
    Kind.WASTE: "nothing reads it and it does no harm but take room",
}


class Flaw(NamedTuple):
    """One thing that is wrong."""

    kind: Kind
    message: str

    @property
    def advice(self) -> str:
        return ADVICE[self.kind]

    @property
    def harmless(self) -> bool:
        return self.kind is Kind.WASTE
