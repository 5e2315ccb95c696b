"""Messages: requests that go to people where they are, with a link back. None is lost when a process dies.

announce ─► audience (who, under which address) ─► outbox (a slip each, due now, at the digest, or after the night)
                                                      │ sweep
person ◄─ sender (apprise, slack, webhook) ◄─ texts ◄─┘  with a link of its own for each person and request
"""

from __future__ import annotations

from .links import Link, link_to, mint
from .message import Item, Message
from .outbox import Around, Messages
from .route import Route
from .sending import Sender, SendFailed

__all__ = [
    "Around",
    "Item",
    "Link",
    "Message",
    "Messages",
    "Route",
    "SendFailed",
    "Sender",
    "link_to",
    "mint",
]
