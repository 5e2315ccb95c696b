"""Who calls. Whatever a message says of its sender counts for nothing: who calls is who its request is signed in as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import HTTPConnection

from ..protocol import Responder

START = "start"
RUNS = "runs"
REQUESTS = "requests"
OPERATE = "operate"
"""The rights that matter here, as [server.rights] names them."""


class Caller(Protocol):
    """Somebody's client. `tenant` is the one whose things it sees; None for all. A visitor of the server is one."""

    @property
    def responder(self) -> Responder: ...

    @property
    def tenant(self) -> str | None: ...

    @property
    def rights(self) -> Set[str]: ...


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller, for whoever mounts this in an application that knows by itself who calls."""

    responder: Responder
    tenant: str | None = None
    rights: Set[str] = field(default_factory=lambda: frozenset((START, REQUESTS)))


WhoCalls = Callable[[HTTPConnection], Awaitable[Caller | None]]
"""Says who calls, by the credentials of the request alone; None for nobody, who is sent away.

It is asked again before an answer is carried that took its time, so it should look each time."""


def may(caller: Caller, right: str) -> bool:
    return right in caller.rights


def sees(caller: Caller, tenant: str) -> bool:
    return caller.tenant in (None, tenant)
