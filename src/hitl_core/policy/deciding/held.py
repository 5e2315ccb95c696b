"""The policy while its file cannot be relied on: it denies and asks as before, and lets nothing run unasked."""

from __future__ import annotations

from ...protocol import Action, Level, OnTimeout, Ruling
from ..rules import Facts
from .decide import Policy


class Held(Policy):
    """A policy of which `why` is wrong with what should have taken its place."""

    def __init__(self, policy: Policy, why: str) -> None:
        self.__dict__.update(policy.__dict__)
        self._why = why

    def decide(self, action: Action, *, facts: Facts) -> Ruling:
        ruling = super().decide(action, facts=facts)
        if ruling.denied:
            return ruling
        # Nobody knows what the new rules would say, so no standing grant takes the place of an answer either.
        ruling = ruling.model_copy(update={"doubtful": True})
        if ruling.level.rank >= Level.CONFIRM.rank and ruling.on_timeout is not OnTimeout.PROCEED:
            return ruling
        return ruling.model_copy(
            update={
                "level": max(ruling.level, Level.CONFIRM, key=lambda level: level.rank),
                "why": f"{ruling.why} ({self._why} So it asks.)",
                "on_timeout": OnTimeout.REFUSE if ruling.on_timeout is OnTimeout.PROCEED else ruling.on_timeout,
                "veto_seconds": None,
                "batch": False,
            }
        )
