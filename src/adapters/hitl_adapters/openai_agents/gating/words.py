"""What the agent says with a call: the messages beside it in the answer of its model, and in those before it."""

from __future__ import annotations

from hitl_core.gate import Form, joined, with_words
from hitl_core.protocol import PauseRequest

from ..mapping import bounded
from ..suspend import Current, Said


def spoken(form: Form, now: Current, call_id: str) -> Form:
    """The form of a call with the agent's own words."""
    return with_words(form, words_of(now, call_id), lambda earlier: words_since(earlier, now, call_id))


def words_of(now: Current, call_id: str) -> str:
    """What the model says in the answer that makes the call."""
    caller = now.callers.get(call_id)
    said = None if caller is None else now.said.get((caller.scope, caller.number))
    return "" if said is None else said.words


def words_since(earlier: PauseRequest, now: Current, call_id: str) -> str | None:
    """What the agent has said since an earlier call, this one's words included; None if that is of another run of the
    agent, inside another call."""
    caller = now.callers.get(call_id)
    if caller is None:
        return None
    own = {number: said for (scope, number), said in now.said.items() if scope == caller.scope}
    made = [number for number, said in own.items() if number < caller.number and _makes(said, earlier)]
    if not made:
        return None
    between = (own[number] for number in sorted(own) if max(made) < number <= caller.number)
    return joined(said.words for said in between if said.agent == caller.agent)


def _makes(said: Said, earlier: PauseRequest) -> bool:
    """Whether an answer made that call; after going back to a pause its place has another beginning."""
    return any(f"/{earlier.call}".endswith(f"/{bounded(call_id)}") for call_id in said.calls)
