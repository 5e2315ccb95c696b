"""Webhooks by the Standard Webhooks scheme (https://www.standardwebhooks.com): signed JSON to a URL of yours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from standardwebhooks.webhooks import Webhook

from ....commands import hashed
from ....errors import ConfigError, Fault
from ..message import Item, Message
from ..route import Route
from ..sending import SendFailed

TIMEOUT: Final = 10.0
_LASTING: Final = (400, 401, 403, 404, 405, 410, 413, 415, 422)
"""What an endpoint answers that would answer the same again."""


class WebhookSender:
    """Posts each message with the three headers of the scheme; its id stays the same when it is tried again."""

    def __init__(self, route: Route) -> None:
        self._url = route.to
        if not route.to.startswith(("https://", "http://")):
            raise ConfigError([Fault(f"messages.{route.name}.to", "must be an http(s) URL")])
        self._signer = signer(route)

    async def send(self, message: Message) -> None:
        body = json.dumps(_event(message), ensure_ascii=False)
        now, id = datetime.now(UTC), f"msg_{hashed(message.id)[:32]}"
        headers = {
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(id, now, body),
        }
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
                answer = await client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as exc:
            raise SendFailed(f"{type(exc).__name__}: {exc}") from exc
        if not answer.is_success:
            raise SendFailed(f"it answered {answer.status_code}", lasting=answer.status_code in _LASTING)


def signer(route: Route) -> Webhook:
    """What signs and checks the webhooks of a route. Raises ConfigError where its secret is none."""
    try:
        return Webhook(route.secret)
    except Exception as exc:  # whatever base64 or the library says of it
        problem = f"must be a secret such as whsec_…, 24 to 64 bytes in base64 ({exc})"
        raise ConfigError([Fault(f"messages.{route.name}.secret", problem)]) from exc


def _event(message: Message) -> dict[str, Any]:
    """The body: `type`, `timestamp` and `data`, as the scheme recommends; requests have the form of the protocol."""
    items = [_item(each) for each in message.items]
    return {"type": "hitl.requests", "timestamp": datetime.now(UTC).isoformat(), "data": {"requests": items}}


def _item(item: Item) -> dict[str, Any]:
    shown = item.request.model_dump(mode="json", exclude_defaults=True, exclude={"handle"})
    return {"request": {"protocol": item.request.protocol, **shown}, "link": item.link, "more": item.more}
