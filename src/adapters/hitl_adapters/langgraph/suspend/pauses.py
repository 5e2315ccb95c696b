"""A native pause as the requests that people see, and what a settled request says to the code that waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from langgraph.types import PregelTask
from pydantic import ValidationError

from hitl_core.commands import Settled
from hitl_core.errors import RecordError
from hitl_core.gate import ABORT, Form, Gate
from hitl_core.lifecycle import TAKEN_BACK, RequestState
from hitl_core.protocol import (
    PAYLOAD_LIMIT,
    Action,
    Choose,
    Context,
    Decision,
    Json,
    Kind,
    Option,
    Origin,
    PauseRequest,
    Reject,
    Reply,
    canonical,
    sha256,
)

from ..errors import ambiguous
from ..mapping import Codecs, Expired, Gated, Lifted, NativePause, Sites, lift, lower
from ..mapping.rendering import rendered
from ..mapping.wrappers import has_no_effect

AGAIN: Final = Option(id="again", label="Run the step again")

UNDECIDED: Final = (RequestState.OPEN, RequestState.FROZEN)


@dataclass(frozen=True)
class App:
    """What is known of the app: codecs for its pauses, its source, and the nodes that may simply run again."""

    codecs: Codecs
    sites: Sites
    safe_nodes: frozenset[str]

    @cached_property
    def places(self) -> frozenset[tuple[tuple[str, ...], str]]:
        """Every node of every graph level that can be seen from outside, by path and name."""
        return frozenset((place.path, place.node) for place in self.sites.places)

    def is_safe(self, path: tuple[str, ...], node: str) -> bool:
        """Whether a node may simply run again: it has no effects but those that the gate knows one by one."""
        return node in self.safe_nodes or node == "__start__" or (path, node) in self._effectless

    def is_graph(self, path: tuple[str, ...], node: str) -> bool:
        """Whether a node is nothing but a graph, with no code of its own around it."""
        return any((place.path, place.node) == (path, node) and place.is_graph for place in self.sites.places)

    @cached_property
    def _effectless(self) -> frozenset[tuple[tuple[str, ...], str]]:
        return frozenset((place.path, place.node) for place in self.sites.places if has_no_effect(place))

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a node is added, removed or renamed: the pauses of another app may be gone from this one."""
        return sha256(canonical(sorted("/".join((*path, node)) for path, node in self.places)))

    def shows(self, pauses: Iterable[NativePause]) -> bool:
        """Whether all these pauses are at places that can be seen from outside."""
        return all((pause.path, pause.node) in self.places for pause in pauses)

    def lift(self, pause: NativePause) -> tuple[Lifted, ...] | Gated:
        """What a pause asks of people. Raises PauseAmbiguous."""
        return lift(pause, self.codecs, self.sites)


@dataclass(frozen=True, slots=True)
class Site:
    """One native pause with the requests that it is shown as, in order, and what is known of each."""

    pause: NativePause
    lifted: tuple[Lifted, ...]
    calls: tuple[str, ...]
    known: tuple[Settled | None, ...]

    @property
    def settled(self) -> bool:
        """Whether every request of this pause has been decided (or has expired)."""
        return all(is_settled(each) for each in self.known)

    def lowered(self, codecs: Codecs) -> Json:
        """What the code that waits here is told. Raises ResponseRefused, PauseAmbiguous or DigestMismatch."""
        return lowered([each for each in self.known if each is not None], codecs)


def is_settled(known: Settled | None) -> bool:
    return known is not None and known.state not in UNDECIDED


def is_static(known: Settled) -> bool:
    """Whether the request was about a static breakpoint, which takes no answer."""
    return str(known.request.handle.get("interrupt_id", "")).startswith("static:")


def place_in_batch(call: str) -> tuple[str, int]:
    """Sorts the places of one pause in the order of its parts: `pause:<id>#10` after `pause:<id>#2`."""
    prefix, _, index = call.rpartition("#")
    return prefix, int(index) if index.isdigit() else 0


def lowered(known: list[Settled], codecs: Codecs) -> Json:
    """The value for one interrupt from all the requests that it was shown as."""
    codec = cast("dict[str, Json]", known[0].request.handle["codec"])
    return lower(codec, [(each.request, said(each)) for each in known], codecs=codecs)


def ask(gate: Gate, site: Site, index: int, *, round: int = 0, fault: str = "") -> PauseRequest:
    """The request for one part of a pause; `fault` is what was wrong with the answer before. Raises PauseAmbiguous for
    a payload that makes no request, such as one with a tool that has no name."""
    try:
        return _asked(gate, site, index, round, fault)
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors())
        raise ambiguous(site.pause.place, f"its payload makes no request ({wrong})") from exc


def _asked(gate: Gate, site: Site, index: int, round: int, fault: str) -> PauseRequest:
    lifted, pause = site.lifted[index], site.pause
    form = Form(
        kind=lifted.kind,
        title=lifted.title,
        context=Context(
            message=f"{fault}\n\n{lifted.message}" if fault else lifted.message,
            details=lifted.details,
        ),
        allowed=(*lifted.allowed, Reply.CANCEL),
        options=lifted.options,
        arguments_schema=lifted.arguments_schema,
        answer_schema=lifted.answer_schema,
        handle={"interrupt_id": pause.interrupt_id, "codec": lifted.codec},
    )
    origin = Origin(path=(*pause.path, pause.node))
    action = Action(tool=lifted.tool, arguments=lifted.arguments, origin=origin)
    return gate.lift(action, call=site.calls[index], form=form, round=round)


def ask_about_step(gate: Gate, task: PregelTask, call: str, *, given: object, round: int) -> PauseRequest:
    """The question about a step of the app that a crash interrupted; what it was `given` tells it from its siblings."""
    shown = rendered(given)
    path = [str(part) for part in task.path if isinstance(part, str | int) and not isinstance(part, bool)]
    details: dict[str, Json] = {"path": "/".join(path), "input": shown.fault or shown.value}
    form = Form(
        kind=Kind.CHOICE,
        title=f"Step {task.name!r} was interrupted by a crash and may have had effects. Run it again?",
        context=Context(details=_within_limit(details)),
        options=(AGAIN, ABORT),
        in_doubt=True,
    )
    action = Action(tool=f"step {task.name}", arguments={"step": task.name}, origin=Origin(path=(task.name,)))
    return gate.lift(action, call=call, form=form, round=round)


def _within_limit(details: dict[str, Json]) -> dict[str, Json]:
    """Without an input that no record can hold: it is for people to recognise the step by, and nothing depends on it.
    Half of what a record may have, since there is more in it."""
    try:
        canonical(details, what="input", limit=PAYLOAD_LIMIT // 2)
    except RecordError as exc:
        return {**details, "input": f"cannot be shown: {exc}"}
    return details


def said(known: Settled) -> Decision | Expired:
    """What a settled request says to the code that waits; one that was taken back or withdrawn is a refusal."""
    match known.state:
        case RequestState.REVOKED:
            return Reject(message="The approval was revoked before it was used.")
        case RequestState.CANCELLED | RequestState.SUPERSEDED:
            return Reject(message="The request was withdrawn.")
        case _ if known.response is None:
            return Expired(known.request.on_timeout)
        case _:
            return known.response.decision


def runs_again(known: Settled) -> bool:
    """Whether a person said that a step in doubt shall run again; without a clear word that stands it does not."""
    if known.state in TAKEN_BACK:
        return False
    decision = known.response.decision if known.response is not None else None
    return isinstance(decision, Choose) and decision.option == AGAIN.id
