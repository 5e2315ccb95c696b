"""The desk of the AutoGen adapter's tests: `app` is a spec or a factory, and a person may have the floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hitl_core.protocol import PauseRequest, Response
from hitl_core.protocol.response import decision_of
from tests import desk as desks
from tests.desk import ALL_GO, READS
from tests.ledger import LEDGER, record, recorded
from tests.people import Says, answering, approve, choosing, editing, reject, revising
from tests.people import accept as accepting


@dataclass
class Desk(desks.Desk):
    """One app with a folder for its store."""

    backend = "autogen"
    policy: str = field(default=READS, kw_only=True)


def taking_over(text: str) -> Says:
    return lambda request: _floor(request, type="take_over", text=text)


def handing_back(text: str = "", to: str | None = None) -> Says:
    return lambda request: _floor(request, type="hand_back", text=text, to=to)


def _floor(request: PauseRequest, **decision: Any) -> Response:
    return Response.to(request, decision_of(decision), by="ann")


__all__ = [
    "ALL_GO",
    "LEDGER",
    "READS",
    "Desk",
    "accepting",
    "answering",
    "approve",
    "choosing",
    "editing",
    "handing_back",
    "record",
    "recorded",
    "reject",
    "revising",
    "taking_over",
]
