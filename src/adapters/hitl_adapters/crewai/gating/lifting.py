"""A pause that the app made itself: the request for it, and what was decided, read from the store and nowhere else."""

from __future__ import annotations

from typing import Final

from hitl_core.commands import Settled
from hitl_core.gate import Form
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Action, OnTimeout

from ..suspend import Current, Suspended, scope

_UNDECIDED: Final = (RequestState.OPEN, RequestState.FROZEN)


def decided_at(now: Current, action: Action, place: str, form: Form) -> Settled:
    """What was decided about this very action at a pause of the app. Raises Suspended while nothing is."""
    now.check(scope().base)
    now.reach(place)
    settled = now.blocking(now.gate.settled(place))
    if settled is None or settled.request.digest != action.digest or now.asks_again(place):
        round = 0 if settled is None else settled.request.round + 1
        now.lifted[place] = now.gate.lift(action, call=place, form=form, round=round)
    elif settled.state not in _UNDECIDED:
        now.heed(action)
        now.use(place)
        return settled
    now.wait_at(place)
    raise Suspended


def proceeds(settled: Settled) -> bool:
    """Whether silence counts as a yes here, because the policy says so."""
    return settled.state is RequestState.EXPIRED and settled.request.on_timeout is OnTimeout.PROCEED
