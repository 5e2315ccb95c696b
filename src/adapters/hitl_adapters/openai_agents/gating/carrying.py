"""What becomes of a call: asked about, let through, refused, answered, begun and reported. The same for every tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from hitl_core.errors import HitlError, ResultNotKept
from hitl_core.gate import HALTED, Form, tried
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Accept,
    Action,
    Approve,
    Arguments,
    Choose,
    Edit,
    EffectMode,
    Executed,
    Failed,
    Json,
    Kind,
    Option,
    PauseRequest,
    Proceed,
    Refuse,
    Substitute,
    Verdict,
    Wait,
)
from hitl_core.tools import Tool

from ..errors import in_short
from ..mapping import NoResult, kept, noted, said, unkept
from ..suspend import Current
from ..suspend.turn import TOOL

Body = Callable[[Arguments], Awaitable[Any]]

NOTHING_RAN: Final = NoResult("This call did not run.")
"""What the SDK is told of a call that waits, or that was made when the turn had failed. No model reads it: the loop
ends before the next one is called."""

UNKNOWN: Final = "It is not known whether this call had its effect, and a person stopped it. Do not try it again."

AGAIN: Final = Option(id="again", label="Run it again")
ABORT: Final = Option(id="abort", label="Do not run it; tell the agent")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call as the gate sees it. `asks`: the app itself wants a person to decide, whatever the policy says."""

    action: Action
    call: str
    form: Form
    asks: bool = False


async def rule(now: Current, proposal: Proposal) -> Verdict:
    """What the gate says; a call that the app itself wants decided is never let through by the policy alone."""
    known = now.verdicts.get(proposal.call)
    if known is None:
        known = now.verdicts[proposal.call] = await _ruled(now, proposal)
    return known


async def _ruled(now: Current, proposal: Proposal) -> Verdict:
    verdict = await now.gate.propose(proposal.action, call=proposal.call, form=proposal.form)
    undecided = isinstance(verdict, Proceed) and verdict.request_id is None
    if (proposal.asks and undecided) or await _asks_anew(now, proposal, verdict):
        return Wait(await _lifted(now, proposal))
    return verdict


async def _lifted(now: Current, proposal: Proposal) -> PauseRequest:
    known = await now.gate.settled(proposal.call)
    round = 0 if known is None else known.request.round + 1
    request = now.gate.lift(proposal.action, call=proposal.call, form=proposal.form, round=round)
    return now.lifted.setdefault(proposal.call, request)


async def _asks_anew(now: Current, proposal: Proposal, verdict: Verdict) -> bool:
    """Whether the answer that a failed run was given here is dropped. What has been begun is not asked about again:
    a call that was allowed and is refused now has an outcome, and no other answer would change that."""
    if not now.turn.ask_again or proposal.call not in now.waited or isinstance(verdict, Wait):
        return False
    if isinstance(verdict, Substitute):
        return not verdict.recorded
    known = await now.gate.settled(proposal.call)
    said = known.response.decision if known and known.response else None
    return isinstance(verdict, Proceed) or not isinstance(said, Approve | Edit | Accept)


async def obey(now: Current, proposal: Proposal, body: Body, *, neutral: Tool | None, tells: bool) -> Any:
    """Do what the gate says. `tells`: a tool that raises becomes a text for the model, not the end of the run."""
    verdict = await rule(now, proposal)
    now.verdicts.pop(proposal.call, None)
    match verdict:
        case Wait():
            return NOTHING_RAN
        case Refuse(text=text):
            now.used.append(proposal.call)
            return NoResult(text)
        case Substitute(result=result, recorded=recorded, note=note):
            now.used.append(proposal.call)
            return noted(unkept(result) if recorded and neutral is None else said(result), note)
        case Proceed():
            return await _carry_out(now, verdict, body, neutral=neutral, tells=tells)


async def _carry_out(now: Current, allowed: Proceed, body: Body, *, neutral: Tool | None, tells: bool) -> Any:
    if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
        return await _carry_out_in_store(now, allowed, neutral)
    try:
        return await _carry_out_once(now, allowed, body, neutral=neutral, tells=tells)
    except ResultNotKept as exc:
        return noted(str(exc), allowed.note)


