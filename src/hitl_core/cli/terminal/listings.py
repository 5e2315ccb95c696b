"""Listings and summaries: the inbox, runs, what their actions came to, the stops in force."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...commands import Effect, Override, Settled, Stop
from ...lifecycle import RequestState
from ...protocol import Grant, Guidance, Run, RunState, Undoing
from ...runtime import Reach
from ..frozen import Frozen
from ..hints import Hints
from .agreement import agreed
from .render import ago, grid_of_facts, moment, shown, table_of, value_text

_STATE_STYLES: Final = {
    "completed": "green",
    "executed": "green",
    "consumed": "green",
    "active": "green",
    "used_up": "yellow",
    "expired": "yellow",
    "revoked": "red",
    "queued": "yellow",
    "dropped": "red",
    "paused": "yellow",
    "open": "yellow",
    "ready": "cyan",
    "running": "cyan",
    "failed": "red",
    "in_doubt": "bold red",
    "refused": "red",
    "stopped": "red",
    "frozen": "red",
}


def state_text(state: str) -> Text:
    return Text(state, _STATE_STYLES.get(state, ""))


def run_panel(run: Run, *, now: datetime) -> RenderableType:
    """A run in a few lines."""
    grid = grid_of_facts()
    grid.add_row("run", Text(run.id))
    grid.add_row("state", state_text(run.state))
    if run.undoes is not None:
        grid.add_row("undoes", shown(f"what run {run.undoes} has done"))
    grid.add_row("backend", shown(f"{run.backend}, {run.app}"))
    if run.started_by:
        grid.add_row("started by", shown(run.started_by))
    grid.add_row("started", shown(moment(run.created_at, now)))
    grid.add_row("input", value_text(run.input, whole=False))
    if run.state is RunState.COMPLETED:
        grid.add_row("output", value_text(run.output))
    if run.overridden is not None:
        said = f"the output was replaced by {run.overridden.by}: {run.overridden.reason}"
        grid.add_row("overridden", shown(said, "bold"))
    if run.error:
        grid.add_row("error", shown(run.error, "red", lines=True))
    if run.retry_at is not None:
        grid.add_row("tried again", shown(f"{moment(run.retry_at, now)}, after {run.tries} tries"))
    if run.app_version:
        grid.add_row("app version", shown(run.app_version))
    return grid


def outcome_lines(run: Run, hints: Hints, frozen: Sequence[Frozen] = ()) -> Iterator[RenderableType]:
    """How a run stands after it was worked on, and what can be done next."""
    yield Text.assemble("run ", (run.id, "bold"), " is ", state_text(run.state))
    if run.error:
        yield shown(run.error, "red", lines=True)
    if run.state is RunState.COMPLETED:
        yield value_text(run.output)
    for request in run.pending:
        yield Text.assemble(
            "  waits: ", shown(request.title), f"  {request.id}", (f"  {'|'.join(request.allowed)}", "dim")
        )
    if run.pending:
        yield Text(f"answer with: {hints('respond', 'REQUEST', 'DECISION', '--as', 'WHO')}", "dim")
    yield from frozen_lines(frozen, hints)
    if run.state is RunState.READY:
        again = "" if run.retry_at is None else f" at {run.retry_at.astimezone():%H:%M:%S}"
        yield Text(f"go on with: {hints('resume', run.id)}   (a worker does it by itself{again})", "dim")
    elif run.state is RunState.FAILED:
        yield Text(f"try again from its last pause with: {hints('resume', run.id)}", "dim")
    elif run.state is RunState.STOPPED:
        yield Text(f"once that is lifted, go on with: {hints('resume', run.id)}   (a worker does it by itself)", "dim")


def frozen_lines(frozen: Sequence[Frozen], hints: Hints) -> Iterator[RenderableType]:
    """What cannot be answered now, by whose stop, and how that ends."""
    for each in frozen:
        yield Text.assemble("  ", shown(str(each), "red"))
    stops = dict.fromkeys(stop for each in frozen for stop in each.stops)
    for stop in stops:
        target = (shlex.quote(stop.target),) if stop.target else ()
        yield shown(f"lift that with: {hints('lift', stop.scope, *target, '--as', 'WHO', '--reason', 'TEXT')}", "dim")


def requests_table(page: Iterable[Settled], *, now: datetime) -> Table:
    """The inbox."""
    table = _listing("request", "kind", "asked", "deadline", "title")
    for settled in page:
        request = settled.request
        state = "" if settled.state is RequestState.OPEN else f"[{settled.state}] "
        due = "" if request.deadline is None else ago(request.deadline, now)
        doubt = Text("in doubt: ", "bold red") if request.in_doubt else Text()
        title = Text.assemble(state, doubt, shown(request.title), "  ", shown(request.action.tool, "dim"))
        if counted := agreed(settled, now):
            title.append(f"  {counted}", "bold")
        table.add_row(Text(request.id), request.kind.value, ago(request.created_at, now), due, title)
    return table


def runs_table(runs: Iterable[Run], *, now: datetime) -> Table:
    """Runs in few words."""
    table = _listing("run", "state", "backend", "started", "by", "input")
    for run in runs:
        undoes = "" if run.undoes is None else f"undo of run {run.undoes}"
        given = shown(undoes or json.dumps(run.input, ensure_ascii=False)[:80])
        if run.error:
            given.append_text(shown(f"  {run.error[:120]}", "red"))
        by = shown(run.started_by or "")
        table.add_row(Text(run.id), state_text(run.state), run.backend, ago(run.created_at, now), by, given)
    return table


def effects_table(effects: Iterable[Effect]) -> Table:
    """What a run's actions came to."""
    table = _listing("call", "state", "tool", "arguments", "result", whole_first=False)
    for effect in effects:
        given = shown(json.dumps(effect.action.arguments, ensure_ascii=False)[:200])
        result = json.dumps(effect.result, ensure_ascii=False)[:200]
        came = shown(effect.error, "red") if effect.error else shown(result)
        if effect.grant_id is not None:
            came.append(f" under grant {effect.grant_id}", "dim")
        table.add_row(shown(effect.call), state_text(effect.state), shown(effect.action.tool), given, came)
    return table


