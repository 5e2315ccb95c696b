"""Answers by webhook, signed by the Standard Webhooks scheme. The same one again has the same result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ...channels.messages import Route
from ...channels.messages.senders.webhook import signer
from ...errors import Fault, HitlError
from ...protocol import Decision, Responder
from ...protocol.record import Name, Text
from ...runtime import record_refusal
from ...runtime.identity import looked_up
from ...wire import validation_faults
from ..answering import answer_from
from ..site import Site

BY: Final = "webhook"
"""How somebody was authenticated whose answer came this way: by the word of the system that signed it."""


class Given(BaseModel):
    """What an answer must say. `digest` is that of the action that was shown."""

    model_config = ConfigDict(extra="forbid")

    request_id: Name
    digest: Name
    decision: Decision
    by: Name
    reason: Text = ""


class Event(BaseModel):
    """The body of the webhook."""

    type: Literal["hitl.response"]
    data: Given


async def answered(site: Site, route: Route, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """The status and the body of what it is answered with. Nothing is read before the signature has been checked."""
    try:
        _verify(signer(route), body, headers)
    except WebhookVerificationError as exc:
        return 401, {"title": "not signed", "detail": f"{exc}; sign with the secret of messages.{route.name}"}
    try:
        given = Event.model_validate_json(body).data
    except ValidationError as exc:
        return 422, {"title": "not understood", "faults": _told(validation_faults(exc.errors()))}
    response = answer_from(
        site,
        Responder(id=given.by, channel=route.name, authenticated_by=BY),
        given.decision,
        request_id=given.request_id,
        digest=given.digest,
        key=f"{route.name}:{headers['webhook-id']}",
        reason=given.reason,
    )
    if faults := await _of_speaking(site, route, given.by):
        await record_refusal(site.hitl, response, faults)
        return 403, {"title": "not for them", "faults": _told(faults)}
    try:
        recorded = await site.hitl.respond(response)
    except HitlError as exc:
        return 409, {"title": "not taken", "code": exc.code, "detail": str(exc)}
    return 200, {"state": recorded.settled.state, "replayed": recorded.replayed}


def _told(faults: Iterable[Fault]) -> list[dict[str, str]]:
    return [{"path": each.path, "problem": each.problem} for each in faults]


async def _of_speaking(site: Site, route: Route, by: str) -> list[Fault]:
    """Why this system may not answer in somebody's name, if so: a secret that is stolen makes nobody of everybody."""
    directory = site.hitl.directory
    person = None if directory is None else await looked_up(directory, by)
    named = by if person is None else person.id
    if named in route.speaks_for and (directory is None or person is not None):
        return []
    if not route.speaks_for and person is not None and route.name in person.addresses:
        return []
    how = f"name them in speaks_for of [messages.{route.name}], or give them an address {route.name!r} in the directory"
    return [Fault("data.by", f"{by!r} is none in whose name {route.name!r} may answer; {how}")]


def _verify(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises WebhookVerificationError, also for a signature that is none at all."""
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError:
        raise
    except ValueError as exc:  # base64 or text that cannot be read
        raise WebhookVerificationError("Invalid Signature Headers") from exc
