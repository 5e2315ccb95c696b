"""Who has come in, and what they may do here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...protocol import Responder


class Right(StrEnum):
    """What the server lets somebody do, beside what the runtime asks of each act and each answer."""

    REQUESTS = "requests"
    """See the requests that one may decide, answer them, and say something about them."""
    RUNS = "runs"
    """See the runs of one's tenant, with what they were given and what came of them."""
    START = "start"
    """Start and resume runs."""
    OPERATE = "operate"
    """Stop, lift, cancel, steer, undo, override, grant: the runtime asks the authority for each of them, too."""
    POLICY = "policy"
    """See the policy, have it explained and tried."""
    AUDIT = "audit"
    """Read the trail, and have it verified."""
    TOKENS = "tokens"
    """Make and revoke tokens of the API."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has come in. `responder` goes into what they say: its channel is `web` or `api`.

    `tenant` is the one whose things they see; None for all. `csrf` is "" where no cookie is trusted (tokens).
    `by_tokens` are the digests of the token that they came by, and of those by which that was made.
    """

    responder: Responder
    name: str
    tenant: str | None
    rights: frozenset[Right]
    csrf: str = ""
    by_tokens: tuple[str, ...] = ()

    def sees(self, tenant: str | None) -> bool:
        """Whether they see what is this tenant's; what is of none (None), only who sees all does."""
        return self.tenant in (None, tenant)
