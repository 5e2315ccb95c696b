"""One way by which messages go out, as `[messages.NAME]` describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ...protocol import Hours, Level, PauseRequest

ADDRESS: Final = "{address}"
"""What stands in `to` for the address that a person has for this route."""

_EPOCH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """`to` is where messages go: an address of the kind, or a pattern with `{address}`, then one for each person asked.

    `roles` are told where a request asks nobody in particular. Of `levels` it carries, empty is all. Outside of `hours`
    a message waits until they begin; with `digest`, those of one stretch of that length go out as one. `link` is how
    long a link counts; `decide`: whether it lets its person decide, or only leads to the inbox. `secret` signs.
    `speaks_for` are the people in whose name answers come back by a webhook; without it, those who have an address by
    it in the directory.
    """

    name: str
    kind: str
    to: str
    secret: str = ""
    token: str = ""
    url: str = ""
    roles: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    hours: Hours | None = None
    digest: timedelta | None = None
    link: timedelta = timedelta(days=3)
    decide: bool = True
    speaks_for: tuple[str, ...] = ()

    @property
    def personal(self) -> bool:
        """Whether each person has a message of their own."""
        return ADDRESS in self.to

    def carries(self, request: PauseRequest) -> bool:
        return not self.levels or request.level in self.levels

    def due(self, now: datetime) -> datetime:
        """When a message that comes up now goes out."""
        if self.digest is not None:
            length = max(self.digest.total_seconds(), _EPOCH_SECONDS)
            now = datetime.fromtimestamp((now.timestamp() // length + 1) * length, now.tzinfo)
        return now if self.hours is None else self.hours.later(now, 0)
