"""What a person sees of a request. Everything that came from outside goes through `shown`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...channels.plain_text import fold, pieces
from ...checks import json_type
from ...commands import Settled
from ...protocol import (
    Approvers,
    Arguments,
    Asked,
    Comment,
    Delegate,
    Escalation,
    Json,
    Kind,
    OnTimeout,
    Origin,
    PauseRequest,
    Preview,
    Response,
    Stage,
)
from ...quorum import asked_at, in_turn, people
from .agreement import still_needed

_AFTERWARDS = {
    OnTimeout.REFUSE: "then it is refused",
    OnTimeout.PROCEED: "then it runs",
    OnTimeout.CANCEL_RUN: "then the run is cancelled",
}
_IN_DOUBT = "IN DOUBT: this call was started and its outcome was lost. Find out what happened."
_SHORT_VERSION = 19
_AGENT_SAYS = "the agent says (unverified)"


def shown(text: str, style: str = "", *, lines: bool = False) -> Text:
    """Text from outside; what cannot be seen stands there as an escape, in reverse, so that it cannot be faked."""
    made = Text(style=style)
    for piece in pieces(text, lines=lines):
        made.append(piece.text, "reverse" if piece.escaped else "")
    return made


def request_panel(settled: Settled, *, now: datetime, whole: bool = True) -> RenderableType:
    """Everything a person needs to decide. Without `whole`, long texts are folded, saying how much is hidden."""
    request = settled.request
    parts: list[RenderableType] = []
    if request.in_doubt:
        parts.append(Text(_IN_DOUBT, "bold red"))
    parts += [
        *preview_lines(request.preview, asks=_is_a_question(request), whole=whole),
        _action(request, whole),
        _facts(settled, now),
    ]
    if request.options:
        parts.append(_options(request))
    about = Text(f"{request.kind} · {request.level} · {settled.state}")
    title = shown(request.title, "bold")
    panel = Panel(Group(*parts), title=title, title_align="left", subtitle=about, subtitle_align="right")
    prose = _agent_prose(request, whole)
    return panel if prose is None else Group(panel, prose)


def preview_lines(preview: Preview, *, asks: bool = False, whole: bool = True) -> Iterator[RenderableType]:
    """What will happen, as code made it from the arguments. A request that only `asks` has no effect to undo."""
    grid = grid_of_facts()
    for name in ("effect", "target", "affects", "leaves", "cost"):
        if value := getattr(preview, name):
            grid.add_row(name, _folded(value, whole, "bold" if name == "effect" else ""))
    if not asks:
        grid.add_row("reversible", _reversible(preview.reversible))
    yield grid
    for warning in preview.warnings:
        yield Text.assemble(("warning: ", "bold yellow"), shown(warning))
    if preview.diff:
        yield _diff(preview.diff, whole)


def details(request: PauseRequest) -> Table:
    """What the panel leaves out: where in the run it was asked, by which policy, and what an answer must look like."""
    grid = grid_of_facts()
    grid.add_row("place", shown(f"{request.call}, round {request.round}"))
    grid.add_row("policy", shown(f"rule {request.because.rule}, version {request.because.version}"))
    grid.add_row("decisions", shown(", ".join(request.allowed)))
    for name, schema in (("arguments", request.arguments_schema), ("answer", request.answer_schema)):
        if schema is not None:
            grid.add_row(f"{name} must fit", shown(json.dumps(schema, ensure_ascii=False, indent=2), lines=True))
    return grid


def _reversible(known: bool | None) -> Text:
    if known is None:
        return Text("not known: treat it as irreversible", "yellow")
    return Text("yes") if known else Text("no", "bold red")


def _diff(diff: str, whole: bool) -> Text:
    made, (text, rest) = Text(), (diff, "") if whole else fold(diff)
    for line in text.splitlines():
        style = {"+": "green", "-": "red"}.get(line[:1], "")
        made.append_text(shown(line, style)).append("\n")
    return made.append(f"[{rest}]", "bold yellow") if rest else made


def _action(request: PauseRequest, whole: bool) -> RenderableType:
    """The canonical data: what runs on approval. For a question the arguments are the agent's own words."""
    asks = _is_a_question(request)
    heading = f"{request.action.tool}: {_AGENT_SAYS}" if asks else f"the call: {request.action.tool}"
    return Group(shown(heading, "bold"), arguments_table(request.action.arguments, whole=whole))