def guidance_table(guidance: Iterable[Guidance], *, now: datetime) -> Table:
    """What people said to the agent of a run, and whether and where it reached it."""
    table = _listing("guidance", "state", "given", "by", "text", "entered at")
    for each in guidance:
        by, said = shown(each.by.id), shown(each.text, lines=True)
        table.add_row(each.id, state_text(each.state), ago(each.given_at, now), by, said, shown(each.place))
    return table


def undo_table(undoing: Undoing) -> Table:
    """What became of each action of a run that was to be taken back."""
    table = _listing("call", "undo", "tool", "why")
    for each in undoing.calls:
        state = Text(each.state.value.replace("_", " "), "green" if each.state.done else "bold red")
        table.add_row(shown(each.call), state, shown(each.tool), shown(each.why))
    return table


def undos_table(undos: Iterable[Undoing], *, now: datetime) -> Table:
    """The undos of a run, and what each has taken back."""
    table = _listing("undo", "state", "started", "by", "taken back", "not")
    for each in undos:
        run, done = each.run, [call.call for call in each.calls if call.state.done]
        left = [f"{call.call} ({call.state.replace('_', ' ')})" for call in each.calls if not call.state.done]
        by, taken = shown(run.started_by or ""), shown(", ".join(done))
        table.add_row(run.id, state_text(run.state), ago(run.created_at, now), by, taken, shown(", ".join(left), "red"))
    return table


def overrides_table(overrides: Iterable[Override]) -> Table:
    """What people have put in the place of a run's output and results, and what it was."""
    table = _listing("overridden", "was", "is", "by", "reason")
    for each in overrides:
        was, now = value_text(each.original, whole=False), value_text(each.value, whole=False)
        table.add_row(shown(each.call or "output"), was, now, shown(each.by), shown(each.reason))
    return table


def reach_table(reaches: Iterable[Reach]) -> Table:
    """What a stop reaches, and when; what it does not reach, and why."""
    table = _listing("what", "reached", "when, or why not", whole_first=False)
    for each in reaches:
        table.add_row(each.what, Text("yes", "green") if each.reached else Text("NO", "bold red"), shown(each.when))
    return table


def grants_table(grants: Iterable[Grant], *, now: datetime) -> Table:
    """The standing grants, and what was made of them."""
    table = _listing("grant", "state", "tool", "scope", "used", "ends", "by", "reason")
    for each in grants:
        ends, scope = ago(each.expires_at, now), shown("; ".join(_scope(each)))
        used, by = shown(", ".join(_used(each))), shown(each.by.id)
        table.add_row(
            each.id, state_text(each.state(now)), shown(each.allows.tool), scope, used, ends, by, shown(each.reason)
        )
    return table


def _scope(grant: Grant) -> Iterator[str]:
    allows = grant.allows
    if allows.agent is not None:
        yield f"agent {allows.agent}"
    if allows.run_id is not None:
        yield f"run {allows.run_id}"
    if allows.when is not None:
        yield json.dumps(allows.when, ensure_ascii=False)


def _used(grant: Grant) -> Iterator[str]:
    allows = grant.allows
    yield f"{grant.used} of {allows.times}" if allows.times is not None else str(grant.used)
    if allows.most is not None:
        yield f"{allows.sum_of} {grant.spent:g} of {allows.most:g}"


def stops_table(stops: Iterable[Stop], *, now: datetime) -> Table:
    """The stops in force."""
    table = _listing("scope", "target", "since", "by", "reason")
    for stop in stops:
        table.add_row(stop.scope.value, shown(stop.target), ago(stop.at, now), shown(stop.by), shown(stop.reason))
    return table


def _listing(*columns: str, whole_first: bool = True) -> Table:
    table = table_of(*columns)
    table.columns[0].no_wrap = whole_first
    return table
