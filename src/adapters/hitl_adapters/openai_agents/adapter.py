"""The OpenAI Agents adapter: what it can do, and what becomes of a run.

attach    building: the agents ─► gating: looked through, and every tool wrapped ─► refused, or ready
advance   suspend.kept: the SDK's state of the last pause ─► gating.settle: what was decided about each of its calls
            all decided ─► suspend.drive ─► interrupted: from the start of this line, or ended: Completed
            one waits   ─► Paused with the SDK's state
            it raised   ─► Broke, to be retried
cancel    closes the calls that the session of the app's own knows of
rewind    back to the last pause, on a branch where its calls are asked about anew
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from agents import Agent, OpenAIConversationsSession, RunConfig, RunHooks, RunState

from hitl_core.apps import AgentSpec, AppSource, room_faults
from hitl_core.capabilities import NATIVE, Capabilities, Capability, Support, emulated
from hitl_core.contracts import Broke, Completed, Ending, Finding, Paused, Turn, endings
from hitl_core.errors import AppChanged, AppRefused, Fault, LeaseLost, StoreUnavailable
from hitl_core.protocol import ClientTool, Json, Run
from hitl_core.tools import Catalogue
from hitl_core.transient import is_transient

from .building import Models, build_agent, lead_back
from .errors import NESTED_TWICE, at_least, in_words, readable_schemas, schema_version
from .gating import graph_of, look_through, oversee, require_agent, set_apart, settle
from .mapping import answer_of, input_of
from .suspend import Current, Kept, LateSession, close_calls, drive, driving, restored
from .suspend.kept import VERSION, written

NAME: Final = "openai_agents"

_ELSEWHERE: Final = {"conversation_id", "previous_response_id", "auto_previous_response_id"}
"""What tells the SDK that the provider keeps the conversation."""

_PROVIDERS: Final = "the provider runs it as it was asked for, and what it did cannot be recorded"
_BY_HAND: Final = "the SDK hands its pause to that code; a gated call in it ends the run, and nothing runs"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: Support(
        "native",
        "but the SDK never asks about what the provider carries out, about computers, LocalShellTool and sandboxes: "
        "those are told of at attach and refused by gate_agent; a transfer between agents is no call, and is not gated",
    ),
    Capability.LIFT_NATIVE_PAUSES: Support(
        "native", f"but a hosted MCP call is approved or rejected only: {_PROVIDERS}"
    ),
    Capability.EDIT_ARGUMENTS: emulated(
        "the SDK refuses changed arguments, so ours are laid over the call as it runs; not over a hosted MCP call, and "
        "not over a shell call with output cut to less than 1,000 characters: the model could not be told of it"
    ),
    Capability.RESPOND_IN_PLACE: Support("native", "but not for the calls that cannot be edited"),
    Capability.ASK_QUESTIONS: emulated("a tool that nobody but a person answers; the SDK asks for approvals only"),
    Capability.OFFER_CHOICES: emulated("a tool that nobody but a person answers; the SDK asks for approvals only"),
    Capability.CLIENT_TOOLS: Support("native", "but only for an agent that is built from an AgentSpec"),
    Capability.REVIEW_OUTPUT: emulated("a tool that shows a draft; the SDK asks for approvals only"),
    Capability.HANDOFF_TO_HUMAN: emulated(
        "an agent whose model is a person; the SDK hands over to agents only; refused where a RunConfig has a model "
        "for every agent, which would speak for that person, and where the provider keeps the conversation"
    ),
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: Support("native", f"but not in an agent that code of the app runs by hand: {_BY_HAND}")
    if at_least(NESTED_TWICE)
    else emulated("one agent tool deep; this SDK never resolves a pause two deep, so such agents are refused"),
    Capability.SURVIVE_RESTART: Support(
        "native", "but hooks, guardrails and on_handoff of the app run again where a turn is done again after a crash"
    ),
    Capability.DETECT_IN_DOUBT: emulated("our record of started effects; the SDK keeps none between two pauses"),
    Capability.STREAM_EVENTS: NATIVE,
    Capability.SHOW_WORDS: NATIVE,
    Capability.STEER: emulated(
        "told by our model at each call, where it entered; the SDK's own state does not have it"
    ),
    Capability.DRAIN: emulated("a stop ends the run before its next call of a model; what was done is remembered"),
    Capability.UNDO_BY_FORK: emulated("back to the last pause; the SDK itself only goes forward"),
    Capability.KEEP_THREADS: emulated(
        "the agent is given the whole conversation; native where the app has a session, or the provider keeps it"
    ),
    Capability.NEUTRAL_SPEC: NATIVE,
}


@dataclass(frozen=True, slots=True)
class OpenAIAgentsOptions:
    """`[backend.options]` for OpenAI Agents.

    max_turns: calls of models in one run, 0 for no limit. An agent that is a person takes turns too.
    safe_tools: tools without effects of their own, which may simply run again after a crash.
    tracing: send traces to the SDK's own platform, as it does by itself.
    """

    max_turns: int = 100
    safe_tools: tuple[str, ...] = ()
    tracing: bool = False


@dataclass(frozen=True, slots=True)
class AgentApp:
    """An agent with what its runs need. Everything is made anew in each process.

    context: the SDK's context object, or a function of the run's input that makes one; it is never stored.
    session: a function from the thread's name to the SDK's session of that conversation.
    run_config, hooks, and what else stands in `how` (conversation_id, error_handlers …): as for the SDK's Runner.
    """

    agent: Agent[Any]
    context: Any = None
    session: Callable[[str], Any] | None = None
    run_config: RunConfig | None = None
    hooks: RunHooks[Any] | None = None
    how: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """An app under oversight, and what its agents are."""

    app: AgentApp
    graph: dict[str, Json]


class OpenAIAgentsAdapter:
    """Drives one agent and all that it can reach: the app's own, or one built from an AgentSpec."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    formats: tuple[str, ...] = tuple(f"{VERSION}/{schema}" for schema in readable_schemas())
    Options = OpenAIAgentsOptions

    def __init__(
        self, app: AppSource, *, options: OpenAIAgentsOptions = OpenAIAgentsOptions(), catalogue: Catalogue
    ) -> None:
        self._source, self._options, self._catalogue = app, options, catalogue
        self._stack = AsyncExitStack()
        self._models: Models = {}
        self._app: Ready | None = None
        self._findings: tuple[Finding, ...] = ()

    async def attach(self) -> tuple[Finding, ...]:
        """Build the agents, put them under oversight and look through them. Raises AppRefused, naming every reason."""
        if self._app is None:
            try:
                await self._attach()
            except BaseException:
                await self.close()  # nothing that was opened for it is left to the next try
                raise
        return self._findings

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Why a run of this app cannot have these tools: only an agent that is built here can be built with them."""
        return room_faults(self._source.spec(), tools)

    async def advance(self, turn: Turn) -> Ending:
        """Start the agents, or take up the state of their last pause, and drive them to their next ending."""
        app = await self._attached()
        if turn.run.tools:
            app = self._ready(AgentApp(build_agent(self._spec().with_tools(turn.run.tools), self._models)))
        kept = Kept.read(turn.checkpoint)
        journal = await turn.gate.journal()
        now = Current(turn, kept, journal, safe=frozenset(self._options.safe_tools))
        with driving(now):
            try:
                return await self._advance(now, app)
            except StoreUnavailable as exc:
                return _repeatable(now, exc)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """A paused run exists only as rows in our store; in its session its calls are closed."""
        app = (await self._attached()).app
        if app.session is not None and checkpoint is not None:
            await close_calls(app.session(run.thread), Kept.read(checkpoint).waits)

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        """Take the run back to its last pause, on a branch where its calls are asked about anew."""
        kept = Kept.read(checkpoint)
        if kept.state is None:
            raise AppChanged(f"run {run.id} has no pause to go back to")
        return replace(kept, branch=kept.branch + 1).to_json()

    async def close(self) -> None:
        """Close what the app's factory opened."""
        await self._stack.aclose()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _advance(self, now: Current, ready: Ready) -> Ending:
        app, context = ready.app, _context(ready.app, now)
        session = None if app.session is None else LateSession(_local(app.session(now.turn.run.thread)), now)
        if session is not None:
            await session.require_free()
        how = {**self._how(app), "context": context, "session": session}
        given: Any = input_of(now.turn.run.input)
        if now.kept.state is not None:
            given = await restored(app.agent, now.kept, ready.graph, context, max_turns=how["max_turns"])
        while not (isinstance(given, RunState) and not await settle(now, given, context)):
            try:
                assert app.run_config is not None
                result = await drive(now, app.agent, given, config=app.run_config, how=how)
            except Exception as exc:
                return _broke(now, exc)
            if now.failure is not None:
                raise now.failure
            if not result.interruptions:
                await _flush(session, over=True)
                return Completed(answer_of(result.final_output), tuple(now.used))
            given = result.to_state()
        await _flush(session)
        return self._paused(now, ready, given, context)

    def _paused(self, now: Current, ready: Ready, state: RunState[Any], context: Any) -> Paused:
        waits = [item.call_id for item in state.get_interruptions()]
        kept = replace(
            now.kept,
            state=written(state, context),
            graph=ready.graph,
            answered=dict(now.answered),
            waits={call: now.kept.waits.get(call, schema_version()) for call in waits if call},
            pauses=now.kept.pauses + 1,
            asked=now.kept.asked + now.turn.ask_again,
        )
        return Paused(kept.to_json(), tuple(now.lifted.values()), tuple(now.used))

    def _ours(self, config: RunConfig) -> RunConfig:
        """The app's RunConfig as it is used; the model that it has for every agent stands in each of them."""
        return replace(
            config,
            model=None,
            tracing_disabled=config.tracing_disabled or not self._options.tracing,
            input_guardrails=set_apart(config.input_guardrails),
            output_guardrails=set_apart(config.output_guardrails),
        )

    def _how(self, app: AgentApp) -> dict[str, Any]:
        turns = self._options.max_turns or None
        return {"max_turns": turns, "hooks": app.hooks, **app.how}

    async def _attach(self) -> None:
        self._app = self._ready(await self._build())
        app = self._app.app
        if app.session is not None or _kept_elsewhere(app):
            self.capabilities = {**CAPABILITIES, Capability.KEEP_THREADS: NATIVE}

    def _ready(self, app: AgentApp) -> Ready:
        """An app, looked through and put under oversight. Raises AppRefused, naming every reason."""
        config = app.run_config or RunConfig()
        findings = look_through(app.agent, model=config.model, elsewhere=_kept_elsewhere(app))
        reasons = [each for each in findings if each.level == "refuse"]
        if reasons:
            raise AppRefused("; ".join(f"{each.place}: {each.message}" for each in reasons))
        lead_back(app.agent)
        oversee(app.agent, model=config.model, provider=config.model_provider)
        self._findings = findings
        return Ready(replace(app, run_config=self._ours(config)), graph_of(app.agent))

    async def _attached(self) -> Ready:
        await self.attach()
        assert self._app is not None
        return self._app

    async def _build(self) -> AgentApp:
        spec = self._source.spec()
        if spec is None:
            return await self._enter(self._source.load())
        for tool in spec.all_tools():
            self._catalogue.learn(tool)
        return AgentApp(build_agent(spec, self._models))

    def _spec(self) -> AgentSpec:
        spec = self._source.spec()
        assert spec is not None
        return spec

    async def _enter(self, app: Any) -> AgentApp:
        """The agent of an app: itself, or what a factory, an async factory, or a context manager gives."""
        made = app
        if callable(made) and not isinstance(made, Agent | AgentApp):
            made = made()
        if inspect.isawaitable(made):
            made = await made
        if hasattr(made, "__aenter__"):
            made = await self._stack.enter_async_context(made)
        elif hasattr(made, "__enter__"):
            made = self._stack.enter_context(made)
        if isinstance(made, AgentApp):
            return made
        return AgentApp(require_agent(made, self._source.reference))


