"""Gates that do not do what a level means: who leads, who is told, who can object."""

from __future__ import annotations

from dataclasses import replace

from ....protocol import Action, Kind, Level, Proceed, Refuse, Report, Ruling, Substitute, Verdict, Wait
from .breaking import breaks
from .gate import NO_FORM, BrokenGate


@breaks("P10")
class RunsWherePeopleLead(BrokenGate):
    """Runs a call at level human_leads."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        led = isinstance(said, Wait) and said.request.level is Level.HUMAN_LEADS
        return self.lets_run(action, call) if led else said


@breaks("P10")
class LosesTheReport(BrokenGate):
    """Goes on as if nobody had said what came of what a person did."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        settled = await self.inner.settled(call)
        response = None if settled is None else settled.response
        if response is None or not isinstance(response.decision, Report):
            return said
        return Substitute("It is taken care of.")


@breaks("P10")
class MakesAReportText(BrokenGate):
    """Writes down what a person reports as Python shows it, and not as JSON."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        reported = isinstance(said, Substitute) and "by hand" in said.note
        return replace(said, result=str(said.result)) if reported and isinstance(said, Substitute) else said


_NOTICED = Ruling(rule="everything", version="?", why="Somebody may want to know.", level=Level.NOTIFY)


@breaks("P11")
class AnnouncesEverything(BrokenGate):
    """Tells people of what runs at level autonomous, until nobody looks at a notice any more."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        if isinstance(said, Proceed) and said.request_id is None and call not in self.inner._notices:
            form = replace(NO_FORM, kind=Kind.NOTICE)
            self.inner._notices[call] = self.inner.questions.compose(action, call, 0, form, _NOTICED)
        return said


@breaks("P11")
class LosesTheNotice(BrokenGate):
    """Runs a call at level notify and tells nobody."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        self.inner._notices.clear()
        return said


@breaks("P12")
class DoesNotWaitForTheVeto(BrokenGate):
    """Announces a call and runs it at once."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Wait) and said.request.veto else said


@breaks("P13")
class TellsNothing(BrokenGate):
    """Keeps from the agent what people have done to its calls."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        match said:
            case Refuse():
                return Refuse("It did not work.")
            case Proceed() | Substitute():
                return replace(said, note="")
            case Wait():
                return said


@breaks("P13")
class TellsWhatIsToBeKept(BrokenGate):
    """Tells the agent of each approval, whatever is configured."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        if not isinstance(said, Proceed) or said.request_id is None or said.note:
            return said
        return replace(said, note="A person approved this call.")
