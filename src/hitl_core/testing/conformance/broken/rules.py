"""Gates that let run what the policy does not: without a rule, against one, or under a grant for something else."""

from __future__ import annotations

from ....capabilities import Capability
from ....commands import ListGrants
from ....lifecycle import RequestState
from ....protocol import Action, Proceed, Verdict, Wait
from .breaking import breaks
from .gate import BrokenGate


@breaks("P80")
class RunsWhatNoRuleIsAbout(BrokenGate):
    """Takes silence of the policy for consent."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        silent = isinstance(said, Wait) and said.request.because.rule == "default"
        return self.lets_run(action, call) if silent else said


@breaks("P80")
class RunsWhatCannotBeTakenBack(BrokenGate):
    """Lets a rule let run what cannot be taken back, without a word in the file."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        asks = isinstance(said, Wait) and said.request.because.rule != "default"
        return self.lets_run(action, call) if asks else said


@breaks("P81")
class RunsWhatIsForbiddenByNow(BrokenGate):
    """Lets a call run that was approved before a rule forbade it."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        settled = await self.inner.settled(call)
        approved = settled is not None and settled.state is RequestState.DECIDED
        return self.lets_run(action, call) if approved and not isinstance(said, Proceed) else said


@breaks("P83", Capability.GATE_TOOLS)
class TakesAGrantForEveryYes(BrokenGate):
    """Where there is any grant for a tool, lets all of its calls run."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        granted = await self.inner._store.fetch(ListGrants(action.tool))
        return self.lets_run(action, call) if granted and isinstance(said, Wait) else said


@breaks("P83")
class RunsUnderAnyGrant(BrokenGate):
    """Where people are asked, takes it that somebody has granted it."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Wait) and said.request.because.rule == "asks" else said
