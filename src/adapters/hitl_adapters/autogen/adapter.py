"""The AutoGen adapter: what it can do, and what becomes of a run.

attach    suspend.proof: does AutoGen stop as we believe? ─► one app, looked through ─► refused, or ready
advance   a fresh app from the factory ─► gating: held ─► suspend.kept: put where it stood ─► driven
            somebody waits, and gives no answer ─► the team drains ─► Paused with a new checkpoint
            it ended                            ─► Completed, or a handoff to somebody outside ─► Paused
            it raised                           ─► Broke, to be retried
cancel    nothing to do: a paused team exists only as rows in our store
rewind    refused: AutoGen's state has no history to go back to
"""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import BaseChatMessage, HandoffMessage
from autogen_agentchat.teams import BaseGroupChat

from hitl_core.apps import AppSource, room_faults
from hitl_core.capabilities import NATIVE, Capabilities, Capability, Support, absent, emulated
from hitl_core.contracts import Broke, Completed, Ending, Finding, Paused, Turn, endings
from hitl_core.errors import AppChanged, AppRefused, CapabilityNotSupported, Fault, StoreUnavailable
from hitl_core.protocol import ClientTool, Json, Run
from hitl_core.tools import Catalogue
from hitl_core.transient import is_transient

from .building import Models, build_app
from .errors import in_words
from .gating import Handed, Overseen, oversee
from .mapping import as_task, output_of
from .suspend import Current, Kept, Memory, Scope, Suspended, drive, prove
from .suspend.kept import VERSION

NAME: Final = "autogen"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: emulated("a workbench of ours in front of the agent's; AutoGen has no tool approval"),
    Capability.LIFT_NATIVE_PAUSES: NATIVE,
    Capability.EDIT_ARGUMENTS: emulated("by our workbench; the model reads of it in the result, its own call stays"),
    Capability.RESPOND_IN_PLACE: emulated("by our workbench; AutoGen has no tool approval"),
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: emulated("through a tool; a UserProxyAgent knows only text"),
    Capability.CLIENT_TOOLS: emulated(
        "by our workbench, which answers for them, and only for an agent that is built from an AgentSpec"
    ),
    Capability.REVIEW_OUTPUT: emulated("by holding back the agent's answer; AutoGen has no such step"),
    Capability.HANDOFF_TO_HUMAN: NATIVE,
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: emulated(
        "a turn with an agent or a team inside is replayed by journal; AutoGen saves none"
    ),
    Capability.SURVIVE_RESTART: emulated(
        "a drained team's state and a journal; a replayed turn asks an agent's memory again"
    ),
    Capability.DETECT_IN_DOUBT: emulated("our record of started effects; AutoGen saves nothing inside a turn"),
    Capability.STREAM_EVENTS: NATIVE,
    Capability.SHOW_WORDS: Support(
        "native", "but not what an agent of the app's own says: nobody knows which of its words are about which call"
    ),
    Capability.STEER: emulated("told by our model client at each call of an agent's model, where it entered"),
    Capability.DRAIN: emulated("calls under way end and nothing new starts; AutoGen stops only between turns"),
    Capability.UNDO_BY_FORK: absent("AutoGen's state can be saved, and has no history to go back to"),
    Capability.KEEP_THREADS: emulated(
        "each run has a team of its own, which is given the whole conversation, each message under whose it is"
    ),
    Capability.NEUTRAL_SPEC: NATIVE,
}


@dataclass(frozen=True, slots=True)
class AutoGenOptions:
    """`[backend.options]` for AutoGen.

    review: agents whose answers people review before the team sees them.
    safe_agents: agents of the app's own, without effects but through what they hold, whose turns may run again from
        their start: after a crash, and when a call in them had to wait.
    """

    review: tuple[str, ...] = ()
    safe_agents: tuple[str, ...] = ()


