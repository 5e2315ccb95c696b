"""Parts that do not leave a client tool to whoever started the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ....capabilities import Capability
from ....commands import ClaimRuns
from ....gate import Form
from ....protocol import Action, Substitute, Verdict
from .breaking import breaks
from .gate import NO_FORM, BrokenGate
from .stores import BrokenStore


@breaks("P05", Capability.CLIENT_TOOLS)
class AnswersForThePage(BrokenGate):
    """Says itself what a client tool came to."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        if any(action.tool == each.name for each in self.inner.run.tools):
            return Substitute("done")
        return await self.inner.propose(action, call=call, form=form)


@breaks("P40", Capability.CLIENT_TOOLS)
class ForgetsClientTools(BrokenStore):
    """Gives a run to whoever goes on with it without the tools that it was started with."""

    async def apply(self, command: Any) -> Any:
        made = await self.inner.apply(command)
        if not isinstance(command, ClaimRuns):
            return made
        return tuple(replace(each, run=each.run.model_copy(update={"tools": ()})) for each in made)
