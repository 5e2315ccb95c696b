"""What a sender must be, what it raises, and which there are."""

from __future__ import annotations

from importlib import import_module
from typing import Final, Protocol, cast

from ...versions import installed
from .message import Message
from .route import Route

SENDERS: Final = {"apprise": "AppriseSender", "slack": "SlackSender", "webhook": "WebhookSender"}
"""The kinds of `[messages.NAME]`; each is a file of senders/ with this class in it."""


class SendFailed(Exception):
    """A message was not taken. `lasting`: trying again would change nothing, as with an address that is wrong."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting


class Sender(Protocol):
    """Hands one message to whoever delivers it."""

    async def send(self, message: Message) -> None:
        """Return when it was taken. Raises SendFailed."""
        ...


def sender_of(route: Route) -> Sender:
    """The sender of a route. Raises AdapterNotInstalled, ConfigError."""
    with installed(f"a message by {route.kind!r}", extra="notify"):
        module = import_module(f".senders.{route.kind}", __package__)
    return cast("Sender", getattr(module, SENDERS[route.kind])(route))
