"""The options that several commands share, and reading JSON from the command line."""

from __future__ import annotations

import getpass
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Final, Literal, TextIO, overload

import typer

from ..config import DEFAULT_FILE
from ..errors import Fault, NotCanonical
from ..protocol import Arguments, Json, Responder, RunState, parse
from .errors_shown import WrongUsage

CHANNEL: Final = "terminal"
DEFAULT_CONFIG: Final = Path(DEFAULT_FILE)

ConfigFile = Annotated[
    Path, typer.Option("-c", "--config", envvar="HITL_CONFIG", help="The configuration to use.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, and nothing else.")]
As = Annotated[str, typer.Option("--as", metavar="WHO", help="Your name. It is an assertion: nobody checks it.")]
Seer = Annotated[str | None, typer.Option("--as", metavar="WHO", help="Only what this person sees. An assertion.")]
MaybeAs = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="WHO",
        envvar="HITL_AS",
        help="Your name. It is an assertion: nobody checks it. At a prompt by default your login name.",
    ),
]
Roles = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="A role you act in; repeat for more.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
Backend = Annotated[
    str | None, typer.Option("--backend", metavar="NAME", help="Use this backend instead of the configured one.")
]
ShowProgress = Annotated[
    bool | None,
    typer.Option("--progress/--no-progress", help="Show live progress on standard error. By default without --json."),
]
MaxLag = Annotated[
    float,
    typer.Option("--max-lag", metavar="SECONDS", min=0, help="Not ready if an answer waits for a worker for longer."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Where to go on: the `cursor` of the page before.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, or the unique beginning or end of one.")]
RequestId = Annotated[
    str, typer.Argument(metavar="REQUEST", help="The id of a request, or the unique beginning or end of one.")
]


class Exit(IntEnum):
    """What the exit status of a command means."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    PAUSED = 3


def exit_for(state: RunState) -> Exit:
    """The exit status for a run that was worked on."""
    if state is RunState.COMPLETED:
        return Exit.DONE
    if state in (RunState.PAUSED, RunState.READY, RunState.RUNNING):
        return Exit.PAUSED
    return Exit.FAILED


def at_a_terminal() -> bool:
    """Whether a person can be shown something and can answer it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def responder(name: str, roles: list[str] | None) -> Responder:
    """A person at this terminal. Who they are is only asserted. Raises WrongUsage."""
    if not name.strip() or any(not role.strip() for role in roles or ()):
        raise WrongUsage([Fault("--as / --role", "must not be empty")])
    return Responder(id=name, roles=tuple(roles or ()), channel=CHANNEL, authenticated_by="assertion")


def login_name() -> str:
    """The name of the person at this terminal, as the system knows it. Raises WrongUsage if it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise WrongUsage([Fault("--as", "is needed: this system does not know your login name")]) from None


@overload
def given_json(given: str, option: str) -> Json: ...
@overload
def given_json(given: str, option: str, *, shape: Literal["object"]) -> Arguments: ...
def given_json(given: str, option: str, *, shape: Literal["any", "object"] = "any") -> Json | Arguments:
    """JSON from an option's value: itself, `@file`, or `-` for standard input. Raises WrongUsage with every fault."""
    try:
        value = parse(_given_text(given, option), what="the value")
    except NotCanonical as exc:
        said = (str(fault).removeprefix("the value: ") for fault in exc.faults)
        raise WrongUsage(Fault(option, f"{each}{_hint(given)}") for each in said) from exc
    if shape == "object" and not isinstance(value, dict):
        raise WrongUsage([Fault(option, "must be a JSON object of all arguments, such as '{\"amount\": 40}'")])
    return value


def _hint(given: str) -> str:
    """What may have happened to it on the way: a shell takes the quotes off."""
    lost = given[:1] in ("{", "[") and '"' not in given and "'" not in given
    return "; it has no quotes: put it in '…' for your shell" if lost else ""


def _given_text(given: str, option: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise WrongUsage([Fault(option, f"the file {given[1:]!r} cannot be read: {exc}")]) from exc


def terminal_width(stream: TextIO) -> int | None:
    """How wide to write when no terminal says it: wide enough for a table with whole ids."""
    return None if stream.isatty() else int(os.environ.get("COLUMNS", "") or 132)