def _kept_elsewhere(app: AgentApp) -> bool:
    """Whether the provider keeps the conversation."""
    return bool(_ELSEWHERE & {name for name, given in app.how.items() if given})


def _broke(now: Current, error: Exception) -> Broke:
    if now.failure is not None:
        raise now.failure
    if isinstance(error, LeaseLost):
        raise error
    return _repeatable(now, error)


def _repeatable(now: Current, error: Exception) -> Broke:
    """Between two calls of tools, which the ledger knows, only a model is asked."""
    endings.warning("run %s: the agents raised", now.turn.run.id, exc_info=error)
    return Broke(in_words(error), now.turn.checkpoint, tuple(now.used), repeatable=is_transient(error))


def _local(session: Any) -> Any:
    """Raises AppRefused for a session that the provider keeps: it is written call by call, and cannot be late."""
    if isinstance(session, OpenAIConversationsSession):
        raise AppRefused("an OpenAIConversationsSession is kept by the provider; use `how={'conversation_id': …}`")
    return session


def _context(app: AgentApp, now: Current) -> Any:
    made = app.context
    return cast("Callable[[Json], Any]", made)(now.turn.run.input) if inspect.isroutine(made) else made


async def _flush(session: LateSession | None, *, over: bool = False) -> None:
    if session is not None:
        await session.flush()
    if session is not None and over:
        await session.compact()
