"""The `hitl` command line: its commands, and what becomes of their errors."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from ..channels.plain_text import visible
from ..errors import Fault, HitlError
from .commands import (
    audit,
    comments,
    conformance,
    credentials,
    deferring,
    doctor,
    drafts,
    erasing,
    grants,
    mcp,
    overriding,
    policy,
    requests,
    revoking,
    runs,
    serve,
    showing,
    steering,
    stops,
    store,
    top,
    undoing,
    work,
)
from .demo import demo
from .errors_shown import ShownError, WrongUsage, as_json, in_words, is_misconfigured
from .options import Exit
from .terminal.log import LOG, VERBOSE, LogAs, is_verbose, log_to_stderr, where
from .terminal.output import console
from .unread import UNREAD, is_unread, write_nowhere

_INTERRUPTED: Final = 128 + signal.SIGINT
_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it does not understand; it has no public name."""

app = typer.Typer(
    name="hitl",
    help="Human oversight of AI agents: run them, see what waits for people, answer, go on.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
trail = typer.Typer(name="audit", help="The audit trail.", no_args_is_help=True, rich_markup_mode=None)

for name, command in (
    ("demo", demo),
    ("run", runs.run),
    ("runs", runs.runs),
    ("inbox", requests.inbox),
    ("show", showing.show),
    ("draft", drafts.draft),
    ("respond", requests.respond),
    ("delegate", requests.delegate),
    ("defer", deferring.defer),
    ("comment", comments.comment),
    ("resume", runs.resume_run),
    ("rewind", runs.rewind),
    ("undo", undoing.undo),
    ("override", overriding.override),
    ("revoke", revoking.revoke),
    ("cancel", runs.cancel),
    ("serve", serve.serve),
    ("mcp", mcp.mcp),
    ("login", credentials.login),
    ("worker", work.worker),
    ("tick", work.tick),
    ("grant", grants.grant),
    ("steer", steering.steer),
    ("stop", stops.stop),
    ("lift", stops.lift),
    ("stops", stops.stops),
    ("top", top.top),
    ("doctor", doctor.doctor),
    ("conformance", conformance.conformance),
):
    app.command(name)(command)
trail.command("verify")(audit.verify)
trail.command("export")(audit.export)
trail.command("report")(audit.report)
trail.command("erase")(erasing.erase)
trail.command("retain")(erasing.retain)
app.add_typer(trail)
app.add_typer(grants.grants_app)
app.add_typer(policy.policy_app)
app.add_typer(store.store_app)
app.add_typer(credentials.token_app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"hitl-core {version('hitl-core')}")
        raise typer.Exit


@app.callback()
def before_command(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", envvar="HITL_CONFIG", help="The configuration to use.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Whole tracebacks instead of one line. Also HITL_VERBOSE=1.")
    ] = False,
    log: Annotated[
        LogAs | None, typer.Option("--log", envvar=LOG, help="How the log is written: text, or a JSON object a line.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Human oversight of AI agents: run them, see what waits for people, answer, go on."""
    if verbose:
        os.environ[VERBOSE] = "1"
    if log is not None:
        os.environ[LOG] = log
    log_to_stderr()
    if config is not None:
        given = {"config": str(config)}
        below = {
            "audit": dict.fromkeys(_names(trail), given),
            "policy": dict.fromkeys(_names(policy.policy_app), given),
            "store": dict.fromkeys(_names(store.store_app), given),
            "token": dict.fromkeys(_names(credentials.token_app), given),
            "grants": {**given, **dict.fromkeys(_names(grants.grants_app), given)},
        }
        context.default_map = {**dict.fromkeys(_names(app), given), **below}


def run(arguments: list[str]) -> int:
    """Carry out one command line; returns its exit status. Errors of ours end in words or JSON, not in a traceback."""
    log_to_stderr()
    try:
        return _carried_out(arguments)
    except BrokenPipeError:
        write_nowhere()
        return UNREAD


def _carried_out(arguments: list[str]) -> int:
    """Raises BrokenPipeError where nobody reads what is written any more."""
    try:
        ended = _called(arguments)
        sys.stdout.flush()
    except (HitlError, WrongUsage) as exc:
        return _show_error(exc, arguments)
    except _UsageError as exc:
        return _show_error(WrongUsage([Fault("", _usage(exc))]), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except Exception as exc:
        if isinstance(exc, BrokenPipeError) and is_unread():
            raise
        return _unexpected(exc, arguments)
    return int(ended or Exit.DONE)


def _called(arguments: list[str]) -> Any:
    """What the command returns. Raises what it raises, also of a broken pipe: typer would make an exit of any."""
    try:
        return app(args=arguments, prog_name="hitl", standalone_mode=False)
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):
            raise exc.__context__ from None
        raise


def _show_error(error: ShownError, arguments: list[str]) -> int:
    if "--json" in arguments:
        print(json.dumps(as_json(error), indent=2), flush=True)
    else:
        err = console(stderr=True)
        for line in in_words(error):
            err.print(Text(line, "bold red" if line.startswith("error ") else ""), soft_wrap=True)
    return Exit.WRONG_USAGE if is_misconfigured(error) else Exit.FAILED


def _unexpected(error: Exception, arguments: list[str]) -> int:
    """A bug, here or in what was loaded. Its place is what helps, and all of its traceback whoever asks for it."""
    said = f"{type(error).__name__}: {error}"
    if "--json" in arguments:
        body = {"code": "unexpected", "message": said, "faults": [], "next": ""}
        print(json.dumps({"error": body}, indent=2), flush=True)
    else:
        print(visible(f"error unexpected: {said}"), file=sys.stderr)
    whole = "".join(traceback.format_exception(error)) if is_verbose() else f"{where(error)}\n"
    print(visible(whole, lines=True), end="", file=sys.stderr)
    return Exit.FAILED


def _usage(error: Exception) -> str:
    format_message = getattr(error, "format_message", None)
    said = str(error) if format_message is None else str(format_message())
    return said.replace("Value error, ", "")  # pydantic's own words for who found it


def _names(group: typer.Typer) -> list[str]:
    return [str(each.name) for each in group.registered_commands]
