"""[server] of hitl.toml: where the inbox is served, who may come in and how, and who may see what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8484


@dataclass(frozen=True, slots=True)
class Serving:
    """How the inbox is served. `url` is where people reach it, which links in messages begin with; "" for its address.

    `undo` is how many seconds a click in the inbox can be taken back before it is given as an answer.
    `rights` are the roles that each right needs, one of them (server/doors/rights.py says what is not named here).
    """

    host: str = LOOPBACK
    port: int = PORT
    url: str = ""
    undo: float = 5.0
    session: timedelta = timedelta(hours=12)
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
