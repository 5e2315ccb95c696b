"""Slack: a message with buttons. What is pressed comes back to `/hooks/slack/NAME` of the server, signed by Slack."""

from __future__ import annotations

import asyncio
from typing import Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from ....errors import ConfigError, Fault
from ..message import Message
from ..route import Route
from ..sending import SendFailed
from ..slack_blocks import BUTTONS, blocks_of
from ..texts import body_of, subject_of

API: Final = "https://slack.com/api/"
TIMEOUT: Final = 10
_PASSING: Final = ("ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout")
"""What Slack answers that may pass by itself."""


class SlackSender:
    """Posts with the bot token `token` to a channel or, with `{address}`, to each person's own Slack id."""

    def __init__(self, route: Route) -> None:
        missing = [key for key, value in (("token", route.token), ("secret", route.secret)) if not value]
        if missing:
            problem = "is missing: Slack needs the bot token (xoxb-…) and the signing secret of your app"
            raise ConfigError([Fault(f"messages.{route.name}.{key}", problem) for key in missing])
        self._route = route
        self._client = client_of(route)

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._post, message)

    def _post(self, message: Message) -> None:
        buttons = BUTTONS if self._route.decide else ()
        try:
            self._client.chat_postMessage(
                channel=message.address,
                text=f"{subject_of(message)}\n{body_of(message)}",
                blocks=blocks_of(message, buttons),
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as exc:
            why = str(exc.response.get("error"))
            raise SendFailed(f"Slack says {why!r}", lasting=why not in _PASSING) from exc
        except (SlackClientError, OSError) as exc:
            raise SendFailed(f"{type(exc).__name__}: {exc}") from exc


def client_of(route: Route) -> WebClient:
    """Talks to Slack's Web API with the route's token."""
    return WebClient(token=route.token, base_url=route.url or API, timeout=TIMEOUT)