class AutoGenAdapter:
    """Drives one team or agent: what the app's factory builds, or an AgentSpec."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    formats: tuple[str, ...] = (str(VERSION),)
    Options = AutoGenOptions

    def __init__(self, app: AppSource, *, options: AutoGenOptions = AutoGenOptions(), catalogue: Catalogue) -> None:
        self._source, self._options, self._catalogue = app, options, catalogue
        self._models = Models()
        self._findings: tuple[Finding, ...] | None = None

    async def attach(self) -> tuple[Finding, ...]:
        """Prove that AutoGen stops as we believe, and look through one app. Raises AppRefused, naming every reason."""
        if self._findings is None:
            await prove()
            self._learn()
            self._findings = (await self._fresh()).findings
        return self._findings

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Why a run of this app cannot have these tools: only an agent that is built here can be built with them."""
        return room_faults(self._source.spec(), tools)

    async def advance(self, turn: Turn) -> Ending:
        """Drive a fresh app from its start or from the checkpoint to its next ending."""
        await self.attach()
        fresh = self._fresh(watched=turn.watched, tools=turn.run.tools)
        overseen, kept = await fresh, Kept.read(turn.checkpoint)
        if kept is not None and kept.app != overseen.shape:
            raise AppChanged(f"the app was {kept.app} when it paused, and is {overseen.shape} now; nothing ran")
        memory = await Memory.of(turn.gate)
        stretch = _Stretch(overseen, Current(turn, memory), kept)
        try:
            ending = await stretch.ending()
            await memory.written()
        except StoreUnavailable as exc:
            return stretch.broke(exc, turn.checkpoint)
        finally:
            await memory.settled()
        return ending

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """Nothing to forget: a paused team exists only as rows in our store."""

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        raise CapabilityNotSupported(NAME, Capability.UNDO_BY_FORK, CAPABILITIES[Capability.UNDO_BY_FORK].because)

    async def close(self) -> None:
        """Close the model clients that were opened here."""
        await self._models.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    def _learn(self) -> None:
        spec = self._source.spec()
        for tool in () if spec is None else spec.all_tools():
            self._catalogue.learn(tool)

    async def _fresh(self, *, watched: bool = False, tools: tuple[ClientTool, ...] = ()) -> Overseen:
        """A fresh app with its holds: one that has paused or failed is never used again (research/autogen.md §1.3)."""
        options = self._options
        overseen = oversee(await self._built(watched, tools), review=options.review, safe=options.safe_agents)
        reasons = [f"{each.place}: {each.message}" for each in overseen.findings if each.level == "refuse"]
        if reasons:
            raise AppRefused("; ".join(reasons))
        for tool in overseen.neutral:
            if not tool.client:
                self._catalogue.learn(tool)
        return overseen

    async def _built(self, watched: bool, tools: tuple[ClientTool, ...]) -> BaseGroupChat | BaseChatAgent:
        spec = self._source.spec()
        if spec is not None:
            return build_app(spec.with_tools(tools), self._models, stream=watched)
        made = self._source.load()
        if not callable(made):
            raise AppRefused(
                f"{self._source.reference} is a {type(made).__name__}; give a function that builds one anew"
            )
        made = made()
        if inspect.isawaitable(made):
            made = await made
        if not isinstance(made, BaseGroupChat | BaseChatAgent):
            raise AppRefused(f"{self._source.reference} builds a {type(made).__name__}, not a team or an agent")
        return made


