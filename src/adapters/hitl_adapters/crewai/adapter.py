"""The CrewAI adapter: what it can do, and what becomes of a run.

attach    import CrewAI and put our hooks in it ─► building: one crew or flow, looked through ─► refused, or ready
advance   building: a fresh one from the factory ─► kickoff in a thread of its own ─► Paused, Completed or Broke
            what a model said, a tool did, a step was ─► suspend: the journal answers, or it is done and remembered
            a tool call, a pause of the app's own     ─► gating: asks the gate ─► goes on, or a soft stop
cancel    nothing to do: a paused crew exists only as rows in our store
rewind    refused: CrewAI has no state inside a task to go back to
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hitl_core.apps import AppSource, room_faults
from hitl_core.capabilities import NATIVE, Capabilities, Capability, Support, absent, emulated
from hitl_core.contracts import Broke, Completed, Ending, Finding, Paused, Turn, endings
from hitl_core.errors import AppChanged, AppRefused, CapabilityNotSupported, Fault
from hitl_core.gate import heeding_stops
from hitl_core.protocol import ClientTool, Json, Run
from hitl_core.tools import Catalogue
from hitl_core.transient import is_transient

from .errors import filter_logs, in_words, keep_quiet, require_versions, silence
from .mapping import output_of

if TYPE_CHECKING:
    from .building import App
    from .suspend import Current, Kept

NAME: Final = "crewai"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: NATIVE,
    Capability.LIFT_NATIVE_PAUSES: NATIVE,
    Capability.EDIT_ARGUMENTS: NATIVE,
    Capability.RESPOND_IN_PLACE: NATIVE,
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: NATIVE,
    Capability.CLIENT_TOOLS: Support(
        "native",
        "but only for an agent that is built from an AgentSpec; CrewAI tells the model of every parameter as required, "
        "and of the name in small letters",
    ),
    Capability.REVIEW_OUTPUT: NATIVE,
    Capability.HANDOFF_TO_HUMAN: emulated(
        "a tool that gives a person the floor, turn by turn; CrewAI has no participant that is a person"
    ),
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: NATIVE,
    Capability.SURVIVE_RESTART: emulated(
        "the crew runs again from its factory; models, tools, methods, callbacks of tasks and memories answer from a "
        "journal, while kickoff and step callbacks and guardrails run again, and thought signatures of Gemini are lost"
    ),
    Capability.DETECT_IN_DOUBT: emulated(
        "our record of started effects, flow methods and callbacks of tasks; CrewAI keeps none"
    ),
    Capability.STREAM_EVENTS: NATIVE,
    Capability.SHOW_WORDS: emulated(
        "taken from the model's answer as it comes; CrewAI hands on the calls in it, and drops the words beside them"
    ),
    Capability.STEER: emulated(
        "told at each call of an agent's model, where it entered; CrewAI's own messages do not have it"
    ),
    Capability.DRAIN: emulated(
        "a flag that is heeded at the next model call, tool or task; CrewAI cannot be interrupted"
    ),
    Capability.UNDO_BY_FORK: absent(
        "CrewAI's own checkpoints know finished tasks only; there is no state inside a task to go back to"
    ),
    Capability.KEEP_THREADS: emulated("a crew starts anew each time: its task is given the whole conversation as text"),
    Capability.NEUTRAL_SPEC: NATIVE,
}


@dataclass(frozen=True, slots=True)
class CrewAIOptions:
    """`[backend.options]` for CrewAI.

    telemetry: leave CrewAI's telemetry and tracing as they are. console: let it draw its panels on the terminal.
    safe_steps: methods of flows (`Desk.prepare`) and task callbacks (`notify`) without effects of their own, which may
    simply run again after a crash.
    """

    telemetry: bool = False
    console: bool = False
    safe_steps: tuple[str, ...] = ()


class CrewAIAdapter:
    """Drives the crew or flow of one app's factory, or the crew that an AgentSpec describes."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    Options = CrewAIOptions

    def __init__(self, app: AppSource, *, options: CrewAIOptions = CrewAIOptions(), catalogue: Catalogue) -> None:
        self._source, self._options, self._catalogue = app, options, catalogue
        self._app: App | None = None
        self._findings: tuple[Finding, ...] = ()

    @property
    def formats(self) -> tuple[str, ...]:
        """The forms of checkpoints. Asked once the framework is loaded, which `attach` does."""
        from .suspend.kept import VERSION

        return (str(VERSION),)

    async def attach(self) -> tuple[Finding, ...]:
        """Import CrewAI and build the app once. Raises AdapterTooOld, and AppRefused with every reason."""
        if self._app is None:
            self._import()
            from .building import load_app
            from .suspend import in_own_thread

            spec = self._source.spec()
            if spec is not None:
                for tool in spec.all_tools():
                    self._catalogue.learn(tool)
            app = load_app(self._source)
            self._findings = await in_own_thread(app.look, name="hitl-crew-look")
            reasons = [each for each in self._findings if each.level == "refuse"]
            if reasons:
                raise AppRefused("; ".join(f"{each.place}: {each.message}" for each in reasons))
            self._app = app
        return self._findings

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Why a run of this app cannot have these tools: only an agent that is built here can be built with them."""
        return room_faults(self._source.spec(), tools)

    async def advance(self, turn: Turn) -> Ending:
        """Run a fresh crew or flow; what is known of this run is answered at once."""
        from .suspend import Current, Kept, in_own_thread

        app = await self._attached()
        kept = Kept.read(turn.checkpoint)
        now = Current(turn, await turn.gate.journal(), frozenset(kept.calls), frozenset(self._options.safe_steps))
        stretch = _Stretch(app, now, kept)
        try:
            with heeding_stops(turn.gate, now.stop):
                output = await in_own_thread(stretch.run, name=f"hitl-crew-{turn.run.id[:8]}")
        except Exception as exc:
            return stretch.ending(None, exc)
        finally:
            now.over = True
        return stretch.ending(output, None)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """Nothing to forget: a paused crew exists only as rows in our store."""

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        raise CapabilityNotSupported(NAME, Capability.UNDO_BY_FORK, CAPABILITIES[Capability.UNDO_BY_FORK].because)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _attached(self) -> App:
        await self.attach()
        assert self._app is not None
        return self._app

    def _import(self) -> None:
        if not self._options.telemetry:
            keep_quiet()
        require_versions()
        from .gating import install, oversee_flows

        install()
        oversee_flows()
        filter_logs()
        if not self._options.console:
            silence()


class _Stretch:
    """One stretch of a run with one fresh crew or flow, in its own thread, and what came of it."""

    def __init__(self, app: App, now: Current, kept: Kept) -> None:
        self._app, self._now, self._kept = app, now, kept
        self._fingerprint = ""
        self._left = _left(now)

    def run(self) -> Json:
        from .building.app import fingerprint, graft

        native = self._app.make(self._now.turn)
        self._fingerprint = fingerprint(native)
        if self._kept.fingerprint not in ("", self._fingerprint):
            raise AppChanged("the app's tasks, agents, tools or methods are not those that this run paused in")
        graft(native, list(self._kept.tasks))
        self._now.native = native
        return output_of(self._app.kickoff(self._now, native))

    def ending(self, output: Json, error: Exception | None) -> Ending:
        """What a turn came to. Raises the gate's own errors, and AppChanged if a place that waited is gone."""
        now = self._now
        if now.failure is not None and not is_transient(now.failure):
            raise now.failure
        if now.failure is None and now.waiting:
            return self._paused()
        if isinstance(error, AppChanged | AppRefused):
            raise error
        if (why := now.failure or error) is not None:
            endings.warning("run %s: the crew raised", now.turn.run.id, exc_info=why)
            repeatable = is_transient(why) and _left(now) == self._left  # else code of its own has raised
            return Broke(in_words(why), checkpoint=now.turn.checkpoint, repeatable=repeatable)
        self._require_reached()
        return Completed(output, tuple(now.used))

    def _paused(self) -> Paused:
        from .building.app import ended_tasks
        from .suspend import Kept

        now = self._now
        if self._kept.calls and len(now.missing(self._kept.calls)) == len(self._kept.calls):
            self._require_reached()
        kept = Kept(self._fingerprint, tuple(now.waiting), tuple(ended_tasks(now.native)))
        return Paused(kept.to_json(), requests=now.requests(), consumed=tuple(now.used))

    def _require_reached(self) -> None:
        missing = self._now.missing(self._kept.calls)
        if missing:
            raise AppChanged(f"the app did not come to {', '.join(missing)}, where it had paused")


def _left(now: Current) -> int:
    """How often code of the app that no gate sees into was left before its end (gating/steps.py)."""
    return sum(key.startswith("left:") for key in now.journal)
