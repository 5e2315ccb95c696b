"""What people can do about a run: what each act does, in words, when there is a point in it, and doing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ....capabilities import Capability
from ....commands import RetryRun
from ....errors import Fault, NotCanonical
from ....protocol import Json, Responder, Run, RunState
from ....runtime import Runtime
from ...auth import Right

PATIENCE: Final = 5.0
"""Seconds that a page waits for a run that goes on; after that it shows how far it has come."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `does` says what becomes of the run, `leaves` what stays as it is, `said` that it was done.

    `asks` are the fields of its form.
    """

    name: str
    title: str
    button: str
    does: str
    leaves: str
    said: str
    asks: tuple[str, ...] = ()
    right: Right = Right.OPERATE
    harmful: bool = False


_ALL: Final = (
    Act(
        "resume",
        "Let it go on",
        "Go on",
        "A worker takes the run up: this server, if it has the app, or another.",
        "What was answered and what has run stays so.",
        "It was taken up; below is how far it has come.",
        right=Right.START,
    ),
    Act(
        "retry",
        "Try it again",
        "Try again",
        "The run that failed is taken up again from its last checkpoint, with the answers that it was given.",
        "What has run is not run again.",
        "It is tried again; below is how far it has come.",
        right=Right.START,
    ),
    Act(
        "ask-again",
        "Try it again, and ask anew",
        "Ask anew",
        "The run that failed is taken up again, and its questions are put to people once more.",
        "What has run is not run again.",
        "It was tried again, and asks anew.",
        right=Right.START,
    ),
    Act(
        "steer",
        "Say something to the agent",
        "Say it",
        "Your words enter its conversation at the next safe point.",
        "They permit nothing: what needs an approval still needs it.",
        "It is queued: the agent is told at the next safe point.",
        ("text",),
    ),
    Act(
        "undo",
        "Take back what it did",
        "Take it back",
        "A run of its own takes back what the tools have done, the newest first. Each step meets the policy: people "
        "may be asked first.",
        "What has no undo, or whose time is over, stays done; you are told of each.",
        "This is the undo: what became of each step is below.",
        ("reason",),
    ),
    Act(
        "override",
        "Put something else in the place of what came out",
        "Replace it",
        "What you write stands as the result from now on; its agent is told, if it is that of a call.",
        "What it was is kept, and so is who replaced it and why.",
        "It was replaced; what it was is kept.",
        ("value", "reason"),
    ),
    Act(
        "rewind",
        "Take it back to its last pause",
        "Take it back",
        "The framework goes back to the last pause, and people are asked again.",
        "What tools have done stays done: that is for an undo.",
        "It was taken back to its last pause.",
        ("reason",),
        harmful=True,
    ),
    Act(
        "cancel",
        "Cancel the run",
        "Cancel the run",
        "The run ends for good: its questions are closed, and what waits for them never runs.",
        "What has run stays done. A tool that is at work comes to its end, and that is recorded.",
        "The run is cancelled.",
        ("reason",),
        harmful=True,
    ),
)
ACTS: Final = {each.name: each for each in _ALL}

_TRIED: Final = ("retry", "ask-again")
_GOES_ON: Final = (RunState.READY, RunState.RUNNING, RunState.STOPPED)


def why_not(act: Act, run: Run, hitl: Runtime, *, call: str = "", has_done: bool = True) -> str:
    """Why there is no point in an act now; "" if there is. The runtime judges it again when it is done.

    `has_done`: whether a tool of the run may have done something.
    """
    if act.name in _TRIED:
        return "" if run.state is RunState.FAILED else "it has not failed"
    if act.name == "resume":
        return "" if run.state in _GOES_ON else f"it is {run.state}"
    if act.name in ("steer", "cancel") and run.state.over:
        return f"it is {run.state}: nothing more happens in it"
    if act.name in ("steer", "undo", "rewind") and run.undoes is not None:
        return "it is an undo itself"
    if act.name == "undo" and not call and run.state.at_work:
        return f"it is {run.state}: cancel or stop it first, or take back a single call"
    if act.name == "undo" and not has_done:
        return "its tools have done nothing"
    if act.name == "override" and not call and run.state is not RunState.COMPLETED:
        return "there is no output before it is complete"
    return _cannot(act, run, hitl)


def _cannot(act: Act, run: Run, hitl: Runtime) -> str:
    """Why its framework cannot, as far as that is known here."""
    wanted = {"rewind": Capability.UNDO_BY_FORK, "steer": Capability.STEER}.get(act.name)
    if wanted is None or run.backend != hitl.adapter.name:
        return ""
    with suppress(Exception):  # whatever loading it raises: then its worker knows
        support = hitl.adapter.capabilities[wanted]
        return support.because if support.level == "absent" else ""
    return ""


async def do(act: Act, hitl: Runtime, run: Run, fields: Mapping[str, str], *, by: Responder) -> str:
    """Do it; returns the run to look at then. Raises what the runtime raises, and NotCanonical for what is no JSON."""
    reason, call = fields.get("reason", ""), fields.get("call") or None
    match act.name:
        case "cancel":
            await hitl.cancel(run.id, by=by, reason=reason)
        case "steer":
            await hitl.steer(run.id, fields.get("text", ""), by=by)
        case "undo":
            with suppress(TimeoutError):  # it goes on, and stands on the page of what it undoes
                undo = hitl.undo(run.id, call, by=by, reason=reason)
                return (await hitl.going_on(undo, within=PATIENCE)).run.id
        case "override":
            await hitl.override(run.id, _value(fields.get("value", "")), call, by=by, reason=reason)
        case "rewind":
            with suppress(TimeoutError):
                await hitl.going_on(hitl.rewind(run.id, by=by, reason=reason), within=PATIENCE)
        case "ask-again":
            with suppress(TimeoutError):
                await hitl.going_on(hitl.resume(run.id, ask_again=True), within=PATIENCE)
        case _:
            await _go_on(hitl, run, by)
    return run.id


async def _go_on(hitl: Runtime, run: Run, by: Responder) -> None:
    """It goes on also when nobody waits for it any more."""
    if run.state is RunState.FAILED:
        await hitl.store.apply(RetryRun(run.id, by=by.id, now=hitl.clock.now()))
    with suppress(TimeoutError):
        await hitl.wait(run.id, timeout=PATIENCE)


def _value(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError as exc:
        raise NotCanonical([Fault("value", f"is no JSON: {exc}; text stands between quotation marks")]) from exc
    return found
