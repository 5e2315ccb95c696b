"""Gates that announce, ask or count what they should not, or read a question as an answer."""

from __future__ import annotations

from dataclasses import replace

from ....capabilities import Capability
from ....gate import Form
from ....lifecycle import RequestState
from ....protocol import Action, Ask, Context, Kind, Level, Proceed, Refuse, Ruling, Verdict, Wait
from .breaking import breaks
from .gate import NO_FORM, BrokenGate

_NOTICED = Ruling(rule="everything", version="?", why="Somebody may want to know.", level=Level.NOTIFY)


@breaks("P11")
class AnnouncesEverything(BrokenGate):
    """Tells people of what runs at level autonomous, until nobody looks at a notice any more."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        if isinstance(said, Proceed) and said.request_id is None and call not in self.inner._notices:
            form = replace(NO_FORM, kind=Kind.NOTICE)
            self.inner._notices[call] = self.inner.questions.compose(action, call, 0, form, _NOTICED)
        return said


@breaks("P15")
class KeepsTheQuestionToItself(BrokenGate):
    """Does not tell the agent what a person wants to know."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        settled = await self.inner.settled(call)
        response = None if settled is None else settled.response
        asks = response is not None and isinstance(response.decision, Ask)
        return Refuse("Try once more.") if asks and isinstance(said, Refuse) else said


@breaks("P15", Capability.SHOW_WORDS)
class DropsTheAgentsWords(BrokenGate):
    """Does not hand on what the agent says."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        return await self.inner.propose(action, call=call, form=replace(form, context=Context(), since=None))


@breaks("P15", Capability.SHOW_WORDS)
class HandsOnTheLastWordsOnly(BrokenGate):
    """Hands on what the agent says with its call, and not what it has said before in answer to a question."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        return await self.inner.propose(action, call=call, form=replace(form, since=None))


@breaks("P15")
class MakesAnAnswerUp(BrokenGate):
    """Has an answer where the agent has said nothing."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        made_up = replace(form, since=lambda earlier: "As you wish.")
        return await self.inner.propose(action, call=call, form=made_up)


@breaks("P15")
class TakesAQuestionForAYes(BrokenGate):
    """Lets a call run that somebody has asked about."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        settled = await self.inner.settled(call)
        asked = settled is not None and settled.response is not None and isinstance(settled.response.decision, Ask)
        return self.lets_run(action, call) if asked else said


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


@breaks("P83")
class RunsUnderAnyGrant(BrokenGate):
    """Where people are asked, takes it that somebody has granted it."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Wait) and said.request.because.rule == "asks" else said
