"""What is sent to the API: the body of each call. What a body has and the API does not know is refused.

`by` is whom the caller believes to be. The server knows who calls and takes that; where the two differ, it refuses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..commands import StopScope
from ..protocol import Allowance, Arguments, ClientTool, Decision, Instant, Responder, Response
from ..protocol.record import Name, Text

MOST_ANSWERS: Final = 200
"""Answers that one batch may have."""
MOST_POLICY: Final = 262_144
"""Characters that a policy may have which is sent to be tried."""
LONGEST_WAIT: Final = 25.0
"""Seconds that one call may wait: what stands between two machines cuts off who says nothing for much longer."""

Seconds = Annotated[float, Field(gt=0, le=31_536_000_000, allow_inf_nan=False)]
PolicyText = Annotated[str, Field(max_length=MOST_POLICY)]
RightName = Literal["requests", "runs", "start", "operate", "policy", "audit", "tokens"]
"""What a server lets somebody do, as it says it."""
By = Annotated[Name | None, Field(description="Whom the caller believes to be; refused if the server knows better.")]


class Body(BaseModel):
    """Frozen; a field that there is not is refused, and so is a value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Start(Body):
    """The input of a run; for whom it runs, who may then not approve its actions; its conversation; and the tools that
    its agent is given: a call of one is a request, and the answer is its result."""

    input: JsonValue = None
    by: Name | None = None
    thread: Name | None = None
    tools: tuple[ClientTool, ...] = ()


class Resume(Body):
    """With `ask_again`, a failed run is asked anew."""

    ask_again: bool = False


class Act(Body):
    """Something that a person does without having been asked."""

    by: By = None
    reason: Text = ""


class Erase(Body):
    by: By = None
    reason: Annotated[str, Field(min_length=1, max_length=65_536)]


class Undo(Act):
    """Of a run, or with `call` one call of it."""

    call: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class Overriding(Act):
    """What to put in the place of a run's output; with `call`, of the result of that call."""

    value: JsonValue
    call: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class Steer(Body):
    text: Text
    by: By = None


class Answering(Body):
    """An answer to one request, as it was shown (`digest`). Who gives it is who calls."""

    digest: Name
    decision: Decision
    by: By = None
    reason: Text = ""
    decided_at: Instant | None = None
    idempotency_key: Name | None = None
    batch: Name | None = None

    @classmethod
    def of(cls, response: Response) -> Answering:
        return cls(**_answer(response))

    def response(self, request_id: str, responder: Responder, now: datetime) -> Response:
        """The answer that this is, given by `responder`."""
        return Response(
            request_id=request_id,
            digest=self.digest,
            decision=self.decision,
            responder=responder,
            reason=self.reason,
            decided_at=self.decided_at or now,
            idempotency_key=self.idempotency_key,
            batch=self.batch,
        )


class AnsweringOne(Answering):
    """An answer of a batch."""

    request_id: Name

    @classmethod
    def of(cls, response: Response) -> AnsweringOne:
        return cls(request_id=response.request_id, **_answer(response))


class AnsweringMany(Body):
    """Answers that are given in one gesture."""

    answers: Annotated[tuple[AnsweringOne, ...], Field(max_length=MOST_ANSWERS)]


class Granting(Body):
    """What to let run without being asked, for how many seconds, and why."""

    allows: Allowance
    lasts_seconds: Seconds
    by: By = None
    reason: Text = ""


class AnsweringAndGranting(Body):
    """An answer, and what to let run like it."""

    answer: AnsweringOne
    allows: Allowance
    lasts_seconds: Seconds


class Defer(Body):
    """Until when to put a request off."""

    until: Instant
    by: By = None


class Saying(Body):
    """A comment. `machine`: it is the opinion of a model or a program, which `by` names."""

    text: Text
    by: Name | None = None
    machine: bool = False


class Drafting(Body):
    """The arguments of the next version of a draft. The version that it comes after stands in `If-Match`."""

    arguments: Arguments
    by: By = None
    note: Text = ""


class Previewing(Body):
    """Arguments that an edit would run with."""

    arguments: Arguments


class Stopping(Body):
    """What to stop, or what stop to lift, and why. `target` is a run, agent, tool or tenant; "" for everything."""

    scope: StopScope
    target: Annotated[str, Field(max_length=256)] = ""
    by: By = None
    reason: Annotated[str, Field(min_length=1, max_length=65_536)]


class Explaining(Body):
    """An action with the facts about it, with the keys of a case; by which policy, if not by the one in force."""

    asked: dict[str, JsonValue]
    policy: PolicyText | None = None


class Backtesting(Body):
    """A policy as TOML, and since when to try it on what was recorded."""

    policy: PolicyText
    since: Instant | None = None


class Retaining(Body):
    """Erase the runs that are over for longer than so many seconds."""

    older_than_seconds: Annotated[float, Field(ge=0, le=3_153_600_000, allow_inf_nan=False)]
    by: By = None
    reason: Annotated[str, Field(min_length=1, max_length=65_536)] = "retention"


class MakingToken(Body):
    """A token for whoever calls: for which of their rights, for how many seconds, and for one tenant of theirs."""

    rights: Annotated[tuple[RightName, ...], Field(min_length=1, max_length=20)]
    name: Annotated[str, Field(max_length=100)] = ""
    tenant: Name | None = None
    lasts_seconds: Annotated[float, Field(gt=0, le=31_622_400, allow_inf_nan=False)] = 7_776_000


class ErasingPerson(Erase):
    """The person to put a pseudonym in the place of."""

    person: Name


def _answer(response: Response) -> dict[str, Any]:
    return {
        "digest": response.digest,
        "decision": response.decision,
        "by": response.responder.id,
        "reason": response.reason,
        "decided_at": response.decided_at,
        "idempotency_key": response.idempotency_key,
        "batch": response.batch,
    }


BODIES: Final = tuple(
    each for each in tuple(globals().values()) if isinstance(each, type) and issubclass(each, Body) and each is not Body
)