def arguments_table(arguments: Arguments, *, whole: bool = True) -> RenderableType:
    """Name, JSON type and value of every argument; `1` and `"1"` do not look alike."""
    if not arguments:
        return Text("no arguments", "dim")
    table = table_of("argument", "type", "value")
    for name, value in arguments.items():
        table.add_row(shown(name), json_type(value), value_text(value, whole=whole))
    return table


def changes_table(before: Arguments, after: Arguments) -> Table:
    """The arguments that an edit changes, as they were and as they would run."""
    table = table_of("argument", "from", "to")
    for name in dict.fromkeys((*before, *after)):
        if name not in before or name not in after or before[name] != after[name]:
            was = value_text(before[name]) if name in before else Text("left out", "dim")
            becomes = value_text(after[name]) if name in after else Text("left out", "dim")
            table.add_row(shown(name), was, becomes)
    return table


def value_text(value: Json, *, whole: bool = True) -> Text:
    """A value as JSON; a text of several lines as those lines."""
    if isinstance(value, str) and "\n" in value:
        return _folded(value, whole)
    indent = 2 if isinstance(value, list | dict) and len(str(value)) > 60 else None
    return _folded(json.dumps(value, ensure_ascii=False, indent=indent), whole)


def _folded(text: str, whole: bool, style: str = "") -> Text:
    if whole:
        return shown(text, style, lines=True)
    kept, hidden = fold(text)
    made = shown(kept, style, lines=True)
    return made.append(f"\n[{hidden}]", "bold yellow") if hidden else made


def _is_a_question(request: PauseRequest) -> bool:
    """Whether nothing runs when it is answered."""
    return request.kind is not Kind.APPROVAL and not request.in_doubt


def _facts(settled: Settled, now: datetime) -> Table:
    request = settled.request
    grid = grid_of_facts()
    rule = shown(f"  (rule {request.because.rule}, version {request.because.version[:_SHORT_VERSION]})", "dim")
    grid.add_row("why asked", shown(request.because.why).append_text(rule))
    if asked_by := who_asks(request.action.origin):
        grid.add_row("asked by", shown(asked_by))
    grid.add_row("may decide", shown(who_may_decide(asked_at(request, settled.votes, now), request.requested_for)))
    grid.add_row("asked", shown(moment(request.created_at, now)))
    if request.deadline is not None:
        ends = "then it runs unless it is vetoed" if request.veto else _AFTERWARDS[request.on_timeout]
        grid.add_row("deadline", shown(f"{moment(request.deadline, now)}; {ends}"))
    if request.undo_until is not None:
        grid.add_row("undo until", shown(moment(request.undo_until, now)))
    for step in request.escalation:
        at = request.created_at + timedelta(seconds=step.after_seconds)
        grid.add_row("escalation", shown(f"{moment(at, now)}: {_asked_then(step)}"))
    grid.add_row("request", shown(request.id))
    grid.add_row("run", shown(request.run_id))
    grid.add_row("digest", shown(request.digest, "dim"))
    for row in _decision_rows(settled, now):
        grid.add_row(*row)
    return grid


def _asked_then(step: Escalation) -> str:
    if step.reassign and not step.users:  # too few take turns, so all of them are asked from the beginning
        return "nobody else"
    return f"{people(Stage(users=step.users, roles=step.roles))}{' instead' if step.instead else ' too'}"


def _decision_rows(settled: Settled, now: datetime) -> Iterator[tuple[str, Text]]:
    for vote in settled.votes:
        given = isinstance(vote.decision, Delegate)
        yield ("given on" if given else "vote"), _said(vote, now)
    if missing := still_needed(settled, now):
        yield "still needed", shown(missing, "bold")
    if settled.response is not None:
        yield "decided", _said(settled.response, now)


def _said(response: Response, now: datetime) -> Text:
    who, reason = response.responder, f": {response.reason}" if response.reason else ""
    how = f"{who.channel}, {who.authenticated_by}"
    how = f"for {who.acting_for.id}, {how}" if who.acting_for else how
    what = f"delegate to {response.decision.to}" if isinstance(response.decision, Delegate) else response.decision.type
    return shown(f"{what} by {who.id} ({how}) {moment(response.decided_at, now)}{reason}")


