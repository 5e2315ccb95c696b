"""The stories of people catch what they are there for: each is told with one thing in the core broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain.kit import Kit
from hitl_core import checks, quorum
from hitl_core.audit.account import decisions
from hitl_core.gate import gate, verdicts
from hitl_core.lifecycle import RequestState
from hitl_core.policy.deciding import covering
from hitl_core.protocol import Approvers, Escalation, Proceed, Stage
from hitl_core.runtime import undoing
from hitl_core.stores.sql.commands import grants, permission
from hitl_core.testing.conformance.expect import NotKept
from hitl_core.testing.overseen import STORIES, Office
from hitl_core.testing.overseen.acts import get_warm
from hitl_core.testing.processes import named

pytestmark = pytest.mark.processes

Breaks = Callable[[], None]


def owners_approve() -> None:
    """Whoever the agent runs for approves its call."""
    _replace(checks, "_is_self_approval", lambda *given: False)


def one_is_enough() -> None:
    """A quorum counts nobody."""
    _replace(Approvers, "needed", property(lambda self: 1))


def votes_are_not_told() -> None:
    """The account of a run leaves out who had agreed before."""
    _replace(decisions, "_vote", lambda vote: "somebody")


def nobody_is_replaced() -> None:
    """Whoever is asked instead is asked beside the first ones."""
    inner = quorum._joined

    def beside(before: Stage | Approvers, step: Escalation) -> Any:
        return inner(before, step.model_copy(update={"instead": False}))

    _replace(quorum, "_joined", beside)


def a_veto_is_none() -> None:
    """What was vetoed runs."""
    inner = verdicts.verdict

    def let_through(settled: Any) -> Any:
        request = settled.request
        vetoed = settled.state is RequestState.VETOED
        return Proceed(request.action, call=request.call, request_id=request.id) if vetoed else inner(settled)

    _replace(gate, "verdict", let_through)
    _replace(permission, "_allowed", lambda *given: None)


def grants_never_end() -> None:
    """A grant is never used up."""
    _replace(covering, "_ended", lambda grant, now: iter(()))
    _replace(grants, "_TAKE", grants._TAKE.replace("used < times", "1"))


def stops_are_not_looked_at() -> None:
    """The last check before a tool knows no stop."""
    _replace(permission, "of_action", lambda *given: [])


def undos_overtake() -> None:
    """What is older is taken back while it is not known what became of the newer one."""
    _replace(undoing.Steps, "_bars", lambda self, effect: "")


def undos_pass_over() -> None:
    """What may have happened and is not known to have is left out of an undo."""
    _replace(undoing, "_BEGUN", undoing._BEGUN[:1])


CAUGHT: dict[Breaks, tuple[str, str]] = {
    owners_approve: ("quorum", "the exit status of what is refused: 0, not 1"),
    one_is_enough: ("quorum", "the request: ('decided'"),
    votes_are_not_told: ("quorum", "the account of the run: 'the invoice is right' is not in"),
    nobody_is_replaced: ("escalation", "who is asked now, by the trail: ['finance', 'lead'], not ['lead']"),
    a_veto_is_none: ("veto", "what happened: ["),
    grants_never_end: ("grant", "the run does not wait for anybody, it is completed"),
    stops_are_not_looked_at: ("stop", "whether it ran: True, not False"),
    undos_overtake: ("undo", "what is said: ['waiting', 'compensated'], not ['waiting', 'not_reached']"),
    undos_pass_over: ("undo", "the exit status: (0, True), not (1, False)"),
}


def _replace(owner: Any, name: str, other: Any) -> None:
    """In the warm parent, before it forks; a name that is not there would break nothing."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, other)


def broken(kit: str, breaks: str) -> None:
    get_warm(kit)
    named(f"{__name__}:{breaks}")()


@pytest.mark.parametrize("breaks", CAUGHT, ids=lambda breaks: breaks.__name__)
def test_a_story_notices(breaks: Breaks, tmp_path: Path) -> None:
    name, says = CAUGHT[breaks]
    office = Office(Kit(), tmp_path, warm=f"{__name__}:broken", breaks=breaks.__name__)
    with office, pytest.raises(NotKept) as found:
        STORIES[name].tell(office)
    assert says in str(found.value)


def test_a_process_that_fails_is_no_story(tmp_path: Path) -> None:
    """Where there is no parent for the processes, nothing passes for checked."""
    office = Office(Kit(), tmp_path, warm=f"{__name__}:broken", breaks="no_such_break")
    with office, pytest.raises(RuntimeError, match="must be importable"):
        STORIES["quorum"].tell(office)
