"""Go through a fresh app and put the gate, the journal and the holds in their places."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from autogen_agentchat.agents import (
    AssistantAgent,
    BaseChatAgent,
    CodeExecutorAgent,
    MessageFilterAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from autogen_agentchat.base import Response, TaskResult, Team
from autogen_agentchat.messages import BaseChatMessage, MessageFactory
from autogen_agentchat.teams import BaseGroupChat, Swarm
from autogen_agentchat.tools._task_runner_tool import TaskRunnerTool
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import FunctionTool, StaticWorkbench, Workbench

from hitl_core.contracts import Finding
from hitl_core.tools import Tool

from ..suspend import JournalClient, Scope, Suspended, Turns, Watch, current_scope
from .code import GatedCode
from .drafts import reviewed
from .holdings import holdings, swap_workbenches
from .people import Person
from .strangers import Stranger
from .whole import Whole
from .workbench import gated, own_calls

App = BaseGroupChat | BaseChatAgent

KNOWN: Final = (AssistantAgent, CodeExecutorAgent, SocietyOfMindAgent)
"""Agents whose inside is known; those of any other class are the app's own."""

_NEITHER: Final = "a {kind} works here, which is neither an agent nor a team of AgentChat; use one of those"
_UNSAFE: Final = (
    "holds a {kind}, whose effects would pass no gate; give it to an AssistantAgent. Or, if all else that this agent "
    'does may simply be done again: safe_agents = ["{agent}"] under [backend.options] in hitl.toml'
)
_NO_WORKBENCH: Final = (
    "holds a {kind}, which cannot be gated there; hold it in a StaticWorkbench and call it through that"
)


@dataclass
class Overseen:
    """A fresh app with its holds. `shape` names its teams and agents, to be compared with that of a checkpoint.

    `neutral`: the neutral tools that its agents have.
    """

    app: App
    watch: Watch | None
    shape: str
    findings: tuple[Finding, ...]
    neutral: tuple[Tool, ...]


def oversee(app: App, *, review: Collection[str] = (), safe: Collection[str] = ()) -> Overseen:
    """Put everything in place. What cannot be overseen is among the findings.

    `review` names agents whose answers people review, `safe` agents of the app's own whose turns may run again.
    """
    walk = _Walk(frozenset(review), frozenset(safe))
    watch = None
    if isinstance(app, BaseGroupChat):
        watch = walk.team(app, app.name)
    else:
        walk.agent(app, app.name, MessageFactory())
    walk.named(app.name)
    return Overseen(app, watch, walk.shape(app), tuple(walk.findings), tuple(walk.neutral))


