"""The desks that are killed: an agent of a spec, and a team with a person in it; a ledger, and a model with a log."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

from hitl_adapters.autogen import as_autogen
from hitl_core import AgentSpec, AppSource, ModelSpec, Policy, Run, Runtime, choice, current_call, question, tool
from hitl_core.clock import SystemClock
from hitl_core.config import Config, make_adapter, open_store
from hitl_core.contracts import Store
from hitl_core.gate import HAPPENED, NOT_HAPPENED, Surroundings
from hitl_core.protocol import Kind, PauseRequest, Response, RunState
from hitl_core.runtime import Settings
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import (
    Call,
    CallEntry,
    Conversation,
    Script,
    Step,
    read_calls,
    repeated_calls,
)
from hitl_core.tools import Catalogue

from .desk import READS, record, recorded
from .teams import INFO

CRASH = "HITL_TEST_CRASH"
"""`before refund` or `after refund`: where the tool kills its own process, once."""

_CALLS = (
    Call(name="look_up", arguments={"order": "A"}),
    Call(name="refund", arguments={"order": "A", "amount": 12}),
    Call(name="ask_lead", arguments={"question": "Is that all right?"}),
)

SCRIPT = Script(
    conversations=(
        Conversation(name="clerk", model="clerk", steps=(Step(call=_CALLS), Step(say="refunded"), Step(say="closed"))),
        Conversation(name="opener", model="opener", steps=(Step(say="opened"),)),
        Conversation(name="closer", model="closer", steps=(Step(say="closed"),)),
    ),
    steps=(
        Step(call=_CALLS),
        Step(call=(Call(name="choose_carrier", arguments={"question": "Who picks it up?"}),)),
        Step(say="done {{tool_result}}"),
    ),
)


def _crash(place: str) -> None:
    if os.environ.get(CRASH) == place:
        die()


@tool(reversible=True)
def look_up(order: str) -> str:
    """Look at an order."""
    record("look_up", order=order)
    return f"{order} cost 12"


@tool
def refund(order: str, amount: float) -> str:
    """Pay back."""
    _crash("before refund")
    record("refund", order=order, amount=amount, key=current_call().key)
    _crash("after refund")
    return f"paid {amount}"


ask_lead = question("ask_lead", "Ask the lead")
choose_carrier = choice("choose_carrier", "Choose who picks it up", ["post", "courier"])


def spec(url: str) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", (look_up, refund, ask_lead, choose_carrier), ModelSpec("m", url))


def team(url: str) -> Callable[[], RoundRobinGroupChat]:
    """Neutral tools in a team of the app's own, and a person."""

    def build() -> RoundRobinGroupChat:
        model = OpenAIChatCompletionClient(model="clerk", base_url=url, api_key="test", model_info=INFO)
        tools: list[Any] = [as_autogen(each) for each in (look_up, refund, ask_lead)]
        clerk = AssistantAgent("clerk", model, tools=tools, max_tool_iterations=5)
        stop = TextMentionTermination("closed")
        return RoundRobinGroupChat([clerk, UserProxyAgent("customer")], termination_condition=stop)

    return build


def graph(url: str) -> Callable[[], GraphFlow]:
    """The same beside a person: both wait at once, and one agent hears both."""

    def agent(name: str, **options: Any) -> AssistantAgent:
        model = OpenAIChatCompletionClient(model=name, base_url=url, api_key="test", model_info=INFO)
        return AssistantAgent(name, model, **options)

    def build() -> GraphFlow:
        tools: list[Any] = [as_autogen(each) for each in (look_up, refund, ask_lead)]
        opener, closer = agent("opener"), agent("closer")
        clerk, customer = agent("clerk", tools=tools, max_tool_iterations=5), UserProxyAgent("customer")
        make = DiGraphBuilder()
        for each in (opener, clerk, customer, closer):
            make.add_node(each)
        make.add_edge(opener, clerk).add_edge(opener, customer)
        make.add_edge(clerk, closer).add_edge(customer, closer)
        members: list[Any] = [opener, clerk, customer, closer]
        return GraphFlow(members, make.build())

    return build


@dataclass
class CrashDesk:
    """One folder and one model, shared by processes that come and go."""

    folder: Path
    url: str
    log: Path
    app: Callable[[str], Any] = spec
    wrap: Callable[[Store], Any] = lambda store: store
    order: str = "A"

    def config(self) -> Config:
        return Config(
            backend="autogen",
            app=AppSource("desk:app", self.app(self.url)),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(READS, name="test"),
            folder=self.folder,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        """As `connect`, with the store wrapped."""
        config, clock = self.config(), SystemClock()
        catalogue = Catalogue((look_up, refund, ask_lead, choose_carrier))
        adapter = make_adapter(config, catalogue)
        store = self.wrap(await open_store(config, clock))
        around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        async with Runtime(adapter=adapter, around=around, settings=Settings(app=config.app.reference)) as hitl:
            yield hitl

    def wrapped(self, wrap: Callable[[Store], Any]) -> CrashDesk:
        return replace(self, wrap=wrap)

    @property
    def answer(self) -> str:
        return "done courier" if self.app is spec else "closed"

    @property
    def refunds(self) -> list[Any]:
        return [each["amount"] for each in recorded() if each["effect"] == "refund"]

    @property
    def lookups(self) -> int:
        return sum(each["effect"] == "look_up" for each in recorded())

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        return read_calls(self.log) if self.log.exists() else ()

    @property
    def repeated(self) -> int:
        """How many model calls about this desk's order were answered more than once, for every time too many."""
        own = [each for each in self.calls if self.order in str((each.body or {}).get("messages"))]
        return sum(len(group) - 1 for group in repeated_calls(own))


async def go_through(hitl: Runtime, say: Callable[[PauseRequest], Response], order: str = "A") -> Run:
    """Start, answer and resume until it is over, in one process. Another order makes other model calls."""
    return await go_on(hitl, await hitl.start({"order": order}), say)


async def go_on(hitl: Runtime, run: Run, say: Callable[[PauseRequest], Response]) -> Run:
    for _ in range(12):
        for request in run.pending:
            await hitl.respond(say(request))
        run = await hitl.resume(run.id)
        if run.state in (RunState.COMPLETED, RunState.FAILED):
            return run
    raise AssertionError(f"run {run.id} does not come to an end: {run}")


def truthfully(request: PauseRequest) -> Response:
    """Approve everything; of what is in doubt say what the ledger says."""
    if request.in_doubt:
        happened = any(each["effect"] == request.action.tool for each in recorded())
        return request.choose((HAPPENED if happened else NOT_HAPPENED).id, by="ann")
    match request.kind:
        case Kind.INPUT:
            return request.answer("yes, it is", by="ann")
        case Kind.CHOICE:
            return request.choose("courier", by="ann")
        case _:
            return request.approve(by="ann")
