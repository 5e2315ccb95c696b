"""How a link stands: whether its person can decide with it now, and what to say if not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...channels.messages import Link
from ...commands import GetRequest, GetSlip, Settled, SlipKind, hashed
from ...errors import RequestNotFound
from ...lifecycle import RequestState
from ...people import Person
from ...protocol import Reply, Responder
from ...runtime import why_not_asked
from ...runtime.identity import looked_up
from ..auth import Visitor
from ..site import Site

BY: Final = "link"
"""How somebody was authenticated who has followed a link."""

OFFERED = (Reply.APPROVE, Reply.CHOOSE, Reply.ANSWER, Reply.ACCEPT, Reply.REJECT)
"""What can be said by a link, in the order of the page; the rest needs the inbox."""


class State(StrEnum):
    """How a link stands."""

    OPEN = "open"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    USED = "used"
    OVER = "over"
    MOVED = "moved"
    NOT_YOURS = "not_yours"
    NOT_ASKED = "not_asked"


WORDS = {
    State.UNKNOWN: ("This link does not count", "It has ended, or it was never one of ours. The inbox has what waits."),
    State.CLOSED: ("This link only shows the way", "Nothing is decided by links any more. Decide in the inbox."),
    State.USED: ("This link was used", "It counts once. What became of the request stands in the inbox."),
    State.NOT_ASKED: ("You are not asked any more", "Others decide this now. The inbox has what waits for you."),
    State.OVER: ("This is decided", "The request is not open any more; nothing is left to do here."),
    State.MOVED: (
        "This has changed",
        "It is about another action now than the message showed. Look at it in the inbox.",
    ),
    State.NOT_YOURS: (
        "This link is somebody else's",
        "You have signed in as another person. Decide as yourself, in the inbox.",
    ),
}
"""A title and a sentence for a link that does not decide."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A link, and what it leads to as far as that may be shown: to its own person only."""

    state: State
    link: Link | None = None
    settled: Settled | None = None
    person: Person | None = None

    @property
    def offered(self) -> tuple[Reply, ...]:
        """What its person can say here."""
        if self.state is not State.OPEN or self.settled is None:
            return ()
        request = self.settled.request
        return tuple(each for each in OFFERED if each in request.allowed and _can_be_said(each, self.settled))

    @property
    def words(self) -> tuple[str, str]:
        """A title and a sentence for a link that does not decide."""
        return WORDS[self.state]


def _can_be_said(reply: Reply, settled: Settled) -> bool:
    """An answer that has a schema needs a form, and the choice between others needs some."""
    request = settled.request
    if reply is Reply.ANSWER:
        return not request.answer_schema or request.answer_schema.get("type") == "string"
    if reply is Reply.ACCEPT:
        return request.draft is None
    return reply is not Reply.CHOOSE or bool(request.options)


async def standing(site: Site, secret: str, *, visitor: Visitor | None) -> Standing:
    """How a link stands now. `come` is who has signed in, if somebody has."""
    now = site.clock.now()
    slip = await site.store.fetch(GetSlip(SlipKind.LINK, hashed(secret), now))
    if slip is None:
        return Standing(State.UNKNOWN)
    link = Link.of(slip)
    if visitor is not None and visitor.responder.id != link.person:
        return Standing(State.NOT_YOURS, link)
    if slip.used_at is not None:
        return Standing(State.USED, link)
    person = await _person(site, link.person, slip.tenant)
    if person is None:
        return Standing(State.UNKNOWN)
    if not any(each.decide for each in site.messages if each.name == link.channel):
        return Standing(State.CLOSED, link)
    try:
        settled = await site.store.fetch(GetRequest(link.request_id))
    except RequestNotFound:
        return Standing(State.OVER, link)
    if settled.state is not RequestState.OPEN:
        return Standing(State.OVER, link)
    if await why_not_asked(site.hitl, settled, Responder(id=link.person, channel=link.channel, authenticated_by=BY)):
        return Standing(State.NOT_ASKED, link)
    state = State.OPEN if settled.request.digest == link.digest else State.MOVED
    return Standing(state, link, settled, person)


async def _person(site: Site, id: str, tenant: str) -> Person | None:
    """Whose link it is, as the directory knows them now; None for whom it does not know any more."""
    if site.hitl.directory is None:
        return None
    person = await looked_up(site.hitl.directory, id)
    return person if person is not None and person.belongs_to(tenant) else None
