"""What a stop reaches, and when: the same everywhere by the store; a framework at work declares its part. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..capabilities import Capabilities, Capability, Support
from ..commands import StopScope


@dataclass(frozen=True, slots=True)
class Reach:
    """One thing that a stop could reach: whether it does, and when or why not."""

    what: str
    reached: bool
    when: str


_WHOLE: Final = (StopScope.RUN, StopScope.TENANT, StopScope.ALL)
"""The stops that end a run; the others hold back some of its actions."""

_UNKNOWN: Final = "not known here: the framework cannot be loaded; ask where its worker runs"


def reach(scope: StopScope, capabilities: Capabilities | None) -> tuple[Reach, ...]:
    """What a stop of this scope reaches under an adapter with these capabilities; None if they are not known here."""
    return (*_at_once(scope), *_at_work(scope, capabilities), *_never(capabilities), *_undo(scope))


def _at_once(scope: StopScope) -> tuple[Reach, ...]:
    """What the store holds, for every framework."""
    whole = scope in _WHOLE
    later = "they go on, and stop when they come to what is stopped"
    new = Reach("new runs", True, "refused") if whole else Reach("new runs", False, later)
    waiting = Reach("runs that wait or are ready", True, "nobody can take them up") if whole else None
    return tuple(
        each
        for each in (
            Reach("open requests", True, "frozen at once; a refusal, a veto or a cancellation is still taken"),
            Reach("approvals that are not used yet", True, "at once: the last check before the tool refuses"),
            Reach("gated calls that have not begun", True, "at once: checked in the transaction that begins them"),
            waiting or Reach("runs that wait or are ready", False, later),
            None if scope is StopScope.RUN else new,
        )
        if each is not None
    )


def _at_work(scope: StopScope, capabilities: Capabilities | None) -> tuple[Reach, ...]:
    """What a framework that is at work hears of it."""
    what, native = "a framework that is at work", "a pause that the app made itself"
    if capabilities is None:
        return (Reach(what, False, _UNKNOWN),)
    lifted = _lifted(native, capabilities[Capability.LIFT_NATIVE_PAUSES])
    if scope not in _WHOLE:
        return (Reach(what, False, "it goes on until it comes to what is stopped, then its run ends"), lifted)
    return (_drained(what, capabilities[Capability.DRAIN]), lifted)


def _drained(what: str, drain: Support) -> Reach:
    if drain.level == "absent":
        return Reach(what, False, f"it goes on until its next gated call: {drain.because}")
    return Reach(what, True, drain.because or "when the step that it is in has ended")


def _lifted(what: str, support: Support) -> Reach:
    if support.level == "absent":
        return Reach(what, False, f"there is none: {support.because}")
    return Reach(what, True, "its answer is not handed to the framework")


def _never(capabilities: Capabilities | None) -> tuple[Reach, ...]:
    """What no stop reaches."""
    gate = None if capabilities is None else capabilities[Capability.GATE_TOOLS]
    limits = f" ({gate.because})" if gate is not None and gate.because else ""
    return (
        Reach("a tool that is running", False, "it comes to its end, and what came of it is recorded"),
        Reach("a call of a model under way", False, "it comes to its end; what it asks for does not begin"),
        Reach("what does not pass the gate", False, f"not held back; `hitl doctor` lists what was found{limits}"),
    )


def _undo(scope: StopScope) -> tuple[Reach, ...]:
    """Whether what was done can be taken back meanwhile."""
    if scope in (StopScope.TENANT, StopScope.ALL):
        return (Reach("undos", True, "as all runs"),)
    return (Reach("undos of what it covers", False, "may go on; stop the tool `undo:TOOL` to hold them back"),)
