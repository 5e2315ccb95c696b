"""E-mail and more than a hundred services, by a URL of Apprise."""

from __future__ import annotations

from urllib.parse import quote

from apprise import Apprise, NotifyFormat

from ....errors import ConfigError, Fault
from ..message import Message
from ..route import ADDRESS, Route
from ..sending import SendFailed
from ..texts import body_of, subject_of


class AppriseSender:
    """Sends plain text one way; the link in it leads back.

    `to` is a URL as Apprise writes them (https://appriseit.com/services/), for example
    `mailtos://user:password@smtp.example.com?from=hitl@example.com&to={address}`.
    """

    def __init__(self, route: Route) -> None:
        self._pattern = route.to
        if not _loaded(self._filled("nobody@example.com")):
            problem = "is no URL that Apprise understands; see https://appriseit.com/services/"
            raise ConfigError([Fault(f"messages.{route.name}.to", problem)])

    async def send(self, message: Message) -> None:
        """Raises SendFailed; Apprise says no more than whether it was taken, so it is always tried again."""
        service = _loaded(self._filled(message.address))
        if service is None:
            raise SendFailed("the address makes no URL that Apprise understands", lasting=True)
        taken = await service.async_notify(
            title=subject_of(message), body=body_of(message), body_format=NotifyFormat.TEXT
        )
        if not taken:
            raise SendFailed("Apprise could not hand it on; its log says why")

    def _filled(self, address: str) -> str:
        """The URL for one address, which cannot reach beyond its place in it."""
        return self._pattern.replace(ADDRESS, quote(address, safe=""))


def _loaded(url: str) -> Apprise | None:
    service = Apprise()
    return service if service.add(url) else None
