"""People, as far as others may see them: whom one can give a request on to."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from ..people import Person


class Known(BaseModel):
    """Somebody of the directory. `away`: they are away now, and `delegate` may decide for them."""

    model_config = ConfigDict(frozen=True, title="Person")

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    away: bool = False
    delegate: str | None = None

    @classmethod
    def of(cls, person: Person, *, away: bool) -> Self:
        """Without their tenant, which is that of whoever asks."""
        return cls(id=person.id, name=person.name, roles=person.acts_in, away=away, delegate=person.delegate)
