"""What is the same for every gate of a runtime: store, policy, clock, catalogue, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..contracts import Clock, Store
from ..policy import Facts, Policy
from ..protocol import Action, Json, PauseRequest, Ruling
from ..tools import Catalogue


def _nobody(request: PauseRequest) -> None:
    """No channel is configured: the inbox has everything."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts that a runtime is made of. `policy` is asked anew for each decision, so that it can be reloaded."""

    store: Store
    policy: Callable[[], Policy]
    clock: Clock
    catalogue: Catalogue
    environment: str = "default"
    announce: Callable[[PauseRequest], None] = _nobody

    def now(self) -> datetime:
        return self.clock.now()

    def rule(
        self,
        action: Action,
        *,
        backend: str,
        started_by: str | None,
        confidence: float | None = None,
        context: dict[str, Json] | None = None,
    ) -> Ruling:
        """What the policy in force says about an action, with what the catalogue knows of its tool."""
        traits = self.catalogue.traits(action.tool)
        facts = Facts(
            now=self.now(),
            backend=backend,
            environment=self.environment,
            agent=action.origin.agent,
            tags=frozenset(traits.tags),
            reversible=traits.reversible,
            risk=traits.risk,
            started_by=started_by,
            confidence=confidence,
            context=context or {},
        )
        return self.policy().decide(action, facts=facts)
