"""The policy asked about what is not happening now: why it decides as it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..commands import ReadHistory
from ..policy import Explanation, Facts, Past, Policy, Question, Situation, as_of, explain, situation_of
from ..protocol import Json
from .opened import Opened


class Policies(Opened):
    """Explain."""

    async def explain(self, asked: Mapping[str, Json], *, policy: Policy | None = None) -> Explanation:
        """What the policy says about an action, why, and the nearest single value that would alter the level.

        `asked` has the keys of a case: `tool`, `arguments` and the facts. What it does not say is as it is here and
        now: the time, the environment, what the app says of its tools, and, without `before`, what has begun before.
        Nothing is written. `policy` is by default the one in force. Raises CasesInvalid with every fault, StoreError.
        """
        await self._learn_tools()
        here = {"environment": self._around.environment, "backend": self.adapter.name, "tenant": self.settings.tenant}
        situation = situation_of({**here, **asked}, now=self._around.now(), traits=self._traits)
        policy = policy or self._around.policy()
        facts = as_of(policy, situation) if "before" in asked else await self._with_history(policy, situation)
        return explain(policy, situation.action, facts=facts)

    def _traits(self, tool: str) -> dict[str, Any]:
        known = self._around.catalogue.traits(tool)
        return {"tags": known.tags, "reversible": known.reversible, "risk": known.risk}

    async def _with_history(self, policy: Policy, situation: Situation) -> Facts:
        asked = policy.asks(situation.action, facts=situation.facts)
        questions = tuple(dict.fromkeys(each.question for each in asked))
        known: tuple[Past, ...] = ()
        if questions:
            run = situation.facts.run or ""
            known = await self.store.fetch(ReadHistory(questions, run, "", situation.facts.now))
        history: dict[Question, Past] = dict(zip(questions, known, strict=True))
        return replace(situation.facts, history=history)