async def _carry_out_once(now: Current, allowed: Proceed, body: Body, *, neutral: Tool | None, tells: bool) -> Any:
    failure: Exception | None = None
    result: Any = None
    async with now.gate.carry_out(allowed) as effect:
        try:
            result = await body(effect.arguments)
        except ResultNotKept:
            raise  # it ran
        except Exception as exc:
            failure, effect.outcome = exc, Failed(in_short(exc))
        else:
            told = now.failures.pop(allowed.call, None)
            effect.outcome = (
                Executed(_result(result, effect.returned if neutral else ())) if told is None else Failed(told)
            )
    if failure is None:
        return noted(result, allowed.note)
    if not tells:
        raise failure
    return noted(NoResult(tried(in_short(failure))), allowed.note)


def _result(result: Any, returned: Sequence[Json]) -> Json:
    """What is kept of a result: of a neutral tool's, what it returned, and not the text that was made of it."""
    return returned[-1] if returned and result == said(returned[-1]) else kept(result)


async def _carry_out_in_store(now: Current, allowed: Proceed, neutral: Tool) -> Any:
    try:
        return noted(said(await now.gate.carry_out_in_store(allowed, neutral.run_in)), allowed.note)
    except RuntimeError as exc:
        return NoResult(tried(str(exc)))


async def heed_stop(now: Current, action: Action) -> None:
    """For what runs without a begin of ours. Raises Stopped if a stop covers it."""
    if await now.gate.stop_for(action):
        assert now.gate.stopped is not None
        raise now.gate.stopped


async def halting(now: Current, step: Awaitable[Any]) -> Any:
    """An error of the gate ends the turn, and never becomes a message to the model; the calls beside it go on."""
    try:
        return await step
    except HitlError as exc:
        now.halt(exc)
        return NoResult(HALTED)


# ── tools that the app does not want decided ─────────────────────────────────────────────────────────────────


async def in_doubt(now: Current, proposal: Proposal) -> PauseRequest | None:
    """The question whether an ungated call may run again, while it is open: its process died while it ran."""
    attempt = lost(now, proposal)
    if not attempt:
        return None
    call = _doubt(proposal, attempt)
    settled = await now.gate.settled(call)
    if settled is not None:
        return settled.request if settled.state in (RequestState.OPEN, RequestState.FROZEN) else None
    form = Form(
        kind=Kind.CHOICE,
        title=f"May {proposal.action.tool} run again? Its process died while it ran.",
        options=(AGAIN, ABORT),
        in_doubt=True,
    )
    return now.lifted.setdefault(call, now.gate.lift(proposal.action, call=call, form=form))


async def once(now: Current, proposal: Proposal, body: Body) -> Any:
    """An ungated call: it runs as its framework runs it, and its result is remembered, so that it runs once."""
    done = now.journal.get(_done(now, proposal))
    if isinstance(done, dict) and "result" in done:
        return unkept(done["result"])
    attempt = lost(now, proposal)
    if attempt:
        settled = await now.gate.settled(_doubt(proposal, attempt))
        decision = settled.response.decision if settled and settled.response else None
        now.used.append(_doubt(proposal, attempt))
        if not (isinstance(decision, Choose) and decision.option == AGAIN.id):
            return NoResult(UNKNOWN)
    await heed_stop(now, proposal.action)
    await now.gate.remember(_begun(now, proposal, _attempts(now, proposal) + 1), True)
    try:
        result = await body(proposal.action.arguments)
    except Exception as exc:
        await now.gate.remember(_done(now, proposal), {"raised": in_short(exc)})
        raise
    with suppress(TypeError, ValueError):  # what cannot be kept is in doubt after a crash
        await now.gate.remember(_done(now, proposal), {"result": kept(result)})
    return result


def lost(now: Current, proposal: Proposal) -> int:
    """The attempt whose outcome is not known; 0 if there is none."""
    if proposal.action.tool in now.safe or _done(now, proposal) in now.journal:
        return 0
    return _attempts(now, proposal)


def _attempts(now: Current, proposal: Proposal) -> int:
    attempt = 0
    while _begun(now, proposal, attempt + 1) in now.journal:
        attempt += 1
    return attempt


def _begun(now: Current, proposal: Proposal, attempt: int) -> str:
    return now.key(TOOL, f"{proposal.call}:begun:{attempt}")


def _done(now: Current, proposal: Proposal) -> str:
    return now.key(TOOL, f"{proposal.call}:done")


def _doubt(proposal: Proposal, attempt: int) -> str:
    return f"step:{proposal.call}:{attempt}"