def _options(request: PauseRequest) -> Table:
    table = table_of("key", "option", "")
    for number, option in enumerate(request.options, start=1):
        table.add_row(str(number) if number < 10 else "", shown(option.id, "bold"), shown(option.label))
    return table


def _agent_prose(request: PauseRequest, whole: bool) -> Panel | None:
    """What the agent says about its own request, apart from the facts."""
    context = request.context
    parts = [line for asked in request.asked for line in _exchanged(asked, whole)]
    parts += [_folded(context.message, whole)] if context.message else []
    if context.confidence is not None:
        source = context.confidence_source or "it does not say from where"
        parts.append(shown(f"confidence {context.confidence:.0%} ({source})"))
    parts += [shown(f"alternative: {each}") for each in context.alternatives]
    for name, value in context.details.items():
        parts.append(shown(f"{name}: ").append_text(value_text(value, whole=whole)))
    if not parts:
        return None
    return Panel(Group(*parts), title=_AGENT_SAYS, title_align="left", border_style="yellow")


def _exchanged(asked: Asked, whole: bool) -> tuple[Text, Text]:
    """A person's question, and the agent's words in return."""
    question = shown(f"{asked.by} asked: {asked.question}", "bold")
    said = _folded(asked.answer, whole) if asked.answer else Text("no answer in words", "dim")
    return question, Text("it says: ").append_text(said)


def comments_panel(comments: Sequence[Comment], now: datetime) -> Panel | None:
    """What was said about a request beside deciding it; what a machine says is marked as that."""
    lines = [line for each in comments for line in _comment(each, now)]
    return Panel(Group(*lines), title="comments (no votes)", title_align="left", border_style="dim") if lines else None


def _comment(comment: Comment, now: datetime) -> tuple[Text, Text]:
    who = comment.by
    how = "a machine's opinion, unverified" if comment.machine else f"{who.channel}, {who.authenticated_by}"
    head = shown(f"{who.id} ({how}) {moment(comment.made_at, now)}", "yellow" if comment.machine else "bold")
    return head, _folded(comment.text, whole=False)


def who_asks(origin: Origin) -> str:
    """The agent by its name, and where in the app it acts; "" if neither is known."""
    place = " > ".join(origin.path)
    if origin.agent is None or place == origin.agent:
        return place or origin.agent or ""
    return f"{origin.agent} (at {place})" if place else origin.agent


def who_may_decide(approvers: Approvers, started_by: str | None) -> str:
    """In words: who, how many, and who not."""
    named = [*approvers.users, *(f"role {role}" for role in approvers.roles)]
    who = " or ".join(named) or "anybody who can reach this inbox"
    many = f"; {approvers.quorum} people have to agree" if approvers.quorum > 1 else ""
    if approvers.stages:
        who, many = in_turn(approvers.stages), ""
    own = f"; not {started_by}, who started the run" if started_by and not approvers.allow_self else ""
    apart = f"; not who let {' or '.join(approvers.separate_from)} run" if approvers.separate_from else ""
    turn = "; it is their turn" if approvers.assign else ""
    return f"{who}{turn}{many}{own}{apart}"


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────


def moment(at: datetime, now: datetime) -> str:
    """A point in time in the reader's own zone, and how far away it is."""
    return f"{at.astimezone().strftime('%Y-%m-%d %H:%M:%S %z')} ({ago(at, now)})"


def ago(at: datetime, now: datetime) -> str:
    """`in 3 min`, `2 h ago`."""
    gap = at.astimezone(UTC) - now.astimezone(UTC)
    words = _span(abs(gap))
    return f"in {words}" if gap > timedelta() else f"{words} ago"


def _span(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        whole = (seconds + size // 60) // size  # what lacks a sixtieth is whole: a deadline of 4 h begins as `in 4 h`
        if whole >= 2:
            return f"{whole} {unit}"
    return f"{seconds} s"


def table_of(*columns: str) -> Table:
    """A table without edges; what is too long for its column goes on below."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def grid_of_facts() -> Table:
    """Two columns: a name, and what there is to say about it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