class _Stretch:
    """One stretch of a run with one fresh app."""

    def __init__(self, overseen: Overseen, now: Current, kept: Kept | None) -> None:
        self._overseen, self._now, self._kept = overseen, now, kept
        self._app, self._watch = overseen.app, overseen.watch
        self._root = Scope(now, counts=Counter({} if kept is None else kept.counts))
        now.floor.update({} if kept is None else kept.floor)
        self._raised = _raised(now)

    async def ending(self) -> Ending:
        """Put the app where it stood, drive it, and say what came of it."""
        turn = self._now.turn
        try:
            task = await self._stood()
        except Suspended:  # whoever was handed the conversation has the floor still
            return self._paused(turn.checkpoint, self._handed_again())
        except (ValueError, KeyError) as exc:
            raise AppChanged(f"the app does not take the state that it was saved with: {exc}; nothing ran") from exc
        try:
            result = await drive(self._root, lambda: self._stream(task))
        except RuntimeError as exc:  # what a team makes of every error of its manager
            return self.broke(self._now.error or exc, turn.checkpoint)
        if turn.gate.stopped is not None:
            return Broke(str(turn.gate.stopped), turn.checkpoint)
        if self._now.error is not None:
            return self.broke(self._now.error, await self._checkpoint())
        if result is None or (self._watch is not None and self._watch.paused):
            return self._paused(await self._checkpoint())
        self._refuse_unmet()
        return await self._completed(result)

    async def _stood(self) -> list[BaseChatMessage] | None:
        """Load the checkpoint; the task with which the app starts, None if paused participants are asked again."""
        if self._watch is not None:
            await self._watch.prepare()
        if self._kept is None or self._watch is None or self._kept.team is None:
            return as_task(self._now.turn.run.input)
        await self._watch.load(self._kept.team)
        handed = self._handed()
        if handed is None:
            return None if self._kept.team["paused"] else as_task(self._now.turn.run.input)
        task = await handed.task(self._now, self._root.next("~handoff"), self._chat)
        self._root.passed("~handoff")
        return task

    def _stream(self, task: list[BaseChatMessage] | None) -> Any:
        return self._app.run_stream(task=task, cancellation_token=self._now.token)

    # ── endings ──────────────────────────────────────────────────────────────────────────────────────────────

    def _paused(self, checkpoint: Json, again: Json = None) -> Ending:
        now = self._now
        self._refuse_unmet()
        if not self._waits():
            return Broke("the app stopped and nothing in it waits for people", now.turn.checkpoint)
        return Paused(again or checkpoint, tuple(now.lifted.values()), tuple(now.used))

    def broke(self, error: Exception, checkpoint: Json) -> Broke:
        """The ending of a turn in which the team raised, or that the store was away from."""
        endings.warning("run %s: the team raised", self._now.turn.run.id, exc_info=error)
        repeatable = is_transient(error) and _raised(self._now) == self._raised  # else an agent of its own has raised
        return Broke(in_words(error), checkpoint, tuple(self._now.used), repeatable)

    async def _completed(self, result: TaskResult) -> Ending:
        if self._watch is None:
            return Completed(output_of(result.messages), tuple(self._now.used))
        last = result.messages[-1] if result.messages else None
        if isinstance(last, HandoffMessage) and last.target not in self._mates:
            return await self._handed_over(last)
        return Completed(output_of(self._watch.thread, result.stop_reason), tuple(self._now.used))

    async def _handed_over(self, last: HandoffMessage) -> Ending:
        handed = Handed(last.target, last.source, self._mates)
        handed.ask(self._now, self._root.next("~handoff"), self._chat)
        return self._paused(await self._checkpoint({"person": last.target, "by": last.source}))

    async def _checkpoint(self, handed: dict[str, str] | None = None) -> Json:
        team: Any = None if self._watch is None else await self._watch.save()
        counts = dict(self._root.counts) if team is not None else {}
        floor = self._now.floor
        return Kept(self._overseen.shape, team, counts, self._waits(), floor, handed).to_json()

    def _handed_again(self) -> Json:
        """The checkpoint as it was, with what the person has said so far."""
        assert self._kept is not None
        kept = self._kept
        return Kept(kept.app, kept.team, kept.counts, self._waits(), self._now.floor, kept.handed).to_json()

    def _waits(self) -> tuple[str, ...]:
        return tuple(self._now.waits)

    def _refuse_unmet(self) -> None:
        waited = () if self._kept is None else self._kept.waits
        if waited and not self._now.reached & set(waited):
            raise AppChanged(f"the app did not come to {', '.join(waited)}, where it had paused before")

    def _handed(self) -> Handed | None:
        handed = None if self._kept is None else self._kept.handed
        return None if handed is None else Handed(handed["person"], handed["by"], self._mates)

    @property
    def _mates(self) -> tuple[str, ...]:
        return tuple(self._app._participant_names) if isinstance(self._app, BaseGroupChat) else ()

    @property
    def _chat(self) -> list[BaseChatMessage]:
        thread = [] if self._watch is None else self._watch.thread
        return [message for message in thread if isinstance(message, BaseChatMessage)]


def _raised(now: Current) -> int:
    """How often the turn of an agent that no gate sees into has raised (gating/strangers.py)."""
    return sum(key.startswith("raised:") for key in now.memory)
