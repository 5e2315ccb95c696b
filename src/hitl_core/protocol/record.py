"""What every record has in common: frozen, JSON-only, unknown fields kept."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, StringConstraints

PROTOCOL: Final = "1.0"

Json = JsonValue
"""Any JSON value: null, bool, int, float, str, list or dict with text keys."""

Arguments = dict[str, JsonValue]
"""The arguments of a tool call, by parameter name."""

Instant = AwareDatetime
"""A point in time with its zone; kept in UTC with microseconds."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Text = Annotated[str, StringConstraints(max_length=65_536)]


class Record(BaseModel):
    """A part of the protocol. Frozen; fields that this release does not know are kept, not dropped."""

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="constants")

    def to_json(self) -> str:
        """The record as compact JSON text."""
        return self.model_dump_json()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A frozen record is its own copy; pydantic would otherwise copy every default at each validation."""
        return self


class TopRecord(Record):
    """A record that travels on its own, so it names the protocol version that wrote it."""

    protocol: Literal["1.0"] = PROTOCOL
