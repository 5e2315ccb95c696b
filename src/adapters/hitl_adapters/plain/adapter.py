"""The adapter for plain functions: what it can do, and what becomes of a run.

attach    load the function
advance   run it from its start; what the journal and the store know of its calls is answered at once
            a guarded call or a question ─► gating: asks the gate ─► goes on, or suspends by an exception
cancel    nothing to do: a paused function exists only as rows in our store
rewind    refused: there is no checkpoint to go back to
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from hitl_core.apps import AppSource
from hitl_core.capabilities import NATIVE, Capabilities, Capability, absent, emulated
from hitl_core.contracts import Broke, Completed, Ending, Finding, Paused, Turn, endings
from hitl_core.errors import AppChanged, AppRefused, CapabilityNotSupported, Fault, HitlError, LeaseLost
from hitl_core.protocol import ClientTool, Json, Run
from hitl_core.tools import Catalogue, as_json
from hitl_core.transient import is_transient

from .errors import in_words
from .gating import declared_by
from .suspend import VERSION, Current, Kept, Suspended, driving

App = Callable[[Json], Any]

NAME: Final = "plain"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: NATIVE,
    Capability.LIFT_NATIVE_PAUSES: absent("a plain function has no pause of its own"),
    Capability.EDIT_ARGUMENTS: NATIVE,
    Capability.RESPOND_IN_PLACE: NATIVE,
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: NATIVE,
    Capability.CLIENT_TOOLS: emulated(
        "the function calls one with gate.ask_page; plain Python has no model to give it to"
    ),
    Capability.REVIEW_OUTPUT: NATIVE,
    Capability.HANDOFF_TO_HUMAN: absent("a plain function has no conversation to hand over"),
    Capability.PARALLEL_PAUSES: emulated("through gate.together; asyncio.gather shows the first pause only"),
    Capability.NESTED_PAUSES: emulated("a plain function says which agent it acts for, with gate.acting_as"),
    Capability.SURVIVE_RESTART: emulated("the function runs again from its start; finished steps come from a journal"),
    Capability.DETECT_IN_DOUBT: NATIVE,
    Capability.STREAM_EVENTS: emulated("its calls, and what the function itself says with gate.say and gate.emit"),
    Capability.SHOW_WORDS: emulated(
        "the function says it, with gate.saying; a plain function has no model that could be heard"
    ),
    Capability.STEER: emulated("the function asks for it with gate.guidance, before it calls its model"),
    Capability.DRAIN: emulated(
        "a stop ends the function at its next call, question or step; Python cannot be interrupted"
    ),
    Capability.UNDO_BY_FORK: absent("a plain function has no checkpoints to go back to"),
    Capability.KEEP_THREADS: emulated("the function is given the whole conversation, as `messages` in its input"),
    Capability.NEUTRAL_SPEC: absent("plain Python has no agent loop of its own"),
}


@dataclass(frozen=True, slots=True)
class PlainOptions:
    """The plain adapter has nothing to configure."""


class PlainAdapter:
    """Runs `app(input)`, an async or sync function, under oversight."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    formats: tuple[str, ...] = (str(VERSION),)
    Options = PlainOptions

    def __init__(self, app: AppSource, *, options: PlainOptions = PlainOptions(), catalogue: Catalogue) -> None:
        self._source = app
        self._catalogue = catalogue
        self._app: App | None = None

    async def attach(self) -> tuple[Finding, ...]:
        """Load the function. Raises AppRefused if it takes no input, CapabilityNotSupported for an AgentSpec."""
        if self._source.spec() is not None:
            because = CAPABILITIES[Capability.NEUTRAL_SPEC].because
            raise CapabilityNotSupported(NAME, Capability.NEUTRAL_SPEC, because)
        app = self._source.load()
        if not callable(app):
            raise AppRefused(f"{self._source.reference!r} is not a function that takes the run's input")
        self._app = cast("App", app)
        for tool in declared_by(app):
            self._catalogue.learn(tool)
        return ()

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Nothing: the function calls them by name, through the gate."""
        return []

    async def advance(self, turn: Turn) -> Ending:
        """Run the function from its start; what is known of it is answered at once."""
        await self.attach()
        kept = Kept.read(turn.checkpoint)
        journal = await turn.gate.journal()
        now = Current(turn.gate, journal, turn.gate.catalogue, turn.emit)
        try:
            output = await self._call(now, turn.run.input)
        except Suspended:
            return _paused(now, kept)
        except (AppChanged, LeaseLost):
            raise
        except Exception as exc:
            endings.warning("run %s: the app raised", turn.run.id, exc_info=exc)
            repeatable = not isinstance(exc, HitlError) or is_transient(exc)
            return Broke(in_words(exc), checkpoint=turn.checkpoint, repeatable=repeatable)
        finally:
            await now.idle()
        if now.waiting:  # the app swallowed our exception: nothing that waits has run, and nothing may go on
            return _paused(now, kept)
        missing = now.unmet(kept)
        if missing:
            raise AppChanged(f"the app ended without reaching {', '.join(missing)}, where it had paused")
        return Completed(as_json(output), tuple(now.used))

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """Nothing to forget: a paused function exists only as rows in our store."""

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        raise CapabilityNotSupported(NAME, Capability.UNDO_BY_FORK, CAPABILITIES[Capability.UNDO_BY_FORK].because)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _call(self, now: Current, value: Json) -> Any:
        assert self._app is not None
        with driving(now):
            if inspect.iscoroutinefunction(self._app):
                return await self._app(value)
            result = await asyncio.to_thread(self._app, value)
            return await result if inspect.isawaitable(result) else result


def _paused(now: Current, kept: Kept) -> Paused:
    if now.lost(kept) and not now.gate.held:
        places = ", ".join(now.unmet(kept))
        raise AppChanged(f"the app paused elsewhere without reaching {places}, where it had paused before")
    return Paused(now.kept().to_json(), consumed=tuple(now.used))
