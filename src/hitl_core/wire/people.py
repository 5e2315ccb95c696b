"""People, as far as others may see them: whom one can give a request on to; and tokens, by which programs come in."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from ..people import Person
from ..protocol import Instant


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


class Me(BaseModel):
    """Who calls, and what they may do here. `tenant` is the one whose things they see; None for all."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    tenant: str | None
    rights: tuple[str, ...]
    authenticated_by: str


class TokenForm(BaseModel):
    """What is known of a token, without what it says. `seen` is when it was last used, to the minute."""

    model_config = ConfigDict(frozen=True, title="Token")

    id: str
    name: str
    person: str
    tenant: str | None
    rights: tuple[str, ...]
    made_at: Instant
    expires: Instant
    seen: Instant | None = None


class MadeToken(BaseModel):
    """A new token, and what it says: nobody sees that again."""

    model_config = ConfigDict(frozen=True)

    secret: str
    token: TokenForm
