"""`hitl demo`: the refund desk, from its pause to the last line of the ledger, each step in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import RenderableType
from rich.text import Text

from ...commands import ListRequests, Settled
from ...contracts import every
from ...errors import AlreadyDecided, Fault, RequestClosed, ResponseRefused
from ...lifecycle import RequestState
from ...protocol import Json, PauseRequest, Reply, Responder, Response, RunState
from ...runtime import Runtime
from ..commands.decisions import WORDS, word_of
from ..errors_shown import WrongUsage
from ..hints import Hints, program
from ..opening import Opening
from ..options import AsJson, Exit, at_a_terminal, responder
from ..terminal.json_views import run_view
from ..terminal.listings import outcome_lines
from ..terminal.output import Output
from ..terminal.prompt import Prompt
from ..terminal.render import request_panel, shown
from .answers import canned
from .inbox import Inbox, offered
from .verdict import Told, verdict
from .world import STORY, World, opened, set_up

Answer = Annotated[
    str | None,
    typer.Option("--answer", metavar="DECISION", help=f"Answer by itself, without a terminal: {'|'.join(WORDS)}."),
]
Folder = Annotated[Path, typer.Option("--dir", help="Where to put the story and its database.")]
Who = Annotated[str, typer.Option("--as", metavar="WHO", help="Your name in the story.")]
Order = Annotated[str, typer.Option("--order", help="Which order: A-1043 is one refund, A-1042 the whole story.")]
Serve = Annotated[bool, typer.Option("--serve", help="Serve the inbox, also where no browser opens it.")]
NoBrowser = Annotated[
    bool, typer.Option("--no-browser", help="Open no browser; without --serve, keep to the terminal.")
]
Scripted = Annotated[bool, typer.Option("--scripted", help="Use the scripted model even if OPENAI_API_KEY is set.")]

_DEFAULTS: Final = {"--dir": "hitl-demo", "--as": "alice", "--order": "A-1043"}
_LOOK_SECONDS: Final = 0.5
_NOT_OVER: Final = (RunState.PAUSED, RunState.READY, RunState.RUNNING)


def demo(
    answer: Answer = None,
    dir: Folder = Path(_DEFAULTS["--dir"]),
    who: Who = _DEFAULTS["--as"],
    order: Order = _DEFAULTS["--order"],
    serve: Serve = False,
    no_browser: NoBrowser = False,
    scripted: Scripted = False,
    as_json: AsJson = False,
) -> int:
    """See an agent pause, answer it, and see it finish. Its process is killed meanwhile, and another one goes on.

    You answer here or, where a browser can be opened, in the inbox, whichever is first. A run that waits from an
    earlier demo is gone on with. Exit status 0 if the ledger holds what was decided, or if you left it for later; 3 if
    nobody could be asked.
    """
    output = Output(as_json)
    console = output.err if as_json else output.out
    flags = {"--serve": serve, "--no-browser": no_browser, "--scripted": scripted}
    again = _command({"--dir": str(dir), "--as": who, "--order": order}, [each for each in flags if flags[each]])
    word = None if answer is None else word_of(answer)
    if serve and word is not None:
        raise WrongUsage([Fault("--serve", "nobody is asked where --answer answers; leave one of them out")])
    fresh = set_up(dir)
    console.print(shown(f"story: {dir}" + ("" if fresh else " (as it is there already; remove it for a fresh one)")))
    try:
        with _interruptible() as wait, opened(dir, console, scripted=scripted, wait=wait) as world:
            os.environ.update(world.environment)
            asks = word is None and not as_json and at_a_terminal()
            person, opening = responder(who, None), Opening(world.config)
            opens = not no_browser and (asks or serve)
            with offered(world, opening, who, forced=serve, opens=opens, again=again) as inbox:
                return Demo(world, opening, person, word, asks, again, inbox).play(order, output)
    except KeyboardInterrupt:
        console.print(shown(f"\nLeft. What was done stays done, and what waits goes on with: {again}", lines=True))
        return Exit.DONE


def _command(options: dict[str, str], flags: list[str]) -> str:
    """This demo once more, as it can be typed here."""
    given = [f"{name} {shlex.quote(value)}" for name, value in options.items() if value != _DEFAULTS[name]]
    return " ".join((program(), "demo", *given, *flags))


@contextmanager
def _interruptible() -> Iterator[Callable[[int | None], None]]:
    """Ctrl-C ends the demo at any time, and so does a closed terminal: no process of it stays behind."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        if not at_a_terminal():
            yield lambda file: time.sleep(_LOOK_SECONDS) if file is None else None
            return
        from ..terminal.keyboard import ctrl_c_as_a_key, until_readable

        with ctrl_c_as_a_key():
            yield until_readable
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@dataclass(frozen=True, slots=True)
class Demo:
    """One telling of the story. Without `answer` and an inbox, and if it cannot ask, it ends at the first pause."""

    world: World
    opening: Opening
    who: Responder
    answer: Reply | None
    asks: bool
    again: str
    inbox: Inbox | None

    def play(self, order: str, output: Output) -> int:
        """From the start of the run, or from where it was left, to the verdict."""
        run_id, state = self._left_before(order) or self._started(order)
        while state in _NOT_OVER:
            if state is RunState.PAUSED and not self._decide(run_id):
                return Exit.DONE if self.asks else Exit.PAUSED
            state = RunState(self.world.hitl("resume", run_id)["state"])
        return self._end(run_id, output)

    def _left_before(self, order: str) -> tuple[str, RunState] | None:
        """The run that an earlier demo has left with this order, if there is one."""
        runs = self.opening.do(lambda hitl: hitl.runs(states=_NOT_OVER, limit=1000)).items
        for run in runs:
            if run.input == {"order": order}:
                self._say(f"Run {run.id} is {run.state} since an earlier demo: this one goes on with it.")
                return run.id, run.state
        return None

    def _started(self, order: str) -> tuple[str, RunState]:
        run = self.world.hitl("run", "--input", json.dumps({"order": order}))
        return str(run["id"]), RunState(run["state"])

    def _decide(self, run_id: str) -> bool:
        """Answer all that the run waits for; nothing of the agent is in memory meanwhile."""
        self._say("The agent waits. No process holds it: the run and its request are rows in the database.")
        pending = self.opening.do(lambda hitl: hitl.run(run_id)).pending
        if not pending:
            self._say(f"Nothing in it can be answered now; see why: {Hints(self.world.config)('runs', run_id)}")
        return bool(pending) and all(self._decide_one(request) for request in pending)

    def _decide_one(self, request: PauseRequest) -> bool:
        if self.inbox is not None:
            self.inbox.show()
        if self.asks:
            return self._ask(request)
        self.world.console.print(request_panel(Settled(request, RequestState.OPEN), now=datetime.now(UTC)))
        if self.inbox is not None:
            return self._await(request)
        if self.answer is None:
            self._explain(request)
            return False
        made = canned(request, self.answer, self.who)
        self._say(f"{self.who.id} answers: {made.decision.type}")
        self.opening.do(partial(_respond, response=made))
        return True

    def _ask(self, request: PauseRequest) -> bool:
        """Ask at the terminal until an answer is taken, here or in the inbox, or left for later."""
        from ..terminal.keyboard import Keyboard, NothingToAsk

        keys = Keyboard(None if self.inbox is None else partial(self._is_over, request))
        prompt = Prompt(self.world.console, keys, self.who, preview=self.opening.preview)
        try:
            while (made := prompt.ask(Settled(request, RequestState.OPEN))) is not None:
                try:
                    self.opening.do(partial(_respond, response=made))
                except ResponseRefused as exc:
                    prompt.complain(exc.faults)
                    continue
                return True
        except (NothingToAsk, AlreadyDecided, RequestClosed):
            self._tell(request)
            return True
        self._explain(request)
        return False

    def _await(self, request: PauseRequest) -> bool:
        """Wait until somebody has answered in the inbox."""
        while not self._is_over(request):
            self.world.wait(None)
        self._tell(request)
        return True

    def _is_over(self, request: PauseRequest) -> bool:
        return self._settled(request).state is not RequestState.OPEN

    def _settled(self, request: PauseRequest) -> Settled:
        return self.opening.do(lambda hitl: hitl.request(request.id))

    def _tell(self, request: PauseRequest) -> None:
        """What became of a request elsewhere."""
        settled = self._settled(request)
        if settled.response is None:
            self._say(f"The request is {settled.state}.")
        else:
            self._say(f"{settled.response.responder.id} answered in the inbox: {settled.response.decision.type}")

    def _explain(self, request: PauseRequest) -> None:
        hints, answer = Hints(self.world.config), Reply.APPROVE if Reply.APPROVE in request.allowed else "DECISION"
        self._say("Nobody has decided, so nothing has happened. The request waits as long as you like. Go on with:")
        self._say(f"  {self.again}")
        if self.answer is None and Reply.APPROVE in request.allowed:
            self._say(f"  {self.again} --answer approve")
        self._say("Or look at it and answer it from anywhere; the first command above then goes on with the run:")
        self._say(f"  {hints('show', request.id)}")
        self._say(f"  {hints('respond', request.id, answer, '--as', shlex.quote(self.who.id))}")

    def _end(self, run_id: str, output: Output) -> int:
        told = self.opening.do(partial(_told, run_id=run_id))
        if self.inbox is not None:
            self.inbox.later()
        ledger = self.world.effects(run_id)
        counted = sum(line.get("effect") == STORY.effect for line in ledger)
        kept, sentence = verdict(told, counted=counted)
        document: dict[str, Json] = {"run": run_view(told.run), "ledger": [*ledger], "ok": kept, "verdict": sentence}
        output.result(document, *self._ending(told, ledger), Text(sentence, "bold green" if kept else "bold red"))
        if told.run.state is RunState.FAILED and not self.world.scripted:
            self._say(f"The model was your own. Without it, the script plays: {self.again} --scripted")
        return Exit.DONE if kept else Exit.FAILED

    def _ending(self, told: Told, ledger: list[dict[str, Json]]) -> Iterator[RenderableType]:
        yield from outcome_lines(told.run, Hints(self.world.config))
        yield Text(f"{self.world.ledger}: what really happened in this run", "bold")
        for line in ledger:
            yield shown("  " + json.dumps(line, ensure_ascii=False))
        if not ledger:
            yield Text("  nothing", "dim")

    def _say(self, text: str) -> None:
        self.world.console.print(shown(text), soft_wrap=True)


async def _respond(hitl: Runtime, *, response: Response) -> None:
    await hitl.respond(response)


async def _told(hitl: Runtime, *, run_id: str) -> Told:
    requests = [each async for each in every(hitl.store, ListRequests((), run_id=run_id))]
    return Told(await hitl.run(run_id), tuple(requests), await hitl.effects(run_id))
