"""AG-UI: any app under oversight behind a CopilotKit page, or behind whatever else speaks the protocol.

page ─► routes ─► reading: what was posted ─► conversation ─┬─► answers: a decision ─► hitl.respond
                                                           ├─► the app works ─► events: told as it happens
page ◄── endings: RUN_FINISHED ◄─ interrupts: what is open ◄┴─► threads: what was said, and what is asked

people      who is at the page: from the HTTP request, never from what it posts
agent       an app as pages see it; replay: what was said, as their messages
working     turns that go on when the page has gone; changes: when it should look again
"""

from .agent import Agent, Beginning, Wire
from .mounting import mount_copilotkit
from .people import Person, Who, anybody
from .reading import Heard
from .routes import Pages

__all__ = ["Agent", "Beginning", "Heard", "Pages", "Person", "Who", "Wire", "anybody", "mount_copilotkit"]
