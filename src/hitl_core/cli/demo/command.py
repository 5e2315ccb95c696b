"""`hitl demo`: the refund desk, from its pause to the last line of the ledger, each step in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from ...commands import ListRequests, Settled
from ...errors import ResponseRefused
from ...lifecycle import RequestState
from ...protocol import Answer as Answered
from ...protocol import Arguments, Choose, Json, Kind, PauseRequest, Responder, Response, RunState
from ...runtime import Runtime
from ..commands.decisions import Given, Word, response
from ..opening import Opening
from ..options import AsJson, Exit, at_a_terminal, responder
from ..terminal.json_views import run_view
from ..terminal.listings import outcome_lines
from ..terminal.output import Output
from ..terminal.prompt import Prompt
from ..terminal.render import request_panel, shown
from .verdict import Told, verdict
from .world import STORY, World, opened, set_up

Answer = Annotated[
    Word | None, typer.Option("--answer", help="Answer by itself, without a terminal: " + "|".join(Word) + ".")
]
Folder = Annotated[Path, typer.Option("--dir", help="Where to put the story and its database.")]
Who = Annotated[str, typer.Option("--as", metavar="WHO", help="Your name in the story.")]
Order = Annotated[str, typer.Option("--order", help="Which order: A-1043 is one refund, A-1042 the whole story.")]
Scripted = Annotated[bool, typer.Option("--scripted", help="Use the scripted model even if OPENAI_API_KEY is set.")]


def demo(
    answer: Answer = None,
    dir: Folder = Path("hitl-demo"),
    who: Who = "alice",
    order: Order = "A-1043",
    scripted: Scripted = False,
    as_json: AsJson = False,
) -> int:
    """See an agent pause on a refund, answer it, and see it finish in another process.

    Exit status 0 if the ledger holds what was decided, 3 if nobody could be asked.
    """
    output = Output(as_json)
    console = output.err if as_json else output.out
    fresh = set_up(dir)
    console.print(shown(f"story: {dir}" + ("" if fresh else " (as it is there already; remove it for a fresh one)")))
    with opened(dir, console, scripted=scripted) as world:
        os.environ.update(world.environment)
        asks = answer is None and not as_json and at_a_terminal()
        made = Demo(world, Opening(world.config), responder(who, None), answer, asks)
        return made.play(order, output)


@dataclass(frozen=True, slots=True)
class Demo:
    """One telling of the story. Without `answer`, and if it cannot ask, it ends at the first pause."""

    world: World
    opening: Opening
    who: Responder
    answer: Word | None
    asks: bool

    def play(self, order: str, output: Output) -> int:
        """From the start of the run to the verdict."""
        run = self.world.hitl("run", "--input", json.dumps({"order": order}))
        while run["state"] == RunState.PAUSED:
            if not self._decide(run["id"]):
                return Exit.PAUSED
            run = self.world.hitl("resume", run["id"])
        return self._end(run["id"], output)

    def _decide(self, run_id: str) -> bool:
        """Answer all that the run waits for; nothing of the agent is in memory meanwhile."""
        self._say("The agent waits. No process holds it: the run and its request are rows in the database.")
        pending = self.opening.do(lambda hitl: hitl.run(run_id)).pending
        return all(self._decide_one(request) for request in pending)

    def _decide_one(self, request: PauseRequest) -> bool:
        if self.asks:
            return self._ask(request)
        self.world.console.print(request_panel(Settled(request, RequestState.OPEN), now=datetime.now(UTC)))
        if self.answer is None:
            self._explain(request)
            return False
        made = canned(request, self.answer, self.who)
        self._say(f"{self.who.id} answers: {made.decision.type}")
        self.opening.do(partial(_respond, response=made))
        return True

    def _ask(self, request: PauseRequest) -> bool:
        """Ask at the terminal until an answer is taken, or left for later."""
        from ..terminal.keyboard import Keyboard

        prompt = Prompt(self.world.console, Keyboard(), self.who)
        while (made := prompt.ask(Settled(request, RequestState.OPEN))) is not None:
            try:
                self.opening.do(partial(_respond, response=made))
            except ResponseRefused as exc:
                prompt.complain(exc.faults)
                continue
            return True
        self._explain(request)
        return False

    def _explain(self, request: PauseRequest) -> None:
        config = shlex.quote(str(self.world.config))
        self._say("Nobody has decided, so nothing has happened. The request waits:")
        self._say(f"  hitl show {request.id} -c {config}")
        self._say(f"  hitl respond {request.id} {'|'.join(request.allowed)} --as {self.who.id} -c {config}")
        self._say("Or run it again and answer at the terminal, or unattended with --answer approve.")

    def _end(self, run_id: str, output: Output) -> int:
        told = self.opening.do(partial(_told, run_id=run_id))
        ledger = self.world.effects(run_id)
        counted = sum(line.get("effect") == STORY.effect for line in ledger)
        kept, sentence = verdict(told, counted=counted)
        document: dict[str, Json] = {"run": run_view(told.run), "ledger": [*ledger], "ok": kept, "verdict": sentence}
        output.result(document, *self._ending(told, ledger), Text(sentence, "bold green" if kept else "bold red"))
        return Exit.DONE if kept else Exit.FAILED

    def _ending(self, told: Told, ledger: list[dict[str, Json]]) -> Iterator[RenderableType]:
        yield from outcome_lines(told.run)
        yield Text(f"{self.world.ledger}: what really happened in this run", "bold")
        for line in ledger:
            yield shown("  " + json.dumps(line, ensure_ascii=False))
        if not ledger:
            yield Text("  nothing", "dim")

    def _say(self, text: str) -> None:
        self.world.console.print(shown(text))


async def _respond(hitl: Runtime, *, response: Response) -> None:
    await hitl.respond(response)


async def _told(hitl: Runtime, *, run_id: str) -> Told:
    requests = await hitl.store.fetch(ListRequests((), run_id=run_id, limit=1000))
    return Told(await hitl.run(run_id), requests.items, await hitl.effects(run_id))


def canned(request: PauseRequest, word: Word, who: Responder) -> Response:
    """An unattended answer: `word` for a call, something that fits for a question. Raises WrongUsage."""
    match request.kind:
        case Kind.INPUT:
            return Response.to(request, Answered(value="Yes. Thank the customer for the photo."), by=who)
        case Kind.CHOICE:
            return Response.to(request, Choose(option=request.options[0].id), by=who)
        case _:
            return response(request, word, _canned_options(request, word), by=who)


def _canned_options(request: PauseRequest, word: Word) -> Given:
    match word:
        case Word.EDIT:
            return Given(args=json.dumps(_less(request.action.arguments)))
        case Word.REJECT:
            return Given(message="Not without a photo of the damage.")
        case Word.ANSWER:
            return Given(message="The branch manager calls the customer back instead.")
        case Word.REVISE:
            return Given(message="Shorter, please.")
        case Word.CHOOSE:
            return Given(option=request.options[0].id if request.options else "")
        case _:
            return Given()


def _less(arguments: Arguments) -> Arguments:
    """The arguments with every number halved: what a careful person might make of a refund."""
    return {
        name: value / 2 if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in arguments.items()
    }