@dataclass
class _Walk:
    review: frozenset[str]
    safe: frozenset[str]
    findings: list[Finding] = field(default_factory=list)
    neutral: list[Tool] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)

    # ── teams ────────────────────────────────────────────────────────────────────────────────────────────────

    def team(self, team: BaseGroupChat, place: str) -> Watch:
        """Hold a team's participants and its manager's model."""
        self.seen[id(team)] = team
        watch = Watch(team)
        if not team._embedded_runtime:
            self._find(
                "refuse", place, "has a runtime of its own, which does not end when the team waits; leave it out"
            )
        _journal(team)
        mates, factory = list(team._participant_names), team._message_factory
        for member in team._participants:
            where = f"{place}/{member.name}"
            if isinstance(member, UserProxyAgent):
                self.agent(member, where, factory, Person(member, mates, isinstance(team, Swarm)))
            else:
                self._runner(member, where, factory)
        return watch

    def inner_team(self, team: BaseGroupChat, place: str) -> None:
        """A team inside a team, an agent or a tool: its whole run is one turn, replayed from its start."""
        if id(team) in self.seen:
            return
        watch, run, turns = self.team(team, place), team.run_stream, Turns(team.name, team.save_state)

        async def parts(how: dict[str, Any]) -> AsyncIterator[Any]:
            await watch.prepare()
            if how.get("task") == []:
                how["task"] = None
            async for item in run(**how):
                if isinstance(item, TaskResult) and watch.paused:
                    raise Suspended(f"{team.name} waits")
                yield item

        def run_stream(**how: Any) -> AsyncGenerator[Any, None]:
            return turns.run(lambda scope: parts(how))

        _set(team, run_stream=run_stream, save_state=turns.saved)

    # ── agents ───────────────────────────────────────────────────────────────────────────────────────────────

    def agent(self, agent: BaseChatAgent, place: str, factory: MessageFactory, person: Person | None = None) -> None:
        """Hold one agent."""
        if id(agent) in self.seen:
            return
        self.seen[id(agent)] = agent
        match agent:
            case MessageFilterAgent():
                self._filter(agent, place, factory)
            case UserProxyAgent():
                self._person(agent, place, person or Person(agent))
            case _:
                self._speaker(agent, place, factory)

    def _speaker(self, agent: BaseChatAgent, place: str, factory: MessageFactory) -> None:
        """An agent whose turns are counted and kept, and whose answers may be reviewed."""
        speak, state = agent.on_messages_stream, Whole(agent, self._inside(agent, place, factory))
        _journal(agent)
        turns, known = Turns(agent.name, state.save), isinstance(agent, KNOWN)
        stranger = Stranger(agent, factory, state.save, state.load, agent.name in self.safe)

        def parts(scope: Scope, messages: Sequence[BaseChatMessage], token: CancellationToken) -> AsyncIterator[Any]:
            def said(heard: Sequence[BaseChatMessage]) -> AsyncIterator[Any]:
                return speak(heard, token) if known else stranger.turn(scope, speak(heard, token))

            return reviewed(scope, agent, said, messages) if agent.name in self.review else said(messages)

        def on_messages_stream(
            messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[Any, None]:
            return turns.run(lambda scope: parts(scope, messages, cancellation_token))

        _set(agent, on_messages_stream=on_messages_stream, save_state=turns.saved, load_state=state.load)
        if not known:
            self._stranger(agent, place, on_messages_stream)

    def _person(self, agent: UserProxyAgent, place: str, person: Person) -> None:
        if type(agent).on_messages_stream is not UserProxyAgent.on_messages_stream:
            self._find(
                "refuse", place, f"{type(agent).__name__} answers in a way of its own; use UserProxyAgent itself"
            )
        self._find("note", place, "is a person: its turns become requests, and its input_func is not called")
        turns = Turns(agent.name, agent.save_state)

        def on_messages_stream(
            messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[Any, None]:
            return turns.run(lambda scope: person.turn(scope, messages))

        _set(agent, on_messages_stream=on_messages_stream)

    def _filter(self, agent: MessageFilterAgent, place: str, factory: MessageFactory) -> None:
        """AutoGen does not save what a filter wraps."""
        wrapped = agent._wrapped_agent
        self.agent(wrapped, place, factory)
        _set(agent, save_state=wrapped.save_state, load_state=wrapped.load_state)

    def _inside(self, agent: BaseChatAgent, place: str, factory: MessageFactory) -> dict[str, Any]:
        """Hold what works inside an agent; the parts whose state AutoGen does not save with it, by name."""
        match agent:
            case AssistantAgent():
                return self._tools(agent, place, factory)
            case CodeExecutorAgent():
                return self._code(agent, place)
            case SocietyOfMindAgent():
                self._runner(agent._team, place, factory)
                return {"context": agent._model_context}
            case _:
                return self._own(agent, place, factory)

    def _own(self, agent: BaseChatAgent, place: str, factory: MessageFactory) -> dict[str, Any]:
        """What an agent of the app's own acts with. A call that waits means that its turn is run again from its start,
        so it is gated where the app says that this is safe, and refused elsewhere."""
        parts: dict[str, Any] = {}
        for name, each in holdings(agent):
            where = f"{place}.{name}"
            if agent.name not in self.safe:
                self._find("refuse", where, _UNSAFE.format(kind=type(each).__name__, agent=agent.name))
            elif isinstance(each, Workbench):
                parts |= self._bench(each, where, factory)
            elif isinstance(each, Team | BaseChatAgent):
                parts[each.name] = each
                self._runner(each, f"{place}/{each.name}", factory)
            else:
                self._find("refuse", where, _NO_WORKBENCH.format(kind=type(each).__name__))
        swap_workbenches(agent, lambda bench: own_calls(bench, agent.name))
        return {} if _saves_itself(agent) else parts

    def _tools(self, agent: AssistantAgent, place: str, factory: MessageFactory) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        for bench in agent._workbench:
            parts |= self._bench(bench, place, factory)
        agent._workbench = [gated(bench, agent.name) for bench in agent._workbench]
        return parts

    def _bench(self, bench: Workbench, place: str, factory: MessageFactory) -> dict[str, Any]:
        """Make the tools of a workbench ready; the agents and teams among them, by the tool's name."""
        parts: dict[str, Any] = {}
        for tool in bench._tools if isinstance(bench, StaticWorkbench) else ():
            if isinstance(tool, FunctionTool) and not inspect.iscoroutinefunction(tool._func):
                tool._func = _in_a_thread(tool._func)
            if isinstance(tool, TaskRunnerTool):
                parts[tool.name] = tool._task_runner
                self._runner(tool._task_runner, f"{place}/{tool.name}", factory)
            if isinstance(declared := getattr(tool, "hitl_tool", None), Tool):
                self.neutral.append(declared)
        return parts

    def _runner(self, runner: Any, place: str, factory: MessageFactory) -> None:
        """Hold a team or an agent that works inside another agent."""
        match runner:
            case BaseGroupChat():
                self.inner_team(runner, place)
            case BaseChatAgent():
                self.agent(runner, place, factory)
            case _:
                self._find("refuse", place, _NEITHER.format(kind=type(runner).__name__))

    def _code(self, agent: CodeExecutorAgent, place: str) -> dict[str, Any]:
        asks = agent._approval_func is not None
        if asks:
            self._find("note", place, "its approval_func is not called: people are asked through requests")
        agent._approval_func = None
        _set(agent, execute_code_block=GatedCode(agent, agent.execute_code_block, asks))
        return {"context": agent._model_context}

    def _stranger(self, agent: BaseChatAgent, place: str, stream: Any) -> None:
        """An agent of the app's own: its turns are remembered when they end; what happens in them is its own."""
        kind = type(agent).__name__
        free = f"{kind} is no agent of AutoGen's own: what it does by itself is not gated"
        self.findings.append(Finding("warn", place, free, ungated=True))
        speak = agent.on_messages

        async def on_messages(messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Any:
            scope = current_scope()
            if scope is not None and scope.path[-1:] == (agent.name,):  # its own turn: the agent calls itself
                return await speak(messages, cancellation_token)
            return [each async for each in stream(messages, cancellation_token) if isinstance(each, Response)][-1]

        _set(agent, on_messages=on_messages)

    def named(self, place: str) -> None:
        """An agent that is to be reviewed and is not there would be reviewed by nobody."""
        there = {each.name for each in self.seen.values()}
        for name in sorted((self.review | self.safe) - there):
            self._find(
                "refuse", place, f"[backend.options] names an agent {name!r}, which is not in it; correct the name"
            )

    # ── findings ─────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self, level: str, place: str, message: str) -> None:
        self.findings.append(Finding(level, place, message))

    def shape(self, app: Any) -> str:
        """`RoundRobinGroupChat(writer:AssistantAgent, user:UserProxyAgent)`"""
        if isinstance(app, BaseGroupChat):
            inside = ", ".join(self.shape(member) for member in app._participants)
            return f"{app.name}:{type(app).__name__}({inside})"
        return f"{app.name}:{type(app).__name__}"


def _saves_itself(agent: BaseChatAgent) -> bool:
    """Whether an agent of the app's own has a state of its own to save; then what it holds is in it."""
    return type(agent).save_state is not BaseChatAgent.save_state


def _journal(owner: Any) -> None:
    """Put the journal in front of the model of an agent or of a team's manager."""
    inner = getattr(owner, "_model_client", None)
    if isinstance(inner, ChatCompletionClient) and not isinstance(inner, JournalClient):
        hears = isinstance(owner, BaseChatAgent)
        owner._model_client = JournalClient(inner, handoffs=lambda: list(getattr(owner, "_handoffs", ())), hears=hears)


def _in_a_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A sync tool in a thread that knows which call it is (`current_call`); AutoGen's own threads do not."""

    @functools.wraps(function)
    async def run(**arguments: Any) -> Any:
        return await asyncio.to_thread(function, **arguments)

    return run


def _set(owner: Any, **methods: Any) -> None:
    """Replace methods of one object; its class is the app's."""
    for name, method in methods.items():
        setattr(owner, name, method)
