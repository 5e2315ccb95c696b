"""The policy asked about what is not happening now: why it decides as it does, and what another one would have."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ..commands import ListProposed, ReadHistory
from ..contracts import pages
from ..policy import (
    Backtest,
    Backtested,
    Explanation,
    Facts,
    Past,
    Policy,
    Question,
    Situation,
    as_of,
    explain,
    looks_back_to,
    situation_of,
)
from ..protocol import UNDO, Json, Level
from .opened import Opened

TURN: Final = 100
"""Recorded actions that are tried before others, who work in the same process, take their turn."""


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """One rule in a few words. `level` is what it asks for, None if it denies or leaves the level as it is."""

    id: str
    why: str
    denies: bool = False
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy as it is now. `text` is what its file says; None if it is several files, or was written in Python."""

    version: str
    digest: str
    rules: tuple[RuleInForce, ...]
    text: str | None = None


class Policies(Opened):
    """Say what is in force, explain, and try on what was recorded."""

    async def policy(self) -> InForce:
        """The policy in force, as it stands in its file now."""
        policy = await self._around.in_force()
        rules = tuple(RuleInForce(each.id, each.why, each.effect == "deny", each.level) for each in policy.rules)
        return InForce(policy.version, policy.digest, rules, policy.text)

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

    async def backtest(self, policy: Policy, *, since: datetime | None = None) -> Backtested:
        """What would have come of the recorded actions of this tenant under another policy, and whose fate changes.

        Each is decided on as of its own time, with what had begun by then; the app says what its tools are, as it
        stands now. Nothing is written, and the history is read page by page. Raises StoreError.
        """
        await self._learn_tools()
        in_force = self._around.policy()
        environment, tenant = self._around.environment, self.settings.tenant
        tried = Backtest(policy, traits=self._traits_of, environment=environment, since=since, in_force=in_force)
        starts = [] if since is None else [looks_back_to(each, since) for each in (policy, in_force)]
        start = None if None in starts else min((each for each in starts if each is not None), default=None)
        async for page in pages(self.store, ListProposed(since=start, tenant=tenant)):
            for number, entry in enumerate(page.items):
                tried.take(entry)
                if not number % TURN:
                    await asyncio.sleep(0)
        return tried.result()

    def _traits_of(self, tool: str) -> dict[str, Any] | None:
        """None for a tool that nobody knows."""
        known = self._around.catalogue.knows(tool.removeprefix(UNDO))
        return self._traits(tool) if known else None

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
